// The pipeline with a runner that says whatever a hostile worker could.
#include "server/pipeline/vet.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "server/observe/error.h"
#include "server/pipeline/findings.h"
#include "server/pipeline/testing/fake_runner.h"
#include "server/store/memfd.h"
#include "tests/support/temp_folder.h"

namespace loadlock::pipeline {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

// SHA-256 of "abc", FIPS 180-2.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

class VetTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_.Write("policies/default.textproto", "name: 'default'\n");
    folder_.Write("root/model", "abc");
    rules_.emplace(ReadRules());
    log_ = *observe::Log::Open({.level = "info", .json = true, .file = dir_ + "/log"});
    runner_.act = [](const RunRequest&) { return HonestNone(); };
  }

  Rules ReadRules() const {
    return {.roots = *store::Roots::Open({dir_ + "/root"}),
            .policies = *policy::PolicySet::Load(dir_ + "/policies"),
            .origins = nullptr};
  }

  Request ForModel() const {
    Request request;
    request.id = "id-1";
    request.path = dir_ + "/root/model";
    return request;
  }

  absl::StatusOr<Vetted> Vet(Request request) {
    const Vetter vetter({.limits = limits_,
                         .rules = &*rules_,
                         .gate = &gate_,
                         .runner = &runner_,
                         .log = log_.get()});
    return vetter.Vet(std::move(request));
  }

  std::string Log() const { return folder_.Read("log"); }

  // The rule of the first finding of a refusal.
  std::string RefusalOf(Request request) {
    const absl::StatusOr<Vetted> vetted = Vet(std::move(request));
    if (!vetted.ok()) return std::string(vetted.status().message());
    EXPECT_EQ(vetted->report.verdict(), v1::VERDICT_REFUSED);
    EXPECT_EQ(vetted->graph, nullptr);
    EXPECT_EQ(vetted->artifact, nullptr);
    return vetted->report.findings_size() == 0 ? "" : vetted->report.findings(0).rule_id();
  }

  const support::TempFolder folder_;
  const std::string dir_ = folder_.path();
  config::LimitSettings limits_;
  std::optional<CurrentRules> rules_;
  std::unique_ptr<observe::Log> log_;
  admission::Gate gate_{
      {.max_running_requests = 2, .max_queued_requests = 2, .max_total_bytes = uint64_t{8} << 30}};
  FakeRunner runner_;
};

TEST_F(VetTest, KeepsTheRulesThatItStartedWith) {
  const std::string before = rules_->Get()->policies->Find("default")->digest();
  runner_.act = [this](const RunRequest&) {
    folder_.Write("policies/default.textproto", "name: 'default' description: 'another'\n");
    rules_->Replace(ReadRules());
    return HonestNone();
  };
  const absl::StatusOr<Vetted> running = Vet(ForModel());
  ASSERT_TRUE(running.ok()) << running.status();
  EXPECT_EQ(running->report.policy_digest(), before);
  const absl::StatusOr<Vetted> next = Vet(ForModel());
  ASSERT_TRUE(next.ok()) << next.status();
  EXPECT_NE(next->report.policy_digest(), before);
}

TEST_F(VetTest, AcceptsAndReports) {
  absl::StatusOr<Vetted> vetted = Vet(ForModel());
  ASSERT_TRUE(vetted.ok()) << vetted.status();
  const v1::Report& report = vetted->report;
  EXPECT_EQ(report.verdict(), v1::VERDICT_ACCEPTED) << report.ShortDebugString();
  EXPECT_EQ(report.sha256(), kAbc);
  EXPECT_EQ(report.size(), 3U);
  EXPECT_EQ(report.format(), "pickle");
  EXPECT_EQ(report.request_id(), "id-1");
  EXPECT_EQ(report.path(), dir_ + "/root/model");
  EXPECT_EQ(report.policy(), "default");
  EXPECT_EQ(report.policy_digest().size(), 64U);
  EXPECT_EQ(report.tier(), v1::TIER_B);
  EXPECT_EQ(report.tier_reason(), "no namespaces");
  EXPECT_TRUE(report.timing().has_total());
  ASSERT_NE(vetted->graph, nullptr);
  EXPECT_TRUE(store::IsSealed(vetted->artifact->get()));
  EXPECT_EQ(vetted->artifact_size, 3U);
  EXPECT_EQ(vetted->decoded, nullptr);
  // What stays reserved is what is held.
  EXPECT_EQ(gate_.reserved_bytes(), 3 + vetted->graph->graph().ByteSizeLong());
  vetted = absl::CancelledError();
  EXPECT_EQ(gate_.reserved_bytes(), 0U);
}

TEST_F(VetTest, OneLogLineAVerdictWithoutContent) {
  ASSERT_TRUE(Vet(ForModel()).ok());
  const std::string log = Log();
  EXPECT_EQ(std::count(log.begin(), log.end(), '\n'), 1);
  EXPECT_THAT(log, HasSubstr("\"verdict\":\"accepted\""));
  EXPECT_THAT(log, HasSubstr(kAbc));
  EXPECT_THAT(log, HasSubstr("\"request_id\":\"id-1\""));
  EXPECT_THAT(log, ::testing::Not(HasSubstr("\"abc\"")));
}

TEST_F(VetTest, JobCarriesTheGrant) {
  ASSERT_TRUE(Vet(ForModel()).ok());
  const admission::Grant grant = admission::GrantFor(3, limits_);
  EXPECT_EQ(runner_.last_job.artifact_size(), 3U);
  EXPECT_EQ(runner_.last_job.max_decoded_bytes(), grant.decoded_bytes);
  EXPECT_EQ(runner_.last_job.max_heap_bytes(), grant.heap_bytes);
  EXPECT_EQ(runner_.last_job.max_nodes(), admission::GrantFor(3, limits_).nodes);
  EXPECT_EQ(runner_.last_job.max_depth(), limits_.max_depth);
}

TEST_F(VetTest, ALargeArtifactThatNeedsMoreIsParsedAgainWithAll) {
  folder_.Write("root/model", std::string(3 << 20, 'x'));
  const admission::Grant first = admission::FirstGrantFor(3 << 20, limits_);
  const admission::Grant whole = admission::GrantFor(3 << 20, limits_);
  ASSERT_LT(first.total(), whole.total());
  for (const char* rule : {"BUDGET_DECODED", "BUDGET_HEAP"}) {
    runner_.runs = 0;
    runner_.act = [&](const RunRequest& request) {
      const bool begins = request.job.max_decoded_bytes() == first.decoded_bytes;
      EXPECT_EQ(gate_.reserved_bytes(), begins ? first.total() : whole.total());
      RunResult result = HonestNone();
      if (begins) result.refusal = Refusing(rule, "too little");
      return result;
    };
    const absl::StatusOr<Vetted> vetted = Vet(ForModel());
    ASSERT_TRUE(vetted.ok()) << vetted.status();
    EXPECT_EQ(vetted->report.verdict(), v1::VERDICT_ACCEPTED) << vetted->report.ShortDebugString();
    EXPECT_EQ(vetted->report.findings_size(), 0);
    EXPECT_EQ(runner_.runs, 2);
    EXPECT_EQ(runner_.last_job.max_heap_bytes(), whole.heap_bytes);
  }
  EXPECT_EQ(gate_.reserved_bytes(), 0U);
}

TEST_F(VetTest, ThereIsNoThirdTryNorOneForAnotherReason) {
  folder_.Write("root/model", std::string(3 << 20, 'x'));
  for (const auto& [rule, runs] :
       {std::pair("BUDGET_DECODED", 2), {"BUDGET_NODES", 1}, {"WORKER_CPU_LIMIT", 1}}) {
    runner_.runs = 0;
    runner_.act = [&, what = rule](const RunRequest&) {
      RunResult result;
      result.refusal = Refusing(what, "too much");
      return result;
    };
    EXPECT_EQ(RefusalOf(ForModel()), rule);
    EXPECT_EQ(runner_.runs, runs) << rule;
  }
}

TEST_F(VetTest, WithoutRoomForTheSecondTryThereIsNoVerdict) {
  folder_.Write("root/model", std::string(3 << 20, 'x'));
  const uint64_t first = admission::FirstGrantFor(3 << 20, limits_).total();
  const admission::Reservation others =
      *gate_.Reserve(std::nullopt, (uint64_t{8} << 30) - first - 1000);
  runner_.act = [](const RunRequest&) {
    RunResult result;
    result.refusal = Refusing("BUDGET_HEAP", "too little");
    return result;
  };
  EXPECT_EQ(Vet(ForModel()).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(runner_.runs, 1);
}

TEST_F(VetTest, BytesOfTheRequest) {
  Request request;
  request.content = absl::string_view("abc");
  const absl::StatusOr<Vetted> vetted = Vet(std::move(request));
  ASSERT_TRUE(vetted.ok()) << vetted.status();
  EXPECT_EQ(vetted->report.sha256(), kAbc);
  EXPECT_EQ(vetted->report.path(), "");
}

TEST_F(VetTest, WrongDigestIsRefusedWithoutParsing) {
  Request request = ForModel();
  request.expected_sha256 = std::string(64, '0');
  EXPECT_EQ(RefusalOf(std::move(request)), "DIGEST_MISMATCH");
  EXPECT_EQ(runner_.runs, 0);
  Request right = ForModel();
  right.expected_sha256 = kAbc;
  EXPECT_EQ(Vet(std::move(right))->report.verdict(), v1::VERDICT_ACCEPTED);
}

TEST_F(VetTest, WrongDigestOfALargeArtifactIsRefusedAfterParsing) {
  folder_.Write("root/model", std::string(3 << 20, 'x'));
  Request request = ForModel();
  request.expected_sha256 = std::string(64, '0');
  EXPECT_EQ(RefusalOf(std::move(request)), "DIGEST_MISMATCH");
}

TEST_F(VetTest, EmptyArtifactIsRefused) {
  folder_.Write("root/model", "");
  EXPECT_EQ(RefusalOf(ForModel()), "UNKNOWN_FORMAT");
  EXPECT_EQ(runner_.runs, 0);
}

TEST_F(VetTest, RunnersRefusalIsTheReport) {
  runner_.act = [](const RunRequest&) {
    RunResult result;
    result.refusal = Refusing("WORKER_CPU_LIMIT", "too slow");
    return result;
  };
  EXPECT_EQ(RefusalOf(ForModel()), "WORKER_CPU_LIMIT");
  EXPECT_THAT(Log(), HasSubstr("\"rule\":\"WORKER_CPU_LIMIT\""));
}

TEST_F(VetTest, GarbageInEachPartIsRefused) {
  const std::string garbage = "\xff\xff\xff\xff\xff garbage";
  for (int part = 0; part < 2; ++part) {
    runner_.act = [&](const RunRequest&) {
      RunResult result = HonestNone();
      (part == 0 ? result.output.graph : result.output.result) = garbage;
      return result;
    };
    EXPECT_EQ(RefusalOf(ForModel()), "WORKER_PROTOCOL") << part;
  }
}

TEST_F(VetTest, SilentWorkerIsRefused) {
  runner_.act = [](const RunRequest&) { return RunResult(); };
  EXPECT_EQ(RefusalOf(ForModel()), "WORKER_PROTOCOL");
}

TEST_F(VetTest, AClaimOfDecodedDataThatIsNotThereIsRefused) {
  runner_.act = [](const RunRequest&) {
    RunResult result = HonestNone();
    v1::WorkerResult claim;
    claim.ParseFromString(result.output.result);
    claim.set_decoded_size(1 << 20);
    result.output.result = claim.SerializeAsString();
    return result;
  };
  EXPECT_EQ(RefusalOf(ForModel()), "WORKER_PROTOCOL");
}

TEST_F(VetTest, RunnersErrorIsNoVerdict) {
  runner_.act = [](const RunRequest&) -> absl::StatusOr<RunResult> {
    return observe::Error(StatusCode::kUnavailable, "NO_WORKER", "no worker");
  };
  EXPECT_EQ(Vet(ForModel()).status().code(), StatusCode::kUnavailable);
  EXPECT_EQ(gate_.reserved_bytes(), 0U);
  EXPECT_THAT(Log(), HasSubstr("\"event\":\"no_verdict\""));
}

TEST_F(VetTest, BadRequestsNameTheField) {
  Request policy = ForModel();
  policy.policy = "none";
  EXPECT_THAT(std::string(Vet(std::move(policy)).status().message()), HasSubstr("policy: "));
  Request digest = ForModel();
  digest.expected_sha256 = "ABC";
  EXPECT_THAT(std::string(Vet(std::move(digest)).status().message()),
              HasSubstr("expected_sha256: "));
  Request outside = ForModel();
  outside.path = "/etc/passwd";
  EXPECT_EQ(Vet(std::move(outside)).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(runner_.runs, 0);
}

TEST_F(VetTest, TooLargeIsExhausted) {
  limits_.max_artifact_bytes = 2;
  EXPECT_THAT(std::string(Vet(ForModel()).status().message()), HasSubstr("max_artifact_bytes (2)"));
  Request content;
  content.content = absl::string_view("abc");
  EXPECT_EQ(Vet(std::move(content)).status().code(), StatusCode::kResourceExhausted);
}

TEST_F(VetTest, ByteBudgetIsSharedByAll) {
  const admission::Reservation others = *gate_.Reserve(std::nullopt, (uint64_t{8} << 30) - 1000);
  const absl::Status status = Vet(ForModel()).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("max_total_bytes"));
}

}  // namespace
}  // namespace loadlock::pipeline
