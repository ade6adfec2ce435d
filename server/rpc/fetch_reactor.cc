#include "server/rpc/fetch_reactor.h"

#include <algorithm>
#include <utility>

#include "sandbox/faults/fault_point.h"
#include "server/rpc/grpc_status.h"
#include "server/rpc/model_reply.h"

namespace loadlock::rpc {

FetchReactor::FetchReactor(const v1::FetchModelRequest& request,
                           std::shared_ptr<const LeasedModel> model, StreamSlot slot)
    : model_(std::move(model)),
      slot_(std::move(slot)),
      pieces_(*model_->graph),
      graph_done_(request.skip_graph()),
      buffer_(request.skip_buffers() ? model_->graph->buffer_lengths_size() : 0) {
  faults::FaultPoint(faults::Stage::kFetchBegun);
  WriteNext();
}

void FetchReactor::OnWriteDone(bool ok) {
  if (ok) {
    faults::FaultPoint(faults::Stage::kFetchMiddle);
    WriteNext();
  } else {
    // The caller has gone.
    Finish(grpc::Status(grpc::StatusCode::CANCELLED, "the caller stopped reading"));
  }
}

void FetchReactor::WriteNext() {
  message_.Clear();
  if (!graph_done_) {
    if (pieces_.Next(message_.mutable_graph())) return StartWrite(&message_);
    graph_done_ = true;
  }
  // An empty buffer still gets its one, empty, chunk.
  if (buffer_ < model_->graph->buffer_lengths_size()) {
    if (NextChunk()) StartWrite(&message_);
    return;
  }
  WriteEnd();
}

bool FetchReactor::NextChunk() {
  const uint64_t left = model_->graph->buffer_lengths(buffer_) - offset_;
  const uint64_t length = std::min(left, kChunkBytes);
  v1::BufferChunk* chunk = message_.mutable_chunk();
  chunk->set_buffer(static_cast<uint32_t>(buffer_));
  chunk->set_offset(offset_);
  const absl::Status status = ReadBuffer(*model_, buffer_, offset_, length, chunk->mutable_data());
  if (!status.ok()) {
    Finish(ToGrpc(status));
    return false;
  }
  offset_ += length;
  if (length == left) {
    ++buffer_;
    offset_ = 0;
  }
  return true;
}

void FetchReactor::WriteEnd() {
  v1::FetchEnd* end = message_.mutable_end();
  end->set_node_count(static_cast<uint64_t>(model_->graph->kinds_size()));
  end->set_buffer_count(static_cast<uint64_t>(model_->graph->buffer_lengths_size()));
  end->set_buffer_bytes(model_->buffer_bytes);
  StartWriteAndFinish(&message_, grpc::WriteOptions(), grpc::Status::OK);
}

}  // namespace loadlock::rpc
