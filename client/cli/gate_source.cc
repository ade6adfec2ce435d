#include "client/cli/gate_source.h"

#include <fcntl.h>
#include <fnmatch.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/text.h"
#include "client/cli/walk.h"

namespace loadlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kFileScheme[] = "file://";

bool Fits(const std::string& relative, const std::vector<std::string>& patterns) {
  return std::any_of(patterns.begin(), patterns.end(), [&](const std::string& pattern) {
    return fnmatch(pattern.c_str(), relative.c_str(), FNM_PERIOD) == 0;
  });
}

}  // namespace

absl::StatusOr<GateSource> GateSource::Open(const std::string& source,
                                            const std::vector<std::string>& leave_out) {
  std::string path = source;
  if (absl::StartsWith(path, kFileScheme)) path.erase(0, sizeof(kFileScheme) - 1);
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) {
    const absl::Status why = SystemError(error.value());
    return absl::Status(why.code(), absl::StrCat(source, ": ", why.message()));
  }
  const bool is_folder = fs::is_directory(real, error);
  GateSource out;
  out.folder_ = is_folder ? real.string() : real.parent_path().string();
  out.root_ = client::Fd(open(out.folder_.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!out.root_.valid()) {
    const absl::Status why = SystemError(errno);
    return absl::Status(why.code(), absl::StrCat(source, ": ", why.message()));
  }
  for (Item& item : Walk({path})) {
    GateFile file{std::move(item.name), "", std::move(item.path), std::move(item.problem)};
    file.relative = fs::path(file.path).lexically_relative(out.folder_).string();
    if (Fits(file.relative, leave_out)) {
      out.left_out_.push_back(std::move(file.name));
    } else {
      out.files_.push_back(std::move(file));
    }
  }
  if (out.files_.empty()) return absl::NotFoundError(absl::StrCat(source, ": nothing to vet"));
  return out;
}

absl::StatusOr<GateSource::Identity> GateSource::Identify(const GateFile& file) const {
  open_how how = {};
  how.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  const client::Fd fd(static_cast<int>(
      syscall(SYS_openat2, root_.get(), file.relative.c_str(), &how, sizeof(how))));
  if (!fd.valid() && (errno == ELOOP || errno == EXDEV)) {
    return absl::FailedPreconditionError("the way to it goes over a symbolic link");
  }
  struct stat info = {};
  if (!fd.valid() || fstat(fd.get(), &info) != 0) return SystemError(errno);
  if (!S_ISREG(info.st_mode))
    return absl::FailedPreconditionError("it is no regular file any more");
  return Identity{info.st_dev, info.st_ino};
}

}  // namespace loadlock::cli
