// What a worker costs: handed over from the warm pool, made on demand, and, beside it, the least
// that any process costs. LOADLOCK_WORKER is the path of loadlock-worker.
#include <benchmark/benchmark.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/jail.h"

namespace loadlock::jail {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);
// Idle time between two samples: the pool refills.
constexpr absl::Duration kPause = absl::Milliseconds(1);
constexpr int kWarmWorkers = 4;

Options MakeOptions(int warm_workers) {
  Options options;
  const char* path = std::getenv("LOADLOCK_WORKER");
  options.worker_path = path == nullptr ? "" : path;
  options.warm_workers = warm_workers;
  return options;
}

std::unique_ptr<Jail> Start(benchmark::State& state, int warm_workers) {
  absl::StatusOr<std::unique_ptr<Jail>> jail = Jail::Start(MakeOptions(warm_workers));
  if (!jail.ok()) {
    state.SkipWithError(std::string(jail.status().message()).c_str());
    return nullptr;
  }
  return *std::move(jail);
}

void AcquireOne(benchmark::State& state, Jail* jail) {
  absl::StatusOr<Worker> worker = jail->Acquire(clock::SteadyTime::Now() + kPatience);
  state.PauseTiming();
  if (worker.ok()) {
    worker->Dismiss();
    worker->AwaitExit(kPatience);
  } else {
    state.SkipWithError(std::string(worker.status().message()).c_str());
  }
  state.ResumeTiming();
}

void HandOffWarm(benchmark::State& state) {
  const std::unique_ptr<Jail> jail = Start(state, kWarmWorkers);
  if (jail == nullptr) return;
  for (auto iteration : state) {
    state.PauseTiming();
    const clock::SteadyTime end = clock::SteadyTime::Now() + kPatience;
    while (jail->ready_workers() < kWarmWorkers && clock::SteadyTime::Now() < end)
      absl::SleepFor(kPause);
    state.ResumeTiming();
    AcquireOne(state, jail.get());
  }
}
BENCHMARK(HandOffWarm)->Iterations(300)->UseRealTime()->Unit(benchmark::kMicrosecond);

void MakeOnDemand(benchmark::State& state) {
  const std::unique_ptr<Jail> jail = Start(state, 0);
  if (jail == nullptr) return;
  for (auto iteration : state) AcquireOne(state, jail.get());
}
BENCHMARK(MakeOnDemand)->Iterations(300)->UseRealTime()->Unit(benchmark::kMicrosecond);

void StartJail(benchmark::State& state) {
  for (auto iteration : state) {
    std::unique_ptr<Jail> jail = Start(state, kWarmWorkers);
    state.PauseTiming();
    jail.reset();
    state.ResumeTiming();
  }
}
BENCHMARK(StartJail)->Iterations(20)->UseRealTime()->Unit(benchmark::kMicrosecond);

void ForkAndWait(benchmark::State& state) {
  for (auto iteration : state) {
    const pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid < 0 || waitpid(pid, nullptr, 0) != pid) {
      state.SkipWithError("fork");
      break;
    }
  }
}
BENCHMARK(ForkAndWait)->Iterations(1000)->UseRealTime()->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace loadlock::jail

BENCHMARK_MAIN();
