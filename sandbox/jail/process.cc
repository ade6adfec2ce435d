#include "sandbox/jail/process.h"

#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "sandbox/faults/fault_point.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/launcher.h"
#include "sandbox/jail/raw_syscall.h"

namespace loadlock::jail {
namespace {

[[noreturn]] void RunExecutedWorker(const WorkerProgram& program) {
  const auto setup = std::make_unique<WorkerSetup>();
  const ssize_t size = pread(kSetupFd, setup.get(), sizeof(*setup), 0);
  if (size != static_cast<ssize_t>(sizeof(*setup)) || setup->version != kControlVersion) {
    RawExit(kExitLockDown);
  }
  RunWorker(*setup, program);
}

}  // namespace

void RunWorker(const WorkerSetup& setup, const WorkerProgram& program) {
  channel::FrameWriter writer(channel::kChannelFd);
  uint8_t layers = 0;
  if (const CallResult failed = LockDown(setup, &layers)) {
    // If even this cannot be sent, the exit code still tells.
    (void)writer.Write(channel::FrameType::kFailed, failed->Describe());
    RawExit(kExitLockDown);
  }
#ifndef LOADLOCK_SANITIZED  // Its run-time library would take the numbers of the job's descriptors.
  if (program.warm_up != nullptr) program.warm_up();
#endif
  faults::FaultPoint(faults::Stage::kLockedDown);
  if (!writer.Ready(layers).ok()) RawExit(kExitChannel);
  absl::StatusOr<channel::ReceivedJob> job = channel::ReceiveJob(channel::kChannelFd);
  if (!job.ok()) {
    // Closed without a job: an idle worker that nobody needs any more.
    RawExit(absl::IsCancelled(job.status()) ? kExitUnused : kExitChannel);
  }
  faults::FaultPoint(faults::Stage::kJobRead);
  const int code = program.body(*job, writer);
  // The end of a process takes as long as a small job. The daemon says when there is time for it.
  if (code == kExitOk) faults::FaultPoint(faults::Stage::kAnswerComplete);
  // Without its end of an answer the daemon would wait for one until the deadline.
  if (code == kExitOk && writer.ended()) channel::AwaitClose(channel::kChannelFd);
  // No destructors, no atexit: the kernel takes everything back at once.
  RawExit(code);
}

int ProcessMain(int argc, char** argv, const WorkerProgram& program) {
  const std::string_view command = argc == 2 ? argv[1] : "";
  if (command == "--launcher") return RunLauncher(program);
  if (command == "--worker") RunExecutedWorker(program);
  constexpr std::string_view kUsage = "loadlock-worker is started by loadlockd only.\n";
  return write(STDERR_FILENO, kUsage.data(), kUsage.size()) < 0 ? 3 : 2;
}

}  // namespace loadlock::jail

// abort() of the C library raises SIGABRT with system calls that the filter refuses, and the report
// would name those. The linker puts this in its place (--wrap=abort, LoadlockStatic.cmake).
extern "C" [[noreturn]] void __wrap_abort() {
  loadlock::jail::RawExit(loadlock::jail::kExitAborted);
}
