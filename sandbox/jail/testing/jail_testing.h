// What the tests of the jail share: a jail of test workers, one question to one of them, and a look
// at processes and descriptors from outside.
#ifndef LOADLOCK_SANDBOX_JAIL_TESTING_JAIL_TESTING_H_
#define LOADLOCK_SANDBOX_JAIL_TESTING_JAIL_TESTING_H_

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/channel/daemon_end.h"
#include "sandbox/jail/jail.h"

namespace loadlock::jail {

// The bytes that AskWorker hands over as the artifact.
inline constexpr std::string_view kArtifact = "the artifact";

// The test worker beside this test, generous limits.
Options TestOptions();

struct JailChoice {
  Tier best = Tier::kA;
  int warm_workers = 1;
  WorkerLimits limits = TestOptions().limits;
};
// Null, and a test failure, if it does not start.
std::unique_ptr<Jail> StartJail(const JailChoice& choice);

struct Answer {
  channel::ReadOutcome outcome;
  channel::WorkerOutput output;
  std::string decoded;
  WorkerExit exit;
};
// Makes a worker do one act of testing/test_worker.cc.
Answer Ask(Jail& jail, const std::string& act, absl::Duration patience = absl::Seconds(30));
Answer AskWorker(Worker& worker, const std::string& act,
                 absl::Duration patience = absl::Seconds(30));

// True as soon as `condition` is, false after ten seconds.
bool Eventually(const std::function<bool()>& condition);

size_t OpenFds();
std::vector<pid_t> ChildrenOf(pid_t process);
size_t Descendants(pid_t process);
// The workers below the jail's launcher.
std::vector<pid_t> IdleWorkers(const Jail& jail);
// True if this process may become another user, as a privileged daemon may.
bool MayChangeUser();
bool PidfdEnded(int pidfd);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_TESTING_JAIL_TESTING_H_
