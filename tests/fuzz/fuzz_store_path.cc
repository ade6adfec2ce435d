// A path that a caller sends, opened below roots among links that lead out, folders and pipes. What
// is opened lies below its root, whatever the path is; everything else has a status and a reason.
// An input is the path behind "/tmp/...", or a whole path if it begins with '='.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/observe/error.h"
#include "server/observe/text.h"
#include "server/store/roots.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"
#include "tests/support/temp_folder.h"

namespace loadlock::fuzz {
namespace {

namespace fs = std::filesystem;

// a/, b/ and b/in/ are roots; out/ is not.
class Place {
 public:
  Place() : base_(folder_.path()) {
    for (const char* name : {"a/x/y", "b/in", "out", "a/..."}) {
      fs::create_directories(base_ + "/" + name);
    }
    for (const char* name : {"a/f", "a/x/f", "a/x/y/f", "b/f", "b/in/f", "out/secret", "a/.../f"}) {
      std::ofstream(base_ + "/" + name) << "data";
    }
    Link(base_ + "/out/secret", "a/absolute");
    Link("../out/secret", "a/relative");
    Link("../../out", "a/x/folder");
    Link("f", "a/inside");
    Link("loop", "a/loop");
    Link("/proc/self/root", "a/magic");
    Require(mkfifo((base_ + "/a/pipe").c_str(), 0600) == 0, "mkfifo");
    auto roots = store::Roots::Open({base_ + "/a", base_ + "/b", base_ + "/b/in/"});
    Require(roots.ok(), "the roots open");
    roots_ = std::make_unique<store::Roots>(*std::move(roots));
  }

  const std::string& base() const { return base_; }
  const store::Roots& roots() const { return *roots_; }

 private:
  void Link(const std::string& to, const std::string& name) {
    fs::create_symlink(to, base_ + "/" + name);
  }

  support::TempFolder folder_;
  std::string base_;
  std::unique_ptr<store::Roots> roots_;
};

Place& ThePlace() {
  static Place place;
  return place;
}

std::string Target(int fd) {
  std::array<char, PATH_MAX> path;
  const ssize_t size =
      readlink(absl::StrCat("/proc/self/fd/", fd).c_str(), path.data(), path.size());
  Require(size > 0, "readlink");
  return std::string(path.data(), static_cast<size_t>(size));
}

void CheckOpened(const std::string& path, const store::OpenedFile& file) {
  const Place& place = ThePlace();
  const std::string target = Target(file.fd.get());
  Require(absl::StartsWith(target, place.base() + "/a/") ||
              absl::StartsWith(target, place.base() + "/b/"),
          "what is opened lies below a root");
  Require(!absl::StartsWith(path, place.base() + "/a/") ||
              absl::StartsWith(target, place.base() + "/a/"),
          "and below the one that the path names");
  struct stat info {};
  Require(fstat(file.fd.get(), &info) == 0 && S_ISREG(info.st_mode) && file.size == 4,
          "it is a file of its size");
  Require((fcntl(file.fd.get(), F_GETFL) & O_ACCMODE) == O_RDONLY, "for reading only");
}

void CheckPath(const std::string& path) {
  const absl::StatusOr<store::OpenedFile> file = ThePlace().roots().OpenFile(path);
  if (file.ok()) return CheckOpened(path, *file);
  Require(!observe::ReasonOf(file.status()).empty(), "a refusal has its reason");
  const std::string_view message(file.status().message().data(), file.status().message().size());
  Require(!message.empty() && message.size() <= observe::kMaxMessage && IsPrintable(message),
          "and a text that can be shown");
  Require(file.status().code() != absl::StatusCode::kInternal &&
              file.status().code() != absl::StatusCode::kUnknown,
          "that is the caller's matter");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const std::string_view text = fuzz::AsText(data, size);
  if (text.substr(0, 1) == "=") {
    fuzz::CheckPath(std::string(text.substr(1)));
  } else {
    fuzz::CheckPath(
        absl::StrCat(fuzz::ThePlace().base(), "/", absl::string_view(text.data(), size)));
  }
  return 0;
}
