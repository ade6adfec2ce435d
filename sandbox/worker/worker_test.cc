// The real worker in the real jail: every sample of every format goes through it, so that a system
// call which a parser needs and the filter refuses is found here.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "sandbox/channel/daemon_end.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/jail.h"

namespace loadlock::worker {
namespace {

namespace fs = std::filesystem;
using channel::ReadOutcome;
using channel::UniqueFd;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr channel::Limits kLimits = {.max_graph_bytes = uint64_t{64} << 20,
                                     .max_provenance_bytes = uint64_t{64} << 20,
                                     .max_result_bytes = uint64_t{4} << 20};
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW;

struct Answer {
  ReadOutcome outcome;
  channel::WorkerOutput output;
  jail::WorkerExit exit;
  v1::WorkerResult result;
  uint64_t decoded_size = 0;
  bool sealed_at_once = false;
};

class WorkerTest : public ::testing::TestWithParam<jail::Tier> {
 protected:
  void SetUp() override {
    jail::Options options;
    options.worker_path = fs::read_symlink("/proc/self/exe").parent_path() / "loadlock-worker";
    options.best = GetParam();
    options.limits.file_bytes = uint64_t{16} << 20;
    auto jail = jail::Jail::Start(options);
    ASSERT_TRUE(jail.ok()) << jail.status();
    jail_ = *std::move(jail);
  }

  static v1::Job JobFor(uint64_t size) {
    v1::Job job;
    job.set_artifact_size(size);
    job.set_max_decoded_bytes(uint64_t{64} << 20);
    job.set_max_nodes(1'000'000);
    job.set_max_heap_bytes(uint64_t{256} << 20);
    job.set_max_depth(200);
    return job;
  }

  Answer Run(const std::string& artifact, const std::string& job, int seals = kSeals) {
    const UniqueFd file(memfd_create("artifact", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    EXPECT_EQ(write(file.get(), artifact.data(), artifact.size()),
              static_cast<ssize_t>(artifact.size()));
    EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, seals), 0);
    return Run(file, job);
  }

  // With an artifact that lies in a file on disk.
  Answer RunFile(const std::string& artifact, mode_t mode) {
    std::string path = ::testing::TempDir() + "/artifact_XXXXXX";
    const UniqueFd writer(mkstemp(path.data()));
    EXPECT_EQ(write(writer.get(), artifact.data(), artifact.size()),
              static_cast<ssize_t>(artifact.size()));
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(fchmod(writer.get(), mode), 0);
    EXPECT_EQ(unlink(path.c_str()), 0);
    return Run(file, JobFor(artifact.size()).SerializeAsString());
  }

  Answer Run(const UniqueFd& file, const std::string& job) {
    Answer answer;
    const UniqueFd decoded(memfd_create("decoded", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    auto worker = jail_->Acquire(clock::SteadyTime::Now() + absl::Seconds(30));
    EXPECT_TRUE(worker.ok()) << worker.status();
    if (!worker.ok()) return answer;
    EXPECT_TRUE(channel::SendJob(worker->channel(), job, file.get(), decoded.get()).ok());
    answer.outcome =
        channel::ReadWorkerOutput(worker->channel(), kLimits,
                                  clock::SteadyTime::Now() + absl::Seconds(60), {}, &answer.output);
    answer.sealed_at_once = fcntl(decoded.get(), F_ADD_SEALS, kSeals) == 0;
    if (answer.outcome.kind == ReadOutcome::Kind::kViolation) {
      worker->NoteViolation(answer.outcome.syscall_nr, answer.outcome.arch);
    }
    worker->Dismiss();
    answer.exit = worker->AwaitExit(absl::Seconds(30));
    EXPECT_TRUE(answer.result.ParseFromString(answer.output.result));
    struct stat info;
    EXPECT_EQ(fstat(decoded.get(), &info), 0);
    answer.decoded_size = static_cast<uint64_t>(info.st_size);
    return answer;
  }

  Answer Run(const std::string& artifact) {
    return Run(artifact, JobFor(artifact.size()).SerializeAsString());
  }

  std::unique_ptr<jail::Jail> jail_;
};

INSTANTIATE_TEST_SUITE_P(Tiers, WorkerTest,
                         ::testing::Values(jail::Tier::kA, jail::Tier::kB, jail::Tier::kC),
                         [](const auto& tier) {
                           return std::string(1, jail::TierLetter(tier.param));
                         });

TEST_P(WorkerTest, ParsesEverySampleBehindTheFilter) {
  int samples = 0;
  for (const auto& entry : fs::directory_iterator(LOADLOCK_TESTDATA)) {
    if (entry.path().extension() != ".bin") continue;
    ++samples;
    std::ifstream file(entry.path(), std::ios::binary);
    const std::string artifact((std::istreambuf_iterator<char>(file)), {});
    const Answer answer = Run(artifact);
    const std::string name = entry.path().filename();
    EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kComplete)
        << name << ": " << answer.outcome.message << answer.exit.Describe();
    EXPECT_EQ(answer.exit.cause, jail::WorkerExit::Cause::kExited) << name;
    EXPECT_EQ(answer.exit.code_or_signal, 0) << name << ": " << answer.exit.Describe();
    // The sample's name begins with its format.
    EXPECT_EQ(answer.result.format(), name.substr(0, name.find("__")))
        << name << (answer.result.findings().empty() ? "" : answer.result.findings(0).message());
    EXPECT_EQ(answer.result.graph_bytes(), answer.output.graph.size()) << name;
    EXPECT_EQ(answer.result.provenance_bytes(), answer.output.provenance.size()) << name;
    EXPECT_EQ(answer.result.decoded_size(), answer.decoded_size) << name;
    EXPECT_TRUE(answer.sealed_at_once) << name;
    // A note may stand beside a graph; an error may not.
    const auto& findings = answer.result.findings();
    const bool refused = std::any_of(findings.begin(), findings.end(), [](const auto& finding) {
      return finding.severity() == v1::SEVERITY_ERROR;
    });
    EXPECT_EQ(answer.output.graph.empty(), refused) << name;
    v1::Graph graph;
    EXPECT_TRUE(graph.ParseFromString(answer.output.graph)) << name;
  }
  EXPECT_GT(samples, 20);
}

TEST_P(WorkerTest, RefusesWhatNoFormatKnows) {
  for (const std::string& artifact : {std::string(), std::string("\xffnot a model\xff")}) {
    const Answer answer = Run(artifact);
    EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kComplete) << answer.exit.Describe();
    ASSERT_GT(answer.result.findings_size(), 0);
    EXPECT_EQ(answer.result.findings(0).severity(), v1::SEVERITY_ERROR);
    EXPECT_EQ(answer.output.graph, "");
  }
}

TEST_P(WorkerTest, NamesWhatAPoisonedPickleRefersTo) {
  const Answer answer = Run("cposix\nsystem\n(S'true'\ntR.");
  EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kComplete) << answer.exit.Describe();
  ASSERT_EQ(answer.result.globals_size(), 1);
  EXPECT_EQ(answer.result.globals(0).module(), "posix");
  EXPECT_EQ(answer.result.globals(0).name(), "system");
}

TEST_P(WorkerTest, RefusesMoreNamesThanAReportCanList) {
  std::string artifact = "(";
  const std::string module(400, 'm');
  for (int i = 0; i < 12'000; ++i) artifact += "c" + module + "\nn" + std::to_string(i) + "\n";
  artifact += "t.";
  const Answer answer = Run(artifact);
  ASSERT_EQ(answer.outcome.kind, ReadOutcome::Kind::kComplete)
      << answer.outcome.message << answer.exit.Describe();
  ASSERT_EQ(answer.result.findings_size(), 1);
  EXPECT_EQ(answer.result.findings(0).rule_id(), "BUDGET_NODES");
  EXPECT_EQ(answer.output.graph, "");
}

TEST_P(WorkerTest, WantsASealedArtifactOfTheSizeThatTheJobSays) {
  const std::string artifact = "N.";
  const std::string job = JobFor(artifact.size()).SerializeAsString();
  EXPECT_EQ(Run(artifact, job).outcome.kind, ReadOutcome::Kind::kComplete);
  for (const int missing : {F_SEAL_WRITE, F_SEAL_SHRINK, F_SEAL_GROW}) {
    EXPECT_EQ(Run(artifact, job, kSeals & ~missing).exit.code_or_signal, jail::kExitBadJob);
  }
  for (const uint64_t size : {uint64_t{0}, uint64_t{1}, uint64_t{3}}) {
    EXPECT_EQ(Run(artifact, JobFor(size).SerializeAsString()).exit.code_or_signal,
              jail::kExitBadJob);
  }
  EXPECT_EQ(Run(artifact, "\xff\xff").exit.code_or_signal, jail::kExitBadJob);
}

TEST_P(WorkerTest, ReadsAFileThatNobodyMayWrite) {
  const Answer answer = RunFile("N.", 0400);
  EXPECT_EQ(answer.outcome.kind, ReadOutcome::Kind::kComplete);
  EXPECT_EQ(answer.result.format(), "pickle");
  for (const mode_t mode : {0600U, 0440U, 0402U}) {
    EXPECT_EQ(RunFile("N.", mode).exit.code_or_signal, jail::kExitBadJob) << mode;
  }
}

}  // namespace
}  // namespace loadlock::worker
