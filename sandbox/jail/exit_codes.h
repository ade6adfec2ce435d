// Exit codes by which a worker says why it gave up. Only its own honest code uses them; a hostile
// worker can exit with any of them, which gains it nothing but a wrong line in a report.
#ifndef LOADLOCK_SANDBOX_JAIL_EXIT_CODES_H_
#define LOADLOCK_SANDBOX_JAIL_EXIT_CODES_H_

namespace loadlock::jail {

inline constexpr int kExitOk = 0;
// The job could not be received, or its result not be sent.
inline constexpr int kExitChannel = 100;
// The lock-down failed; an 'F' frame said how.
inline constexpr int kExitLockDown = 101;
// RLIMIT_CPU.
inline constexpr int kExitCpuLimit = 105;
// The job makes no sense: not a Job, or another artifact than it says.
inline constexpr int kExitBadJob = 104;
// An allocation failed.
inline constexpr int kExitMemory = 102;
// The decoded memfd may not grow further.
inline constexpr int kExitFileLimit = 103;
// abort(): a failed check of the C library, the compiler or our own.
inline constexpr int kExitAborted = 128 + 6;
// A forbidden system call; a 'V' frame said which. 31 is SIGSYS.
inline constexpr int kExitForbiddenCall = 128 + 31;

// The daemon closed the channel before there was a job. Not kExitOk: the launcher replaces only who
// has served, or a daemon that cannot take descriptors any more would make it fork for ever.
inline constexpr int kExitUnused = 106;

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_EXIT_CODES_H_
