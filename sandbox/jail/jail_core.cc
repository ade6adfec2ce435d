#include "sandbox/jail/jail_core.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sandbox/channel/daemon_end.h"
#include "sandbox/jail/layers.h"

namespace loadlock::jail {
namespace {

using channel::UniqueFd;

// Keys of the epoll set; every other key is a worker's id.
constexpr uint64_t kControlKey = ~uint64_t{0};
constexpr uint64_t kWakeKey = kControlKey - 1;

// More requests than this would only queue up in the launcher, which makes one at a time.
constexpr size_t kMaxStarting = 64;
// A lock-down takes 0.2 ms; this is for a machine that is badly overloaded.
constexpr absl::Duration kGreetingPatience = absl::Seconds(10);
// How often one Acquire lets a worker fail before it gives up.
constexpr int kSpawnAttempts = 3;
constexpr absl::Duration kMaxRefillPause = absl::Seconds(1);
constexpr absl::Duration kLauncherPause = absl::Seconds(1);
// Workers taken closer together than this are a burst, in which replacements are forked. A start by
// exec costs about three times as much, most of it in the C library's start-up: it asks CPUID for
// every cache, and each CPUID leaves a virtual machine. A forked worker is as locked down and as
// empty; what it lacks is an address layout of its own.
constexpr std::chrono::milliseconds kBurst(20);
constexpr int kIdleMilliseconds = 1000;
constexpr int kBusyMilliseconds = 20;

absl::Duration RefillPause(int failures) {
  return std::min(kMaxRefillPause, absl::Milliseconds(10) * (1 << std::min(failures, 10)));
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
      launcher_started_(absl::Now()) {}

absl::Status JailCore::Run() {
  epoll_.Reset(epoll_create1(EPOLL_CLOEXEC));
  wake_.Reset(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!epoll_.valid() || !wake_.valid()) {
    return absl::InternalError(absl::StrCat("epoll or eventfd: ", strerror(errno)));
  }
  Watch(wake_.get(), kWakeKey);
  {
    const std::lock_guard lock(mutex_);
    Watch(launcher_->control(), kControlKey);
    Pump();
  }
  // Signals are for the threads that the daemon's main chooses.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  reader_ = std::thread(&JailCore::ReadLoop, this);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return absl::OkStatus();
}

JailCore::~JailCore() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (reader_.joinable()) {
    eventfd_write(wake_.get(), 1);
    reader_.join();
  }
  LoseLauncher();
}

void JailCore::Watch(int fd, uint64_t key) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = key;
  // Fails only without memory; then the worker never becomes ready, and Tick gives it up.
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

absl::StatusOr<std::shared_ptr<WorkerState>> JailCore::Acquire(absl::Time deadline) {
  std::unique_lock lock(mutex_);
  if (!ready_.empty()) {
    std::shared_ptr<WorkerState> worker = std::move(ready_.front());
    ready_.pop_front();
    NoteTaken();
    // Making the replacement costs more CPU time than a small job. It is put off until this worker
    // ends (HandleExit), unless the pool runs low.
    if (2 * ready_.size() < static_cast<size_t>(options_.warm_workers)) Pump();
    return worker;
  }
  NoteTaken();
  Waiter waiter;
  waiters_.push_back(&waiter);
  Pump();
  const auto settled = [&waiter] { return waiter.worker != nullptr || !waiter.failure.ok(); };
  if (!waiter.changed.wait_for(lock, Patience(deadline - absl::Now()), settled)) {
    waiter.failure = launcher_ == nullptr
                         ? absl::UnavailableError("the launcher of workers died")
                         : absl::DeadlineExceededError("no worker came up in time");
  }
  waiters_.erase(std::remove(waiters_.begin(), waiters_.end(), &waiter), waiters_.end());
  if (waiter.worker == nullptr) return waiter.failure;
  return waiter.worker;
}

void JailCore::NoteTaken() {
  const auto now = std::chrono::steady_clock::now();
  busy_ = now - last_taken_ < kBurst;
  last_taken_ = now;
}

bool JailCore::Request(SpawnMode mode) {
  Message request;
  request.kind = MessageKind::kSpawn;
  request.id = last_id_ + 1;
  request.mode = mode;
  // A full socket is no error: Tick asks again.
  if (!SendMessage(launcher_->control(), request, {}, MSG_DONTWAIT)) return false;
  starting_[++last_id_].since = absl::Now();
  return true;
}

void JailCore::Pump() {
  if (launcher_ == nullptr || stopping_) return;
  while (starting_.size() < std::min(waiters_.size(), kMaxStarting)) {
    if (!Request(SpawnMode::kFork)) return;
  }
  if (failures_ > 0 && absl::Now() < refill_after_) return;
  const auto wanted = static_cast<size_t>(std::max(options_.warm_workers, 0)) + waiters_.size();
  while (ready_.size() + starting_.size() < wanted && starting_.size() < kMaxStarting) {
    if (!Request(busy_ ? SpawnMode::kFork : SpawnMode::kExec)) return;
  }
}

void JailCore::ReadLoop() {
  std::array<epoll_event, 32> events;
  for (;;) {
    const int wait = Tick();
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), wait);
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    for (int i = 0; i < count; ++i) {
      const uint64_t key = events[static_cast<size_t>(i)].data.u64;
      if (key == kControlKey) {
        ReadControl();
      } else if (key != kWakeKey) {
        HandleGreeting(key);
      }
    }
  }
}

void JailCore::ReadControl() {
  bool closed = false;
  {
    const std::lock_guard lock(mutex_);
    while (launcher_ != nullptr && !closed) {
      Message message;
      std::array<UniqueFd, 2> fds;
      const Received received = ReceiveMessage(launcher_->control(), &message, &fds, MSG_DONTWAIT);
      if (received == Received::kNothing) return;
      closed = received == Received::kClosed;
      if (!closed) HandleMessage(message, std::move(fds[0]), std::move(fds[1]));
    }
  }
  LoseLauncher();
}

void JailCore::HandleMessage(const Message& message, UniqueFd channel, UniqueFd pidfd) {
  if (message.kind == MessageKind::kExited) {
    HandleExit(message);
  } else if (message.kind == MessageKind::kFailed) {
    HandleFailedSpawn(message.id, message.Text());
  } else if (message.kind == MessageKind::kSpawned && channel.valid() && pidfd.valid()) {
    auto state = std::make_shared<WorkerState>();
    state->id = message.id;
    state->channel = std::move(channel);
    state->pidfd = std::move(pidfd);
    state->cpu_limit = absl::Seconds(ToRaw(options_.limits).cpu_seconds);
    live_[message.id] = state;
    const auto starting = starting_.find(message.id);
    if (starting == starting_.end()) {
      KillByPidfd(state->pidfd.get());  // it came too late
      return;
    }
    starting->second.state = state;
    Watch(state->channel.get(), message.id);
  }
}

void JailCore::HandleGreeting(uint64_t id) {
  const std::lock_guard lock(mutex_);
  const auto starting = starting_.find(id);
  if (starting == starting_.end() || starting->second.state == nullptr) return;
  const std::shared_ptr<WorkerState> state = starting->second.state;
  const channel::Greeting greeting = channel::ReadGreeting(state->channel.get());
  if (greeting.kind == channel::Greeting::Kind::kNotYet) return;
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, state->channel.get(), nullptr);
  const uint8_t required = RequiredLayers(tier_);
  if (greeting.kind == channel::Greeting::Kind::kReady &&
      (greeting.layers & required) == required) {
    starting_.erase(starting);
    HandleReady(state);
    return;
  }
  KillByPidfd(state->pidfd.get());
  HandleFailedSpawn(id, greeting.message.empty() ? "a layer of the jail is missing"
                                                 : absl::StrCat("worker: ", greeting.message));
}

void JailCore::HandleReady(std::shared_ptr<WorkerState> state) {
  failures_ = 0;
  if (waiters_.empty()) {
    ready_.push_back(std::move(state));
    return;
  }
  Waiter* const waiter = waiters_.front();
  waiters_.pop_front();
  waiter->worker = std::move(state);
  waiter->changed.notify_one();
}

void JailCore::HandleFailedSpawn(uint64_t id, const std::string& why) {
  if (starting_.erase(id) == 0) return;
  refill_after_ = absl::Now() + RefillPause(failures_++);
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
  RawExit raw;
  raw.exited = message.exit_code == CLD_EXITED;
  raw.code_or_signal = message.exit_status;
  raw.max_rss_bytes = message.max_rss_bytes;
  raw.cpu = absl::Microseconds(message.cpu_microseconds);
  state->Ended(raw);
  HandleFailedSpawn(message.id, "the worker ended before it was ready");
  const auto idle = std::find(ready_.begin(), ready_.end(), state);
  if (idle != ready_.end()) {
    ready_.erase(idle);
    refill_after_ = absl::Now() + RefillPause(failures_++);
  }
  Pump();
}

void JailCore::LoseLauncher() {
  std::unique_ptr<LauncherProcess> dead;
  std::unordered_map<uint64_t, std::shared_ptr<WorkerState>> lost;
  {
    const std::lock_guard lock(mutex_);
    dead = std::move(launcher_);
    lost.swap(live_);
    starting_.clear();
    ready_.clear();
  }
  for (const auto& [id, state] : lost) KillByPidfd(state->pidfd.get());
  // A launcher that still lives reaps its workers before it exits, and this waits for it.
  dead.reset();
  const std::lock_guard lock(mutex_);
  KillByPidfd(serving_pidfd_.get());
  orphans_.push_back(std::move(serving_pidfd_));
  for (const auto& [id, state] : lost) {
    state->Ended(std::nullopt);
    orphans_.emplace_back(fcntl(state->pidfd.get(), F_DUPFD_CLOEXEC, 0));
  }
  ReapOrphans();
}

void JailCore::ReapOrphans() {
  // ECHILD: the init process of the system reaps them, or somebody has.
  const auto settled = [](const UniqueFd& pidfd) {
    siginfo_t info = {};
    return !pidfd.valid() ||
           waitid(P_PIDFD, static_cast<id_t>(pidfd.get()), &info, WEXITED | WNOHANG) != 0 ||
           info.si_pid != 0;
  };
  orphans_.erase(std::remove_if(orphans_.begin(), orphans_.end(), settled), orphans_.end());
}

void JailCore::RestartLauncher() {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || absl::Now() < launcher_started_ + kLauncherPause) return;
    launcher_started_ = absl::Now();
  }
  auto launcher = LauncherProcess::Start(options_);
  if (!launcher.ok()) return;  // alive() says so; it is tried again
  const std::lock_guard lock(mutex_);
  launcher_ = *std::move(launcher);
  serving_pidfd_ = launcher_->TakeServingPidfd();
  tier_ = launcher_->tier();
  tier_reason_ = launcher_->reason();
  failures_ = 0;
  Watch(launcher_->control(), kControlKey);
  Pump();
}

int JailCore::Tick() {
  bool dead = false;
  {
    const std::lock_guard lock(mutex_);
    ReapOrphans();
    dead = launcher_ == nullptr;
    std::vector<uint64_t> late;
    for (const auto& [id, starting] : starting_) {
      if (absl::Now() - starting.since > kGreetingPatience) late.push_back(id);
    }
    for (const uint64_t id : late) {
      const std::shared_ptr<WorkerState> state = starting_[id].state;
      if (state != nullptr) KillByPidfd(state->pidfd.get());
      HandleFailedSpawn(id, "the worker did not greet in time");
    }
    Pump();
  }
  if (dead) RestartLauncher();
  const std::lock_guard lock(mutex_);
  const bool busy = launcher_ == nullptr || failures_ > 0 || !waiters_.empty() || !orphans_.empty();
  return busy ? kBusyMilliseconds : kIdleMilliseconds;
}

Tier JailCore::tier() const {
  const std::lock_guard lock(mutex_);
  return tier_;
}

std::string JailCore::tier_reason() const {
  const std::lock_guard lock(mutex_);
  return tier_reason_;
}

uint32_t JailCore::ready_workers() const {
  const std::lock_guard lock(mutex_);
  return static_cast<uint32_t>(ready_.size());
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
