// What counts as labels, and LABELS.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

std::string WithClasses(Maker classes) {
  return OutcomeOf(
      Obj("sklearn.preprocessing._label.LabelEncoder", {{"classes_", std::move(classes)}}));
}

Maker Strings(const std::string& typestr, int64_t count, const std::string& bytes) {
  return Raw(DType(typestr), {count}, bytes);
}

TEST(Labels, SortedVectorsPass) {
  for (const Maker& good : {
           Vec<int64_t>({-5, 0, 7}),
           Vec<uint64_t>({1, uint64_t{1} << 63}),
           Vec<double>({-1.5, 2}),
           Vec<double>({-1.5, INFINITY, kNan}),
           Vec<double>({kNan}),
           Vec<float>({1, 2}),
           Strings("|b1", 2, std::string("\0\1", 2)),
           Strings("|S2", 3, std::string("a\0abb\0", 6)),
           Raw(DType("<U1"), {2}, Bytes<uint32_t>({'a', 'b'})),
           Objects({3}, {Str("b"), Str("a"), None()}),
           Objects({3}, {Str("a"), None(), Float(kNan)}),
           Objects({3}, {Int(1), NumpyInt(2), Float(2.5)}),
       }) {
    EXPECT_EQ(WithClasses(good), "ACCEPTED");
  }
}

TEST(Labels, WhatSearchesWouldMissIsRefused) {
  const std::vector<Maker> broken = {
      Vec<int64_t>({5, 1}),
      Vec<int64_t>({1, 1}),
      Vec<uint64_t>({uint64_t{1} << 63, 1}),
      Vec<double>({kNan, 1}),
      Vec<double>({kNan, kNan}),
      Vec<double>({0.0, -0.0}),
      Strings("|b1", 2, std::string("\1\0", 2)),
      Strings("|b1", 2, std::string("\0\2", 2)),
      Strings("|S2", 2, std::string("abab", 4)),
      Strings("|S2", 2, std::string("b\0a\0", 4)),
      Raw(DType("<U1"), {2}, Bytes<uint32_t>({0x10FFFF, 'b'})),
      Raw(DType("<f2"), {1}, std::string(2, '\0')),
      Objects({2}, {Str("a"), Str("a")}),
      Objects({2}, {Int(2), Int(1)}),
      Objects({2}, {Int(1), Str("a")}),
      Objects({2}, {None(), Str("a")}),
      Objects({2}, {Float(kNan), Float(1)}),
      Objects({1}, {Tuple({Int(1)})}),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string outcome = WithClasses(broken[i]);
    EXPECT_TRUE(outcome.starts_with("INVARIANT_LABELS")) << i << ": " << outcome;
  }
}

TEST(Labels, TimesAscendAndTheOneThatIsNoneIsLast) {
  constexpr int64_t kNone = std::numeric_limits<int64_t>::min();
  const auto times = [](const std::vector<int64_t>& numbers) {
    std::string bytes(numbers.size() * sizeof(int64_t), '\0');
    std::memcpy(bytes.data(), numbers.data(), bytes.size());
    return WithClasses(
        Raw(DType("<M8[D]"), {static_cast<int64_t>(numbers.size())}, std::move(bytes)));
  };
  EXPECT_EQ(times({-3, 5, 7}), "ACCEPTED");
  EXPECT_EQ(times({5, kNone}), "ACCEPTED");
  for (const auto& bad : {std::vector<int64_t>{5, 5}, {7, 5}, {kNone, 5}, {5, kNone, kNone}}) {
    EXPECT_TRUE(times(bad).starts_with("INVARIANT_LABELS"));
  }
}

TEST(Labels, ClassesOfEveryEstimatorHaveOneDimension) {
  const auto outcome = [](Maker classes) {
    return OutcomeOf(Obj("sklearn.naive_bayes.GaussianNB", {{"classes_", std::move(classes)}}));
  };
  EXPECT_EQ(outcome(Vec<int64_t>({2, 1})), "ACCEPTED");
  EXPECT_EQ(outcome(List({Vec<int64_t>({2, 1}), Objects({1}, {Str("a")})})), "ACCEPTED");
  const std::vector<Maker> broken = {
      Zeros({2, 0}), Zeros({2, 1}),      Zeros({0}), Objects({2, 1}, {Str("a"), Str("b")}),
      None(),        List({Zeros({0})}), List({}),   Raw(DType(">i8"), {1}, std::string(8, '\0')),
      Int(3),        Objects({0}, {}),   Str("ab"),  List({Str("a")}),
  };
  for (size_t i = 0; i < broken.size(); ++i) {
    EXPECT_TRUE(outcome(broken[i]).starts_with("STATE_RULE")) << i << ": " << outcome(broken[i]);
  }
}

}  // namespace
}  // namespace loadlock::verify::testing
