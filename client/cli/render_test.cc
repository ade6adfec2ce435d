#include "client/cli/render.h"

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/cli/progress.h"

namespace loadlock::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHostile = "\x1b]0;pwned\x07\x1b[2J\u202ex\xff\r\n";

bool IsPlain(const std::string& text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c == '\n' || (c >= 0x20 && c <= 0x7e); });
}

v1::AuditModelResponse Refused() {
  v1::AuditModelResponse answer;
  v1::Report* report = answer.mutable_report();
  report->set_verdict(v1::VERDICT_REFUSED);
  report->set_format("pickle");
  report->set_size(57);
  report->set_policy("default");
  v1::Finding* finding = report->add_findings();
  finding->set_severity(v1::SEVERITY_ERROR);
  finding->set_rule_id("NAME_NOT_LISTED");
  finding->set_message("posix.system is not listed");
  finding->set_name("posix.system");
  finding->set_byte_offset(11);
  finding->set_opcode("STACK_GLOBAL");
  finding->set_object_path("$.steps[1]");
  finding->set_allow("entries { name: \"posix.system\" }");
  return answer;
}

google::protobuf::Struct Parse(const std::string& json) {
  google::protobuf::Struct value;
  EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &value).ok()) << json;
  return value;
}

TEST(RenderOutcome, SaysWhyWhereAndWhatWouldAllowIt) {
  EXPECT_EQ(RenderOutcome({"bad.pkl", Refused()}, Style(false)),
            "bad.pkl: refused  pickle, 57 B, policy default\n"
            "  posix.system is not listed  [NAME_NOT_LISTED]\n"
            "    where: byte 11, STACK_GLOBAL, $.steps[1]\n"
            "    the policy lacks: entries { name: \"posix.system\" }\n");
}

TEST(RenderOutcome, IsOneLineForAnAcceptedFile) {
  v1::AuditModelResponse answer;
  answer.mutable_report()->set_verdict(v1::VERDICT_ACCEPTED);
  answer.mutable_report()->set_format("joblib");
  answer.mutable_report()->set_size(1200);
  answer.mutable_report()->set_policy("default");
  answer.mutable_report()->add_globals();
  EXPECT_EQ(RenderOutcome({"m", answer}, Style(false)),
            "m: accepted  joblib, 1.2 kB, 1 name, policy default\n");
  EXPECT_THAT(RenderOutcome({"m", answer}, Style(true)), HasSubstr("\x1b[32;1maccepted\x1b[0m"));
}

TEST(RenderOutcome, SaysWhatCouldNotBeDecided) {
  EXPECT_EQ(RenderOutcome({"m", absl::NotFoundError("no such file")}, Style(false)),
            "m: could not be decided: no such file  [NOT_FOUND]\n");
  EXPECT_EQ(RenderOutcome({"m", absl::NotFoundError("")}, Style(false)),
            "m: could not be decided: NOT_FOUND  [NOT_FOUND]\n");
}

TEST(RenderOutcome, EscapesWhateverComesFromOutside) {
  v1::AuditModelResponse answer = Refused();
  v1::Report* report = answer.mutable_report();
  report->set_format(kHostile);
  report->set_policy(kHostile);
  v1::Finding* finding = report->mutable_findings(0);
  for (auto set :
       {&v1::Finding::set_rule_id<const std::string&>,
        &v1::Finding::set_message<const std::string&>, &v1::Finding::set_opcode<const std::string&>,
        &v1::Finding::set_object_path<const std::string&>,
        &v1::Finding::set_member_path<const std::string&>,
        &v1::Finding::set_allow<const std::string&>}) {
    (finding->*set)(kHostile);
  }
  v1::GlobalUse* use = report->add_globals();
  use->set_module(kHostile);
  use->set_name(kHostile);
  const std::string shown = RenderOutcome({kHostile, answer}, Style(false)) +
                            RenderOutcome({kHostile, absl::InternalError(kHostile)}, Style(false));
  EXPECT_TRUE(IsPlain(shown)) << shown;
  EXPECT_EQ(std::count(shown.begin(), shown.end(), '\n'), 4 + 1);
}

TEST(RenderOutcome, CountsWhatItLeavesOutAndPutsReasonsFirst) {
  v1::AuditModelResponse answer;
  v1::Report* report = answer.mutable_report();
  report->set_verdict(v1::VERDICT_REFUSED);
  for (int i = 0; i < 30; ++i) {
    v1::Finding* note = report->add_findings();
    note->set_severity(v1::SEVERITY_INFO);
    note->set_message("a value was forced");
  }
  *report->add_findings() = Refused().report().findings(0);
  const std::string shown = RenderOutcome({"m", answer}, Style(false));
  EXPECT_THAT(shown, HasSubstr("... 21 more"));
  EXPECT_LT(shown.find("posix.system"), shown.find("note: a value was forced"));
}

TEST(JsonOutcome, IsTheReportInOneLine) {
  v1::AuditModelResponse answer = Refused();
  answer.mutable_report()->set_path("bad.pkl");
  const std::string json = JsonOutcome({"bad.pkl", answer});
  EXPECT_EQ(json.find('\n'), json.size() - 1);
  const auto value = Parse(json);
  EXPECT_EQ(value.fields().at("path").string_value(), "bad.pkl");
  EXPECT_EQ(value.fields().at("verdict").string_value(), "VERDICT_REFUSED");
  const auto& finding = value.fields().at("findings").list_value().values(0).struct_value();
  EXPECT_EQ(finding.fields().at("ruleId").string_value(), "NAME_NOT_LISTED");
  EXPECT_EQ(finding.fields().at("byteOffset").string_value(), "11");
}

TEST(JsonOutcome, SaysWhatCouldNotBeDecided) {
  const auto value = Parse(JsonOutcome({"a\"b" + kHostile, absl::NotFoundError(kHostile)}));
  EXPECT_EQ(value.fields().at("verdict").string_value(), "VERDICT_UNSPECIFIED");
  EXPECT_THAT(value.fields().at("path").string_value(), HasSubstr("a\"b\\x1b"));
  const auto& error = value.fields().at("error").struct_value();
  EXPECT_EQ(error.fields().at("code").string_value(), "NOT_FOUND");
}

TEST(JsonOutcome, IsHarmlessOnATerminal) {
  v1::AuditModelResponse answer = Refused();
  // Valid UTF-8 that a terminal would obey.
  answer.mutable_report()->mutable_findings(0)->set_message("\x1b[2J\u009b31m\u202e\x7f");
  EXPECT_TRUE(IsPlain(JsonOutcome({"m", answer})));
}

TEST(Outcome, OnlyAVerdictDecides) {
  EXPECT_EQ((Outcome{"", v1::AuditModelResponse()}).Decision(), ExitCode::kUndecided);
  EXPECT_EQ(
      (Outcome{"", absl::OkStatus().ok() ? absl::UnknownError("") : absl::OkStatus()}).Decision(),
      ExitCode::kUndecided);
  EXPECT_EQ((Outcome{"", Refused()}).Decision(), ExitCode::kRefused);
}

TEST(Summary, TheHighestDecides) {
  Summary summary;
  EXPECT_EQ(summary.Decision(), ExitCode::kUndecided);  // Nothing was audited.
  summary.Add(ExitCode::kAccepted);
  EXPECT_EQ(summary.Decision(), ExitCode::kAccepted);
  summary.Add(ExitCode::kRefused);
  EXPECT_EQ(summary.Decision(), ExitCode::kRefused);
  summary.Add(ExitCode::kAccepted);
  EXPECT_EQ(summary.Decision(), ExitCode::kRefused);
  summary.Add(ExitCode::kUndecided);
  summary.Add(ExitCode::kRefused);
  EXPECT_EQ(summary.Decision(), ExitCode::kUndecided);
  EXPECT_EQ(summary.Render(Style(false)), "2 accepted, 2 refused, 1 could not be decided\n");
}

TEST(RenderBar, FitsItsColumns) {
  EXPECT_EQ(RenderBar(4, 10, "model", 80), "[########............]  4/10  model");
  EXPECT_EQ(RenderBar(0, 0, "", 80), "[####################]  0/0  ");
  EXPECT_LE(RenderBar(1, 2, std::string(500, 'x'), 60).size(), 60u);
  EXPECT_THAT(RenderBar(1, 2, kHostile, 200), Not(HasSubstr("\x1b")));
  EXPECT_EQ(RenderBar(1, 2, "x", 0), "[##########..........]  1/2");
}

}  // namespace
}  // namespace loadlock::cli
