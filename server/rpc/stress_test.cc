// Store, memory and leases under threads that load, give up and unload whatever comes: for
// ThreadSanitizer, and for what must hold whoever comes first. LOADLOCK_STRESS_SECONDS says how
// long.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "server/pipeline/testing/fake_runner.h"
#include "server/pipeline/vet.h"
#include "server/rpc/leases.h"
#include "server/store/sha256.h"
#include "tests/support/temp_folder.h"

namespace loadlock::rpc {
namespace {

constexpr int kThreads = 8;
constexpr int kModels = 12;
constexpr uint64_t kFileBytes = (uint64_t{256} << 10) + 1;

absl::Duration Length() {
  int seconds = 0;
  const char* const asked = std::getenv("LOADLOCK_STRESS_SECONDS");
  return asked != nullptr && absl::SimpleAtoi(asked, &seconds) ? absl::Seconds(seconds)
                                                               : absl::Seconds(4);
}

std::string HashOf(const std::string& bytes) {
  store::Sha256 hash;
  hash.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  return *hash.FinishHex();
}

class StressTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("policies/default.textproto", "name: 'default'\n");
    folder_.Write("worker", "a worker");
    for (int i = 0; i < kModels; ++i) {
      // Every third is small enough to stay in memory.
      bytes_.emplace_back(i % 3 == 0 ? 100 : kFileBytes, static_cast<char>('a' + i));
      sha256_.push_back(HashOf(bytes_.back()));
      folder_.Write("root/" + std::to_string(i), bytes_.back());
    }
    rules_.emplace(pipeline::Rules{.roots = *store::Roots::Open({dir_ + "/root"}),
                                   .policies = *policy::PolicySet::Load(dir_ + "/policies"),
                                   .origins = nullptr});
    log_ = *observe::Log::Open({.level = "error", .json = true, .file = dir_ + "/log"});
    settings_.roots = {dir_ + "/root"};
    settings_.worker_path = dir_ + "/worker";
    settings_.store.state_dir = dir_ + "/state";
    settings_.store.min_file_bytes = kFileBytes;
    // Less than all: somebody's file always has to go.
    settings_.store.max_bytes = 5 * kFileBytes;
    settings_.store.max_memory_bytes = 16 << 10;
    runner_.act = [](const pipeline::RunRequest& request) { return Act(request); };
    Open();
  }

  void Open() {
    memory_.reset();
    auto memory = pipeline::Memory::Open(settings_, "B");
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = *std::move(memory);
  }

  static absl::StatusOr<pipeline::RunResult> Act(const pipeline::RunRequest& request) {
    for (int i = 0; i < 3; ++i) {
      if (request.cancelled && request.cancelled()) return absl::CancelledError("gone");
      absl::SleepFor(absl::Microseconds(200));
    }
    return pipeline::HonestNone();
  }

  // Loads, looks at what came, and sometimes keeps it for a while.
  void Work(int seed, const pipeline::Vetter& vetter) {
    std::mt19937 random(static_cast<unsigned>(seed));
    const Caller caller{"unix:" + std::to_string(seed), 1000 + seed % 2};
    leases_.OpenConnection(caller.connection);
    std::vector<std::string> tokens;
    while (!stop_) {
      const int which = static_cast<int>(random() % kModels);
      pipeline::Request request;
      request.path = dir_ + "/root/" + std::to_string(which);
      request.caller = caller.uid;
      if (random() % 4 == 0) request.expected_sha256 = sha256_[static_cast<size_t>(which)];
      request.by_digest = true;
      const int patience = random() % 3 == 0 ? static_cast<int>(random() % 8) : 1 << 30;
      auto asked = std::make_shared<std::atomic<int>>(0);
      request.cancelled = [asked, patience] { return ++*asked > patience; };
      absl::StatusOr<pipeline::Vetted> vetted = vetter.Vet(std::move(request));
      if (vetted.ok()) {
        Check(which, *vetted);
        Keep(caller, *std::move(vetted), &tokens);
      } else {
        const absl::StatusCode code = vetted.status().code();
        EXPECT_TRUE(code == absl::StatusCode::kCancelled ||
                    code == absl::StatusCode::kResourceExhausted)
            << vetted.status();
      }
      while (!tokens.empty() && (tokens.size() > 1 || random() % 3 == 0)) {
        leases_.Find(tokens.back(), caller).status().IgnoreError();
        leases_.End(tokens.back(), caller).IgnoreError();
        tokens.pop_back();
      }
      if (random() % 64 == 0) leases_.Sweep();
    }
    leases_.EndConnection(caller.connection);
  }

  void Check(int which, const pipeline::Vetted& vetted) {
    ASSERT_EQ(vetted.report.verdict(), v1::VERDICT_ACCEPTED) << vetted.report.ShortDebugString();
    const std::string& bytes = bytes_[static_cast<size_t>(which)];
    std::string got(bytes.size(), '\0');
    ASSERT_EQ(pread(vetted.artifact->get(), got.data(), got.size(), 0),
              static_cast<ssize_t>(got.size()));
    EXPECT_TRUE(got == bytes) << which;
    EXPECT_EQ(vetted.report.sha256(), sha256_[static_cast<size_t>(which)]);
    ++checked_;
  }

  void Keep(const Caller& caller, pipeline::Vetted vetted, std::vector<std::string>* tokens) {
    auto model = std::make_shared<LeasedModel>();
    model->graph = {vetted.graph, &vetted.graph->graph()};
    model->artifact = std::move(vetted.artifact);
    model->reservation = std::move(vetted.reservation);
    absl::StatusOr<NewLease> lease = leases_.Add(caller, model, absl::Milliseconds(50));
    if (lease.ok()) tokens->push_back(lease->token);
  }

  const support::TempFolder folder_;
  const std::string dir_ = folder_.path();
  std::vector<std::string> bytes_, sha256_;
  config::Settings settings_;
  std::optional<pipeline::CurrentRules> rules_;
  std::unique_ptr<observe::Log> log_;
  admission::Gate gate_{
      {.max_running_requests = 8, .max_queued_requests = 8, .max_total_bytes = uint64_t{8} << 30}};
  pipeline::FakeRunner runner_;
  std::unique_ptr<pipeline::Memory> memory_;
  LeaseTable leases_{64, 75};
  std::atomic<bool> stop_{false};
  std::atomic<int> checked_{0};
};

TEST_F(StressTest, WhoeverComesFirst) {
  {
    const pipeline::Vetter vetter({.limits = settings_.limits,
                                   .rules = &*rules_,
                                   .gate = &gate_,
                                   .runner = &runner_,
                                   .log = log_.get(),
                                   .memory = memory_.get()});
    std::vector<std::thread> threads;
    threads.reserve(kThreads);
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([this, i, &vetter] { Work(i, vetter); });
    }
    const absl::Duration length = Length();
    for (absl::Duration past; past < length; past += absl::Milliseconds(100)) {
      absl::SleepFor(absl::Milliseconds(100));
      EXPECT_LE(memory_->blobs().use().bytes, settings_.store.max_bytes);
    }
    stop_ = true;
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_GT(checked_, kThreads);
  EXPECT_GT(memory_->cached(), 0U);
  // Nothing is held any more, and what is on the disk is what it says.
  EXPECT_EQ(leases_.size(), 0U);
  EXPECT_EQ(gate_.reserved_bytes(), 0U);
  Open();
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::directory_iterator(dir_ + "/state/blobs")) {
    bytes += entry.file_size();
    EXPECT_TRUE(memory_->blobs().Find(entry.path().filename()).ok()) << entry.path();
  }
  EXPECT_EQ(bytes, memory_->blobs().use().bytes);
  EXPECT_LE(bytes, settings_.store.max_bytes);
}

}  // namespace
}  // namespace loadlock::rpc
