// Reactors that end calls.
#ifndef LOADLOCK_SERVER_RPC_REACTORS_H_
#define LOADLOCK_SERVER_RPC_REACTORS_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <functional>
#include <utility>

#include "absl/status/status.h"
#include "server/rpc/grpc_status.h"

namespace loadlock::rpc {

// Answers at once.
inline grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                        const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

// A reactor that only says why the call is refused.
template <typename Base>
class Refuse final : public Base {
 public:
  explicit Refuse(const absl::Status& status) { this->Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

// Calls `done` at the end of the call.
class UnaryReactor final : public grpc::ServerUnaryReactor {
 public:
  explicit UnaryReactor(std::function<void()> done) : done_(std::move(done)) {}
  void OnDone() override {
    done_();
    delete this;
  }

 private:
  const std::function<void()> done_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_REACTORS_H_
