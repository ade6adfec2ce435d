// For tests: a Vetter with a memory, a folder of models, and a runner that says what a test wants.
#ifndef LOADLOCK_SERVER_PIPELINE_TESTING_REMEMBERING_H_
#define LOADLOCK_SERVER_PIPELINE_TESTING_REMEMBERING_H_

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/pipeline/testing/fake_runner.h"
#include "server/pipeline/vet.h"
#include "server/store/sha256.h"
#include "tests/support/temp_folder.h"

namespace loadlock::pipeline {

inline constexpr uint64_t kFileBytes = (uint64_t{256} << 10) + 1;

inline std::string HashOf(const std::string& bytes) {
  store::Sha256 hash;
  hash.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  return *hash.FinishHex();
}

class RememberingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("policies/default.textproto", "name: 'default'\n");
    folder_.Write("policies/other.textproto",
                  "name: 'other' entries { name: 'a.B' trust: TRUST_NAME }\n");
    folder_.Write("worker", "a worker");
    folder_.Write("root/small", small_);
    folder_.Write("root/large", large_);
    rules_.emplace(pipeline::Rules{.roots = *store::Roots::Open({dir_ + "/root"}),
                                   .policies = *policy::PolicySet::Load(dir_ + "/policies"),
                                   .origins = nullptr});
    log_ = *observe::Log::Open({.level = "error", .json = true, .file = dir_ + "/log"});
    runner_.act = [](const RunRequest&) { return HonestNone(); };
    settings_.roots = {dir_ + "/root"};
    settings_.worker_path = dir_ + "/worker";
    settings_.store.state_dir = dir_ + "/state";
    settings_.store.min_file_bytes = kFileBytes;
    settings_.store.max_bytes = 4 * kFileBytes;
    Restart();
  }

  void Restart() {
    memory_.reset();
    auto memory = Memory::Open(settings_, "B");
    ASSERT_TRUE(memory.ok()) << memory.status();
    memory_ = *std::move(memory);
  }

  Request For(const std::string& name, const std::string& policy = "") const {
    Request request;
    request.path = dir_ + "/root/" + name;
    request.policy = policy;
    return request;
  }

  absl::StatusOr<Vetted> Vet(Request request) {
    const Vetter vetter({.limits = settings_.limits,
                         .rules = &*rules_,
                         .gate = &gate_,
                         .runner = &runner_,
                         .log = log_.get(),
                         .memory = memory_.get()});
    return vetter.Vet(std::move(request));
  }

  // "accepted" or the first rule, with "cached " before it.
  std::string Outcome(Request request) {
    const absl::StatusOr<Vetted> vetted = Vet(std::move(request));
    if (!vetted.ok()) return std::string(vetted.status().message());
    const v1::Report& report = vetted->report;
    const bool accepted = report.verdict() == v1::VERDICT_ACCEPTED;
    EXPECT_EQ(accepted, vetted->graph != nullptr);
    EXPECT_EQ(accepted, vetted->artifact != nullptr);
    return (report.cached() ? "cached " : "") +
           (accepted ? std::string("accepted") : report.findings(0).rule_id());
  }

  static std::string Text(const Vetted& vetted) {
    std::string text(vetted.artifact_size, '\0');
    EXPECT_EQ(pread(vetted.artifact->get(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    return text;
  }

  const support::TempFolder folder_;
  const std::string dir_ = folder_.path();
  const std::string small_ = "abc";
  const std::string large_ = std::string(kFileBytes, 'x');
  config::Settings settings_;
  std::optional<pipeline::CurrentRules> rules_;
  std::unique_ptr<observe::Log> log_;
  admission::Gate gate_{
      {.max_running_requests = 2, .max_queued_requests = 2, .max_total_bytes = uint64_t{8} << 30}};
  FakeRunner runner_;
  std::unique_ptr<Memory> memory_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_TESTING_REMEMBERING_H_
