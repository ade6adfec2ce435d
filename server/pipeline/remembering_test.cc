// What one request leaves for the next, and what it must not.
#include "server/pipeline/testing/remembering.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "server/observe/error.h"
#include "server/pipeline/findings.h"
#include "server/store/memfd.h"

namespace loadlock::pipeline {
namespace {

namespace fs = std::filesystem;

const absl::Duration kSettle = absl::Seconds(3);

TEST_F(RememberingTest, TheSameBytesAreParsedOnce) {
  for (const char* name : {"small", "large"}) {
    runner_.runs = 0;
    EXPECT_EQ(Outcome(For(name)), "accepted");
    EXPECT_EQ(Outcome(For(name)), "cached accepted");
    fs::copy(dir_ + "/root/" + name, dir_ + "/root/copy", fs::copy_options::overwrite_existing);
    EXPECT_EQ(Outcome(For("copy")), "cached accepted");
    EXPECT_EQ(runner_.runs, 1);
  }
  EXPECT_EQ(memory_->cached(), 4U);
  EXPECT_EQ(memory_->fresh(), 2U);
  EXPECT_EQ(gate_.reserved_bytes(), 0U);
}

TEST_F(RememberingTest, ALargeArtifactIsAFileAndTakesNoMemory) {
  absl::StatusOr<Vetted> vetted = Vet(For("large"));
  ASSERT_TRUE(vetted.ok()) << vetted.status();
  EXPECT_FALSE(store::IsSealed(vetted->artifact->get()));
  EXPECT_EQ(Text(*vetted), large_);
  EXPECT_EQ(vetted->report.sha256(), HashOf(large_));
  EXPECT_EQ(gate_.reserved_bytes(), vetted->graph->graph().ByteSizeLong());
  const absl::StatusOr<Vetted> small = Vet(For("small"));
  EXPECT_TRUE(store::IsSealed(small->artifact->get()));
}

TEST_F(RememberingTest, AnotherPolicyIsAnotherVerdict) {
  EXPECT_EQ(Outcome(For("large")), "accepted");
  const absl::StatusOr<Vetted> other = Vet(For("large", "other"));
  ASSERT_TRUE(other.ok()) << other.status();
  EXPECT_EQ(other->report.policy(), "other");
  EXPECT_EQ(other->report.policy_digest(), rules_->Get()->policies->Find("other")->digest());
}

TEST_F(RememberingTest, ReportsAreTheRequestsOwn) {
  EXPECT_EQ(Outcome(For("small")), "accepted");
  fs::copy(dir_ + "/root/small", dir_ + "/root/copy");
  Request request = For("copy");
  request.id = "id-2";
  const absl::StatusOr<Vetted> vetted = Vet(std::move(request));
  EXPECT_EQ(vetted->report.path(), dir_ + "/root/copy");
  EXPECT_EQ(vetted->report.request_id(), "id-2");
  EXPECT_TRUE(vetted->report.timing().has_total());
  EXPECT_FALSE(vetted->report.timing().has_parse());
}

TEST_F(RememberingTest, ARefusalOfTheBytesIsRemembered) {
  runner_.act = [](const RunRequest&) { return HonestRefusal("PICKLE_TRUNCATED"); };
  EXPECT_EQ(Outcome(For("large")), "PICKLE_TRUNCATED");
  runner_.act = [](const RunRequest&) { return HonestNone(); };
  EXPECT_EQ(Outcome(For("large")), "cached PICKLE_TRUNCATED");
}

TEST_F(RememberingTest, WhatMayTurnOutOtherwiseIsNot) {
  for (const char* rule : {"WORKER_DEADLINE", "WORKER_KILLED_SIGNAL", "WORKER_MEMORY_LIMIT"}) {
    runner_.act = [rule](const RunRequest&) {
      RunResult result;
      result.refusal = Refusing(rule, "no");
      return result;
    };
    EXPECT_EQ(Outcome(For("large")), rule);
  }
  for (const char* rule : {"BUDGET_HEAP", "BUDGET_NODES"}) {
    runner_.act = [rule](const RunRequest&) { return HonestRefusal(rule); };
    EXPECT_EQ(Outcome(For("large")), rule);
  }
  runner_.act = [](const RunRequest&) {
    RunResult result = HonestNone();
    result.output.graph = "garbage";
    return result;
  };
  EXPECT_EQ(Outcome(For("large")), "WORKER_PROTOCOL");
  runner_.act = [](const RunRequest&) { return absl::UnavailableError("no worker"); };
  EXPECT_EQ(Outcome(For("large")), "no worker");
  Restart();
  runner_.act = [](const RunRequest&) { return HonestNone(); };
  EXPECT_EQ(Outcome(For("large")), "accepted");
}

TEST_F(RememberingTest, AnotherDigestIsNeverTheAnswer) {
  for (int i = 0; i < 2; ++i) {
    Request request = For("large");
    request.expected_sha256 = HashOf("other");
    EXPECT_EQ(Outcome(std::move(request)), "DIGEST_MISMATCH");
  }
  EXPECT_EQ(runner_.runs, 0);
  EXPECT_EQ(Outcome(For("large")), "accepted");
}

TEST_F(RememberingTest, AChangedFileIsReadAgain) {
  EXPECT_EQ(Outcome(For("large")), "accepted");
  const std::string other(kFileBytes, 'y');
  folder_.Write("root/large", other);
  const absl::StatusOr<Vetted> vetted = Vet(For("large"));
  ASSERT_TRUE(vetted.ok()) << vetted.status();
  EXPECT_FALSE(vetted->report.cached());
  EXPECT_EQ(vetted->report.sha256(), HashOf(other));
  EXPECT_EQ(Text(*vetted), other);
}

TEST_F(RememberingTest, AFileThatStaysIsNotReadAgain) {
  absl::SleepFor(kSettle);
  EXPECT_EQ(Outcome(For("large")), "accepted");
  // The store's bytes are what is handed over: the file's own are not looked at.
  const auto reads = [] {
    std::string word;
    uint64_t count = 0;
    std::ifstream io("/proc/self/io");
    while (io >> word >> count) {
      if (word == "rchar:") return count;
    }
    return count;
  };
  const uint64_t before = reads();
  EXPECT_EQ(Outcome(For("large")), "cached accepted");
  EXPECT_LT(reads() - before, kFileBytes / 2);
}

TEST_F(RememberingTest, ADigestIsEnoughForALoad) {
  EXPECT_EQ(Outcome(For("large")), "accepted");
  const std::string other(kFileBytes, 'y');
  folder_.Write("root/large", other);
  Request load = For("large");
  load.expected_sha256 = HashOf(large_);
  load.by_digest = true;
  const absl::StatusOr<Vetted> vetted = Vet(std::move(load));
  ASSERT_TRUE(vetted.ok()) << vetted.status();
  ASSERT_NE(vetted->artifact, nullptr);
  EXPECT_EQ(vetted->report.sha256(), HashOf(large_));
  EXPECT_EQ(Text(*vetted), large_);
  // An audit is about the file.
  Request audit = For("large");
  audit.expected_sha256 = HashOf(large_);
  EXPECT_EQ(Outcome(std::move(audit)), "DIGEST_MISMATCH");
  // The path must lead to a file under a root, of the same size.
  Request nowhere = For("none");
  nowhere.expected_sha256 = HashOf(large_);
  nowhere.by_digest = true;
  EXPECT_EQ(Vet(std::move(nowhere)).status().code(), absl::StatusCode::kNotFound);
  Request outside = For("../worker");
  outside.expected_sha256 = HashOf(large_);
  outside.by_digest = true;
  EXPECT_EQ(Vet(std::move(outside)).status().code(), absl::StatusCode::kPermissionDenied);
  folder_.Write("root/shorter", "y");
  Request shorter = For("shorter");
  shorter.expected_sha256 = HashOf(large_);
  shorter.by_digest = true;
  EXPECT_EQ(Outcome(std::move(shorter)), "DIGEST_MISMATCH");
}

TEST_F(RememberingTest, UploadsAreNeitherKeptNorFoundByDigest) {
  Request upload;
  upload.upload = *store::TakeBytes(large_, 10 * kFileBytes);
  EXPECT_EQ(Outcome(std::move(upload)), "accepted");
  EXPECT_EQ(memory_->blobs().use().files, 0U);
  folder_.Write("root/large", std::string(kFileBytes, 'y'));
  Request load = For("large");
  load.expected_sha256 = HashOf(large_);
  load.by_digest = true;
  EXPECT_EQ(Outcome(std::move(load)), "DIGEST_MISMATCH");
}

TEST_F(RememberingTest, OutlivesTheDaemon) {
  EXPECT_EQ(Outcome(For("large")), "accepted");
  EXPECT_EQ(Outcome(For("small")), "accepted");
  Restart();
  EXPECT_EQ(Outcome(For("large")), "cached accepted");
  EXPECT_EQ(Outcome(For("small")), "cached accepted");
  EXPECT_EQ(runner_.runs, 2);
  folder_.Write("worker", "another worker");
  Restart();
  EXPECT_EQ(Outcome(For("large")), "accepted");
  EXPECT_EQ(runner_.runs, 3);
}

TEST_F(RememberingTest, WhatIsReadBackIsVerifiedAgain) {
  EXPECT_EQ(Outcome(For("large")), "accepted");
  memory_->AwaitDisk();
  // As if somebody had the key: the entry says something that no worker may say.
  store::Output output;
  const RunResult honest = HonestNone();
  v1::Graph graph;
  graph.ParseFromString(honest.output.graph);
  graph.set_root(7);
  output.graph = graph.SerializeAsString();
  output.provenance = honest.output.provenance;
  v1::WorkerResult result;
  result.ParseFromString(honest.output.result);
  result.set_graph_bytes(output.graph.size());
  output.result = result.SerializeAsString();
  memory_->outputs().Keep(HashOf(large_), output);
  Restart();
  ASSERT_TRUE(memory_->outputs().Find(HashOf(large_)));
  EXPECT_EQ(Outcome(For("large")), "accepted");
  EXPECT_EQ(runner_.runs, 2);
  // Decoded data that nobody has.
  result.ParseFromString(honest.output.result);
  result.set_decoded_size(1000);
  memory_->outputs().Keep(
      HashOf(large_), {honest.output.graph, honest.output.provenance, result.SerializeAsString()});
  Restart();
  EXPECT_EQ(Outcome(For("large")), "accepted");
  EXPECT_EQ(runner_.runs, 3);
}

TEST_F(RememberingTest, ATamperedFileOfTheStoreIsReadAnew) {
  EXPECT_EQ(Outcome(For("large")), "accepted");
  memory_->AwaitDisk();
  const std::string file = dir_ + "/state/blobs/" + HashOf(large_);
  ASSERT_EQ(chmod(file.c_str(), 0600), 0);
  {
    const channel::UniqueFd fd(open(file.c_str(), O_WRONLY));
    ASSERT_EQ(pwrite(fd.get(), "evil", 4, 100), 4);
  }
  ASSERT_EQ(chmod(file.c_str(), 0400), 0);
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<Vetted> vetted = Vet(For("large"));
    ASSERT_TRUE(vetted.ok()) << vetted.status();
    EXPECT_EQ(Text(*vetted), large_);
    Restart();
  }
}

TEST_F(RememberingTest, AFullStoreSaysSo) {
  std::vector<Vetted> held;
  for (int i = 0; i < 4; ++i) {
    const std::string name = "model" + std::to_string(i);
    folder_.Write("root/" + name, std::string(kFileBytes, static_cast<char>('0' + i)));
    absl::StatusOr<Vetted> vetted = Vet(For(name));
    ASSERT_TRUE(vetted.ok()) << vetted.status();
    held.push_back(*std::move(vetted));
  }
  const absl::Status full = Vet(For("large")).status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(observe::ReasonOf(full), "LIMIT_REACHED");
  EXPECT_EQ(memory_->blobs().use().bytes, 4 * kFileBytes);
  held.pop_back();
  EXPECT_EQ(Outcome(For("large")), "accepted");
  // What was removed is found again.
  held.clear();
  EXPECT_EQ(Outcome(For("model3")), "cached accepted");
}

TEST_F(RememberingTest, RequestsAtTheSameTimeShareOneParse) {
  std::atomic<int> waiting{0};
  runner_.act = [&](const RunRequest&) {
    while (waiting.load() < 4) absl::SleepFor(absl::Milliseconds(1));
    absl::SleepFor(absl::Milliseconds(200));
    return HonestNone();
  };
  std::atomic<int> accepted{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      ++waiting;
      if (Vet(For("large"))->graph != nullptr) ++accepted;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(accepted, 4);
  EXPECT_EQ(runner_.runs, 1);
}

TEST_F(RememberingTest, OneThatGivesUpLeavesTheOthers) {
  std::atomic<bool> cancelled{false};
  std::atomic<bool> runs{false};
  runner_.act = [&](const RunRequest& request) -> absl::StatusOr<RunResult> {
    runs = true;
    while (request.cancelled && !request.cancelled()) absl::SleepFor(absl::Milliseconds(1));
    if (request.cancelled) return absl::CancelledError("gone");
    return HonestNone();
  };
  std::string first;
  std::thread leader([&] {
    Request request = For("large");
    request.cancelled = [&] { return cancelled.load(); };
    first = Outcome(std::move(request));
  });
  while (!runs) absl::SleepFor(absl::Milliseconds(1));
  std::string second;
  std::thread follower([&] { second = Outcome(For("large")); });
  std::string third;
  std::thread impatient([&] {
    Request request = For("large");
    request.deadline = clock::SteadyTime::Now() + absl::Milliseconds(100);
    third = Outcome(std::move(request));
  });
  impatient.join();
  EXPECT_EQ(third, "the caller's deadline passed");
  cancelled = true;
  leader.join();
  follower.join();
  EXPECT_EQ(first, "gone");
  EXPECT_EQ(second, "accepted");
  EXPECT_EQ(runner_.runs, 2);
}

TEST_F(RememberingTest, VerdictsFitTheirMemory) {
  settings_.store.max_memory_bytes = 8192;
  Restart();
  for (int i = 0; i < 50; ++i) {
    folder_.Write("root/model" + std::to_string(i), std::to_string(i));
    EXPECT_EQ(Outcome(For("model" + std::to_string(i))), "accepted");
  }
  EXPECT_EQ(Outcome(For("model49")), "cached accepted");
  memory_->AwaitDisk();
  // From the disk: the verdict is no longer in memory, and is found anew without a worker.
  const int runs = runner_.runs;
  EXPECT_EQ(Outcome(For("model0")), "cached accepted");
  EXPECT_EQ(runner_.runs, runs);
}

}  // namespace
}  // namespace loadlock::pipeline
