// What became of one file.
#ifndef LOADLOCK_CLIENT_CLI_OUTCOME_H_
#define LOADLOCK_CLIENT_CLI_OUTCOME_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/options.h"
#include "loadlock/v1/service.pb.h"

namespace loadlock::cli {

struct Outcome {
  // As in Item.
  std::string name;
  absl::StatusOr<v1::AuditModelResponse> answer;

  // Anything that is not clearly a verdict is undecided.
  ExitCode Decision() const {
    if (!answer.ok()) return ExitCode::kUndecided;
    switch (answer->report().verdict()) {
      case v1::VERDICT_ACCEPTED:
        return ExitCode::kAccepted;
      case v1::VERDICT_REFUSED:
        return ExitCode::kRefused;
      default:
        return ExitCode::kUndecided;
    }
  }
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_OUTCOME_H_
