#include "sandbox/jail/launcher.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/channel/unique_fd.h"
#include "sandbox/faults/fault_point.h"
#include "sandbox/jail/control.h"
#include "sandbox/jail/namespaces.h"
#include "sandbox/jail/spawner.h"
#include "sandbox/jail/syscall_policy.h"

namespace loadlock::jail {
namespace {

using channel::UniqueFd;

constexpr int kExitServed = 0;
constexpr int kExitNotConfigured = 110;
constexpr int kExitNoTier = 111;
// From the inner to the outer launcher: the probe went well. A text is a failure.
constexpr char kInnerReady = '\0';
// Workers that end closer together than this are a burst, in which replacements are forked. A start
// by exec costs about three times as much, most of it in the C library's start-up: it asks CPUID
// for every cache, and each CPUID leaves a virtual machine. A forked worker is as locked down and
// as empty; what it lacks is an address layout of its own.
constexpr std::chrono::milliseconds kBurst(20);
// How much larger the pool may grow in a burst, so that callers at once find workers.
constexpr size_t kBurstFactor = 4;

class Launcher {
 public:
  explicit Launcher(const WorkerProgram& program)
      : spawner_(program, UniqueFd(open("/proc/self/exe", O_PATH | O_CLOEXEC))) {}

  int Run();

 private:
  // Tries one tier. On success it does not come back before the daemon closes the socket.
  CallResult TryTier(Tier tier);
  CallResult TryNamespaces();
  // The same, if the kernel lets `call` make them; `refused` if not.
  CallResult TryNamespacesBy(NamespaceCall call, bool* refused);
  [[noreturn]] void RunInner(UniqueFd status, bool nobody);
  CallResult PrepareAndProbe();
  // Announces the tier and serves.
  void Serve();

  void HandleSpawn(const Message& request);
  void Reap();
  // A worker that has served is gone: makes another one, if there are fewer than the pool holds.
  void Replace(Message* exited, Child* child);
  // Fork if somebody waits, or in a burst.
  SpawnMode ModeFor(bool urgent) const;
  void KillAll();
  void Send(const Message& message, const std::vector<int>& fds = {});

  Spawner spawner_;
  Message configuration_;
  WorkerSetup setup_;
  NamespaceCall namespace_call_ = NamespaceCall::kClone;
  std::string reason_;
  UniqueFd child_signals_;
  // Process and worker id. A few hundred at most, so that a search costs nothing.
  std::vector<std::pair<pid_t, uint64_t>> workers_;
  std::chrono::steady_clock::time_point last_exit_;
  bool burst_ = false;
  uint64_t next_replacement_ = kFirstReplacement;
  bool daemon_gone_ = false;
};

void Launcher::Send(const Message& message, const std::vector<int>& fds) {
  // Blocks while the daemon is slow; fails only when it is gone.
  if (!SendMessage(kControlFd, message, fds, 0)) daemon_gone_ = true;
}

SpawnMode Launcher::ModeFor(bool urgent) const {
  return urgent || burst_ ? SpawnMode::kFork : SpawnMode::kExec;
}

void Launcher::HandleSpawn(const Message& request) {
  Message answer;
  answer.id = request.id;
  Child child;
  faults::FaultPoint(faults::Stage::kSpawning);
  if (const CallResult failed = spawner_.Spawn(ModeFor(request.urgent), &child)) {
    answer.kind = MessageKind::kFailed;
    answer.SetText(failed->Describe());
    Send(answer);
    return;
  }
  workers_.emplace_back(child.pid, request.id);
  faults::FaultPoint(faults::Stage::kSpawned);
  answer.kind = MessageKind::kSpawned;
  Send(answer, {child.channel.get(), child.pidfd.get()});
}

void Launcher::Replace(Message* exited, Child* child) {
  if (workers_.size() >= configuration_.warm_workers * (burst_ ? kBurstFactor : 1)) return;
  // A failure is no loss: the daemon asks for what it lacks, and is told why it does not get it.
  if (spawner_.Spawn(ModeFor(false), child)) return;
  exited->replacement = next_replacement_++;
  workers_.emplace_back(child->pid, exited->replacement);
}

void Launcher::Reap() {
  for (;;) {
    int status = 0;
    rusage usage = {};
    const pid_t pid = wait4(-1, &status, WNOHANG, &usage);
    if (pid <= 0) return;
    const auto worker = std::find_if(workers_.begin(), workers_.end(),
                                     [pid](const auto& entry) { return entry.first == pid; });
    if (worker == workers_.end()) continue;
    faults::FaultPoint(faults::Stage::kReaped);
    Message message;
    message.kind = MessageKind::kExited;
    message.id = worker->second;
    message.exit_code = WIFEXITED(status) ? CLD_EXITED : CLD_KILLED;
    message.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
    message.max_rss_bytes = static_cast<uint64_t>(usage.ru_maxrss) << 10;
    message.cpu_microseconds =
        static_cast<uint64_t>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 +
        static_cast<uint64_t>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    *worker = workers_.back();
    workers_.pop_back();
    const auto now = std::chrono::steady_clock::now();
    burst_ = now - last_exit_ < kBurst;
    last_exit_ = now;
    Child child;
    if (status == 0) Replace(&message, &child);
    std::vector<int> fds;
    if (message.replacement != 0) fds = {child.channel.get(), child.pidfd.get()};
    Send(message, fds);
  }
}

void Launcher::KillAll() {
  for (const auto& [pid, id] : workers_) kill(pid, SIGKILL);
  // Nobody else would reap them.
  while (wait4(-1, nullptr, 0, nullptr) > 0 || errno == EINTR) {
  }
}

void Launcher::Serve() {
  Message tier;
  tier.kind = MessageKind::kTier;
  tier.tier = setup_.tier;
  tier.usable = true;
  tier.SetText(reason_);
  const UniqueFd self(static_cast<int>(syscall(SYS_pidfd_open, getpid(), 0)));
  if (!self.valid()) return;
  Send(tier, {self.get()});
  while (!daemon_gone_) {
    std::array<pollfd, 2> ready = {{{kControlFd, POLLIN, 0}, {child_signals_.get(), POLLIN, 0}}};
    if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
    // A request first: somebody waits for a worker, nobody for a report as urgently.
    if (ready[0].revents != 0) {
      Message request;
      std::array<UniqueFd, 2> none;
      const Received received = ReceiveMessage(kControlFd, &request, &none, MSG_DONTWAIT);
      if (received == Received::kClosed) break;
      if (received == Received::kMessage && request.kind == MessageKind::kSpawn) {
        HandleSpawn(request);
      }
    }
    if (ready[1].revents != 0) {
      signalfd_siginfo drained;
      if (read(child_signals_.get(), &drained, sizeof(drained)) < 0 && errno != EAGAIN) break;
      Reap();
    }
  }
  KillAll();
}

CallResult Launcher::PrepareAndProbe() {
  sigset_t child;
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  if (sigprocmask(SIG_BLOCK, &child, nullptr) != 0) return Failed("rt_sigprocmask");
  child_signals_.Reset(signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!child_signals_.valid()) return Failed("signalfd");
  if (CallResult failed = spawner_.Prepare(setup_, namespace_call_)) return failed;
  return spawner_.Probe();
}

void Launcher::RunInner(UniqueFd status, bool nobody) {
  char go = 0;
  // The outer process writes one byte when the ids are mapped; the end of file is its death.
  if (recv(status.get(), &go, 1, 0) != 1) _exit(kExitNoTier);
  const auto step = [&](const CallResult& failed) {
    if (!failed) return;
    const std::string text = failed->Describe();
    (void)send(status.get(), text.data(), text.size(), MSG_NOSIGNAL);
    _exit(kExitNoTier);
  };
  step(TakeMappedIds(nobody));
  // After the change of user, which would undo it.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) step(Failed("prctl(PR_SET_PDEATHSIG)"));
  if (recv(status.get(), &go, 1, MSG_DONTWAIT) == 0) _exit(kExitNoTier);
  step(EnterEmptyRoot());
  // Workers inherit it. What this process itself holds stays: it goes on making namespaces.
  step(EmptyBoundingSet());
  setup_.bounding_set_is_empty = true;
  setup_.is_nobody = nobody;
  step(PrepareAndProbe());
  if (send(status.get(), &kInnerReady, 1, MSG_NOSIGNAL) != 1) _exit(kExitNoTier);
  status.Reset();
  Serve();
  _exit(kExitServed);
}

CallResult Launcher::TryNamespaces() {
  bool refused = false;
  CallResult by_clone = TryNamespacesBy(NamespaceCall::kClone, &refused);
  if (!refused) return by_clone;
  CallResult failed = TryNamespacesBy(NamespaceCall::kUnshare, &refused);
  if (failed) failed->call = by_clone->Describe() + ", " + failed->call;
  return failed;
}

CallResult Launcher::TryNamespacesBy(NamespaceCall call, bool* refused) {
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Failed("socketpair");
  }
  UniqueFd status(ends[0]);
  UniqueFd inner_end(ends[1]);
  const bool nobody = CanBecomeNobody();
  pid_t inner = -1;
  CallResult failed = ForkIntoNamespaces(call, &inner);
  *refused = failed.has_value();
  if (failed) return failed;
  if (inner == 0) {
    status.Reset();
    namespace_call_ = call;
    RunInner(std::move(inner_end), nobody);
  }
  inner_end.Reset();
  failed = MapIds(inner, nobody);
  if (failed) {
    kill(inner, SIGKILL);
  } else {
    std::array<char, 512> text;
    (void)send(status.get(), "", 1, MSG_NOSIGNAL);
    const ssize_t size = recv(status.get(), text.data(), text.size(), MSG_WAITALL);
    if (size != 1 || text[0] != kInnerReady) {
      failed = CallFailure{size > 0 ? std::string(text.data(), static_cast<size_t>(size))
                                    : "the inner launcher died",
                           0};
    }
  }
  // Only the inner process may hold the control socket, so that its end shows there.
  if (!failed) close(kControlFd);
  int ended = 0;
  while (waitpid(inner, &ended, 0) < 0 && errno == EINTR) {
  }
  if (!failed && ended != kExitServed) _exit(kExitNoTier);
  return failed;
}

CallResult Launcher::TryTier(Tier tier) {
  setup_.tier = tier;
  if (tier == Tier::kA) {
    setup_.launcher = 0;
    return TryNamespaces();
  }
  setup_.launcher = getpid();
  setup_.become_nobody = CanBecomeNobody();
  if (CallResult failed = PrepareAndProbe()) return failed;
  Serve();
  return {};
}

int Launcher::Run() {
  // The end of the control socket says the same, but not to a launcher that is stopped or stuck. If
  // the daemon has died before this call, the socket has ended already.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return kExitNotConfigured;
  std::array<UniqueFd, 2> none;
  if (ReceiveMessage(kControlFd, &configuration_, &none, 0) != Received::kMessage ||
      configuration_.kind != MessageKind::kConfigure) {
    return kExitNotConfigured;
  }
  setup_.limits = configuration_.limits;
  std::vector<sock_filter> filter;
  CallResult failed = BuildFilter(&filter);
  if (!failed && filter.size() > kMaxFilter) failed = CallFailure{"seccomp_export_bpf", E2BIG};
  if (!failed && chdir("/") != 0) failed = Failed("chdir");
  if (failed) {
    reason_ = failed->Describe();
  } else {
    std::copy(filter.begin(), filter.end(), setup_.filter.begin());
    setup_.filter_size = static_cast<uint32_t>(filter.size());
    for (Tier tier = Tier::kA; tier <= configuration_.minimum;
         tier = static_cast<Tier>(static_cast<int>(tier) + 1)) {
      failed = tier < configuration_.tier ? CallFailure{"the configuration asks for less", 0}
                                          : TryTier(tier);
      if (!failed) return kExitServed;
      if (!reason_.empty()) reason_ += "; ";
      reason_ += std::string("tier ") + TierLetter(tier) + ": " + failed->Describe();
    }
  }
  Message message;
  message.kind = MessageKind::kTier;
  message.SetText(reason_);
  Send(message);
  return kExitNoTier;
}

}  // namespace

int RunLauncher(const WorkerProgram& program) { return Launcher(program).Run(); }

}  // namespace loadlock::jail
