// Processor time of a daemon and of the processes that it keeps, by process.
#ifndef LOADLOCK_TESTS_BENCH_CPU_SPLIT_H_
#define LOADLOCK_TESTS_BENCH_CPU_SPLIT_H_

#include <sys/types.h>

#include <cstdint>

namespace loadlock {

// Sums since each process began, in microseconds. The kernel counts in ticks of 10 ms here, so a
// difference is worth something over a second or more.
struct CpuSplit {
  double daemon = 0;
  double launcher = 0;
  // Every worker that has ended and was reaped.
  double workers = 0;
  // This process, all threads.
  double self = 0;
  // Context switches of the daemon's threads that live, voluntary and not.
  double daemon_switches = 0;

  static CpuSplit Now(pid_t daemon);
  CpuSplit operator-(const CpuSplit& earlier) const;
  CpuSplit operator/(double count) const;
};

}  // namespace loadlock

#endif  // LOADLOCK_TESTS_BENCH_CPU_SPLIT_H_
