#include "sandbox/jail/jail.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <utility>

#include "sandbox/channel/frame.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/jail_core.h"

namespace loadlock::jail {
namespace {

using clock::SteadyTime;

// SIGKILL takes a process down in milliseconds unless a device holds it; then its end is not
// waited for, only its place in the launcher's table stays.
constexpr absl::Duration kKillPatience = absl::Seconds(10);
// What the launcher needs to say how a worker ended. One that is stopped never does.
constexpr absl::Duration kReportPatience = absl::Seconds(2);
constexpr absl::Duration kLook = absl::Milliseconds(100);
// Packets that may be in front of the violation: what the socket buffer holds.
constexpr int kMaxQueued = 4096;

// Looks for a 'V' frame that nobody has read, in the channel of an ended worker.
std::optional<Violation> FindViolation(int channel) {
  std::array<uint8_t, channel::kViolationPacket> packet;
  for (int i = 0; i < kMaxQueued; ++i) {
    const ssize_t size = recv(channel, packet.data(), packet.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (size <= 0) return std::nullopt;
    if (size != ssize_t{packet.size()} ||
        packet[0] != static_cast<uint8_t>(channel::FrameType::kViolation)) {
      continue;
    }
    Violation violation;
    for (unsigned byte = 0; byte < 4; ++byte) {
      violation.syscall_nr |= uint32_t{packet[1 + byte]} << (8 * byte);
      violation.arch |= uint32_t{packet[5 + byte]} << (8 * byte);
    }
    return violation;
  }
  return std::nullopt;
}

bool HasEnded(int pidfd) {
  pollfd process = {pidfd, POLLIN, 0};
  return poll(&process, 1, 0) == 1;
}

// Waits until the launcher has said how the worker ended, at most for `grace`, and not longer than
// it should need when the worker is gone. `lock` holds the state's mutex.
void AwaitReport(WorkerState& state, std::unique_lock<std::mutex>& lock, absl::Duration grace) {
  SteadyTime end = SteadyTime::Now() + grace;
  bool gone = false;
  const auto told = [&state] { return state.exit.has_value() || state.launcher_gone; };
  for (SteadyTime now = SteadyTime::Now(); now < end && !told(); now = SteadyTime::Now()) {
    if (!gone && HasEnded(state.pidfd.get())) {
      gone = true;
      end = std::min(end, now + kReportPatience);
    }
    state.ended.wait_for(lock, Patience(std::min(end - now, kLook)), told);
  }
}

}  // namespace

Worker::Worker(std::shared_ptr<WorkerState> state) : state_(std::move(state)) {}

Worker& Worker::operator=(Worker&& other) noexcept {
  if (this != &other) {
    if (state_ != nullptr) Kill(WorkerExit::Cause::kKilled);
    state_ = std::move(other.state_);
  }
  return *this;
}

Worker::~Worker() {
  if (state_ != nullptr) Kill(WorkerExit::Cause::kKilled);
}

int Worker::channel() const { return state_->channel.get(); }
int Worker::pidfd() const { return state_->pidfd.get(); }

void Worker::Dismiss() {
  // The end of what the worker can hear is the end of its wait (process.cc); it may still speak.
  shutdown(state_->channel.get(), SHUT_WR);
}

void Worker::Finish() {
  Dismiss();
  const auto core = state_->core.lock();
  if (core != nullptr) core->Finish(state_);
  state_.reset();
}

void Worker::Kill(WorkerExit::Cause why) {
  const std::lock_guard lock(state_->mutex);
  if (state_->exit.has_value()) return;
  if (!state_->killed.has_value()) state_->killed = why;
  KillByPidfd(state_->pidfd.get());
}

void Worker::NoteViolation(uint32_t syscall_nr, uint32_t arch) {
  const std::lock_guard lock(state_->mutex);
  state_->violation = Violation{syscall_nr, arch};
}

WorkerExit Worker::AwaitExit(absl::Duration grace) {
  std::unique_lock lock(state_->mutex);
  AwaitReport(*state_, lock, grace);
  if (!state_->exit.has_value() && !state_->launcher_gone) {
    lock.unlock();
    // What is gone was not killed for its deadline; nobody knows why it went.
    if (!HasEnded(state_->pidfd.get())) Kill(WorkerExit::Cause::kDeadline);
    lock.lock();
    AwaitReport(*state_, lock, kKillPatience);
  }
  WorkerExit exit;
  if (!state_->exit.has_value()) {
    exit.cause = state_->launcher_gone ? WorkerExit::Cause::kLauncherGone
                                       : state_->killed.value_or(WorkerExit::Cause::kKilled);
    return exit;
  }
  if (state_->exit->exited && state_->exit->code_or_signal == kExitForbiddenCall &&
      !state_->violation.has_value()) {
    state_->violation = FindViolation(state_->channel.get());
  }
  return Classify(*state_->exit, state_->killed, state_->violation, state_->cpu_limit);
}

absl::StatusOr<std::unique_ptr<Jail>> Jail::Start(const Options& options) {
  auto launcher = LauncherProcess::Start(options);
  if (!launcher.ok()) return launcher.status();
  auto core = std::make_shared<JailCore>(options, *std::move(launcher));
  if (absl::Status status = core->Run(); !status.ok()) return status;
  return std::unique_ptr<Jail>(new Jail(std::move(core)));
}

Jail::Jail(std::shared_ptr<JailCore> core) : core_(std::move(core)) {}
Jail::~Jail() = default;

Tier Jail::tier() const { return core_->tier(); }
std::string Jail::tier_reason() const { return core_->tier_reason(); }
uint32_t Jail::ready_workers() const { return core_->ready_workers(); }

JailCounts Jail::counts() const { return core_->counts(); }
bool Jail::alive() const { return core_->alive(); }
pid_t Jail::launcher_pid() const { return core_->launcher_pid(); }

absl::StatusOr<Worker> Jail::Acquire(SteadyTime deadline, const std::function<bool()>& cancelled) {
  auto state = core_->Acquire(deadline, cancelled);
  if (!state.ok()) return state.status();
  return Worker(*std::move(state));
}

}  // namespace loadlock::jail
