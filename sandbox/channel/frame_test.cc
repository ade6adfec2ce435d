#include "sandbox/channel/frame.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace loadlock::channel {
namespace {

// How many frames of the sequence the order accepts.
size_t Accepted(std::string_view frames, FrameOrder order) {
  for (size_t i = 0; i < frames.size(); ++i) {
    const auto type = ParseFrameType(static_cast<uint8_t>(frames[i]));
    if (!type.has_value() || !order.Accept(*type)) return i;
  }
  return frames.size();
}

TEST(FrameOrder, AcceptsWhatAnHonestWorkerSends) {
  for (const std::string_view frames : {"A", "RE", "RRRE", "GRE", "GGGPPRE", "GPRRE", "GRRE"}) {
    EXPECT_EQ(Accepted(frames, FrameOrder::AfterReady()), frames.size()) << frames;
  }
  EXPECT_EQ(Accepted("YGPRE", FrameOrder()), 5u);
  EXPECT_EQ(Accepted("F", FrameOrder()), 1u);
}

TEST(FrameOrder, RefusesEveryOtherOrderAtTheFirstWrongFrame) {
  struct Case {
    std::string_view frames;
    size_t accepted;
  };
  for (const Case& c : std::initializer_list<Case>{
           {"E", 0},      // no result
           {"GE", 1},     // no result
           {"PR", 0},     // provenance without a graph
           {"GPGRE", 2},  // back to the graph
           {"GRPE", 2},   // back to the provenance
           {"RGE", 1},    // graph after the result
           {"REE", 2},    // a second end
           {"RER", 2},    // something after the end
           {"REV", 2},    // even that
           {"AA", 1},     // one answer
           {"AE", 1},     // which is the end
           {"GA", 1},     // in one packet or in many
           {"RA", 1},     //
           {"VR", 1},     // nothing comes after a violation
           {"VV", 1},     // not even a violation
           {"YRE", 0},    // a second greeting
           {"FRE", 0},    // too late to fail the lock-down
           {"JRE", 0},    // only the daemon sends jobs
       }) {
    EXPECT_EQ(Accepted(c.frames, FrameOrder::AfterReady()), c.accepted) << c.frames;
  }
  // Before the greeting nothing else is allowed.
  for (const std::string_view frames : {"A", "G", "P", "R", "E", "V", "J", "FY", "YY"}) {
    EXPECT_EQ(Accepted(frames, FrameOrder()), frames.size() - 1) << frames;
  }
}

TEST(FrameType, KnowsExactlyTheNamedTypes) {
  const std::string_view known = "JFYGPREVA";
  for (int byte = 0; byte < 256; ++byte) {
    EXPECT_EQ(ParseFrameType(static_cast<uint8_t>(byte)).has_value(),
              known.find(static_cast<char>(byte)) != std::string_view::npos)
        << byte;
  }
}

}  // namespace
}  // namespace loadlock::channel
