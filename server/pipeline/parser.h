// From an artifact's bytes to a verdict: a worker parses, the daemon verifies what it says.
#ifndef LOADLOCK_SERVER_PIPELINE_PARSER_H_
#define LOADLOCK_SERVER_PIPELINE_PARSER_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "loadlock/v1/report.pb.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "server/admission/gate.h"
#include "server/admission/grant.h"
#include "server/config/settings.h"
#include "server/pipeline/runner.h"
#include "server/pipeline/verdicts.h"
#include "server/policy/policy.h"
#include "server/store/artifact.h"
#include "server/store/output_cache.h"

namespace loadlock::pipeline {

// One artifact, and on whose account.
struct ParseRequest {
  store::SharedFd artifact;
  uint64_t size = 0;
  // Bytes of the reservation that the artifact itself takes.
  uint64_t artifact_bytes = 0;
  const policy::CompiledPolicy* policy = nullptr;
  admission::Principal caller;
  clock::SteadyTime deadline = clock::SteadyTime::InfiniteFuture();
  std::function<bool()> cancelled;
};

// What a parser gives beside the verdict.
struct ParseResult {
  // What the worker said, if it can serve again: it was verified, and nothing was decoded.
  std::optional<store::Output> output;
};

void SetDuration(absl::Duration duration, google::protobuf::Duration* out);

// Turns `report` into a refusal for one reason; earlier findings stay behind it.
void Refuse(v1::Finding finding, v1::Report* report);

// Thread safe.
class Parser {
 public:
  // Both must outlive it.
  Parser(const config::LimitSettings& limits, admission::Gate* gate, Runner* runner)
      : limits_(limits), gate_(gate), runner_(runner) {}

  // What is reserved before it is known how much a parse takes.
  uint64_t FirstBytes(uint64_t size, uint64_t artifact_bytes) const;

  // Fills `verdict` but for its artifact, and the worker's times in `timing`. `reservation` holds
  // FirstBytes; if that was too little the artifact is parsed once more with all that there may be.
  // A refusal is no error; errors as Vetter::Vet.
  absl::Status Parse(const ParseRequest& request, admission::Reservation* reservation,
                     v1::Timing* timing, Verdict* verdict, ParseResult* result) const;

  // The same from what a worker said earlier. False: it does not fit, as no worker's output may.
  bool Reuse(const ParseRequest& request, store::Output output, v1::Timing* timing,
             Verdict* verdict) const;

 private:
  absl::Status ParseOnce(const ParseRequest& request, const admission::Grant& grant,
                         v1::Timing* timing, Verdict* verdict, ParseResult* result) const;
  absl::Status Judge(const ParseRequest& request, const admission::Grant& grant,
                     channel::UniqueFd decoded, RunResult& result, Verdict* verdict) const;

  const config::LimitSettings limits_;
  admission::Gate* const gate_;
  Runner* const runner_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_PARSER_H_
