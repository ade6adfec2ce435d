// A jail from which layers can be taken away, and what becomes of one act in it.
#ifndef LOADLOCK_TESTS_ESCAPE_LAB_H_
#define LOADLOCK_TESTS_ESCAPE_LAB_H_

#include <memory>
#include <string>
#include <string_view>

#include "sandbox/channel/daemon_end.h"
#include "sandbox/jail/jail.h"
#include "sandbox/jail/layers.h"

namespace loadlock::escape {

struct Result {
  channel::ReadOutcome outcome;
  jail::WorkerExit exit;
  // What an act came to: "done" or the name of an errno. Empty if the worker was stopped.
  std::string said;

  // The forbidden call that ended the worker; empty if none did.
  std::string stopped_at() const {
    return exit.cause == jail::WorkerExit::Cause::kSyscall ? exit.syscall : "";
  }
};

struct Without {
  unsigned layers = 0;  // of sandbox/jail/layers.h
  int call = -1;        // an index into AllowedCalls()
};

class Lab {
 public:
  // Null if no worker can be started so; a jail without `without.call` may be like that.
  static std::unique_ptr<Lab> Open(jail::Tier tier, const Without& without, int warm_workers = 4);
  ~Lab();
  Lab(const Lab&) = delete;
  Lab& operator=(const Lab&) = delete;

  // Gives one worker these bytes as its artifact.
  Result Run(std::string_view artifact);

 private:
  explicit Lab(std::string link) : link_(std::move(link)) {}

  std::string link_;
  std::unique_ptr<jail::Jail> jail_;
};

}  // namespace loadlock::escape

#endif  // LOADLOCK_TESTS_ESCAPE_LAB_H_
