#include "sandbox/jail/launcher_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "sandbox/jail/control.h"

namespace loadlock::jail {
namespace {

using channel::UniqueFd;

// A start takes a few milliseconds; these are for a machine that is badly overloaded.
constexpr int kHandshakeMilliseconds = 30'000;
constexpr int kExitMilliseconds = 2'000;

// What posix_spawn allocates, freed whatever happens.
class SpawnPlan {
 public:
  SpawnPlan() {
    posix_spawn_file_actions_init(&actions_);
    posix_spawnattr_init(&attributes_);
  }
  ~SpawnPlan() {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  // Only the control socket is passed on; signals are as after a login. A session of its own keeps
  // the terminal's Ctrl-C away: the daemon decides when its workers end.
  int Fill(int control) {
    sigset_t all, none;
    sigfillset(&all);
    sigemptyset(&none);
    int error = 0;
    const auto step = [&error](int result) { error = error == 0 ? result : error; };
    step(posix_spawn_file_actions_adddup2(&actions_, control, kControlFd));
    step(posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDWR, 0));
    step(posix_spawn_file_actions_adddup2(&actions_, 0, 1));
#ifndef LOADLOCK_SANITIZED  // there the reports of workers are wanted
    step(posix_spawn_file_actions_adddup2(&actions_, 0, 2));
#endif
    step(posix_spawn_file_actions_addclosefrom_np(&actions_, kControlFd + 1));
    step(posix_spawnattr_setsigdefault(&attributes_, &all));
    step(posix_spawnattr_setsigmask(&attributes_, &none));
    step(posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID));
    return error;
  }

  int Run(const std::string& path, pid_t* pid) {
    char name[] = "loadlock-worker";
    char command[] = "--launcher";
    char* arguments[] = {name, command, nullptr};
#ifdef LOADLOCK_SANITIZED
    char** environment = environ;  // the options of the sanitizer
#else
    char* environment[] = {nullptr};
#endif
    return posix_spawn(pid, path.c_str(), &actions_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

}  // namespace

void KillByPidfd(int pidfd) {
  if (pidfd >= 0) syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, nullptr, 0);
}

absl::Status LauncherProcess::Spawn(const std::string& path) {
  std::array<int, 2> ends = {-1, -1};
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return absl::InternalError(absl::StrCat("socketpair: ", strerror(errno)));
  }
  control_.Reset(ends[0]);
  const UniqueFd launcher_end(ends[1]);
  SpawnPlan plan;
  int error = plan.Fill(launcher_end.get());
  if (error == 0) error = plan.Run(path, &pid_);
  if (error != 0) {
    pid_ = -1;
    const std::string text = absl::StrCat("cannot run ", path, ": ", strerror(error));
    return error == ENOENT ? absl::NotFoundError(text) : absl::InternalError(text);
  }
  pidfd_.Reset(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  if (!pidfd_.valid()) return absl::InternalError(absl::StrCat("pidfd_open: ", strerror(errno)));
  return absl::OkStatus();
}

absl::Status LauncherProcess::Handshake(const Options& options) {
  Message configure;
  configure.kind = MessageKind::kConfigure;
  configure.tier = options.best;
  configure.minimum = options.minimum;
  configure.limits = ToRaw(options.limits);
  configure.warm_workers = static_cast<uint32_t>(std::max(options.warm_workers, 0));
  Message answer;
  std::array<UniqueFd, 2> fds;
  pollfd ready = {control_.get(), POLLIN, 0};
  if (!SendMessage(control_.get(), configure, {}, 0) ||
      poll(&ready, 1, kHandshakeMilliseconds) != 1 ||
      ReceiveMessage(control_.get(), &answer, &fds, MSG_DONTWAIT) != Received::kMessage ||
      answer.kind != MessageKind::kTier) {
    return absl::InternalError("the launcher did not say its tier; is it another version?");
  }
  if (!answer.usable) {
    return absl::FailedPreconditionError(absl::StrCat("no isolation tier works: ", answer.Text()));
  }
  tier_ = answer.tier;
  reason_ = answer.Text();
  serving_ = std::move(fds[0]);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LauncherProcess>> LauncherProcess::Start(const Options& options) {
  std::unique_ptr<LauncherProcess> launcher(new LauncherProcess);
  if (absl::Status status = launcher->Spawn(options.worker_path); !status.ok()) return status;
  if (absl::Status status = launcher->Handshake(options); !status.ok()) return status;
  return launcher;
}

LauncherProcess::~LauncherProcess() {
  control_.Reset();
  if (pid_ < 0) return;
  pollfd ended = {pidfd_.get(), POLLIN, 0};
  if (!pidfd_.valid() || poll(&ended, 1, kExitMilliseconds) != 1) kill(pid_, SIGKILL);
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace loadlock::jail
