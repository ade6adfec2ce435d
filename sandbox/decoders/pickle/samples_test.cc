// Real pickles: what they mean, and what is left of that when bytes are missing or changed.
#include "sandbox/decoders/pickle/testing/samples.h"

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sandbox/decoders/pickle/testing/assembler.h"
#include "sandbox/decoders/pickle/testing/graph_text.h"

namespace loadlock::pickle {
namespace {

using testing::AsBytes;
using testing::kSamples;
using testing::ParseToText;
using testing::Sample;

constexpr char kPlain[] =
    "#0={'a': #1=[1, -2, big000000000000000040, f3ff8000000000000, None, True], "
    "'t': (y78ff, ('y')), 's': #2=set{1}, 'f': frozenset{2}, 'o': #3=odict{'k': 1}, "
    "'u': 'h\\xc3\\xa9\\\\\\xe2\\x82\\xac', 'c': complex(f0000000000000000, f3ff0000000000000)}";

constexpr char kArrays[] =
    "#0=[#1=array(dtype('<i2'), C, (3), 000001000200), #2=objarray((2), #3=[None, 'x']), "
    "scalar(dtype('<f4'), 00002040), "
    "#4=array(record(9, 'a' dtype('<f8') @0, 'b' dtype('|u1') @8), C, (1), 000000000000000000)]";

constexpr char kJoblib[] =
    "#0={'x': #1=array(dtype('<f8'), C, (4), "
    "0000000000000000000000000000f03f00000000000000400000000000000840), "
    "'y': #2=objarray((2), #3=['p', None]), 'z': #4=array(dtype('<f8'), F, (2, 2), "
    "000000000000f03f000000000000f03f000000000000f03f000000000000f03f)}";

std::string Bytes(const Sample& sample) { return absl::HexStringToBytes(sample.hex); }

TEST(Samples, MeanTheSameInEveryProtocol) {
  for (const Sample& sample : kSamples) {
    const auto outcome = ParseToText(AsBytes(Bytes(sample)), sample.joblib);
    ASSERT_TRUE(outcome.accepted) << sample.name << ": " << outcome.text;
    const std::string name = sample.name;
    const std::string expected = sample.joblib                  ? kJoblib
                                 : name.substr(0, 5) == "Plain" ? kPlain
                                                                : kArrays;
    EXPECT_EQ(outcome.text, expected) << sample.name;
  }
}

TEST(Samples, CutAnywhereTheyAreRefused) {
  for (const Sample& sample : kSamples) {
    const std::string whole = Bytes(sample);
    for (size_t size = 0; size < whole.size(); ++size) {
      // A copy of its own, so that a read past the end is seen by the sanitizers.
      const std::string cut(whole.data(), size);
      const auto outcome = ParseToText(AsBytes(cut), sample.joblib);
      ASSERT_FALSE(outcome.accepted) << sample.name << " cut to " << size;
      ASSERT_TRUE(outcome.rule == "TRUNCATED" || outcome.rule == "MALFORMED")
          << sample.name << " cut to " << size << ": " << outcome.text;
    }
  }
}

TEST(Samples, WithOneByteChangedTheyEndInAVerdict) {
  for (const Sample& sample : kSamples) {
    const std::string whole = Bytes(sample);
    for (size_t i = 0; i < whole.size(); ++i) {
      for (const int change : {0x01, 0x20, 0x80, 0xFF}) {
        std::string changed = whole;
        changed[i] = static_cast<char>(changed[i] ^ change);
        const auto outcome = ParseToText(AsBytes(changed), sample.joblib);
        ASSERT_TRUE(outcome.accepted || !outcome.rule.empty()) << sample.name << " at " << i;
        ASSERT_EQ(outcome.text.find("OUT OF RANGE"), std::string::npos) << sample.name << " " << i;
      }
    }
  }
}

// The joblib sample, with one piece replaced.
std::string Replaced(const std::string& from, const std::string& to) {
  for (const Sample& sample : kSamples) {
    if (!sample.joblib) continue;
    std::string bytes = Bytes(sample);
    const size_t at = bytes.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return bytes.replace(at, from.size(), to);
  }
  return {};
}

std::string JoblibRule(const std::string& from, const std::string& to) {
  return ParseToText(AsBytes(Replaced(from, to)), true).rule;
}

TEST(Joblib, AnotherClassOrKeyIsRefused) {
  EXPECT_EQ(JoblibRule("\x07ndarray", "\x07memmaq_"), "SCHEMA");
  EXPECT_EQ(JoblibRule("allow_mmap", "allow_xxxx"), "SCHEMA");
}

TEST(Joblib, NamesInANestedPickleAreSeen) {
  bytes::Budget budget{bytes::BudgetLimits{}};
  graph::DecodedFile decoded(-1, &budget);
  graph::Builder builder(&budget);
  // The nested pickle's own name of _reconstruct, at another place than the outer stream's.
  const std::string bytes = Replaced("_reconstruct", "_reconstrucx");
  const ParseResult result =
      Parse({.bytes = AsBytes(bytes)}, {.joblib_arrays = true}, decoded, budget, builder);
  EXPECT_TRUE(result.refusal.has_value());
  bool seen = false;
  for (const graph::GlobalUse& use : builder.globals()) seen = seen || use.name == "_reconstrucx";
  EXPECT_TRUE(seen);
}

TEST(Joblib, WithoutTheModeItsArraysAreRefused) {
  for (const Sample& sample : kSamples) {
    if (!sample.joblib) continue;
    EXPECT_FALSE(ParseToText(AsBytes(Bytes(sample)), false).accepted);
  }
}

// The reason with the name.
std::string WhyNotRead(std::string_view module, std::string_view name) {
  const std::string bytes = testing::Asm(2).Global(module, name).Raw(")\x81}b").Stop();
  const auto outcome = ParseToText(AsBytes(bytes), true);
  return absl::StrCat(outcome.rule, " ", outcome.refusal.name, ": ", outcome.refusal.message);
}

TEST(Joblib, OldWrappersAreRefusedByNameWithTheWayOut) {
  for (const char* module : {"joblib.numpy_pickle", "joblib.numpy_pickle_compat",
                             "sklearn.externals.joblib.numpy_pickle"}) {
    for (const char* name : {"NDArrayWrapper", "ZNDArrayWrapper"}) {
      const std::string why = WhyNotRead(module, name);
      EXPECT_EQ(why.find(absl::StrCat("UNKNOWN_FORMAT ", module, ".", name, ": the arrays lie in")),
                0U)
          << why;
    }
  }
  const std::string copy = WhyNotRead("sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper");
  EXPECT_NE(copy.find("save it with joblib itself"), std::string::npos) << copy;
}

// A wrapper with the given subclass, shape and dtype, and what stands behind its BUILD.
testing::Asm Wrapper(uint8_t dim, const char* typestr, const char* order, const std::string& raw,
                     int alignment = 0) {
  testing::Asm a(4);
  a.StackGlobal("joblib.numpy_pickle", "NumpyArrayWrapper").Raw(")\x81\x94}(");
  a.Str("subclass").StackGlobal("numpy", "ndarray").Str("shape").Int(dim).Op(0x85);
  a.Str("order").Str("C").Str("dtype").Dtype(typestr, order).Str("allow_mmap").Op(0x89);
  if (alignment != 0) {
    a.Str("numpy_array_alignment_bytes").Int(static_cast<uint8_t>(alignment));
  }
  return a.Raw("ub").Raw(raw);
}

std::string WrapperText(const testing::Asm& a) { return ParseToText(AsBytes(a.Stop()), true).text; }

TEST(Joblib, RawBytesAreDataAndNotOpcodes) {
  EXPECT_EQ(WrapperText(Wrapper(3, "u1", "|", "cos")), "#0=array(dtype('|u1'), C, (3), 636f73)");
  EXPECT_EQ(WrapperText(Wrapper(200, "u1", "|", "xx")).substr(0, 9), "TRUNCATED");
}

TEST(Joblib, APaddingThatJoblibDoesNotWriteIsRefused) {
  const auto padded = [](const std::string& raw) {
    return WrapperText(Wrapper(1, "u1", "|", raw, 4));
  };
  EXPECT_EQ(padded("\x02\xFF\xFFx"), "#0=array(dtype('|u1'), C, (1), 78)");
  EXPECT_EQ(padded("\x02\xFF\xFEx").substr(0, 9), "MALFORMED");
  EXPECT_EQ(padded("\x05\xFF\xFF\xFF\xFF\xFFx").substr(0, 9), "MALFORMED");
  EXPECT_EQ(padded("\xFFx").substr(0, 9), "TRUNCATED");
}

TEST(Joblib, TheMemoNeverHoldsTheArray) {
  // joblib's memo keeps the wrapper: a GET of it is no array there, and refused here.
  EXPECT_EQ(WrapperText(Wrapper(1, "u1", "|", "x").Get(0).Op(0x86)).substr(0, 10), "STATE_RULE");
  EXPECT_EQ(WrapperText(Wrapper(1, "u1", "|", "x").Raw("0").Get(0).Raw("}b")).substr(0, 11),
            "BUILD_TWICE");
}

TEST(Joblib, AnObjectArrayIsAPickleOfItsOwn) {
  testing::Asm nested(2);
  nested.Reconstruct().Raw("(").Int(1).Int(1).Op(0x85).Dtype("O8", "|").Op(0x89);
  nested.Raw("]\x94h").Byte(0).Raw("0Natb");
  EXPECT_EQ(WrapperText(Wrapper(1, "O8", "|", nested.Stop())), "#0=objarray((1), #1=[None])");
  EXPECT_EQ(WrapperText(Wrapper(2, "O8", "|", nested.Stop())).substr(0, 13), "NESTED_PICKLE");
  EXPECT_EQ(WrapperText(Wrapper(1, "O8", "|", "N.")).substr(0, 13), "NESTED_PICKLE");
  // It sees neither the outer stack nor the outer memo.
  EXPECT_EQ(WrapperText(Wrapper(1, "O8", "|", "0N.")).substr(0, 15), "STACK_UNDERFLOW");
  EXPECT_EQ(WrapperText(Wrapper(1, "O8", "|", std::string("h\0.", 3))).substr(0, 12),
            "MEMO_MISSING");
  // A wrapper in the nested pickle is not joblib's business.
  const std::string inner = Wrapper(1, "u1", "|", "x").Stop();
  EXPECT_EQ(WrapperText(Wrapper(1, "O8", "|", inner)).substr(0, 6), "SCHEMA");
}

}  // namespace
}  // namespace loadlock::pickle
