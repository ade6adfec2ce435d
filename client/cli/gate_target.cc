#include "client/cli/gate_target.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cli/text.h"
#include "client/cpp/fd.h"

namespace loadlock::cli {
namespace {

namespace fs = std::filesystem;

constexpr char kStaging[] = ".loadlock-gate-";

absl::Status At(const std::string& path, const absl::Status& why) {
  return absl::Status(why.code(), absl::StrCat(path, ": ", why.message()));
}

absl::Status At(const std::string& path, int error) { return At(path, SystemError(error)); }

// Nothing but `files`, and folders, whose places they may need.
absl::Status CheckNothingElse(const std::string& folder, const std::set<std::string>& files) {
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const fs::file_status status = entry->symlink_status(error);
    if (error || fs::is_directory(status)) continue;
    const std::string relative = entry->path().lexically_relative(folder).string();
    if (fs::is_regular_file(status) && files.count(relative) > 0) continue;
    return absl::FailedPreconditionError(absl::StrCat(
        folder, " holds ", relative, ", which is not what is vetted now and would pass for it"));
  }
  return error ? At(folder, error.value()) : absl::OkStatus();
}

absl::Status RemoveUnfinished(const std::string& folder) {
  std::error_code error;
  std::vector<fs::path> found;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (absl::StartsWith(entry->path().filename().string(), kStaging)) {
      found.push_back(entry->path());
    }
  }
  for (const fs::path& path : found) {
    fs::remove_all(path, error);
    if (error) break;
  }
  return error ? At(folder, error.value()) : absl::OkStatus();
}

absl::Status SyncFolder(const std::string& path) {
  const client::Fd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.valid() || fsync(fd.get()) != 0) return At(path, errno);
  return absl::OkStatus();
}

absl::Status WriteNew(const std::string& path, absl::Span<const uint8_t> bytes) {
  const client::Fd fd(
      open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.valid()) return At(path, errno);
  while (!bytes.empty()) {
    const ssize_t written = write(fd.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return At(path, written < 0 ? errno : ENOSPC);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  // Whatever the umask is: the server that loads it is another user.
  if (fchmod(fd.get(), 0644) != 0 || fsync(fd.get()) != 0) return At(path, errno);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<GateTarget> GateTarget::Open(const std::string& folder,
                                            const std::set<std::string>& files) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) return At(folder, error.value());
  const std::string real = fs::canonical(folder, error).string();
  if (error) return At(folder, error.value());
  if (absl::Status status = RemoveUnfinished(real); !status.ok()) return status;
  if (absl::Status status = CheckNothingElse(real, files); !status.ok()) return status;
  std::string staging = absl::StrCat(real, "/", kStaging, "XXXXXX");
  if (mkdtemp(staging.data()) == nullptr) return At(real, errno);
  return GateTarget(real, std::move(staging));
}

GateTarget::GateTarget(GateTarget&& other) noexcept
    : folder_(std::move(other.folder_)),
      staging_(std::exchange(other.staging_, "")),
      staged_(std::move(other.staged_)),
      placed_(std::move(other.placed_)) {}

GateTarget::~GateTarget() {
  if (staging_.empty()) return;
  std::error_code ignored;  // The next gate removes it.
  fs::remove_all(staging_, ignored);
}

absl::Status GateTarget::Stage(const std::string& relative, absl::Span<const uint8_t> bytes) {
  const fs::path path = fs::path(staging_) / relative;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error) return At(path.parent_path().string(), error.value());
  if (absl::Status status = WriteNew(path.string(), bytes); !status.ok()) return status;
  staged_.push_back(relative);
  return absl::OkStatus();
}

absl::Status GateTarget::Commit() {
  absl::Status status = Place();
  if (!status.ok()) Withdraw();
  return status;
}

void GateTarget::Withdraw() {
  for (const std::string& path : placed_) unlink(path.c_str());
  placed_.clear();
}

absl::Status GateTarget::Place() {
  std::set<std::string> folders = {folder_};
  for (const std::string& relative : staged_) {
    const fs::path path = fs::path(folder_) / relative;
    std::error_code error;
    fs::create_directories(path.parent_path(), error);
    if (error) return At(path.parent_path().string(), error.value());
    const std::string from = (fs::path(staging_) / relative).string();
    if (rename(from.c_str(), path.c_str()) != 0) return At(path.string(), errno);
    placed_.push_back(path.string());
    for (fs::path above = path.parent_path(); above.string().size() > folder_.size();
         above = above.parent_path()) {
      folders.insert(above.string());
    }
  }
  for (const std::string& folder : folders) {
    if (absl::Status status = SyncFolder(folder); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace loadlock::cli
