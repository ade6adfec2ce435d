#include "server/store/state_folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"

namespace loadlock::store {
namespace {

using channel::UniqueFd;

constexpr char kLock[] = "lock";
constexpr char kScope[] = "scope";
constexpr char kKey[] = "key";
constexpr char kLayout[] = "loadlock state 1\n";
constexpr size_t kKeyBytes = 32;
constexpr uint64_t kMaxScopeBytes = uint64_t{1} << 20;
// Whose names the folder's owner may have chosen: everything that this daemon puts there.
constexpr const char* kSubfolders[] = {"blobs", "outputs"};

absl::Status Errno(absl::string_view what) { return absl::ErrnoToStatus(errno, what); }

int64_t Nanoseconds(const timespec& time) {
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

absl::StatusOr<UniqueFd> OpenFolder(int parent, const std::string& name) {
  if (mkdirat(parent, name.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return Errno(absl::StrCat("making the folder ", name));
  }
  UniqueFd fd(openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.valid()) return Errno(absl::StrCat("opening the folder ", name));
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return Errno("fstat");
  if (info.st_uid != geteuid() || (info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("the folder ", name, " must be this user's and closed to all others (0700)"));
  }
  return fd;
}

struct CloseDir {
  void operator()(DIR* dir) const { closedir(dir); }
};

}  // namespace

absl::StatusOr<FileIdentity> IdentityOf(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return Errno("fstat");
  return FileIdentity{.device = info.st_dev,
                      .inode = info.st_ino,
                      .size = static_cast<uint64_t>(info.st_size),
                      .modified = Nanoseconds(info.st_mtim),
                      .changed = Nanoseconds(info.st_ctim)};
}

absl::StatusOr<StateFolder> StateFolder::Open(const std::string& path, absl::string_view scope) {
  StateFolder out;
  absl::StatusOr<UniqueFd> fd = OpenFolder(AT_FDCWD, path);
  if (!fd.ok()) return fd.status();
  out.fd_ = *std::move(fd);
  out.lock_.Reset(
      openat(out.fd_.get(), kLock, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR));
  if (!out.lock_.valid()) return Errno(absl::StrCat(path, "/lock"));
  if (flock(out.lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return absl::UnavailableError(absl::StrCat("another daemon works in the folder ", path));
  }
  const std::string wanted = absl::StrCat(kLayout, scope);
  const absl::StatusOr<std::string> found = ReadFile(out.fd_.get(), kScope, kMaxScopeBytes);
  if (found.ok() && *found == wanted) return out;
  // The scope is written last: whoever is stopped before it begins anew.
  if (unlinkat(out.fd_.get(), kScope, 0) != 0 && errno != ENOENT) return Errno("unlink");
  for (const char* name : kSubfolders) {
    absl::StatusOr<UniqueFd> folder = out.Subfolder(name);
    if (!folder.ok()) return folder.status();
    absl::StatusOr<std::vector<ListedFile>> files = ListAndClean(folder->get());
    if (!files.ok()) return files.status();
    for (const ListedFile& file : *files) {
      if (unlinkat(folder->get(), file.name.c_str(), 0) != 0) return Errno("unlink");
    }
  }
  absl::Status written = WriteFile(out.fd_.get(), kScope, wanted);
  if (!written.ok()) return written;
  return out;
}

absl::StatusOr<UniqueFd> StateFolder::Subfolder(const std::string& name) const {
  return OpenFolder(fd_.get(), name);
}

absl::StatusOr<std::string> StateFolder::Key() const {
  absl::StatusOr<std::string> key = ReadFile(fd_.get(), kKey, kKeyBytes);
  if (key.ok() && key->size() == kKeyBytes) return key;
  std::string fresh(kKeyBytes, '\0');
  if (getrandom(fresh.data(), fresh.size(), 0) != static_cast<ssize_t>(fresh.size())) {
    return Errno("getrandom");
  }
  if (absl::Status status = WriteFile(fd_.get(), kKey, fresh); !status.ok()) return status;
  return fresh;
}

absl::StatusOr<std::vector<ListedFile>> ListAndClean(int folder) {
  UniqueFd own(openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!own.valid()) return Errno("opening a folder");
  const std::unique_ptr<DIR, CloseDir> dir(fdopendir(own.get()));
  if (dir == nullptr) return Errno("fdopendir");
  (void)own.Release();  // closedir closes it.
  std::vector<ListedFile> files;
  while (const dirent* entry = readdir(dir.get())) {
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Errno("fstatat");
    const bool ours = S_ISREG(info.st_mode) && info.st_uid == geteuid() && info.st_nlink == 1 &&
                      (info.st_mode & ALLPERMS) == S_IRUSR;
    if (ours && !absl::StartsWith(name, kTemporary)) {
      files.push_back({name,
                       {.device = info.st_dev,
                        .inode = info.st_ino,
                        .size = static_cast<uint64_t>(info.st_size),
                        .modified = Nanoseconds(info.st_mtim),
                        .changed = Nanoseconds(info.st_ctim)}});
    } else if (unlinkat(folder, name.c_str(), S_ISDIR(info.st_mode) ? AT_REMOVEDIR : 0) != 0) {
      return Errno(absl::StrCat("removing what does not belong into the state folder"));
    }
  }
  std::sort(files.begin(), files.end(),
            [](const ListedFile& a, const ListedFile& b) { return a.id.modified < b.id.modified; });
  return files;
}

absl::Status WriteAll(int fd, absl::string_view bytes, absl::string_view what) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      const bool full = errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == ENOMEM;
      return observe::Error(
          full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kUnavailable,
          full ? "OUT_OF_DESCRIPTORS_OR_MEMORY" : "WRITE_FAILED", what);
    }
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return absl::OkStatus();
}

absl::Status Publish(int folder, int fd, const std::string& temporary, const std::string& name) {
  absl::Status status;
  faults::FaultPoint(faults::Stage::kStoreWritten);
  if (fsync(fd) != 0) status = Errno("fsync");
  faults::FaultPoint(faults::Stage::kStoreSynced);
  if (status.ok() && renameat(folder, temporary.c_str(), folder, name.c_str()) != 0) {
    status = Errno("rename");
  }
  faults::FaultPoint(faults::Stage::kStoreNamed);
  if (!status.ok()) {
    unlinkat(folder, temporary.c_str(), 0);
    return status;
  }
  return fsync(folder) == 0 ? absl::OkStatus() : Errno("fsync of a folder");
}

absl::Status WriteFile(int folder, const std::string& name, absl::string_view bytes) {
  const std::string temporary = absl::StrCat(kTemporary, name);
  unlinkat(folder, temporary.c_str(), 0);  // What a daemon left that was killed.
  const UniqueFd fd(openat(folder, temporary.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR));
  if (!fd.valid()) return Errno("making a file");
  absl::Status status = WriteAll(fd.get(), bytes, "no space for the daemon's state");
  if (!status.ok()) {
    unlinkat(folder, temporary.c_str(), 0);
    return status;
  }
  return Publish(folder, fd.get(), temporary, name);
}

absl::StatusOr<std::string> ReadFile(int folder, const std::string& name, uint64_t max_bytes) {
  const UniqueFd fd(openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.valid()) return Errno("opening a file");
  struct stat info {};
  if (fstat(fd.get(), &info) != 0) return Errno("fstat");
  if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > max_bytes) {
    return absl::DataLossError("not a file of the size that it should have");
  }
  std::string bytes(static_cast<size_t>(info.st_size), '\0');
  size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t got =
        pread(fd.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return absl::DataLossError("reading a file failed");
    done += static_cast<size_t>(got);
  }
  return bytes;
}

}  // namespace loadlock::store
