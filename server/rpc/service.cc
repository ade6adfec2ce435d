#include "server/rpc/service.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"
#include "server/rpc/fetch_reactor.h"
#include "server/rpc/grpc_status.h"
#include "server/rpc/model_reply.h"
#include "server/rpc/reactors.h"
#include "server/rpc/upload_reactor.h"

namespace loadlock::rpc {
namespace {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

// As the proto promises; larger ones come by upload, or by FetchModel.
constexpr size_t kMaxContentBytes = size_t{3} << 20;
constexpr size_t kMaxAuditGraphBytes = size_t{3} << 20;

// An accepted model, ready to be leased.
absl::StatusOr<std::shared_ptr<const LeasedModel>> MakeLeased(pipeline::Vetted vetted) {
  // Others may have the same bytes, and be other users.
  for (store::SharedFd* fd : {&vetted.artifact, &vetted.decoded}) {
    if (*fd == nullptr) continue;
    absl::StatusOr<store::SharedFd> own = store::OpenAgain(*fd);
    if (!own.ok()) return own.status();
    *fd = *std::move(own);
  }
  auto model = std::make_shared<LeasedModel>();
  model->graph = {vetted.graph, &vetted.graph->graph()};
  model->artifact = std::move(vetted.artifact);
  model->decoded = std::move(vetted.decoded);
  model->artifact_size = vetted.artifact_size;
  model->decoded_size = vetted.decoded_size;
  model->buffer_bytes = vetted.report.buffer_bytes();
  model->reservation = std::move(vetted.reservation);
  return model;
}

// gRPC tells the end of a stream and the end of its call by the same sign. What has come of the
// artifact must not be taken for all of it.
absl::Status UploadCancelled() {
  return observe::Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller cancelled");
}

// One that is given twice is none.
observe::TraceContext TraceOf(const CallbackServerContext& context) {
  const auto [first, last] = context.client_metadata().equal_range("traceparent");
  if (first == last || std::next(first) != last) return {};
  return observe::ParseTraceparent({first->second.data(), first->second.size()});
}

absl::Status CheckPath(const std::string& path) {
  return path.empty() ? observe::BadField("path", "is missing") : absl::OkStatus();
}

}  // namespace

template <typename Reactor, typename Work>
void Service::Submit(Reactor* reactor, const Caller& caller, Work work) {
  faults::FaultPoint(faults::Stage::kReceived);
  absl::StatusOr<admission::Slot> slot = parts_.gate->Enter(caller.uid);
  if (!slot.ok()) return reactor->Finish(ToGrpc(slot.status()));
  auto held = std::make_shared<admission::Slot>(*std::move(slot));
  auto task = [reactor, held = std::move(held), work = std::move(work)]() mutable {
    faults::FaultPoint(faults::Stage::kAdmitted);
    const grpc::Status status = ToGrpc(work());
    // The place is free before the caller can ask again.
    held.reset();
    faults::FaultPoint(faults::Stage::kAnswering);
    reactor->Finish(status);
    faults::FaultPoint(faults::Stage::kAnswered);
  };
  parts_.executor->Submit(caller.uid, std::move(task));
}

absl::StatusOr<Caller> Service::WhoCalls(const CallbackServerContext& context) const {
  std::optional<Caller> caller = parts_.callers->Resolve(context.peer());
  if (caller) return *std::move(caller);
  return observe::Error(absl::StatusCode::kUnavailable, "CONNECTION_ENDED",
                        "the connection has ended");
}

pipeline::Request Service::NewRequest(const Call& call, const std::string& policy,
                                      const std::string& expected_sha256) const {
  CallbackServerContext* const context = call.context;
  pipeline::Request out;
  out.id = parts_.ids->Next();
  out.caller = call.caller.uid;
  out.trace = TraceOf(*context);
  out.policy = policy;
  out.expected_sha256 = expected_sha256;
  // gRPC keeps it by the steady clock and turns it into wall time here and now.
  out.deadline = clock::SteadyTime::Now() + (absl::FromChrono(context->deadline()) - absl::Now());
  out.cancelled = [context] { return context->IsCancelled(); };
  return out;
}

absl::Status Service::Record(const Call& call, const v1::Report& report,
                             absl::string_view token) const {
  const observe::TraceContext trace = TraceOf(*call.context);
  return parts_.verdicts->Write({.time = absl::Now(),
                                 .caller = &call.caller,
                                 .method = call.method,
                                 .trace = &trace,
                                 .report = &report,
                                 .token = token});
}

absl::StatusOr<absl::Duration> Service::Lifetime(bool present,
                                                 const google::protobuf::Duration& asked) const {
  if (!present) return parts_.limits.default_lease;
  const absl::Duration duration = absl::Seconds(asked.seconds()) + absl::Nanoseconds(asked.nanos());
  if (duration <= absl::ZeroDuration()) {
    return observe::BadField("lease_duration", "must be positive");
  }
  return std::min(duration, parts_.limits.max_lease);
}

template <typename Response>
absl::Status Service::Lease(const Call& call, absl::Duration lifetime, bool even_if_inline,
                            pipeline::Vetted vetted, Response* response) const {
  if (vetted.report.verdict() != v1::VERDICT_ACCEPTED) {
    const absl::Status recorded = Record(call, vetted.report, "");
    return recorded.ok() ? RefusedStatus(vetted.report) : recorded;
  }
  *response->mutable_report() = vetted.report;
  const absl::StatusOr<std::shared_ptr<const LeasedModel>> leased = MakeLeased(std::move(vetted));
  if (!leased.ok()) return leased.status();
  const std::shared_ptr<const LeasedModel>& model = *leased;
  if (absl::Status status = FillInline(*model, response); !status.ok()) return status;
  if (!even_if_inline && response->has_graph() && response->buffers_inline()) {
    return Record(call, response->report(), "");
  }
  absl::StatusOr<NewLease> lease = parts_.leases->Add(call.caller, model, lifetime);
  if (!lease.ok()) return lease.status();
  faults::FaultPoint(faults::Stage::kLeased);
  absl::Status recorded = Record(call, response->report(), lease->token);
  if (!recorded.ok()) {
    // It may be gone with its connection.
    parts_.leases->End(lease->token, call.caller).IgnoreError();
    return recorded;
  }
  response->mutable_lease()->set_token(lease->token);
  SetTimestamp(lease->expires, response->mutable_lease()->mutable_expires());
  if (call.caller.uid) response->mutable_lease()->set_fd_socket(parts_.fd_socket);
  return absl::OkStatus();
}

void Service::EndUndelivered(const CallbackServerContext& context, const Caller& caller,
                             const v1::Lease& lease) const {
  if (lease.token().empty() || !context.IsCancelled()) return;
  // It may be gone with its connection.
  parts_.leases->End(lease.token(), caller).IgnoreError();
}

absl::Status Service::Audit(const Call& call, const v1::AuditModelRequest& request,
                            v1::AuditModelResponse* response) const {
  pipeline::Request vet = NewRequest(call, request.policy(), request.expected_sha256());
  if (request.has_content()) {
    if (request.content().size() > kMaxContentBytes) {
      return observe::BadField("content", "is larger than 3 MiB; use AuditUpload");
    }
    vet.content = absl::string_view(request.content());
  } else {
    if (absl::Status status = CheckPath(request.path()); !status.ok()) return status;
    vet.path = request.path();
  }
  absl::StatusOr<pipeline::Vetted> vetted = parts_.vetter->Vet(std::move(vet));
  if (!vetted.ok()) return vetted.status();
  if (absl::Status status = Record(call, vetted->report, ""); !status.ok()) return status;
  if (request.include_graph() && vetted->graph) {
    if (vetted->graph->graph().ByteSizeLong() > kMaxAuditGraphBytes) {
      return observe::LimitReached("include_graph", kMaxAuditGraphBytes,
                                   "the graph is larger; use LoadModel and FetchModel");
    }
    *response->mutable_graph() = vetted->graph->graph();
  }
  response->mutable_report()->Swap(&vetted->report);
  return absl::OkStatus();
}

ServerUnaryReactor* Service::AuditModel(CallbackServerContext* context,
                                        const v1::AuditModelRequest* request,
                                        v1::AuditModelResponse* response) {
  const absl::StatusOr<Caller> caller = WhoCalls(*context);
  if (!caller.ok()) return Answer(context, caller.status());
  ServerUnaryReactor* reactor = context->DefaultReactor();
  Submit(reactor, *caller, [=, this] {
    return Audit({context, *caller, "AuditModel"}, *request, response);
  });
  return reactor;
}

absl::Status Service::Load(const Call& call, const v1::LoadModelRequest& request,
                           v1::LoadModelResponse* response) const {
  if (absl::Status status = CheckPath(request.path()); !status.ok()) return status;
  absl::StatusOr<absl::Duration> lifetime =
      Lifetime(request.has_lease_duration(), request.lease_duration());
  if (!lifetime.ok()) return lifetime.status();
  // Better to learn this before the work than after it.
  if (absl::Status status = parts_.leases->CheckRoom(call.caller); !status.ok()) return status;
  pipeline::Request vet = NewRequest(call, request.policy(), request.expected_sha256());
  vet.path = request.path();
  vet.by_digest = true;
  absl::StatusOr<pipeline::Vetted> vetted = parts_.vetter->Vet(std::move(vet));
  if (!vetted.ok()) return vetted.status();
  return Lease(call, *lifetime, !request.no_lease_if_inline(), *std::move(vetted), response);
}

ServerUnaryReactor* Service::LoadModel(CallbackServerContext* context,
                                       const v1::LoadModelRequest* request,
                                       v1::LoadModelResponse* response) {
  // Once: gRPC forgets who called when the call has ended.
  const absl::StatusOr<Caller> caller = WhoCalls(*context);
  if (!caller.ok()) return Answer(context, caller.status());
  auto* reactor =
      new UnaryReactor([=, this] { EndUndelivered(*context, *caller, response->lease()); });
  Submit(reactor, *caller, [=, this] {
    return Load({context, *caller, "LoadModel"}, *request, response);
  });
  return reactor;
}

grpc::ServerWriteReactor<v1::FetchModelResponse>* Service::FetchModel(
    CallbackServerContext* context, const v1::FetchModelRequest* request) {
  using Refused = Refuse<grpc::ServerWriteReactor<v1::FetchModelResponse>>;
  if (parts_.gate->draining()) return new Refused(admission::Draining());
  absl::StatusOr<Caller> caller = WhoCalls(*context);
  if (!caller.ok()) return new Refused(caller.status());
  absl::StatusOr<std::shared_ptr<const LeasedModel>> model =
      parts_.leases->Find(request->token(), *caller);
  if (!model.ok()) return new Refused(model.status());
  absl::StatusOr<StreamSlot> slot = parts_.streams->Enter(caller->uid);
  if (!slot.ok()) return new Refused(slot.status());
  return new FetchReactor(*request, *std::move(model), *std::move(slot));
}

grpc::ServerReadReactor<v1::AuditUploadRequest>* Service::AuditUpload(
    CallbackServerContext* context, v1::AuditUploadResponse* response) {
  using Reactor = UploadReactor<v1::AuditUploadRequest>;
  using Refused = Refuse<grpc::ServerReadReactor<v1::AuditUploadRequest>>;
  if (parts_.gate->draining()) return new Refused(admission::Draining());
  absl::StatusOr<Caller> caller = WhoCalls(*context);
  if (!caller.ok()) return new Refused(caller.status());
  absl::StatusOr<StreamSlot> slot = parts_.streams->Enter(caller->uid);
  if (!slot.ok()) return new Refused(slot.status());
  const auto complete = [=, this](Reactor* reactor,
                                  const std::shared_ptr<Reactor::Upload>& upload) {
    if (context->IsCancelled()) return reactor->Finish(ToGrpc(UploadCancelled()));
    Submit(reactor, *caller, [=, this]() -> absl::Status {
      const Call call = {context, *caller, "AuditUpload"};
      pipeline::Request vet =
          NewRequest(call, upload->header.policy(), upload->header.expected_sha256());
      vet.upload = std::move(upload->artifact);
      upload->reservation = admission::Reservation();  // Vet reserves what it needs.
      absl::StatusOr<pipeline::Vetted> vetted = parts_.vetter->Vet(std::move(vet));
      if (!vetted.ok()) return vetted.status();
      if (absl::Status status = Record(call, vetted->report, ""); !status.ok()) return status;
      response->mutable_report()->Swap(&vetted->report);
      return absl::OkStatus();
    });
  };
  return new Reactor(parts_.gate, caller->uid, parts_.limits.max_artifact_bytes, *std::move(slot),
                     complete, {});
}

grpc::ServerReadReactor<v1::LoadUploadRequest>* Service::LoadUpload(
    CallbackServerContext* context, v1::LoadUploadResponse* response) {
  using Reactor = UploadReactor<v1::LoadUploadRequest>;
  using Refused = Refuse<grpc::ServerReadReactor<v1::LoadUploadRequest>>;
  if (parts_.gate->draining()) return new Refused(admission::Draining());
  absl::StatusOr<Caller> caller = WhoCalls(*context);
  if (!caller.ok()) return new Refused(caller.status());
  if (absl::Status room = parts_.leases->CheckRoom(*caller); !room.ok()) return new Refused(room);
  absl::StatusOr<StreamSlot> slot = parts_.streams->Enter(caller->uid);
  if (!slot.ok()) return new Refused(slot.status());
  const auto complete = [=, this](Reactor* reactor,
                                  const std::shared_ptr<Reactor::Upload>& upload) {
    if (context->IsCancelled()) return reactor->Finish(ToGrpc(UploadCancelled()));
    Submit(reactor, *caller, [=, this]() -> absl::Status {
      const Call call = {context, *caller, "LoadUpload"};
      const v1::LoadUploadRequest& header = upload->header;
      absl::StatusOr<absl::Duration> lifetime =
          Lifetime(header.has_lease_duration(), header.lease_duration());
      if (!lifetime.ok()) return lifetime.status();
      pipeline::Request vet = NewRequest(call, header.policy(), header.expected_sha256());
      vet.upload = std::move(upload->artifact);
      upload->reservation = admission::Reservation();  // Vet reserves what it needs.
      absl::StatusOr<pipeline::Vetted> vetted = parts_.vetter->Vet(std::move(vet));
      if (!vetted.ok()) return vetted.status();
      return Lease(call, *lifetime, true, *std::move(vetted), response);
    });
  };
  return new Reactor(parts_.gate, caller->uid, parts_.limits.max_artifact_bytes, *std::move(slot),
                     complete, [=, this] { EndUndelivered(*context, *caller, response->lease()); });
}

ServerUnaryReactor* Service::UnloadModel(CallbackServerContext* context,
                                         const v1::UnloadModelRequest* request,
                                         v1::UnloadModelResponse* /*response*/) {
  absl::StatusOr<Caller> caller = WhoCalls(*context);
  if (!caller.ok()) return Answer(context, caller.status());
  faults::FaultPoint(faults::Stage::kUnloading);
  return Answer(context, parts_.leases->End(request->token(), *caller));
}

}  // namespace loadlock::rpc
