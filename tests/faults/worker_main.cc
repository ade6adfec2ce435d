// loadlock-worker with fault points. The launcher has neither arguments nor environment, so the
// test's socket lies beside the name under which it was started; it connects before it is locked
// away.
//
// A worker may write to standard error and to its channel, and wait for nothing but its job. So its
// standard error is a socket whose buffer holds one record: the first record says which stage was
// reached, and the second one is not taken before the test has read the first.
#include <fcntl.h>
#include <sys/auxv.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>
#include <string_view>

#include "sandbox/faults/fault_point.h"
#include "sandbox/jail/process.h"
#include "sandbox/jail/raw_syscall.h"
#include "sandbox/worker/job.h"
#include "tests/faults/conversation.h"
#include "tests/faults/stage_names.h"

namespace loadlock::faults {
namespace {

// The launcher's own connection, far from the numbers that it fills.
constexpr int kLauncherFd = 100;
// One fills the smallest buffer that a socket can have (4,608 bytes), two never fit.
constexpr size_t kRecordBytes = 4400;

bool IsLaunchers(Stage stage) { return stage >= Stage::kSpawning && stage <= Stage::kReaped; }

void Record(std::string_view text) {
  std::array<char, kRecordBytes> record = {};
  memcpy(record.data(), text.data(), text.size());
  jail::RawSyscall(SYS_write, STDERR_FILENO, reinterpret_cast<long>(record.data()),
                   static_cast<long>(record.size()));
}

// Both connections, or none: a worker without a test writes to /dev/null as always.
void ConnectLauncher() {
  const auto* const self = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const std::string path(self == nullptr ? "" : self);
  const std::string socket = path.substr(0, path.rfind('/') + 1) + "faults";
  const int own = Connect(socket.c_str());
  const int workers = Connect(socket.c_str());
  if (own < 0 || workers < 0) return;
  const int smallest = 0;
  setsockopt(workers, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
  dup3(own, kLauncherFd, O_CLOEXEC);
  dup2(workers, STDERR_FILENO);
  close(own);
  close(workers);
}

}  // namespace

void FaultPoint(Stage stage) {
  if (IsLaunchers(stage)) return Converse(kLauncherFd, stage);
  char name[64] = "tell ";
  strncat(name, NameOf(stage), sizeof(name) - strlen(name) - 1);
  Record(name);
  Record("filler");
}

}  // namespace loadlock::faults

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--launcher") loadlock::faults::ConnectLauncher();
  return loadlock::jail::ProcessMain(argc, argv,
                                     {&loadlock::worker::RunJob, &loadlock::worker::WarmUp});
}
