#include "server/rpc/model_reply.h"

#include <unistd.h>

#include <cerrno>

#include "server/observe/error.h"

namespace loadlock::rpc {

absl::Status ReadBuffer(const LeasedModel& model, int buffer, uint64_t offset, uint64_t length,
                        std::string* out) {
  out->resize(length);
  // An empty buffer may be of a file that is not there.
  if (length == 0) return absl::OkStatus();
  const bool decoded = model.graph->buffer_sources(buffer) == v1::BUFFER_SOURCE_DECODED;
  const int fd = (decoded ? model.decoded : model.artifact)->get();
  const uint64_t start = model.graph->buffer_offsets(buffer) + offset;
  uint64_t done = 0;
  while (done < length) {
    const ssize_t got =
        pread(fd, out->data() + done, length - done, static_cast<off_t>(start + done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return observe::Error(absl::StatusCode::kInternal, "READ_FAILED",
                            "reading the model's memory failed");
    }
    done += static_cast<uint64_t>(got);
  }
  return absl::OkStatus();
}

void SetTimestamp(absl::Time time, google::protobuf::Timestamp* out) {
  const int64_t seconds = absl::ToUnixSeconds(time);
  out->set_seconds(seconds);
  out->set_nanos(
      static_cast<int32_t>(absl::ToInt64Nanoseconds(time - absl::FromUnixSeconds(seconds))));
}

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

}  // namespace loadlock::rpc
