// loadlock.v1.LoadLock: turns calls into requests for the pipeline, and verdicts into answers.
#ifndef LOADLOCK_SERVER_RPC_SERVICE_H_
#define LOADLOCK_SERVER_RPC_SERVICE_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loadlock/v1/service.grpc.pb.h"
#include "server/admission/gate.h"
#include "server/config/settings.h"
#include "server/observe/request_id.h"
#include "server/pipeline/executor.h"
#include "server/pipeline/vet.h"
#include "server/policy/origins.h"
#include "server/policy/policy.h"
#include "server/rpc/connections.h"
#include "server/rpc/leases.h"
#include "server/rpc/streams.h"
#include "server/rpc/verdict_log.h"

namespace loadlock::rpc {

// All must outlive the service.
struct ServiceParts {
  config::LimitSettings limits;
  std::string fd_socket;
  std::string version;
  absl::Time started;
  admission::Gate* gate = nullptr;
  pipeline::Executor* executor = nullptr;
  const pipeline::Vetter* vetter = nullptr;
  pipeline::Runner* runner = nullptr;
  const pipeline::CurrentRules* rules = nullptr;
  observe::RequestIds* ids = nullptr;
  CallerTable* callers = nullptr;
  LeaseTable* leases = nullptr;
  Streams* streams = nullptr;
  VerdictLog* verdicts = nullptr;
  pipeline::Memory* memory = nullptr;  // If there is one.
};

// Handlers never block gRPC's threads: what vets runs in the executor.
class Service final : public v1::LoadLock::CallbackService {
 public:
  explicit Service(ServiceParts parts) : parts_(std::move(parts)) {}

  grpc::ServerUnaryReactor* AuditModel(grpc::CallbackServerContext* context,
                                       const v1::AuditModelRequest* request,
                                       v1::AuditModelResponse* response) override;
  grpc::ServerUnaryReactor* LoadModel(grpc::CallbackServerContext* context,
                                      const v1::LoadModelRequest* request,
                                      v1::LoadModelResponse* response) override;
  grpc::ServerWriteReactor<v1::FetchModelResponse>* FetchModel(
      grpc::CallbackServerContext* context, const v1::FetchModelRequest* request) override;
  grpc::ServerReadReactor<v1::AuditUploadRequest>* AuditUpload(
      grpc::CallbackServerContext* context, v1::AuditUploadResponse* response) override;
  grpc::ServerReadReactor<v1::LoadUploadRequest>* LoadUpload(
      grpc::CallbackServerContext* context, v1::LoadUploadResponse* response) override;
  grpc::ServerUnaryReactor* UnloadModel(grpc::CallbackServerContext* context,
                                        const v1::UnloadModelRequest* request,
                                        v1::UnloadModelResponse* response) override;
  grpc::ServerUnaryReactor* GetServerInfo(grpc::CallbackServerContext* context,
                                          const v1::GetServerInfoRequest* request,
                                          v1::GetServerInfoResponse* response) override;
  grpc::ServerUnaryReactor* ListPolicies(grpc::CallbackServerContext* context,
                                         const v1::ListPoliciesRequest* request,
                                         v1::ListPoliciesResponse* response) override;
  grpc::ServerUnaryReactor* ExplainPolicy(grpc::CallbackServerContext* context,
                                          const v1::ExplainPolicyRequest* request,
                                          v1::ExplainPolicyResponse* response) override;

 private:
  // Runs `work` in the executor if there is a place for `caller`, and finishes `reactor` with its
  // status.
  template <typename Reactor, typename Work>
  void Submit(Reactor* reactor, const Caller& caller, Work work);

  // What is asked, and by whom.
  struct Call {
    grpc::CallbackServerContext* context;
    Caller caller;
    absl::string_view method;
  };
  absl::Status Audit(const Call& call, const v1::AuditModelRequest& request,
                     v1::AuditModelResponse* response) const;
  absl::Status Load(const Call& call, const v1::LoadModelRequest& request,
                    v1::LoadModelResponse* response) const;

  // The caller of this call; UNAVAILABLE if its connection has just ended.
  absl::StatusOr<Caller> WhoCalls(const grpc::CallbackServerContext& context) const;
  pipeline::Request NewRequest(const Call& call, const std::string& policy,
                               const std::string& expected_sha256) const;
  // Writes the verdict down, as must be done before it is told. `token`: of the lease, if any.
  absl::Status Record(const Call& call, const v1::Report& report, absl::string_view token) const;
  // Leases an accepted model and fills the answer; a model that is inline as a whole is leased only
  // if `even_if_inline`.
  template <typename Response>
  absl::Status Lease(const Call& call, absl::Duration lifetime, bool even_if_inline,
                     pipeline::Vetted vetted, Response* response) const;
  // Ends a lease whose caller has gone before it had the answer: it would hold the model until it
  // expires, for nobody. To be called at the end of the call.
  void EndUndelivered(const grpc::CallbackServerContext& context, const Caller& caller,
                      const v1::Lease& lease) const;
  // Checks and completes what a caller asked for.
  absl::StatusOr<absl::Duration> Lifetime(bool present,
                                          const google::protobuf::Duration& asked) const;

  const ServiceParts parts_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_SERVICE_H_
