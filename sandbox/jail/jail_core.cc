#include "sandbox/jail/jail_core.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/channel/daemon_end.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/layers.h"

namespace loadlock::jail {
namespace {

using channel::UniqueFd;
using clock::SteadyTime;

// More requests than this would only queue up in the launcher, which makes one at a time.
constexpr size_t kMaxStarting = 64;
// How often one Acquire lets a worker fail before it gives up.
constexpr int kSpawnAttempts = 3;
constexpr absl::Duration kMaxRefillPause = absl::Seconds(1);
// An honest worker ends in microseconds.
constexpr absl::Duration kFinishPatience = absl::Seconds(1);

// As long as in channel::ReadWorkerOutput.
constexpr absl::Duration kCancelInterval = absl::Milliseconds(20);

absl::Status GaveUp() { return absl::CancelledError("nobody waits for the worker any more"); }

absl::Duration RefillPause(int failures) {
  return std::min(kMaxRefillPause, absl::Milliseconds(10) * (1 << std::min(failures, 10)));
}

// OK if the greeting of a worker is there and says that every layer is up; UNAVAILABLE if it has
// not come yet; INTERNAL with the reason if it never will.
absl::Status TakeGreeting(const WorkerState& worker, Tier tier) {
  const channel::Greeting greeting = channel::ReadGreeting(worker.channel.get());
  if (greeting.kind == channel::Greeting::Kind::kNotYet) return absl::UnavailableError("not yet");
  const uint8_t required = RequiredLayers(tier);
  if (greeting.kind == channel::Greeting::Kind::kReady &&
      (greeting.layers & required) == required) {
    return absl::OkStatus();
  }
  return absl::InternalError(greeting.message.empty() ? "a layer of the jail is missing"
                                                      : absl::StrCat("worker: ", greeting.message));
}

int PollMilliseconds(absl::Duration wait) {
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1))));
}

}  // namespace

std::chrono::nanoseconds Patience(absl::Duration left) {
  return absl::ToChronoNanoseconds(std::clamp(left, absl::ZeroDuration(), absl::Hours(24)));
}

void WorkerState::Ended(std::optional<RawExit> raw) {
  const std::lock_guard lock(mutex);
  if (raw.has_value()) {
    exit = raw;
  } else {
    launcher_gone = true;
  }
  ended.notify_all();
}

JailCore::JailCore(const Options& options, std::unique_ptr<LauncherProcess> launcher)
    : options_(options),
      launcher_(std::move(launcher)),
      serving_pidfd_(launcher_->TakeServingPidfd()),
      tier_(launcher_->tier()),
      tier_reason_(launcher_->reason()),
      launcher_started_(SteadyTime::Now()) {}

absl::StatusOr<std::shared_ptr<WorkerState>> JailCore::Acquire(SteadyTime deadline,
                                                               const Cancelled& cancelled) {
  absl::Status failed;
  for (int attempt = 0; attempt < kSpawnAttempts; ++attempt) {
    absl::StatusOr<std::shared_ptr<WorkerState>> worker = TakeIdle(deadline, cancelled);
    if (!worker.ok()) return worker.status();
    failed = AwaitGreeting(**worker, deadline, cancelled);
    if (failed.ok()) return worker;
    KillByPidfd((*worker)->pidfd.get());
    if (absl::IsDeadlineExceeded(failed) || absl::IsCancelled(failed)) return failed;
  }
  return absl::UnavailableError(absl::StrCat("cannot start a worker: ", failed.message()));
}

absl::StatusOr<std::shared_ptr<WorkerState>> JailCore::TakeIdle(SteadyTime deadline,
                                                                const Cancelled& cancelled) {
  std::unique_lock lock(mutex_);
  if (!idle_.empty()) {
    std::shared_ptr<WorkerState> worker = std::move(idle_.front());
    idle_.pop_front();
    ++counts_.warm;
    // The launcher replaces it when it ends, which is past the answer; only a pool that runs low
    // cannot wait for that.
    if (2 * idle_.size() < static_cast<size_t>(options_.warm_workers)) Pump();
    return worker;
  }
  Waiter waiter;
  waiters_.push_back(&waiter);
  Pump();
  const auto settled = [&waiter] { return waiter.worker != nullptr || !waiter.failure.ok(); };
  for (;;) {
    const absl::Duration left = deadline - SteadyTime::Now();
    const absl::Duration wait = cancelled ? std::min(left, kCancelInterval) : left;
    if (waiter.changed.wait_for(lock, Patience(wait), settled)) break;
    if (cancelled && cancelled()) {
      waiter.failure = GaveUp();
      break;
    }
    if (SteadyTime::Now() < deadline) continue;
    waiter.failure = launcher_ == nullptr
                         ? absl::UnavailableError("the launcher of workers died")
                         : absl::DeadlineExceededError("no worker came up in time");
    break;
  }
  waiters_.erase(std::remove(waiters_.begin(), waiters_.end(), &waiter), waiters_.end());
  if (waiter.worker == nullptr) return waiter.failure;
  ++counts_.on_demand;
  return waiter.worker;
}

absl::Status JailCore::AwaitGreeting(WorkerState& worker, SteadyTime deadline,
                                     const Cancelled& cancelled) {
  if (worker.greeted) return absl::OkStatus();
  const SteadyTime end = std::min(deadline, SteadyTime::Now() + kGreetingPatience);
  absl::Status greeting;
  for (;;) {
    greeting = TakeGreeting(worker, tier());
    const SteadyTime now = SteadyTime::Now();
    if (!absl::IsUnavailable(greeting) || now >= end) break;
    if (cancelled && cancelled()) return GaveUp();
    pollfd ready = {worker.channel.get(), POLLIN, 0};
    const absl::Duration wait = cancelled ? std::min(end - now, kCancelInterval) : end - now;
    if (poll(&ready, 1, PollMilliseconds(wait)) < 0 && errno != EINTR) {
      greeting = absl::InternalError(absl::StrCat("poll: ", strerror(errno)));
      break;
    }
  }
  const std::lock_guard lock(mutex_);
  if (greeting.ok()) {
    worker.greeted = true;
    failures_ = 0;
    return greeting;
  }
  NoteFailure();
  if (!absl::IsUnavailable(greeting)) return greeting;
  return end == deadline ? absl::DeadlineExceededError("no worker came up in time")
                         : absl::InternalError("the worker did not greet in time");
}

void JailCore::NoteFailure() {
  ++counts_.failed;
  refill_after_ = SteadyTime::Now() + RefillPause(failures_++);
}

bool JailCore::Request(bool urgent) {
  Message request;
  request.kind = MessageKind::kSpawn;
  request.id = last_id_ + 1;
  request.urgent = urgent;
  // A full socket is no error: Tick asks again.
  if (!SendMessage(launcher_->control(), request, {}, MSG_DONTWAIT)) return false;
  starting_[++last_id_] = SteadyTime::Now();
  return true;
}

void JailCore::Pump() {
  if (launcher_ == nullptr || stopping_) return;
  while (starting_.size() < std::min(waiters_.size(), kMaxStarting)) {
    if (!Request(/*urgent=*/true)) return;
  }
  if (failures_ > 0 && SteadyTime::Now() < refill_after_) return;
  const auto wanted = static_cast<size_t>(std::max(options_.warm_workers, 0)) + waiters_.size();
  while (idle_.size() + starting_.size() < wanted && starting_.size() < kMaxStarting) {
    if (!Request(/*urgent=*/false)) return;
  }
}

void JailCore::HandleMessage(const Message& message, UniqueFd channel, UniqueFd pidfd) {
  heard_ = SteadyTime::Now();
  if (message.kind == MessageKind::kExited) {
    if (message.replacement != 0) {
      Announce(message.replacement, std::move(channel), std::move(pidfd));
    }
    HandleExit(message);
  } else if (message.kind == MessageKind::kFailed) {
    HandleFailedSpawn(message.id, message.Text());
  } else if (message.kind == MessageKind::kSpawned) {
    starting_.erase(message.id);
    Announce(message.id, std::move(channel), std::move(pidfd));
  }
}

void JailCore::Announce(uint64_t id, UniqueFd channel, UniqueFd pidfd) {
  // Without descriptors (this process has no more of them) it is of no use, and ends by itself.
  if (!channel.valid() || !pidfd.valid()) return;
  auto state = std::make_shared<WorkerState>();
  state->id = id;
  state->channel = std::move(channel);
  state->pidfd = std::move(pidfd);
  state->cpu_limit = absl::Seconds(ToRaw(options_.limits).cpu_seconds);
  state->announced = SteadyTime::Now();
  state->core = weak_from_this();
  live_[id] = state;
  if (waiters_.empty()) {
    idle_.push_back(std::move(state));
    return;
  }
  Waiter* const waiter = waiters_.front();
  waiters_.pop_front();
  waiter->worker = std::move(state);
  waiter->changed.notify_one();
}

void JailCore::HandleFailedSpawn(uint64_t id, const std::string& why) {
  if (starting_.erase(id) == 0) return;
  NoteFailure();
  if (!waiters_.empty() && ++waiters_.front()->failed_spawns >= kSpawnAttempts) {
    Waiter* const waiter = waiters_.front();
    waiters_.pop_front();
    waiter->failure = absl::UnavailableError(absl::StrCat("cannot start a worker: ", why));
    waiter->changed.notify_one();
  }
  Pump();
}

void JailCore::HandleExit(const Message& message) {
  const auto found = live_.find(message.id);
  if (found == live_.end()) return;
  const std::shared_ptr<WorkerState> state = std::move(found->second);
  live_.erase(found);
  finishing_.erase(message.id);
  RawExit raw;
  raw.exited = message.exit_code == CLD_EXITED;
  raw.code_or_signal = message.exit_status;
  raw.max_rss_bytes = message.max_rss_bytes;
  raw.cpu = absl::Microseconds(message.cpu_microseconds);
  state->Ended(raw);
  const auto idle = std::find(idle_.begin(), idle_.end(), state);
  if (idle != idle_.end()) {
    idle_.erase(idle);
    NoteFailure();
  }
  Pump();
}

void JailCore::CheckIdle() {
  const SteadyTime late = SteadyTime::Now() - kGreetingPatience;
  for (auto worker = idle_.begin(); worker != idle_.end();) {
    WorkerState& state = **worker;
    const absl::Status greeting = state.greeted ? absl::OkStatus() : TakeGreeting(state, tier_);
    if (greeting.ok()) {
      if (!state.greeted) failures_ = 0;
      state.greeted = true;
    } else if (!absl::IsUnavailable(greeting) || state.announced < late) {
      KillByPidfd(state.pidfd.get());
      worker = idle_.erase(worker);
      NoteFailure();
      continue;
    }
    ++worker;
  }
}

void JailCore::Finish(const std::shared_ptr<WorkerState>& worker) {
  const std::lock_guard lock(mutex_);
  // It may have ended already.
  if (live_.count(worker->id) == 0) return;
  finishing_[worker->id] = {SteadyTime::Now() + kFinishPatience, worker};
}

void JailCore::CheckFinishing() {
  const SteadyTime now = SteadyTime::Now();
  for (const auto& [id, late] : finishing_) {
    if (late.first <= now) KillByPidfd(late.second->pidfd.get());
  }
}

void JailCore::Trim() {
  while (idle_.size() > static_cast<size_t>(std::max(options_.warm_workers, 0))) {
    KillByPidfd(idle_.front()->pidfd.get());
    idle_.pop_front();
  }
}

Tier JailCore::tier() const {
  const std::lock_guard lock(mutex_);
  return tier_;
}

std::string JailCore::tier_reason() const {
  const std::lock_guard lock(mutex_);
  return tier_reason_;
}

uint32_t JailCore::ready_workers() {
  const std::lock_guard lock(mutex_);
  CheckIdle();
  return static_cast<uint32_t>(std::count_if(idle_.begin(), idle_.end(),
                                             [](const auto& worker) { return worker->greeted; }));
}

JailCounts JailCore::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

bool JailCore::alive() const {
  const std::lock_guard lock(mutex_);
  return launcher_ != nullptr;
}

pid_t JailCore::launcher_pid() const {
  const std::lock_guard lock(mutex_);
  return launcher_ == nullptr ? -1 : launcher_->pid();
}

}  // namespace loadlock::jail
