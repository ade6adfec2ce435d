#include "sandbox/formats/npz/npz_format.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/decoders/zip/testing/writer.h"
#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using zip::testing::Entry;

std::string Npy() {
  const Blob file = ReadTestFile("npy__version1");
  return {file.begin(), file.end()};
}

Entry MemberOf(std::string name, std::string content, bool deflate = false) {
  Entry entry;
  entry.name = std::move(name);
  entry.content = std::move(content);
  entry.deflate = deflate;
  return entry;
}

std::string RuleOf(const std::vector<Entry>& entries) {
  const Blob file = ToBlob(zip::testing::Write(entries));
  return Parsed(file).rule();
}

TEST(NpzFormatTest, MembersAreArraysByTheirNames) {
  const Blob file = ToBlob(
      zip::testing::Write({MemberOf("b.npy", Npy()), MemberOf("folder/a.npy", Npy(), true)}));
  const Parsed parsed(file);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "npz");
  const graph::Builder& graph = parsed.graph();
  const auto edges = graph.edges(parsed.output().root);
  ASSERT_EQ(edges.size(), 4U);
  EXPECT_EQ(graph.text(edges[0]), "b");
  EXPECT_EQ(graph.text(edges[2]), "folder/a");
  for (const size_t i : {1, 3}) {
    EXPECT_EQ(graph.array(edges[i]).shape, (std::vector<int64_t>{2, 3}));
  }
  v1::Graph sent;
  ASSERT_TRUE(sent.ParseFromString(parsed.encoded().graph));
  ASSERT_EQ(sent.buffer_sources_size(), 2);
  EXPECT_NE(sent.buffer_sources(0), sent.buffer_sources(1)) << "one is stored, one inflated";
}

TEST(NpzFormatTest, EachMemberIsReadAsItself) {
  EXPECT_EQ(RuleOf({MemberOf("a.npy", Npy() + "x")}), "TRAILING_DATA");
  EXPECT_EQ(RuleOf({MemberOf("a.npy", Npy().substr(0, 100))}), "TRUNCATED");
  EXPECT_EQ(RuleOf({MemberOf("a.npy", "\x80\x02N.")}), "MALFORMED");
  EXPECT_EQ(RuleOf({MemberOf("a.npy", Npy()), MemberOf("a.npy", Npy())}), "DUPLICATE_MEMBER");
  // An archive of models (bundle/), of which each is vetted as itself.
  EXPECT_EQ(RuleOf({MemberOf("a.npy", Npy()), MemberOf("x.pkl", "N.")}), "");
  EXPECT_EQ(RuleOf({MemberOf("a.npy", Npy()), MemberOf("x.pkl", "(N.")}), "UNKNOWN_FORMAT");
  EXPECT_EQ(RuleOf({MemberOf("../a.npy", Npy())}), "ZIP_NAME");
  const Blob file = ToBlob(zip::testing::Write({MemberOf("a.npy", Npy()), MemberOf("b.npy", "")}));
  const Parsed parsed(file);
  ASSERT_FALSE(parsed.output().refusals.empty());
  EXPECT_EQ(parsed.output().refusals[0].member_path, "b.npy");
}

TEST(NpzFormatTest, EveryTruncationIsRefused) {
  const Blob whole = ToBlob(zip::testing::Write({MemberOf("a.npy", Npy(), true)}));
  for (size_t size = 0; size < whole.size(); ++size) {
    const Blob part(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_NE(Parsed(part).rule(), "") << size;
  }
}

}  // namespace
}  // namespace loadlock::formats
