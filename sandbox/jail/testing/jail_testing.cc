#include "sandbox/jail/testing/jail_testing.h"

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::jail {
namespace {

using clock::SteadyTime;

constexpr channel::Limits kLimits = {
    .max_graph_bytes = 1 << 20, .max_provenance_bytes = 1 << 20, .max_result_bytes = 1 << 20};

channel::UniqueFd SealedArtifact() {
  channel::UniqueFd file(memfd_create("artifact", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(write(file.get(), kArtifact.data(), kArtifact.size()),
            static_cast<ssize_t>(kArtifact.size()));
  EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
  return file;
}

}  // namespace

Options TestOptions() {
  Options options;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  options.worker_path = self.parent_path() / "loadlock-test-worker";
  options.limits.heap_bytes = uint64_t{256} << 20;
  options.limits.file_bytes = uint64_t{1} << 20;
  options.limits.cpu = absl::Seconds(10);
  return options;
}

std::unique_ptr<Jail> StartJail(const JailChoice& choice) {
  Options options = TestOptions();
  options.best = choice.best;
  options.warm_workers = choice.warm_workers;
  options.limits = choice.limits;
  auto jail = Jail::Start(options);
  EXPECT_TRUE(jail.ok()) << jail.status();
  return jail.ok() ? *std::move(jail) : nullptr;
}

Answer AskWorker(Worker& worker, const std::string& act, absl::Duration patience) {
  Answer answer;
  const channel::UniqueFd artifact = SealedArtifact();
  const channel::UniqueFd decoded(memfd_create("decoded", MFD_CLOEXEC));
  const absl::Status sent = channel::SendJob(worker.channel(), act, artifact.get(), decoded.get());
  EXPECT_TRUE(sent.ok()) << sent;
  answer.outcome = channel::ReadWorkerOutput(worker.channel(), kLimits,
                                             SteadyTime::Now() + patience, {}, &answer.output);
  if (answer.outcome.kind == channel::ReadOutcome::Kind::kViolation) {
    worker.NoteViolation(answer.outcome.syscall_nr, answer.outcome.arch);
  }
  if (answer.outcome.kind == channel::ReadOutcome::Kind::kDeadline) {
    worker.Kill(WorkerExit::Cause::kDeadline);
  }
  worker.Dismiss();
  answer.exit = worker.AwaitExit(patience);
  struct stat info;
  EXPECT_EQ(fstat(decoded.get(), &info), 0);
  answer.decoded.resize(static_cast<size_t>(info.st_size));
  EXPECT_EQ(pread(decoded.get(), answer.decoded.data(), answer.decoded.size(), 0), info.st_size);
  return answer;
}

Answer Ask(Jail& jail, const std::string& act, absl::Duration patience) {
  auto worker = jail.Acquire(SteadyTime::Now() + absl::Seconds(60));
  EXPECT_TRUE(worker.ok()) << worker.status();
  return worker.ok() ? AskWorker(*worker, act, patience) : Answer{};
}

bool Eventually(const std::function<bool()>& condition) {
  const SteadyTime end = SteadyTime::Now() + absl::Seconds(10);
  while (!condition()) {
    if (SteadyTime::Now() > end) return false;
    absl::SleepFor(absl::Milliseconds(2));
  }
  return true;
}

size_t OpenFds() {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) {
    ++count;
  }
  return count;
}

std::vector<pid_t> ChildrenOf(pid_t process) {
  const std::string id = std::to_string(process);
  std::ifstream children("/proc/" + id + "/task/" + id + "/children");
  std::vector<pid_t> result;
  for (pid_t child = 0; children >> child;) result.push_back(child);
  return result;
}

size_t Descendants(pid_t process) {
  size_t count = 0;
  for (const pid_t child : ChildrenOf(process)) count += 1 + Descendants(child);
  return count;
}

std::vector<pid_t> IdleWorkers(const Jail& jail) {
  std::vector<pid_t> children = ChildrenOf(jail.launcher_pid());
  // At tier A there is the inner launcher in between.
  if (jail.tier() != Tier::kA) return children;
  return children.empty() ? children : ChildrenOf(children.front());
}

bool MayChangeUser() {
  std::ifstream status("/proc/self/status");
  constexpr uint64_t kSetuid = uint64_t{1} << 7;
  for (std::string line; std::getline(status, line);) {
    if (line.rfind("CapEff:", 0) == 0) {
      return geteuid() == 0 && (std::stoull(line.substr(7), nullptr, 16) & kSetuid) != 0;
    }
  }
  return false;
}

bool PidfdEnded(int pidfd) {
  pollfd ended = {pidfd, POLLIN, 0};
  return poll(&ended, 1, 0) == 1;
}

}  // namespace loadlock::jail
