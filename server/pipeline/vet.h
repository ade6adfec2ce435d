// The way of one artifact: store, worker, verification, report.
#ifndef LOADLOCK_SERVER_PIPELINE_VET_H_
#define LOADLOCK_SERVER_PIPELINE_VET_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "loadlock/v1/report.pb.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "server/admission/gate.h"
#include "server/admission/grant.h"
#include "server/config/settings.h"
#include "server/observe/log.h"
#include "server/observe/trace_context.h"
#include "server/pipeline/memory.h"
#include "server/pipeline/metrics.h"
#include "server/pipeline/parser.h"
#include "server/pipeline/rules.h"
#include "server/pipeline/runner.h"
#include "server/pipeline/verdicts.h"
#include "server/policy/policy.h"
#include "server/store/artifact.h"
#include "server/store/roots.h"
#include "server/verify/verify.h"

namespace loadlock::pipeline {

struct Request {
  // For the log and the report.
  std::string id;
  // For the log.
  observe::TraceContext trace;
  // Whose share of the budgets this is.
  admission::Principal caller;
  // One of the three: a path under a root, bytes (which must outlive Vet), or a complete upload.
  std::string path;
  std::optional<absl::string_view> content;
  std::optional<store::Artifact> upload;
  // Name; empty: "default".
  std::string policy;
  // Lower-case hex; empty: any.
  std::string expected_sha256;
  // The bytes of that digest are wanted, and the path only says that the caller may have them:
  // those of the store will do. Otherwise the verdict is about what lies at the path.
  bool by_digest = false;
  clock::SteadyTime deadline = clock::SteadyTime::InfiniteFuture();
  // May be empty; must not block.
  std::function<bool()> cancelled;
};

// A vetted artifact. If it is refused only the report counts.
struct Vetted {
  v1::Report report;
  // Present exactly if the verdict is ACCEPTED. May be shared with other requests.
  std::shared_ptr<const verify::VerifiedGraph> graph;
  // `decoded` is null if decoded_size is 0.
  store::SharedFd artifact;
  store::SharedFd decoded;
  uint64_t artifact_size = 0;
  uint64_t decoded_size = 0;
  // To be held as long as graph and descriptors are.
  admission::Reservation reservation;
};

// What a Vetter works with; all must outlive it. Without a memory every request is answered anew.
struct Parts {
  config::LimitSettings limits;
  const CurrentRules* rules = nullptr;
  admission::Gate* gate = nullptr;
  Runner* runner = nullptr;
  const observe::Log* log = nullptr;
  Memory* memory = nullptr;
  Metrics* metrics = nullptr;  // If anybody counts.
};

// Thread safe.
class Vetter {
 public:
  explicit Vetter(const Parts& parts)
      : parts_(parts), parser_(parts.limits, parts.gate, parts.runner) {}

  // Blocks until there is a verdict. A refusal is no error; errors (with ErrorInfo) mean that
  // there is no verdict: INVALID_ARGUMENT (which field), NOT_FOUND, PERMISSION_DENIED,
  // RESOURCE_EXHAUSTED (which limit), CANCELLED, DEADLINE_EXCEEDED, UNAVAILABLE, INTERNAL.
  // Logs one line either way.
  absl::StatusOr<Vetted> Vet(Request request) const;

 private:
  struct Run;
  absl::StatusOr<Vetted> Decide(Request& request) const;
  absl::StatusOr<const policy::CompiledPolicy*> CheckRequest(const Request& request,
                                                             const Rules& rules) const;
  absl::StatusOr<uint64_t> SizeOf(const Request& request, Run* run) const;
  absl::Status Reserve(uint64_t bytes, Run* run) const;
  absl::StatusOr<Vetted> Answer(const Request& request, const SharedVerdict& verdict,
                                Run* run) const;
  void LogVerdict(const v1::Report& report, const std::string& trace_id) const;

  // Each request for itself.
  absl::StatusOr<SharedVerdict> Alone(Request& request, Run* run) const;
  absl::StatusOr<store::Artifact> TakeIn(Request& request, Run* run) const;

  // With what is known from other requests (remembering.cc).
  absl::StatusOr<SharedVerdict> Remembering(Request& request, Run* run) const;
  absl::StatusOr<SharedVerdict> Recall(const std::string& sha256, Run* run) const;
  absl::Status Copy(const Request& request, Run* run) const;
  absl::StatusOr<SharedVerdict> FindVerdict(const Request& request, Run* run) const;
  absl::StatusOr<SharedVerdict> NewVerdict(const Request& request, Run* run) const;

  const Parts parts_;
  const Parser parser_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_VET_H_
