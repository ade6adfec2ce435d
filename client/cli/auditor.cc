#include "client/cli/auditor.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/patience.h"
#include "client/cli/text.h"
#include "client/cpp/client.h"
#include "client/cpp/fd.h"

namespace loadlock::cli {
namespace {

// The daemon may not read what this user may.
bool NeedsContent(const absl::Status& status) {
  const std::string reason = client::ErrorReason(status);
  return absl::IsPermissionDenied(status) &&
         (reason == "OUTSIDE_ROOTS" || reason == "FILE_FORBIDDEN");
}

// The whole file if it is regular and at most `limit` bytes. OUT_OF_RANGE if it is longer.
absl::StatusOr<std::string> ReadContent(const std::string& path, uint64_t limit) {
  // Never waits for the other end of a pipe that took the file's place.
  const client::Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd.valid()) return SystemError(errno);
  struct stat status {};
  if (fstat(fd.get(), &status) != 0) return SystemError(errno);
  if (!S_ISREG(status.st_mode)) return absl::InvalidArgumentError("not a regular file");
  std::string content(std::min(limit, static_cast<uint64_t>(status.st_size)) + 1, '\0');
  size_t size = 0;
  while (size < content.size()) {
    const ssize_t got = read(fd.get(), content.data() + size, content.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return SystemError(errno);
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  if (size > limit) return absl::OutOfRangeError("too long");
  if (size > static_cast<uint64_t>(status.st_size)) {
    return absl::AbortedError("the file grew while it was read");
  }
  content.resize(size);
  return content;
}

}  // namespace

Auditor::Auditor(Call call, bool remote, const Options& options)
    : call_(std::move(call)), remote_(remote) {
  base_.set_policy(options.policy);
  base_.set_expected_sha256(options.sha256);
  base_.set_include_graph(options.command == Command::kInspect);
}

absl::StatusOr<v1::AuditModelResponse> Auditor::CallPatiently(
    const v1::AuditModelRequest& request) const {
  return Patiently([&] { return call_(request); });
}

absl::StatusOr<v1::AuditModelResponse> Auditor::AuditItem(const Item& item) const {
  if (!item.problem.ok()) return item.problem;
  v1::AuditModelRequest request = base_;
  absl::Status denied;
  // A string of a proto is UTF-8; a path need not be.
  if (!remote_ && IsUtf8(item.path)) {
    request.set_path(item.path);
    auto answer = CallPatiently(request);
    if (answer.ok() || !NeedsContent(answer.status())) return answer;
    denied = answer.status();
  }
  absl::StatusOr<std::string> content = ReadContent(item.path, client::kMaxInlineContent);
  if (absl::IsOutOfRange(content.status())) {
    const std::string limit = absl::StrCat("it is larger than ", client::kMaxInlineContent >> 20,
                                           " MiB, so its content cannot be sent");
    if (!denied.ok())
      return absl::PermissionDeniedError(absl::StrCat(denied.message(), "; ", limit));
    return absl::ResourceExhaustedError(
        absl::StrCat("the daemon cannot open it by its path, and ", limit));
  }
  if (!content.ok()) return denied.ok() ? content.status() : denied;
  request.set_content(*std::move(content));
  return CallPatiently(request);
}

Outcome Auditor::Audit(const Item& item) const {
  Outcome outcome{item.name, AuditItem(item)};
  // The report knows the path as the daemon got it; the reader knows it as it was typed.
  if (outcome.answer.ok()) outcome.answer->mutable_report()->set_path(Printable(item.name));
  return outcome;
}

}  // namespace loadlock::cli
