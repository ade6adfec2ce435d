// The launcher as the daemon sees it: a child process and a control socket.
#ifndef LOADLOCK_SANDBOX_JAIL_LAUNCHER_PROCESS_H_
#define LOADLOCK_SANDBOX_JAIL_LAUNCHER_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/jail/jail.h"

namespace loadlock::jail {

class LauncherProcess {
 public:
  // Runs the executable and waits for its tier. Works from a process with threads too: posix_spawn
  // shares the memory until exec, so nothing is copied and no lock is taken over.
  static absl::StatusOr<std::unique_ptr<LauncherProcess>> Start(const Options& options);
  // Closes the socket, on which the launcher kills its workers and exits; kills it if it does not.
  ~LauncherProcess();
  LauncherProcess(const LauncherProcess&) = delete;
  LauncherProcess& operator=(const LauncherProcess&) = delete;

  int control() const { return control_.get(); }
  pid_t pid() const { return pid_; }
  Tier tier() const { return tier_; }
  const std::string& reason() const { return reason_; }
  // Gives away the pidfd of the process that serves (at tier A a child of `pid`).
  channel::UniqueFd TakeServingPidfd() { return std::move(serving_); }

 private:
  LauncherProcess() = default;
  absl::Status Spawn(const std::string& path);
  absl::Status Handshake(const Options& options);

  channel::UniqueFd control_;
  channel::UniqueFd pidfd_;
  channel::UniqueFd serving_;
  pid_t pid_ = -1;
  Tier tier_ = Tier::kC;
  std::string reason_;
};

// Sends SIGKILL; a process that is gone already is no error.
void KillByPidfd(int pidfd);

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_LAUNCHER_PROCESS_H_
