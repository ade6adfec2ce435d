// Outcomes for a person, and for a program.
#ifndef LOADLOCK_CLIENT_CLI_RENDER_H_
#define LOADLOCK_CLIENT_CLI_RENDER_H_

#include <google/protobuf/message.h>

#include <cstdint>
#include <string>

#include "client/cli/outcome.h"
#include "client/cli/text.h"
#include "loadlock/v1/service.pb.h"

namespace loadlock::cli {

// All of these escape whatever comes from a report, a status or a file name.

// The verdict in one line, then, if there are any, the findings: why, where, and what would
// allow it. Ends with a newline.
std::string RenderOutcome(const Outcome& outcome, const Style& style);

// What a daemon is: version, isolation, limits and policies.
std::string RenderInfo(const v1::GetServerInfoResponse& info,
                       const v1::ListPoliciesResponse& policies, const Style& style);

// The reason and message of an error, escaped.
std::string ErrorText(const absl::Status& status);

// What a policy lets a name be, in two words: "may be named", "not listed".
std::string TrustName(v1::Trust trust);

// A message in protobuf's JSON mapping, and a string that is valid UTF-8. One line, ASCII only.
std::string ToJson(const google::protobuf::Message& message);
std::string JsonString(absl::string_view text);

// One line of JSON with a newline: the Report in protobuf's JSON mapping. An undecided file has
// the verdict VERDICT_UNSPECIFIED and "error": {"code", "reason", "message"}. ASCII only.
std::string JsonOutcome(const Outcome& outcome);
std::string JsonInfo(const v1::GetServerInfoResponse& info,
                     const v1::ListPoliciesResponse& policies);

// How many files came out how.
struct Summary {
  uint64_t accepted = 0;
  uint64_t refused = 0;
  uint64_t undecided = 0;

  void Add(ExitCode decision);
  // kUndecided also if there was nothing at all.
  ExitCode Decision() const;
  std::string Render(const Style& style) const;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_RENDER_H_
