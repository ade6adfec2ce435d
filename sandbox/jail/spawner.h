// Makes worker processes, by exec or by fork.
#ifndef LOADLOCK_SANDBOX_JAIL_SPAWNER_H_
#define LOADLOCK_SANDBOX_JAIL_SPAWNER_H_

#include <sys/types.h>

#include <memory>
#include <vector>

#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/call_failure.h"
#include "sandbox/jail/lockdown.h"
#include "sandbox/jail/namespaces.h"
#include "sandbox/jail/process.h"

namespace loadlock::jail {

struct Child {
  pid_t pid = -1;
  // The daemon's end.
  channel::UniqueFd channel;
  channel::UniqueFd pidfd;
};

class Spawner {
 public:
  // `executable` is an O_PATH descriptor of this program; it works when no path does any more.
  Spawner(const WorkerProgram& program, channel::UniqueFd executable)
      : program_(program), executable_(std::move(executable)) {}

  // Fixes what every worker is told, and how its pid namespace (tier A) is made. To be called again
  // when the tier changes.
  CallResult Prepare(const WorkerSetup& setup, NamespaceCall call);

  CallResult Spawn(SpawnMode mode, Child* child);

  // Makes one worker of each mode, waits for its greeting and ends it: proves that the whole recipe
  // works here, call by call.
  CallResult Probe();

 private:
  CallResult ProbeMode(SpawnMode mode);
  pid_t Exec(int channel, unsigned long flags, int* pidfd);
  pid_t Fork(int channel, unsigned long flags, int* pidfd);
  CallResult MakeByUnshare(SpawnMode mode, int channel, pid_t* pid, int* pidfd);
  [[noreturn]] void RunForked(int channel);

  const WorkerProgram program_;
  channel::UniqueFd executable_;
  std::unique_ptr<WorkerSetup> setup_;
  channel::UniqueFd setup_file_;
  NamespaceCall call_ = NamespaceCall::kClone;
  // Of the child between vfork and exec, while this process stands still.
  std::vector<char> exec_stack_ = std::vector<char>(size_t{64} << 10);
};

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_SPAWNER_H_
