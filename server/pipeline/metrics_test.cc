#include "server/pipeline/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/observe/error.h"
#include "server/pipeline/formats.h"

namespace loadlock::pipeline {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(MetricsTest, LabelsAreWordsOfOurs) {
  for (const char* format : kFormats) EXPECT_EQ(FormatLabel(format), format);
  EXPECT_EQ(FormatLabel("pickle+gzip"), "pickle");
  EXPECT_EQ(FormatLabel("joblib+zlib+gzip"), "joblib+zlib");
  EXPECT_EQ(FormatLabel(""), "none");
  for (const char* word : {"made-up", "pickle+gzip+gzip", "+", "pickle2"}) {
    EXPECT_EQ(FormatLabel(word), "other") << word;
  }
  EXPECT_EQ(ReasonLabel("NAME_NOT_LISTED"), "NAME_NOT_LISTED");
  EXPECT_EQ(ReasonLabel("INVARIANT_MADE_UP"), "INVARIANT");
  EXPECT_EQ(ReasonLabel("MADE_UP"), "OTHER");
  EXPECT_EQ(ReasonLabel(""), "");
}

TEST(MetricsTest, CountsVerdictsAndWhatBecameOfWorkers) {
  observe::MetricsPage page;
  Metrics metrics(&page);
  v1::Report report;
  report.set_verdict(v1::VERDICT_REFUSED);
  report.set_format("pickle");
  report.set_size(10);
  report.add_findings()->set_rule_id("VALUE_FORCED");
  report.mutable_findings(0)->set_severity(v1::SEVERITY_INFO);
  report.add_findings()->set_rule_id("MALFORMED");
  report.mutable_findings(1)->set_severity(v1::SEVERITY_ERROR);
  report.mutable_timing()->mutable_parse()->set_nanos(2'000'000);
  metrics.CountVerdict(report);
  report.set_verdict(v1::VERDICT_ACCEPTED);
  metrics.CountVerdict(report);
  metrics.CountNoVerdict(observe::BadField("path", "is missing"));
  metrics.CountNoVerdict(absl::InternalError(""));
  metrics.CountKill(jail::WorkerExit::Cause::kSyscall);
  const std::string text = page.Render();
  for (const char* line :
       {"loadlock_verdicts_total{verdict=\"refused\",reason=\"MALFORMED\",format=\"pickle\"} 1\n",
        "loadlock_verdicts_total{verdict=\"accepted\",reason=\"\",format=\"pickle\"} 1\n",
        "loadlock_no_verdict_total{reason=\"INVALID_FIELD\"} 1\n",
        "loadlock_no_verdict_total{reason=\"OTHER\"} 1\n",
        "loadlock_worker_failures_total{cause=\"syscall\"} 1\n",
        "loadlock_artifact_bytes_total 20\n",
        "loadlock_stage_seconds_bucket{stage=\"parse\",le=\"0.001\"} 0\n",
        "loadlock_stage_seconds_bucket{stage=\"parse\",le=\"0.0025\"} 2\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(text, Not(HasSubstr("stage=\"hash\"")));
}

}  // namespace
}  // namespace loadlock::pipeline
