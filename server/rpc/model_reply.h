// What a caller gets of a leased model: inline graph, inline buffers, bytes of buffers.
#ifndef LOADLOCK_SERVER_RPC_MODEL_REPLY_H_
#define LOADLOCK_SERVER_RPC_MODEL_REPLY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loadlock/v1/service.pb.h"
#include "server/rpc/leases.h"

namespace loadlock::rpc {

// What is inline saves the caller a second call; what is larger costs less by descriptor.
inline constexpr size_t kInlineGraphBytes = size_t{1} << 20;
inline constexpr uint64_t kInlineBufferBytes = uint64_t{256} << 10;

// Bytes [offset, offset + length) of buffer `buffer`, which lie within it.
absl::Status ReadBuffer(const LeasedModel& model, int buffer, uint64_t offset, uint64_t length,
                        std::string* out);

void SetTimestamp(absl::Time time, google::protobuf::Timestamp* out);
void SetDuration(absl::Duration duration, google::protobuf::Duration* out);

// Fills graph and buffers of a LoadModelResponse or LoadUploadResponse as far as they are small.
template <typename Response>
absl::Status FillInline(const LeasedModel& model, Response* response) {
  if (model.graph->ByteSizeLong() <= kInlineGraphBytes) *response->mutable_graph() = *model.graph;
  if (model.buffer_bytes > kInlineBufferBytes) return absl::OkStatus();
  response->set_buffers_inline(true);
  for (int i = 0; i < model.graph->buffer_lengths_size(); ++i) {
    absl::Status status =
        ReadBuffer(model, i, 0, model.graph->buffer_lengths(i), response->add_buffers());
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_MODEL_REPLY_H_
