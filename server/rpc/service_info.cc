// What the service tells about itself and its policies.
#include "server/observe/error.h"
#include "server/pipeline/formats.h"
#include "server/rpc/model_reply.h"
#include "server/rpc/policy_reply.h"
#include "server/rpc/reactors.h"
#include "server/rpc/service.h"

namespace loadlock::rpc {

using grpc::CallbackServerContext;
using grpc::ServerUnaryReactor;

ServerUnaryReactor* Service::GetServerInfo(CallbackServerContext* context,
                                           const v1::GetServerInfoRequest* /*request*/,
                                           v1::GetServerInfoResponse* response) {
  response->set_version(parts_.version);
  response->set_tier(parts_.runner->tier());
  response->set_tier_reason(parts_.runner->tier_reason());
  for (const char* format : pipeline::kFormats) response->add_formats(format);
  response->set_ready_workers(parts_.runner->ready_workers());
  response->set_running_requests(parts_.gate->running());
  response->set_max_running_requests(parts_.limits.max_running_requests);
  response->set_leases(parts_.leases->size());
  SetTimestamp(parts_.started, response->mutable_started());
  response->set_max_artifact_bytes(parts_.limits.max_artifact_bytes);
  response->set_max_decoded_bytes(parts_.limits.max_decoded_bytes);
  response->set_max_nodes(parts_.limits.max_nodes);
  response->set_max_heap_bytes(parts_.limits.max_heap_bytes);
  SetDuration(parts_.limits.max_wall_time, response->mutable_max_wall_time());
  SetDuration(parts_.limits.max_cpu_time, response->mutable_max_cpu_time());
  if (parts_.memory != nullptr) {
    const store::StoreUse use = parts_.memory->blobs().use();
    response->set_store_files(use.files);
    response->set_store_bytes(use.bytes);
    response->set_max_store_bytes(parts_.memory->blobs().max_bytes());
    response->set_cached_answers(parts_.memory->cached());
    response->set_new_answers(parts_.memory->fresh());
  }
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* Service::ListPolicies(CallbackServerContext* context,
                                          const v1::ListPoliciesRequest* /*request*/,
                                          v1::ListPoliciesResponse* response) {
  const std::shared_ptr<const pipeline::Rules> rules = parts_.rules->Get();
  for (const policy::CompiledPolicy* policy : rules->policies->All()) {
    v1::PolicySummary* summary = response->add_policies();
    summary->set_name(policy->name());
    summary->set_description(policy->description());
    summary->set_digest(policy->digest());
    summary->set_entry_count(static_cast<uint32_t>(policy->entry_count()));
  }
  return Answer(context, absl::OkStatus());
}

ServerUnaryReactor* Service::ExplainPolicy(CallbackServerContext* context,
                                           const v1::ExplainPolicyRequest* request,
                                           v1::ExplainPolicyResponse* response) {
  const std::shared_ptr<const pipeline::Rules> rules = parts_.rules->Get();
  return Answer(context, rpc::ExplainPolicy(*rules->policies, *rules->origins, *request, response));
}

}  // namespace loadlock::rpc
