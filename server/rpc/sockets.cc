#include "server/rpc/sockets.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace loadlock::rpc {
namespace {

constexpr mode_t kFolderMode = 0750;
constexpr mode_t kSocketMode = 0660;
constexpr int kBacklog = 128;
// Each try follows a daemon that ended in between.
constexpr int kMaxLockTries = 8;

absl::Status MakeFolder(const std::string& folder) {
  if (mkdir(folder.c_str(), kFolderMode) == 0) {
    // The umask may have taken bits away.
    if (chmod(folder.c_str(), kFolderMode) == 0) return absl::OkStatus();
  } else if (errno == EEXIST) {
    return absl::OkStatus();
  }
  return absl::ErrnoToStatus(errno, absl::StrCat("folder ", folder));
}

bool SameFile(int fd, const std::string& path) {
  struct stat open_file {};
  struct stat named {};
  return fstat(fd, &open_file) == 0 && lstat(path.c_str(), &named) == 0 &&
         open_file.st_ino == named.st_ino && open_file.st_dev == named.st_dev;
}

// A socket that is left although its lock is free belongs to no one.
absl::Status RemoveStale(const std::string& path) {
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) {
    return errno == ENOENT ? absl::OkStatus() : absl::ErrnoToStatus(errno, path);
  }
  if (!S_ISSOCK(info.st_mode)) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " exists and is not a socket; it is left alone"));
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, path);
}

}  // namespace

absl::Status PrepareFolder(const std::string& socket_path) {
  const std::string folder = std::filesystem::path(socket_path).parent_path();
  struct stat info {};
  if (stat(folder.c_str(), &info) != 0) return MakeFolder(folder);
  if (!S_ISDIR(info.st_mode)) return absl::FailedPreconditionError(folder + " is not a folder");
  const mode_t mode = info.st_mode & 07777U;
  if (info.st_uid != geteuid() || (mode & S_ISVTX) != 0 || (mode & ~kFolderMode) == 0) {
    return absl::OkStatus();
  }
  if (chmod(folder.c_str(), mode & kFolderMode) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat("folder ", folder));
}

absl::StatusOr<SocketLock> SocketLock::Take(const std::string& socket_path) {
  const std::string path = socket_path + ".lock";
  for (int i = 0; i < kMaxLockTries; ++i) {
    channel::UniqueFd fd(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return absl::ErrnoToStatus(errno, path);
    if (flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) return absl::ErrnoToStatus(errno, path);
      return absl::FailedPreconditionError(
          absl::StrCat("another loadlockd serves ", socket_path, " (", path, " is locked)"));
    }
    // The daemon before may have removed the file between open and flock.
    if (SameFile(fd.get(), path)) return SocketLock(path, std::move(fd));
  }
  return absl::UnavailableError(absl::StrCat(path, " keeps changing"));
}

SocketLock::SocketLock(std::string path, channel::UniqueFd fd)
    : path_(std::move(path)), fd_(std::move(fd)) {}

SocketLock::~SocketLock() {
  if (fd_.valid()) unlink(path_.c_str());  // Before the lock is dropped.
}

absl::StatusOr<UnixListener> UnixListener::Bind(const std::string& path, int type) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof(address.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is too long for a socket"));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  if (absl::Status status = RemoveStale(path); !status.ok()) return status;
  channel::UniqueFd fd(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, "socket");
  const mode_t before = umask(0777 & ~kSocketMode);
  const int bound = bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  const int error = errno;
  umask(before);
  if (bound != 0) return absl::ErrnoToStatus(error, path);
  return UnixListener(path, std::move(fd), true);
}

absl::StatusOr<UnixListener> UnixListener::Adopt(const std::string& path, int type,
                                                 channel::UniqueFd fd) {
  int actual = 0;
  socklen_t size = sizeof(actual);
  if (getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &actual, &size) != 0) {
    return absl::ErrnoToStatus(errno, path);
  }
  if (actual != type) {
    return absl::FailedPreconditionError(
        absl::StrCat(path,
                     " was passed as a socket of another type: that of the service is a stream, "
                     "that of the descriptors has sequential packets"));
  }
  const int flags = fcntl(fd.get(), F_GETFL);
  if (flags < 0 || fcntl(fd.get(), F_SETFL, flags | O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, path);
  }
  return UnixListener(path, std::move(fd), false);
}

UnixListener::UnixListener(std::string path, channel::UniqueFd fd, bool own)
    : path_(std::move(path)), fd_(std::move(fd)), own_(own) {}

UnixListener::~UnixListener() {
  if (own_ && fd_.valid()) unlink(path_.c_str());
}

absl::Status UnixListener::Listen() const {
  return listen(fd_.get(), kBacklog) == 0 ? absl::OkStatus() : absl::ErrnoToStatus(errno, path_);
}

}  // namespace loadlock::rpc
