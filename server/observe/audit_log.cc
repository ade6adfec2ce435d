#include "server/observe/audit_log.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/observe/text.h"

namespace loadlock::observe {
namespace {

absl::Status CannotOpen(const std::string& path, absl::string_view why) {
  return absl::PermissionDeniedError(
      absl::StrCat("audit log ", Printable(path, kMaxMessage), ": ", why));
}

absl::Status CannotWrite(int error) {
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  return absl::Status(full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal,
                      absl::StrCat("audit log: ", std::strerror(error)));
}

// What write(2) took of `line`, or -1.
ssize_t WriteOnce(int fd, absl::string_view line) {
  for (;;) {
    const ssize_t written = write(fd, line.data(), line.size());
    if (written >= 0 || errno != EINTR) return written;
  }
}

}  // namespace

absl::StatusOr<AuditLog::File> AuditLog::OpenFile(const std::string& path) {
  // O_NONBLOCK: a pipe in its place would wait for a reader. It is read for one byte, see below.
  File file;
  file.fd.Reset(open(path.c_str(),
                     O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
                     0600));
  if (!file.fd.valid()) return CannotOpen(path, std::strerror(errno));
  struct stat info = {};
  if (fstat(file.fd.get(), &info) != 0) return CannotOpen(path, std::strerror(errno));
  if (!S_ISREG(info.st_mode)) return CannotOpen(path, "is not a regular file");
  // Its owner could have kept a descriptor, or could change its mode again.
  if (info.st_uid != geteuid()) return CannotOpen(path, "belongs to another user");
  if (fchmod(file.fd.get(), 0600) != 0) return CannotOpen(path, std::strerror(errno));
  // The kernel may take a part of a line of a process that is being killed.
  char last = '\n';
  if (info.st_size > 0 && pread(file.fd.get(), &last, 1, info.st_size - 1) != 1) {
    return CannotOpen(path, std::strerror(errno));
  }
  file.torn = last != '\n';
  return file;
}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const AuditOptions& options) {
  absl::StatusOr<File> file = OpenFile(options.file);
  if (!file.ok()) return file.status();
  return std::unique_ptr<AuditLog>(new AuditLog(options, *std::move(file)));
}

AuditLog::AuditLog(const AuditOptions& options, File file)
    : options_(options), file_(std::move(file)) {}

absl::Status AuditLog::Append(absl::string_view line) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const int fd = file_.fd.get();
  const std::string whole = absl::StrCat(file_.torn ? "\n" : "", line, "\n");
  const ssize_t written = WriteOnce(fd, whole);
  if (written == static_cast<ssize_t>(whole.size())) {
    file_.torn = false;
    if (!options_.sync || fdatasync(fd) == 0) return absl::OkStatus();
    // The line is there, but nobody was to rely on it before it is on the disk.
    return CannotWrite(errno);
  }
  // The system takes a part only if there is no room for all.
  const int error = written < 0 ? errno : ENOSPC;
  if (written > 0) {
    // O_APPEND leaves the offset behind what was written.
    const off_t end = lseek(fd, 0, SEEK_CUR);
    if (end < written || ftruncate(fd, end - written) != 0) file_.torn = true;
  }
  return CannotWrite(error);
}

absl::Status AuditLog::Reopen() {
  // A line that is just being written would look like half of one.
  const std::lock_guard<std::mutex> lock(mutex_);
  absl::StatusOr<File> opened = OpenFile(options_.file);
  if (!opened.ok()) return opened.status();
  file_ = *std::move(opened);
  return absl::OkStatus();
}

}  // namespace loadlock::observe
