#include "server/store/roots.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/observe/error.h"

namespace loadlock::store {
namespace {

using absl::StatusCode;

// RESOLVE_BENEATH answers EAGAIN when something was renamed while it walked; somebody who renames
// all the time must not hold a thread for ever.
constexpr int kMaxTries = 16;

int OpenBeneath(int root, const char* path, uint64_t resolve) {
  open_how how = {};
  // O_NONBLOCK: opening a FIFO or a device must not wait.
  how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  int64_t fd = -1;
  for (int i = 0; i < kMaxTries; ++i) {
    fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return static_cast<int>(fd);
}

absl::Status OpenError(int error, const std::string& path) {
  const auto about = [&](StatusCode code, absl::string_view reason, absl::string_view what) {
    return observe::Error(code, reason, absl::StrCat(path, ": ", what), {{"path", path}});
  };
  switch (error) {
    case ENOENT:
    case ENOTDIR:
      return about(StatusCode::kNotFound, "NO_SUCH_FILE", "no such file");
    case EACCES:
    case EPERM:
      return about(StatusCode::kPermissionDenied, "FILE_FORBIDDEN", "the daemon may not read it");
    case EXDEV:
      return about(StatusCode::kPermissionDenied, "OUTSIDE_ROOTS", "leads out of its root");
    case ELOOP:
      return about(StatusCode::kPermissionDenied, "OUTSIDE_ROOTS",
                   "leads through a magic link or too many symbolic links");
    case ENXIO:
    case ENODEV:
      return about(StatusCode::kInvalidArgument, "NOT_A_REGULAR_FILE", "is not a regular file");
    case ENAMETOOLONG:
      return observe::BadField("path", "is too long");
    case EAGAIN:
      return about(StatusCode::kUnavailable, "FILE_BUSY", "folders above it are being renamed");
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return about(StatusCode::kResourceExhausted, "OUT_OF_DESCRIPTORS_OR_MEMORY",
                   "the system has no descriptors or memory left");
    default:
      return about(StatusCode::kInternal, "OPEN_FAILED", std::strerror(error));
  }
}

}  // namespace

absl::StatusOr<Roots> Roots::Open(const std::vector<std::string>& folders) {
  Roots out;
  for (const std::string& folder : folders) {
    Root root;
    root.path = folder;
    while (!root.path.empty() && root.path.back() == '/') root.path.pop_back();
    root.fd.Reset(open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!root.fd.valid()) {
      return absl::ErrnoToStatus(errno, absl::StrCat("root ", folder));
    }
    out.roots_.push_back(std::move(root));
  }
  std::sort(out.roots_.begin(), out.roots_.end(),
            [](const Root& a, const Root& b) { return a.path.size() > b.path.size(); });
  return out;
}

const Roots::Root* Roots::Find(absl::string_view path) const {
  for (const Root& root : roots_) {
    absl::string_view rest = path;
    if (absl::ConsumePrefix(&rest, root.path) && absl::StartsWith(rest, "/")) return &root;
  }
  return nullptr;
}

absl::StatusOr<OpenedFile> Roots::OpenFile(const std::string& path) const {
  if (path.empty() || path[0] != '/') return observe::BadField("path", "must be absolute");
  if (path.find('\0') != std::string::npos) return observe::BadField("path", "holds a NUL byte");
  if (path.size() >= PATH_MAX) return observe::BadField("path", "is too long");
  const Root* root = Find(path);
  if (root == nullptr) {
    return observe::Error(StatusCode::kPermissionDenied, "OUTSIDE_ROOTS",
                          absl::StrCat(path, ": lies under no configured root"), {{"path", path}});
  }
  const std::string rest(absl::StripPrefix(absl::string_view(path).substr(root->path.size()), "/"));
  // Nothing lies outside of "/", so absolute symbolic links may be followed there.
  const uint64_t resolve = root->path.empty() ? RESOLVE_IN_ROOT : RESOLVE_BENEATH;
  // "./" keeps a second slash in the path from making it absolute.
  OpenedFile file;
  file.fd.Reset(OpenBeneath(root->fd.get(), absl::StrCat("./", rest).c_str(), resolve));
  if (!file.fd.valid()) return OpenError(errno, path);
  struct stat info {};
  if (fstat(file.fd.get(), &info) != 0) return OpenError(errno, path);
  if (!S_ISREG(info.st_mode)) return OpenError(ENXIO, path);
  file.size = static_cast<uint64_t>(info.st_size);
  return file;
}

}  // namespace loadlock::store
