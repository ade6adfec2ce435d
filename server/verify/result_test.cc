// A worker's result: malformed ones, and text that is not safe to print.
#include <gtest/gtest.h>

#include "server/verify/dtype.h"
#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

v1::WorkerResult Refusing() {
  v1::WorkerResult result;
  result.set_format("joblib+zlib");
  v1::Finding* finding = result.add_findings();
  finding->set_rule_id("TRUNCATED");
  finding->set_severity(v1::SEVERITY_ERROR);
  finding->set_message("it ends\nearly \x1b[31m");
  v1::GlobalUse* use = result.add_globals();
  use->set_module("os");
  use->set_name("system");
  return result;
}

absl::StatusOr<v1::WorkerResult> Decode(const v1::WorkerResult& result) {
  return DecodeWorkerResult(result.SerializeAsString());
}

TEST(Result, IsCleaned) {
  const auto result = Decode(Refusing());
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->findings(0).message().find('\n'), std::string::npos);
  EXPECT_EQ(result->findings(0).message().find('\x1b'), std::string::npos);
}

TEST(Result, MalformedOnesAreErrors) {
  v1::WorkerResult rule = Refusing();
  rule.mutable_findings(0)->set_rule_id("lower case");
  v1::WorkerResult severity = Refusing();
  severity.mutable_findings(0)->clear_severity();
  v1::WorkerResult format = Refusing();
  format.set_format("pickle\n");
  v1::WorkerResult name = Refusing();
  name.mutable_globals(0)->set_name(std::string(600, 'a'));
  v1::WorkerResult empty = Refusing();
  empty.mutable_globals(0)->clear_module();
  v1::WorkerResult many = Refusing();
  for (int i = 0; i < 100; ++i) *many.add_findings() = many.findings(0);
  for (const v1::WorkerResult& bad : {rule, severity, format, name, empty, many}) {
    EXPECT_FALSE(Decode(bad).ok());
  }
  EXPECT_FALSE(DecodeWorkerResult("\x0a\xff").ok());
}

TEST(Result, ARefusalKeepsItsReasonsAndJudgesTheNames) {
  Input input;
  input.result = *Decode(Refusing());
  input.policy = Policies().Find("default");
  const auto verdict = Verify(input);
  ASSERT_TRUE(verdict.ok());
  EXPECT_EQ(verdict->report.verdict(), v1::VERDICT_REFUSED);
  ASSERT_EQ(verdict->report.findings_size(), 2);
  EXPECT_EQ(verdict->report.findings(0).rule_id(), "TRUNCATED");
  EXPECT_EQ(verdict->report.findings(1).rule_id(), "NAME_NOT_LISTED");
  EXPECT_FALSE(verdict->graph.has_value());
}

TEST(Result, ARefusalBringsNoGraph) {
  Input input;
  input.graph = "x";
  input.result = *Decode(Refusing());
  input.result.set_graph_bytes(1);
  input.policy = Policies().Find("default");
  EXPECT_FALSE(Verify(input).ok());
}

TEST(Typestr, OnlyTheCanonicalForm) {
  for (const char* good : {"<f8", ">i4", "|b1", "|i1", "|u1", "<U12", ">U1", "|S5", "|V16", "|O",
                           "<M8[ns]", "<m8", "<M8[25s]", "<M8[2147483647s]", "<c16", "<f2"}) {
    EXPECT_TRUE(ParseTypestr(good).has_value()) << good;
  }
  for (const char* bad : {"",
                          "f8",
                          "=f8",
                          "<f3",
                          "<f08",
                          "|f8",
                          "<b1",
                          "<i1",
                          "|U3",
                          "<S5",
                          "|O8",
                          "<O",
                          "<M8[xs]",
                          "<M8[ns",
                          "<M4[ns]",
                          "<U",
                          "<U99999999999",
                          "|V4294967296",
                          "<f8 ",
                          "<f8[ns]",
                          "<x4",
                          "(2,)<f8",
                          "<U536870912",
                          "<M8[1s]",
                          "<M8[0s]",
                          "<M8[02s]",
                          "<M8[2147483648s]"}) {
    EXPECT_FALSE(ParseTypestr(bad).has_value()) << bad;
  }
  EXPECT_EQ(ParseTypestr("<U12")->itemsize, 48U);
  EXPECT_FALSE(ParseTypestr(">f8")->native());
  EXPECT_EQ(SubarraySize("(2,3)<f4"), 24U);
  EXPECT_EQ(SubarraySize("(3,)|i1"), 3U);
  for (const char* bad : {"",
                          "(",
                          "()",
                          "(3)|i1",
                          "(3,4,)|i1",
                          "(,)|i1",
                          "(0,)|i1",
                          "(03,)|i1",
                          "(-1,)|i1",
                          "(3,)|O",
                          "(3,)",
                          "(3,)f4",
                          "3,)|i1",
                          "(2,)(2,)|i1",
                          "(1,1,1,1,1,1,1,1,1)|i1",
                          "(2 ,)|i1",
                          "(65536,65536)|i1",
                          "(9999999999,)<f8",
                          "(3,)<U0",
                          "(3,))|i1"}) {
    EXPECT_FALSE(SubarraySize(bad).has_value()) << bad;
  }
  EXPECT_FALSE(ParseTypestr("(3,)|i1").has_value());
}

}  // namespace
}  // namespace loadlock::verify::testing
