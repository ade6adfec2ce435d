// The thread of JailCore: it reads what the launcher says, and replaces a launcher that died.
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
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/jail_core.h"

namespace loadlock::jail {
namespace {

using channel::UniqueFd;
using clock::SteadyTime;

// Keys of the epoll set.
constexpr uint64_t kControlKey = 1;
constexpr uint64_t kWakeKey = 2;
constexpr absl::Duration kLauncherPause = absl::Seconds(1);
constexpr int kIdleMilliseconds = 1000;
constexpr int kBusyMilliseconds = 20;

}  // namespace

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
  // Before the reader ends: a launcher dies with the thread that started it, and may be the
  // reader's.
  LoseLauncher();
  if (reader_.joinable()) {
    eventfd_write(wake_.get(), 1);
    reader_.join();
  }
  // The reader may have been in the middle of a restart.
  LoseLauncher();
}

void JailCore::Watch(int fd, uint64_t key) {
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = key;
  // Fails only without memory; then Run has failed, or no worker ever comes and Acquire says so.
  (void)epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
}

void JailCore::ReadLoop() {
  std::array<epoll_event, 2> events;
  for (;;) {
    const int wait = Tick();
    const int count = epoll_wait(epoll_.get(), events.data(), events.size(), wait);
    if (count == 0) {
      const std::lock_guard lock(mutex_);
      CheckIdle();
      Trim();
    }
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    for (int i = 0; i < count; ++i) {
      if (events[static_cast<size_t>(i)].data.u64 == kControlKey) ReadControl();
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

void JailCore::LoseLauncher() {
  std::unique_ptr<LauncherProcess> dead;
  std::unordered_map<uint64_t, std::shared_ptr<WorkerState>> lost;
  {
    const std::lock_guard lock(mutex_);
    dead = std::move(launcher_);
    lost.swap(live_);
    starting_.clear();
    idle_.clear();
    finishing_.clear();
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
    if (stopping_ || SteadyTime::Now() < launcher_started_ + kLauncherPause) return;
    launcher_started_ = SteadyTime::Now();
  }
  auto launcher = LauncherProcess::Start(options_);
  if (!launcher.ok()) return;  // alive() says so; it is tried again
  const std::lock_guard lock(mutex_);
  launcher_ = *std::move(launcher);
  ++counts_.launchers;
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
    CheckFinishing();
    dead = launcher_ == nullptr;
    std::vector<uint64_t> late;
    for (const auto& [id, since] : starting_) {
      if (SteadyTime::Now() - std::max(since, heard_) > kGreetingPatience) late.push_back(id);
    }
    for (const uint64_t id : late) HandleFailedSpawn(id, "the launcher did not answer in time");
    Pump();
  }
  if (dead) RestartLauncher();
  const std::lock_guard lock(mutex_);
  const bool busy = launcher_ == nullptr || failures_ > 0 || !waiters_.empty() || !orphans_.empty();
  return busy ? kBusyMilliseconds : kIdleMilliseconds;
}

}  // namespace loadlock::jail
