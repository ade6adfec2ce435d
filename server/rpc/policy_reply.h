// What a policy says of a name, and where that is written.
#ifndef LOADLOCK_SERVER_RPC_POLICY_REPLY_H_
#define LOADLOCK_SERVER_RPC_POLICY_REPLY_H_

#include "absl/status/status.h"
#include "loadlock/v1/service.pb.h"
#include "server/policy/origins.h"
#include "server/policy/policy.h"

namespace loadlock::rpc {

// NOT_FOUND with the reasons NO_SUCH_POLICY and NO_SUCH_ENTRY.
absl::Status ExplainPolicy(const policy::PolicySet& policies, const policy::Origins& origins,
                           const v1::ExplainPolicyRequest& request,
                           v1::ExplainPolicyResponse* response);

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_POLICY_REPLY_H_
