// Several things at once, their results in order.
#ifndef LOADLOCK_CLIENT_CLI_RUNNER_H_
#define LOADLOCK_CLIENT_CLI_RUNNER_H_

#include <cstddef>
#include <functional>

#include "client/cli/outcome.h"

namespace loadlock::cli {

// Calls work(0) .. work(count - 1), up to `in_flight` at a time on threads of its own, and
// report(i, outcome) on the calling thread in order. Runs at most a bounded number of results
// ahead of the reporting (a report may hold megabytes). With one item or in_flight 1 there
// are no threads.
void RunInOrder(size_t count, size_t in_flight, const std::function<Outcome(size_t)>& work,
                const std::function<void(size_t, const Outcome&)>& report);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_RUNNER_H_
