#include "client/cli/inspection.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "client/cli/page.h"

namespace loadlock::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

constexpr char kHostile[] =
    "<script>alert(1)</script>\"'&\x1b]0;x\x07\n\xe2\x80\xae\xef\xbb\xbf\xff";
constexpr char kListed[] = "acme.Model";

PolicyBook Book() {
  v1::ExplainPolicyResponse answer;
  v1::Entry* entry = answer.add_entries();
  entry->set_name(kListed);
  entry->set_trust(v1::TRUST_NEW_DICT);
  entry->set_why("a reason");
  v1::EntryOrigin* origin = answer.add_origins();
  origin->set_name(kListed);
  origin->set_policy("acme");
  origin->set_line(17);
  return {"acme", answer};
}

v1::AuditModelResponse Accepted() {
  v1::AuditModelResponse answer;
  answer.mutable_report()->set_verdict(v1::VERDICT_ACCEPTED);
  v1::GlobalUse* use = answer.mutable_report()->add_globals();
  use->set_module("acme");
  use->set_name("Model");
  use->set_count(2);
  use->set_trust(v1::TRUST_NEW_DICT);
  return answer;
}

v1::AuditModelResponse Refused(const std::string& text) {
  v1::AuditModelResponse answer = Accepted();
  v1::Report* report = answer.mutable_report();
  report->set_verdict(v1::VERDICT_REFUSED);
  report->set_format(text);
  v1::GlobalUse* use = report->add_globals();
  use->set_module(text);
  use->set_name(text);
  use->set_count(1);
  v1::Finding* finding = report->add_findings();
  finding->set_severity(v1::SEVERITY_ERROR);
  finding->set_rule_id("NAME_NOT_LISTED");
  finding->set_name(text + "." + text);
  finding->set_message(text);
  finding->set_object_path(text);
  finding->set_allow(text);
  return answer;
}

// A list of `count` objects of acme.Model.
v1::Graph Models(uint32_t count) {
  v1::Graph graph;
  const auto node = [&graph](v1::NodeKind kind, const std::vector<uint32_t>& operands) {
    graph.add_kinds(kind);
    graph.add_operand_counts(static_cast<uint32_t>(operands.size()));
    for (const uint32_t operand : operands) graph.add_operands(operand);
    return static_cast<uint32_t>(graph.kinds_size() - 1);
  };
  graph.add_globals()->set_module("acme");
  graph.mutable_globals(0)->set_name("Model");
  graph.add_strings(kHostile);
  const uint32_t global = node(v1::NODE_KIND_GLOBAL, {0});
  std::vector<uint32_t> items = {node(v1::NODE_KIND_STR, {0})};
  constexpr uint32_t kAbsent = 0xFFFFFFFF;
  const uint32_t value = node(v1::NODE_KIND_DICT_STR, {0, items[0]});
  for (uint32_t i = 0; i < count; ++i) {
    items.push_back(node(v1::NODE_KIND_OBJECT, {global, kAbsent, value, kAbsent, kAbsent}));
  }
  graph.set_root(node(v1::NODE_KIND_LIST, items));
  return graph;
}

// Nothing but the elements of the page itself, and no character that acts.
void ExpectHarmless(const std::string& page) {
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  for (const char* part : {"src=", "href=", "url(", "@import", "http:", "https:"}) {
    EXPECT_THAT(page, Not(HasSubstr(part)));
  }
  constexpr char kKnown[] =
      "<(!doctype html|/?(html|head|meta|title|style|body|h1|h2|p|div|span|code|details|summary|br)"
      "( (lang|charset|http-equiv|content|name|class)=\"[^\"<>]*\"| open)*)>";
  for (size_t tag = page.find('<'); tag != std::string::npos; tag = page.find('<', tag + 1)) {
    EXPECT_THAT(page.substr(tag, page.find('>', tag) - tag + 1), MatchesRegex(kKnown));
  }
  EXPECT_TRUE(std::all_of(page.begin(), page.end(),
                          [](char c) { return c == '\n' || (c >= 0x20 && c < 0x7F); }));
}

TEST(Inspection, SaysWhatIsTrustedAndByWhichLine) {
  const v1::AuditModelResponse answer = Accepted();
  const v1::Graph graph = Models(1);
  const Inspection inspection = Inspect(answer.report(), &graph, Book(), {});
  const std::string text = RenderInspection(inspection, Style(false));
  EXPECT_THAT(text, HasSubstr("[1]: acme.Model  # may be rebuilt, acme.textproto:17"));
  EXPECT_THAT(text, HasSubstr("a reason"));
  EXPECT_THAT(JsonInspection({"m", answer}, inspection),
              HasSubstr(R"("trusted":true,"line":"acme.textproto:17")"));
}

TEST(Inspection, ShowsPlacesOfARefusedFile) {
  const v1::AuditModelResponse answer = Refused("evil");
  const Inspection all = Inspect(answer.report(), nullptr, Book(), {});
  const std::string text = RenderInspection(all, Style(false));
  EXPECT_THAT(text, HasSubstr("evil.evil  not listed"));
  EXPECT_THAT(text, HasSubstr("never handed out"));
  EXPECT_THAT(JsonInspection({"m", answer}, all), HasSubstr(R"("label":"the policy lacks")"));
  const std::string trusted = RenderInspection(Narrowed(all, Show::kTrusted), Style(false));
  EXPECT_THAT(trusted, HasSubstr("acme.Model"));
  EXPECT_THAT(trusted, Not(HasSubstr("evil.evil")));
  const std::string untrusted = RenderInspection(Narrowed(all, Show::kUntrusted), Style(false));
  EXPECT_THAT(untrusted, HasSubstr("evil.evil"));
  EXPECT_THAT(untrusted, Not(HasSubstr("acme.Model")));
}

TEST(Inspection, NarrowingKeepsWhatHoldsARow) {
  const v1::Graph graph = Models(2);
  const Inspection all = Inspect(Accepted().report(), &graph, Book(), {});
  const Inspection trusted = Narrowed(all, Show::kTrusted);
  ASSERT_EQ(trusted.rows.size(), 3U);
  EXPECT_EQ(trusted.rows[0].row.depth, 0U);
  EXPECT_EQ(trusted.rows[2].row.name, kListed);
  EXPECT_TRUE(Narrowed(all, Show::kUntrusted).rows.empty());
}

TEST(Inspection, NarrowingKeepsEachOwnHolder) {
  Inspection all;
  all.names.emplace_back().trusted = true;
  const auto add = [&all](size_t depth, int part) {
    all.rows.push_back({{depth, "", "x", "", ""}, part});
  };
  for (const auto& [depth, part] : std::vector<std::pair<size_t, int>>{
           {0, -1}, {1, -1}, {2, 0}, {1, -1}, {2, -1}, {1, -1}, {2, 0}}) {
    add(depth, part);
  }
  std::vector<size_t> depths;
  for (const InspectedRow& row : Narrowed(all, Show::kTrusted).rows) {
    depths.push_back(row.row.depth);
  }
  EXPECT_EQ(depths, (std::vector<size_t>{0, 1, 2, 1, 2}));
}

TEST(Page, EscapesWhateverComesFromOutside) {
  const v1::AuditModelResponse refused = Refused(kHostile);
  ExpectHarmless(RenderPage({kHostile, refused}, Inspect(refused.report(), nullptr, Book(), {})));
  const v1::AuditModelResponse accepted = Accepted();
  const v1::Graph graph = Models(3);
  const std::string page =
      RenderPage({kHostile, accepted}, Inspect(accepted.report(), &graph, Book(), {}));
  ExpectHarmless(page);
  EXPECT_THAT(page, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(page, HasSubstr("\\u{202e}"));
}

TEST(Page, IsBoundedAndSaysWhatItLeavesOut) {
  const v1::AuditModelResponse answer = Accepted();
  const v1::Graph graph = Models(1000000);
  const TreeLimits widest{.depth = 64, .width = 10000, .lines = TreeLimits().lines};
  const std::string page =
      RenderPage({"m", answer}, Inspect(answer.report(), &graph, Book(), widest));
  EXPECT_LT(page.size(), size_t{4} << 20);
  EXPECT_THAT(page, HasSubstr("cut after 5000 lines"));
  v1::AuditModelResponse many = Refused("evil");
  for (int i = 0; i < 100000; ++i) {
    *many.mutable_report()->add_globals() = many.report().globals(1);
    if (i < 100) *many.mutable_report()->add_findings() = many.report().findings(0);
  }
  const std::string names = RenderPage({"m", many}, Inspect(many.report(), nullptr, Book(), {}));
  EXPECT_LT(names.size(), size_t{4} << 20);
  EXPECT_THAT(names, HasSubstr("further names are not shown"));
}

}  // namespace
}  // namespace loadlock::cli
