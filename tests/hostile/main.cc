// loadlock-hostile-worker: a worker that an attacker owns. It is started and locked down like the
// real one, does the real one's job for ordinary artifacts, and lies on demand.
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "sandbox/jail/process.h"
#include "sandbox/worker/job.h"
#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

constexpr std::string_view kMagic = "HOSTILE ";
// A name that no table holds; the driver takes it for a mistake in the test.
constexpr int kUnknownScenario = 77;
// No name is as long.
constexpr size_t kMaxName = 128;

// The scenario's name; empty if the artifact is an ordinary one.
std::string AskedFor(int artifact) {
  struct stat info;
  if (syscall(SYS_fstat, artifact, &info) != 0 || info.st_size == 0) return "";
  const auto size = static_cast<size_t>(info.st_size);
  void* const map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, artifact, 0);
  if (map == MAP_FAILED) return "";
  const std::string start(static_cast<const char*>(map), std::min(size, kMaxName));
  munmap(map, size);
  const size_t end = start.find('\n');
  if (!start.starts_with(kMagic) || end == std::string::npos) return "";
  return start.substr(kMagic.size(), end - kMagic.size());
}

int TellLie(const Lie& lie, Stage& stage) {
  Output output = Honest();
  lie.tell(output);
  return Send(stage.job, stage.writer, output);
}

int Perform(std::string_view name, Stage& stage) {
  for (const auto acts : {FrameActs(), DecodedActs(), ProcessActs()}) {
    for (const Act& act : acts) {
      if (act.name == name) return act.perform(stage);
    }
  }
  for (const auto lies : {ResultLies(), ColumnLies(), NameLies(), ModelLies(), BoosterLies(),
                          TensorLies(), WorkLies()}) {
    for (const Lie& lie : lies) {
      if (lie.name == name) return TellLie(lie, stage);
    }
  }
  return kUnknownScenario;
}

int Body(channel::ReceivedJob& job, channel::FrameWriter& writer) {
  const std::string name = AskedFor(job.artifact.get());
  if (name.empty()) return worker::RunJob(job, writer);
  Stage stage{job, writer};
  return Perform(name, stage);
}

}  // namespace
}  // namespace loadlock::hostile

int main(int argc, char** argv) {
  return loadlock::jail::ProcessMain(argc, argv, {&loadlock::hostile::Body});
}
