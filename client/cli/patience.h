// A busy daemon says so at once; a command has time.
#ifndef LOADLOCK_CLIENT_CLI_PATIENCE_H_
#define LOADLOCK_CLIENT_CLI_PATIENCE_H_

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace loadlock::cli {

// Whether the daemon says that it will have room later.
bool IsBusy(const absl::Status& status);

// Calls again while the daemon is busy, for about 3 s in all.
template <typename Call>
auto Patiently(Call call) {
  constexpr int kRetries = 6;
  absl::Duration pause = absl::Milliseconds(50);
  for (int retries = 0;; ++retries) {
    auto answer = call();
    if (answer.ok() || retries == kRetries || !IsBusy(answer.status())) return answer;
    absl::SleepFor(pause);
    pause *= 2;
  }
}

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_PATIENCE_H_
