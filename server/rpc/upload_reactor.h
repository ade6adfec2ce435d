// The way in for callers that share no volume: a stream of chunks becomes one artifact.
#ifndef LOADLOCK_SERVER_RPC_UPLOAD_REACTOR_H_
#define LOADLOCK_SERVER_RPC_UPLOAD_REACTOR_H_

#include <grpcpp/support/server_callback.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "sandbox/faults/fault_point.h"
#include "server/admission/gate.h"
#include "server/observe/error.h"
#include "server/rpc/grpc_status.h"
#include "server/rpc/streams.h"
#include "server/store/artifact.h"

namespace loadlock::rpc {

inline constexpr size_t kMaxUploadChunk = size_t{1} << 20;

// Reads all messages of an AuditUpload or LoadUpload into sealed memory, then calls `complete`
// with the first message and the artifact; `complete` must see to it that Finish is called.
// Deletes itself when gRPC is done with it.
template <typename Request>
class UploadReactor : public grpc::ServerReadReactor<Request> {
 public:
  struct Upload {
    Request header;  // The first message, without its chunk.
    store::Artifact artifact;
    admission::Reservation reservation;  // For the artifact's bytes.
    StreamSlot slot;
  };
  using Complete = std::function<void(UploadReactor*, const std::shared_ptr<Upload>&)>;

  // `done` is called at the end of the call, and may be empty.
  UploadReactor(admission::Gate* gate, const admission::Principal& caller, uint64_t max_bytes,
                const StreamSlot& slot, Complete complete, std::function<void()> done)
      : gate_(gate), caller_(caller), complete_(std::move(complete)), done_(std::move(done)) {
    upload_->slot = slot;
    // Large until the contrary is known: an upload exists because it is large.
    absl::StatusOr<store::Intake> intake = store::Intake::Start(max_bytes, max_bytes);
    if (intake.ok()) {
      intake_.emplace(*std::move(intake));
      this->StartRead(&message_);
    } else {
      this->Finish(ToGrpc(intake.status()));
    }
  }

  void OnReadDone(bool ok) override {
    const absl::Status status = ok ? Take() : End();
    if (!status.ok()) {
      this->Finish(ToGrpc(status));
    } else if (ok) {
      this->StartRead(&message_);
    } else {
      complete_(this, upload_);
    }
  }

  void OnDone() override {
    if (done_) done_();
    delete this;
  }

 private:
  absl::Status Take() {
    if (message_.chunk().size() > kMaxUploadChunk) {
      return observe::BadField("chunk", "is larger than 1 MiB");
    }
    const size_t size = message_.chunk().size();
    absl::Status status = gate_->Grow(&upload_->reservation, caller_, size);
    if (!status.ok()) return status;
    status = intake_->Append(message_.chunk());
    if (!status.ok()) return status;
    if (std::exchange(first_, false)) {
      message_.clear_chunk();
      upload_->header = std::move(message_);
    }
    message_.Clear();
    faults::FaultPoint(faults::Stage::kUploading);
    return absl::OkStatus();
  }

  absl::Status End() {
    if (first_) return observe::BadField("chunk", "the stream is empty");
    absl::StatusOr<store::Artifact> artifact = intake_->Finish();
    if (!artifact.ok()) return artifact.status();
    upload_->artifact = *std::move(artifact);
    return absl::OkStatus();
  }

  admission::Gate* const gate_;
  const admission::Principal caller_;
  const Complete complete_;
  const std::function<void()> done_;
  std::optional<store::Intake> intake_;
  std::shared_ptr<Upload> upload_ = std::make_shared<Upload>();
  Request message_;
  bool first_ = true;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_UPLOAD_REACTOR_H_
