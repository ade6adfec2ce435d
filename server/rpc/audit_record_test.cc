#include "server/rpc/audit_record.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace loadlock::rpc {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

v1::Report Refused() {
  v1::Report report;
  report.set_verdict(v1::VERDICT_REFUSED);
  report.set_path("/m/x.pkl");
  report.set_sha256(std::string(64, 'a'));
  report.set_size(12);
  report.set_format("pickle");
  report.set_policy("default");
  report.set_policy_digest("d");
  report.set_request_id("1-2");
  report.set_tier(v1::TIER_B);
  for (const char* rule : {"B_RULE", "A_RULE", "B_RULE"}) {
    v1::Finding* finding = report.add_findings();
    finding->set_rule_id(rule);
    finding->set_severity(v1::SEVERITY_ERROR);
    finding->set_message("SECRET of the artifact");
    finding->set_name("SECRET.name");
  }
  report.add_findings()->set_rule_id("NOTE");
  report.mutable_findings(3)->set_severity(v1::SEVERITY_INFO);
  return report;
}

std::string Format(const v1::Report& report, const Caller& caller, absl::string_view token = "",
                   const observe::TraceContext& trace = {}) {
  return FormatAuditRecord({.time = absl::FromUnixMicros(1'000'001),
                            .caller = &caller,
                            .method = "LoadModel",
                            .trace = &trace,
                            .report = &report,
                            .token = token});
}

TEST(AuditRecordTest, SaysWhoAskedForWhatAndWhatCameOut) {
  const Caller caller{.connection = "unix:1", .uid = 7, .gid = 8, .pid = 9};
  EXPECT_EQ(Format(Refused(), caller),
            absl::StrCat(R"({"time":"1970-01-01T00:00:01.000001Z",)",
                         R"("principal":{"uid":7,"gid":8,"pid":9},"rpc":"LoadModel",)",
                         R"("request_id":"1-2","path":"/m/x.pkl","sha256":")", std::string(64, 'a'),
                         R"(","size":12,"format":"pickle",)",
                         R"("policy":"default","policy_digest":"d","verdict":"refused",)",
                         R"("reasons":["B_RULE","A_RULE"],"tier":"B","cached":false})"));
}

TEST(AuditRecordTest, NamesThePeerOverTcpAndTheTrace) {
  const Caller caller{.connection = "ipv4:127.0.0.1:5", .uid = std::nullopt};
  const std::string line = Format(Refused(), caller, "", {.trace_id = "t", .parent_id = "p"});
  EXPECT_THAT(line, HasSubstr(R"("principal":{"peer":"ipv4:127.0.0.1:5"})"));
  EXPECT_THAT(line, HasSubstr(R"("trace_id":"t","parent_id":"p")"));
}

TEST(AuditRecordTest, HoldsAHashOfTheLease) {
  const Caller caller{.connection = "unix:1", .uid = 7};
  // printf token | sha256sum
  EXPECT_THAT(Format(Refused(), caller, "token"), HasSubstr(R"("lease":"3c469e9d6c5875d3")"));
  EXPECT_THAT(Format(Refused(), caller), Not(HasSubstr("lease")));
  EXPECT_THAT(Format(Refused(), caller), Not(HasSubstr("SECRET")));
}

TEST(AuditRecordTest, IsOneLineOfJsonWhateverTheReportHolds) {
  v1::Report report = Refused();
  const std::string hostile = "a\"b\\c\nd\x1b\x7f\xff{}" + std::string(9000, '\n');
  report.set_format(hostile);
  report.set_sha256(hostile);
  report.set_request_id(hostile);
  report.set_path("/m/\\x0a\"");
  report.clear_findings();
  for (int i = 0; i < 100; ++i) {
    report.add_findings()->set_rule_id(absl::StrCat(i, hostile));
    report.mutable_findings(i)->set_severity(v1::SEVERITY_ERROR);
  }
  const std::string line = Format(report, {.connection = hostile, .uid = std::nullopt});
  EXPECT_EQ(line.find('\n'), std::string::npos);
  EXPECT_LT(line.size(), 16'384U);
  google::protobuf::Struct parsed;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(line, &parsed).ok()) << line;
  EXPECT_EQ(parsed.fields().at("path").string_value(), "/m/\\x0a\"");
  EXPECT_EQ(parsed.fields().at("reasons").list_value().values_size(), 32);
}

}  // namespace
}  // namespace loadlock::rpc
