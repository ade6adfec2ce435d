#include "server/observe/trace_context.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace loadlock::observe {
namespace {

// The standard's own example.
constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";
constexpr char kParent[] = "00f067aa0ba902b7";

std::string Make(absl::string_view version, absl::string_view trace, absl::string_view parent,
                 absl::string_view flags) {
  return absl::StrCat(version, "-", trace, "-", parent, "-", flags);
}

TEST(TraceContextTest, TakesWhatTheGrammarAllows) {
  for (const std::string& text :
       {Make("00", kTrace, kParent, "01"), Make("00", kTrace, kParent, "00"),
        Make("00", kTrace, kParent, "ff"), Make("01", kTrace, kParent, "01"),
        Make("cc", kTrace, kParent, "01-what-the-future-will-be-like")}) {
    const TraceContext trace = ParseTraceparent(text);
    EXPECT_EQ(trace.trace_id, kTrace) << text;
    EXPECT_EQ(trace.parent_id, kParent) << text;
  }
}

TEST(TraceContextTest, TakesNothingElse) {
  const std::string good = Make("00", kTrace, kParent, "01");
  for (const std::string& text :
       {std::string(), Make("ff", kTrace, kParent, "01"), good + "-", good + "-x", good + "0",
        Make("01", kTrace, kParent, "01.x"), Make("00", std::string(32, '0'), kParent, "01"),
        Make("00", kTrace, std::string(16, '0'), "01"),
        Make("00", "4BF92F3577B34DA6A3CE929D0E0E4736", kParent, "01"),
        Make("00", kTrace, kParent, "0G"), " " + good, good + " "}) {
    EXPECT_EQ(ParseTraceparent(text).trace_id, "") << text;
  }
}

TEST(TraceContextTest, EveryByteCounts) {
  const std::string good = Make("00", kTrace, kParent, "01");
  for (size_t i = 0; i < good.size(); ++i) {
    EXPECT_EQ(ParseTraceparent(good.substr(0, i)).trace_id, "") << i;
    for (const char c : {'\0', '\n', '"', 'g', 'A', '\xff'}) {
      std::string wrong = good;
      wrong[i] = c;
      EXPECT_EQ(ParseTraceparent(wrong).trace_id, "") << i;
    }
  }
}

}  // namespace
}  // namespace loadlock::observe
