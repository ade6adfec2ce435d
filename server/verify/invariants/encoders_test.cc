// ONE_HOT, ORDINAL: every clause broken once.
#include <gtest/gtest.h>

#include <limits>

#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

void ExpectAll(const std::string& cls, const std::vector<Attrs>& broken, const std::string& rule) {
  for (size_t i = 0; i < broken.size(); ++i) {
    const std::string outcome = OutcomeOf(Obj(cls, broken[i]));
    EXPECT_TRUE(outcome.starts_with(rule)) << i << ": " << outcome;
  }
}

constexpr char kOneHot[] = "sklearn.preprocessing._encoders.OneHotEncoder";

Attrs OneHot() {
  return {{"categories_", List({Vec<int64_t>({1, 2, 3}), Objects({2}, {Str("a"), Str("b")})})},
          {"n_features_in_", Int(2)},
          {"_infrequent_enabled", Bool(false)},
          {"drop", None()},
          {"drop_idx_", None()},
          {"_n_features_outs", List({Int(3), Int(2)})}};
}

Attrs Infrequent() {
  Attrs attrs = OneHot();
  attrs["_infrequent_enabled"] = Bool(true);
  attrs["max_categories"] = Int(2);
  attrs["_default_to_infrequent_mappings"] = List({Vec<int64_t>({1, 0, 1}), None()});
  attrs["_infrequent_indices"] = List({Vec<int64_t>({0, 2}), None()});
  attrs["_n_features_outs"] = List({Int(2), Int(2)});
  return attrs;
}

// Feature 0 without its first category.
Attrs Dropped() {
  Attrs attrs = OneHot();
  attrs["drop"] = List({Int(1), Str("b")});
  attrs["drop_idx_"] = Objects({2}, {Int(0), Int(1)});
  attrs["_drop_idx_after_grouping"] = Objects({2}, {Int(0), NumpyInt(1)});
  attrs["_n_features_outs"] = List({Int(2), Int(1)});
  return attrs;
}

TEST(OneHot, SoundOnesPass) {
  EXPECT_EQ(OutcomeOf(Obj(kOneHot, OneHot())), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kOneHot, Infrequent())), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kOneHot, Dropped())), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kOneHot, With(Dropped(), "_drop_idx_after_grouping", nullptr))),
            "ACCEPTED")
      << "before 1.3";
  Attrs binary = With(OneHot(), "drop", Str("if_binary"));
  binary["drop_idx_"] = Objects({2}, {None(), Int(0)});
  binary["_n_features_outs"] = List({Int(3), Int(1)});
  EXPECT_EQ(OutcomeOf(Obj(kOneHot, binary)), "ACCEPTED");
  Attrs both = With(Infrequent(), "drop", Str("first"));
  both["_drop_idx_after_grouping"] = Objects({2}, {Int(0), Int(0)});
  both["drop_idx_"] = Objects({2}, {Int(1), Int(0)});
  both["_n_features_outs"] = List({Int(1), Int(1)});
  EXPECT_EQ(OutcomeOf(Obj(kOneHot, both)), "ACCEPTED");
  EXPECT_EQ(OutcomeOf(Obj(kOneHot, {{"drop", None()}})), "ACCEPTED") << "not fitted";
}

TEST(OneHot, CategoriesAreLabelsAndColumnsFollowFromThem) {
  const Attrs good = OneHot();
  const Maker text = Objects({2}, {Str("a"), Str("b")});
  ExpectAll(
      kOneHot,
      {With(good, "_n_features_outs", List({Int(2), Int(2)})),
       With(good, "_n_features_outs", List({Int(3), Int(1 << 30)})),
       With(good, "_n_features_outs", List({Int(3)})), With(good, "_n_features_outs", nullptr),
       With(good, "n_features_in_", Int(1)), With(good, "n_features_in_", nullptr),
       With(good, "categories_", List({Vec<int64_t>({1, 2, 3})})),
       With(good, "categories_", List({Vec<int64_t>({1, 2, 3}), List({})})),
       With(good, "categories_", List({Vec<int64_t>({1, 3, 2}), text})),
       With(good, "categories_", List({Arr<int64_t>({3, 1}, {1, 2, 3}), text})),
       With(good, "categories_", List({Zeros({3, 0}), text}))},
      "INVARIANT_ONE_HOT");
}

TEST(OneHot, WhatIsGroupedFollowsFromOneModel) {
  const Attrs good = OneHot();
  const Attrs rare = Infrequent();
  const std::string enabled = "_infrequent_enabled";
  const std::string maps = "_default_to_infrequent_mappings";
  const std::string indices = "_infrequent_indices";
  ExpectAll(kOneHot,
            {With(good, enabled, Bool(true)),
             With(good, enabled, nullptr),
             With(good, "max_categories", Int(2)),
             With(good, "min_frequency", Float(0.5)),
             With(good, maps, List({None(), None()})),
             With(good, indices, List({None(), None()})),
             With(rare, enabled, Bool(false)),
             With(rare, enabled, Int(0)),
             With(rare, enabled, Int(1)),
             With(rare, enabled, None()),
             With(rare, enabled, nullptr),
             With(rare, "max_categories", None()),
             With(rare, "max_categories", Int(0)),
             With(rare, maps, nullptr),
             With(rare, maps, List({Vec<int64_t>({1, 0, 3}), None()})),
             With(rare, maps, List({Vec<int64_t>({1, 0, 0}), None()})),
             With(rare, maps, List({Vec<int64_t>({1, 0, -1}), None()})),
             With(rare, maps, List({Vec<int64_t>({1, 0}), None()})),
             With(rare, maps, List({Vec<int64_t>({1, 0, 2}), None()})),
             With(rare, maps, List({Vec<int32_t>({1, 0, 1}), None()})),
             With(rare, maps, List({Arr<int64_t>({3, 1}, {1, 0, 1}), None()})),
             With(rare, maps, List({None()})),
             With(rare, maps, List({None(), None()})),
             With(rare, indices, nullptr),
             With(rare, indices, List({Vec<int64_t>({3}), None()})),
             With(rare, indices, List({Vec<int64_t>({0}), None()})),
             With(rare, indices, List({Vec<int64_t>({2, 0}), None()})),
             With(rare, indices, List({Vec<int64_t>({0, 0}), None()})),
             With(rare, indices, List({Vec<int64_t>({0, 2}), Vec<int64_t>({0})})),
             With(rare, indices, List({None(), None()}))},
            "INVARIANT_ONE_HOT");
}

TEST(OneHot, WhatIsDroppedAgreesWithDrop) {
  const Attrs good = OneHot();
  const Attrs dropped = Dropped();
  const std::string grouped = "_drop_idx_after_grouping";
  ExpectAll(
      kOneHot,
      {With(good, "drop_idx_", Objects({2}, {Int(3), None()})),
       With(good, "drop_idx_", Objects({2}, {Int(-1), None()})),
       With(good, "drop_idx_", Objects({1}, {Int(0)})),
       With(good, "drop_idx_", Objects({2}, {Int(0), None()})), With(good, "drop_idx_", nullptr),
       With(good, "drop", nullptr), With(good, "drop", Str("first")), With(dropped, "drop", None()),
       With(dropped, "drop", Str("if_binary")), With(dropped, "drop", Str("first")),
       With(dropped, "drop", Str("other")), With(dropped, grouped, None()),
       With(dropped, grouped, Objects({2}, {Int(1), Int(1)})),
       With(dropped, grouped, Objects({2}, {Int(0), None()})),
       With(dropped, grouped, Objects({2, 1}, {Int(0), Int(1)})),
       With(dropped, "drop_idx_", None()),
       With(dropped, "drop_idx_", Objects({2}, {Int(0), Int(2)})),
       With(dropped, "drop_idx_", Objects({2}, {Int(0), Bool(true)})),
       With(dropped, "drop_idx_", Vec<int64_t>({0, 1}))},
      "INVARIANT_ONE_HOT");
}

TEST(Ordinal, IndicesAreInRange) {
  const std::string cls = "sklearn.preprocessing._encoders.OrdinalEncoder";
  const auto missing = [](int64_t feature, int64_t index) {
    return [=](Draft& draft) {
      const NodeId key = Int(feature)(draft);
      const NodeId value = Int(index)(draft);
      return draft.Node(v1::NODE_KIND_DICT, {key, value});
    };
  };
  const Maker categories = Vec<double>({1, 2, std::numeric_limits<double>::quiet_NaN()});
  const Attrs good = {{"categories_", List({categories})},
                      {"n_features_in_", Int(1)},
                      {"_missing_indices", missing(0, 2)}};
  EXPECT_EQ(OutcomeOf(Obj(cls, good)), "ACCEPTED");
  // NaN is not grouped.
  Attrs rare = With(good, "_infrequent_enabled", Bool(true));
  rare["min_frequency"] = Int(2);
  rare["_infrequent_indices"] = List({Vec<int64_t>({0})});
  rare["_default_to_infrequent_mappings"] = List({Vec<int64_t>({1, 0})});
  EXPECT_EQ(OutcomeOf(Obj(cls, rare)), "ACCEPTED");
  ExpectAll(
      cls,
      {With(good, "_missing_indices", missing(0, 3)), With(good, "_missing_indices", missing(0, 1)),
       With(good, "_missing_indices", missing(1, 0)),
       With(good, "_missing_indices", missing(0, -1)), With(good, "_missing_indices", Dict({})),
       With(good, "categories_", List({Vec<int64_t>({1, 2, 3})})),
       With(good, "categories_", List({Vec<int64_t>({3, 2, 1})})),
       With(good, "n_features_in_", Int(2)), With(rare, "_infrequent_enabled", Bool(false)),
       With(rare, "_infrequent_enabled", nullptr),
       With(rare, "_default_to_infrequent_mappings", List({Vec<int64_t>({1, 0, 2})}))},
      "INVARIANT_ORDINAL");
}

}  // namespace
}  // namespace loadlock::verify::testing
