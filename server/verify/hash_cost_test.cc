// Keys that collide: found, whatever they are made of, and honest ones are not taken for them.
#include "server/verify/hash_cost.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "server/verify/python_hash.h"
#include "server/verify/testing/make.h"

namespace loadlock::verify::testing {
namespace {

constexpr int64_t kPrime = (int64_t{1} << 61) - 1;

uint64_t TupleOf(const std::vector<uint64_t>& hashes) {
  python::TupleHash hash;
  for (const uint64_t member : hashes) hash.Add(member);
  return hash.Finish(hashes.size());
}

uint64_t FrozenSetOf(const std::vector<uint64_t>& hashes) {
  python::FrozenSetHash hash;
  for (const uint64_t member : hashes) hash.Add(member);
  return hash.Finish(hashes.size());
}

// What `hash(value) & (2**64 - 1)` prints.
TEST(PythonHashTest, IsCPythons) {
  EXPECT_EQ(python::HashInt(0), 0U);
  EXPECT_EQ(python::HashInt(1), 1U);
  EXPECT_EQ(python::HashInt(-1), 18446744073709551614U);
  EXPECT_EQ(python::HashInt(-2), 18446744073709551614U);
  EXPECT_EQ(python::HashInt(2305843009213693951), 0U);
  EXPECT_EQ(python::HashInt(2305843009213693950), 2305843009213693950U);
  EXPECT_EQ(python::HashInt(-2305843009213693951), 0U);
  EXPECT_EQ(python::HashInt(9223372036854775807), 3U);
  EXPECT_EQ(python::HashInt(123456789012345), 123456789012345U);
  EXPECT_EQ(python::HashInt(std::numeric_limits<int64_t>::min()), 18446744073709551612U);
  EXPECT_EQ(python::HashBigInt(absl::HexStringToBytes("000000000000000001")), 8U);
  EXPECT_EQ(python::HashBigInt(absl::HexStringToBytes("fbfffffffffffffffe")),
            18446744073709551603U);
  EXPECT_EQ(python::HashBigInt(
                absl::HexStringToBytes("1100000000000000000000000000000000000000000000000001")),
            131089U);
  EXPECT_EQ(python::HashBigInt(absl::HexStringToBytes(
                "000000000000000000000000000000000000000000000000000000000000ff")),
            18302628885633695744U);
  EXPECT_EQ(python::HashBigInt(absl::HexStringToBytes("ff")), 18446744073709551614U);
  EXPECT_EQ(python::HashBigInt(absl::HexStringToBytes("ff00")), 255U);
  EXPECT_EQ(python::HashBigInt(absl::HexStringToBytes("00ff")), 18446744073709551360U);
  EXPECT_EQ(python::HashFloat(0.0), 0U);
  EXPECT_EQ(python::HashFloat(0.5), 1152921504606846976U);
  EXPECT_EQ(python::HashFloat(-0.5), 17293822569102704640U);
  EXPECT_EQ(python::HashFloat(1.0), 1U);
  EXPECT_EQ(python::HashFloat(-1.0), 18446744073709551614U);
  EXPECT_EQ(python::HashFloat(1e+300), 1224995262755759164U);
  EXPECT_EQ(python::HashFloat(-2.5e-10), 17747097061710620720U);
  EXPECT_EQ(python::HashFloat(5e-324), 16777216U);
  EXPECT_EQ(python::HashFloat(1.1805916207174113e+21), 512U);
  EXPECT_EQ(python::HashFloat(0.1), 230584300921369408U);
  EXPECT_EQ(python::HashFloat(std::numeric_limits<double>::infinity()), 314159U);
  EXPECT_EQ(python::HashFloat(-std::numeric_limits<double>::infinity()), 18446744073709237457U);
  EXPECT_EQ(python::HashComplex(1, 2), 2000007U);
  EXPECT_EQ(TupleOf({}), 5740354900026072187U);
  EXPECT_EQ(TupleOf({1, 2, 3}), 529344067295497451U);
  EXPECT_EQ(FrozenSetOf({}), 133146708735736U);
  EXPECT_EQ(FrozenSetOf({1, 2, 3}), 18174368672485334456U);
  EXPECT_EQ(FrozenSetOf({TupleOf({1, 2}), python::HashInt(-7)}), 16317652009218016682U);
  EXPECT_EQ(python::HashFloat(std::numeric_limits<double>::quiet_NaN()), 0U);
  EXPECT_NE(python::HashText("a"), python::HashText("b"));
}

// n keys made by `key`, as a dict's or a set's.
std::string OutcomeOfKeys(int n, const std::function<NodeId(Draft&, int64_t)>& key,
                          v1::NodeKind kind = v1::NODE_KIND_DICT) {
  Draft draft;
  std::vector<uint32_t> operands;
  const bool dict = kind == v1::NODE_KIND_DICT;
  const NodeId value = dict ? None()(draft) : 0;
  for (int64_t i = 0; i < n; ++i) {
    operands.push_back(key(draft, i));
    if (dict) operands.push_back(value);
  }
  return Outcome(VerifyDraft(draft, draft.Node(kind, std::move(operands)))).substr(0, 15);
}

NodeId FloatNode(Draft& draft, double value) {
  return draft.Node(v1::NODE_KIND_FLOAT, {draft.Float(value)});
}

TEST(HashCostTest, KeysThatCollideAreRefused) {
  using Key = std::function<NodeId(Draft&, int64_t)>;
  const std::vector<std::pair<std::string, Key>> attacks = {
      {"floats and big ints",
       [](Draft& d, int64_t i) {
         // Powers of 2^61, which all hash as 1; a float has 32 of them.
         if (i < 32) return FloatNode(d, std::ldexp(1.0, static_cast<int>(61 * (i - 16))));
         std::string bytes(static_cast<size_t>(61 * i / 8 + 2), '\0');
         bytes[static_cast<size_t>(61 * i / 8)] = static_cast<char>(1 << (61 * i % 8));
         return d.Node(v1::NODE_KIND_BIG_INT, {d.Blob(bytes)});
       }},
      {"packed tuples",
       [](Draft& d, int64_t i) {
         const uint32_t first =
             d.Ints({i % 4 * kPrime, i / 4 % 4 * kPrime, i / 16 % 4 * kPrime, i / 64 * kPrime});
         return d.Node(v1::NODE_KIND_TUPLE_INT, {first, 4});
       }},
      {"tuples with text",
       [](Draft& d, int64_t i) {
         return Tuple({Str("a"), Int(i % 4 * kPrime), Int(i / 4 % 4 * kPrime),
                       Int(i / 16 % 4 * kPrime), Int(i / 64 * kPrime)})(d);
       }},
      {"frozensets",
       [](Draft& d, int64_t i) {
         return d.Node(v1::NODE_KIND_FROZENSET,
                       {Int(i % 4 * kPrime)(d), Int(1 + i / 4 % 4 * kPrime)(d),
                        Int(2 + i / 16 % 4 * kPrime)(d), Int(3 + i / 64 * kPrime)(d)});
       }},
      {"complex",
       [](Draft& d, int64_t i) {
         return d.Node(v1::NODE_KIND_COMPLEX,
                       {d.Float(std::ldexp(1.0, static_cast<int>(61 * (i % 16)))),
                        d.Float(std::ldexp(1.0, static_cast<int>(61 * (i / 16))))});
       }},
  };
  for (const auto& [name, key] : attacks) {
    EXPECT_EQ(OutcomeOfKeys(256, key), "HASH_COLLISIONS") << name;
    EXPECT_EQ(OutcomeOfKeys(256, key, v1::NODE_KIND_SET), "HASH_COLLISIONS") << name;
  }
}

// Hashes that all differ, for a dict of 32768 slots. When nothing is left of a hash, the way goes
// x -> 5x + 1, the same for every key. The first keys fill a piece of that way; of the others,
// found by trying, each step before lies in it, and then they follow it to its end.
std::vector<int64_t> KeysThatShareTheirWay() {
  constexpr uint64_t kMask = 32767;
  std::vector<int64_t> keys;
  std::vector<bool> taken(kMask + 1);
  for (uint64_t at = 0; keys.size() < 18'000; at = (at * 5 + 1) & kMask) {
    keys.push_back(static_cast<int64_t>(at));
    taken[at] = true;
  }
  std::mt19937_64 random(1);  // NOLINT(cert-msc51-cpp): the same in each run
  while (keys.size() < 21'000) {
    const uint64_t hash = random() >> 4;
    uint64_t at = hash & kMask;
    uint64_t perturb = hash;
    while (perturb != 0 && taken[at]) {
      perturb >>= 5;
      at = (at * 5 + perturb + 1) & kMask;
    }
    if (perturb != 0 || !taken[at]) continue;
    while (taken[at]) at = (at * 5 + 1) & kMask;
    taken[at] = true;
    keys.push_back(static_cast<int64_t>(hash));
  }
  return keys;
}

TEST(HashCostTest, KeysThatShareTheirWayAreRefused) {
  const std::vector<int64_t> keys = KeysThatShareTheirWay();
  EXPECT_EQ(
      OutcomeOfKeys(static_cast<int>(keys.size()),
                    [&keys](Draft& d, int64_t i) { return Int(keys[static_cast<size_t>(i)])(d); }),
      "HASH_COLLISIONS");
}

TEST(HashCostTest, HonestKeysAreNotRefused) {
  constexpr int kMany = 200'000;
  const std::vector<std::pair<std::string, std::function<NodeId(Draft&, int64_t)>>> honest = {
      {"in a row", [](Draft& d, int64_t i) { return Int(i)(d); }},
      {"negative", [](Draft& d, int64_t i) { return Int(-i)(d); }},
      {"even steps", [](Draft& d, int64_t i) { return Int(i * 4096)(d); }},
      {"high bits", [](Draft& d, int64_t i) { return Int(i << 32)(d); }},
      {"highest bits", [](Draft& d, int64_t i) { return Int(i << 43)(d); }},
      {"identifiers",
       [](Draft& d, int64_t i) {
         return Int(static_cast<int64_t>(static_cast<uint64_t>(i) * 0x9E3779B97F4A7U))(d);
       }},
      {"halves", [](Draft& d, int64_t i) { return FloatNode(d, static_cast<double>(i) / 2); }},
      {"floats of 32 bits",
       [](Draft& d, int64_t i) {
         const auto bits = static_cast<uint32_t>(i) * 2654435761U;
         return FloatNode(d, static_cast<double>(static_cast<float>(bits) / 3.0F));
       }},
      {"tenths", [](Draft& d, int64_t i) { return FloatNode(d, static_cast<double>(i) * 0.1); }},
      {"a grid",
       [](Draft& d, int64_t i) { return FloatNode(d, std::ldexp(static_cast<double>(i), -20)); }},
      {"pairs",
       [](Draft& d, int64_t i) {
         return Tuple({Int(i / 400), Int(i % 400)})(d);
       }},
      {"signs",
       [](Draft& d, int64_t i) {
         return Tuple({Int(-1 - i % 2), Int(-1 - i / 2 % 2), Int(i / 4)})(d);
       }},
      {"text and number",
       [](Draft& d, int64_t i) {
         return Tuple({Str("f"), Int(i)})(d);
       }},
  };
  for (const auto& [name, key] : honest) {
    EXPECT_EQ(OutcomeOfKeys(kMany, key), "ACCEPTED") << name;
    EXPECT_EQ(OutcomeOfKeys(kMany, key, v1::NODE_KIND_SET), "ACCEPTED") << name;
  }
}

// A long packed tuple that many keys share is hashed with each of them.
TEST(HashCostTest, SharedPackedTuplesCount) {
  Draft draft;
  const uint32_t first = draft.Ints(std::vector<int64_t>(100'000, 7));
  const NodeId long_tuple = draft.Node(v1::NODE_KIND_TUPLE_INT, {first, 100'000});
  std::vector<uint32_t> members;
  for (int64_t i = 0; i < 10'000; ++i) {
    members.push_back(draft.Node(v1::NODE_KIND_TUPLE, {Int(i)(draft), long_tuple}));
  }
  EXPECT_EQ(
      Outcome(VerifyDraft(draft, draft.Node(v1::NODE_KIND_SET, std::move(members)))).substr(0, 13),
      "BUDGET_CHECKS");
}

}  // namespace
}  // namespace loadlock::verify::testing
