// The stream of FetchModel: graph pieces, buffer chunks, the end.
#ifndef LOADLOCK_SERVER_RPC_FETCH_REACTOR_H_
#define LOADLOCK_SERVER_RPC_FETCH_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <cstdint>
#include <memory>

#include "loadlock/v1/service.pb.h"
#include "server/rpc/graph_pieces.h"
#include "server/rpc/leases.h"
#include "server/rpc/streams.h"

namespace loadlock::rpc {

inline constexpr uint64_t kChunkBytes = uint64_t{1} << 20;

// Writes one message at a time, so at most one chunk is in memory however slow the caller reads.
// Deletes itself when gRPC is done with it.
class FetchReactor : public grpc::ServerWriteReactor<v1::FetchModelResponse> {
 public:
  FetchReactor(const v1::FetchModelRequest& request, std::shared_ptr<const LeasedModel> model,
               StreamSlot slot);

  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  // Fills message_ with the next part and writes it, or finishes.
  void WriteNext();
  bool NextChunk();
  void WriteEnd();

  const std::shared_ptr<const LeasedModel> model_;
  const StreamSlot slot_;
  GraphPieces pieces_;
  bool graph_done_;
  int buffer_;
  uint64_t offset_ = 0;
  v1::FetchModelResponse message_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_FETCH_REACTOR_H_
