// Maps what every job touches before there is a job.
#ifndef LOADLOCK_SANDBOX_JAIL_PREFAULT_H_
#define LOADLOCK_SANDBOX_JAIL_PREFAULT_H_

namespace loadlock::jail {

// A new process has its code and heap still to be mapped, page fault by page fault: some forty of
// them in a small job, a microsecond or two each. This maps them in two calls, while nobody waits.
// Only a hint: kernels before 5.14 do not know it, and nothing is lost.
void Prefault();

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_PREFAULT_H_
