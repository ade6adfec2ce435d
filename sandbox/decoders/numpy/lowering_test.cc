// numpy's values: what its own pickling writes is understood, everything beside it is refused.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sandbox/decoders/numpy/dtype.h"
#include "sandbox/decoders/pickle/testing/assembler.h"
#include "sandbox/decoders/pickle/testing/graph_text.h"

namespace loadlock::numpy {
namespace {

using pickle::testing::AsBytes;
using pickle::testing::Asm;
using pickle::testing::ParseToText;

std::string Text(const Asm& assembler) {
  return ParseToText(AsBytes(assembler.Stop()), false).text;
}
std::string Rule(const Asm& assembler) {
  return ParseToText(AsBytes(assembler.Stop()), false).rule;
}

// The state of an array of `count` bytes (dtype |u1), and its BUILD.
Asm& State(Asm& a, uint8_t dim, const std::string& data) {
  return a.Raw("(").Int(1).Int(dim).Op(0x85).Dtype("u1", "|").Op(0x89).Bytes(data).Raw("tb");
}

std::string Typestr(std::string_view text) {
  const std::optional<Dtype> dtype = ParseTypestr(text);
  return dtype.has_value() ? dtype->typestr : "none";
}

TEST(Typestr, IsCanonical) {
  EXPECT_EQ(Typestr("f8"), "<f8");
  EXPECT_EQ(Typestr("=i4"), "<i4");
  EXPECT_EQ(Typestr(">u2"), ">u2");
  EXPECT_EQ(Typestr("b1"), "|b1");
  EXPECT_EQ(Typestr("<i1"), "|i1");
  EXPECT_EQ(Typestr("O8"), "|O");
  EXPECT_EQ(Typestr("|S5"), "|S5");
  EXPECT_EQ(Typestr("U12"), "<U12");
  EXPECT_EQ(Typestr("<M8[25us]"), "<M8[25us]");
  EXPECT_EQ(ParseTypestr("U12")->itemsize, 48U);
}

TEST(Typestr, NothingBesideTheAllowList) {
  for (const char* text : {"",    "<",     "f",           "f16",        "i3",
                           "b2",  "c4",    "f08",         "g8",         "O4",
                           "U",   "U-1",   "S2147483648", "U536870912", "V99999999999999999999",
                           "M4",  "M8[x]", "M8[1us]",     "M8[0us]",    "M8[us",
                           "|f8", "f8 ",   "<<f8",        "i8,i8",      "(2,)f8"}) {
    EXPECT_EQ(Typestr(text), "none") << text;
  }
}

TEST(ArrayBytes, NeverWraps) {
  EXPECT_EQ(ArrayBytes({}, 8), 8U);
  EXPECT_EQ(ArrayBytes(std::vector<int64_t>{2, 3}, 8), 48U);
  EXPECT_EQ(ArrayBytes(std::vector<int64_t>{2, 0}, 8), 0U);
  EXPECT_FALSE(ArrayBytes(std::vector<int64_t>{-1}, 8).has_value());
  const int64_t huge = int64_t{1} << 40;
  EXPECT_FALSE(ArrayBytes(std::vector<int64_t>{huge, huge}, 1).has_value());
  EXPECT_FALSE(ArrayBytes(std::vector<int64_t>{huge, huge, 0}, 1).has_value());
  EXPECT_FALSE(ArrayBytes(std::vector<int64_t>{huge, int64_t{1} << 24}, 1).has_value());
  EXPECT_FALSE(ArrayBytes(std::vector<int64_t>(33, 1), 1).has_value());
}

TEST(Dtypes, TakeTheirOrderFromTheState) {
  EXPECT_EQ(Text(Asm().Dtype("f8", ">")), "dtype('>f8')");
  EXPECT_EQ(Text(Asm().Global("numpy", "dtype").Str("i8").Raw("\x89\x88\x87R")), "dtype('<i8')");
  EXPECT_EQ(Rule(Asm().Dtype("f8", "|")), "DTYPE");
  EXPECT_EQ(Rule(Asm().Dtype("u1", "<")), "DTYPE");
  EXPECT_EQ(Rule(Asm().Dtype("f8", "x")), "DTYPE");
  EXPECT_EQ(Rule(Asm().Global("numpy", "dtype").Str("f8").Raw("\x88\x88\x87R")), "DTYPE");
  EXPECT_EQ(Rule(Asm().Global("numpy", "dtype").Str("f8").Op(0x85).Op('R')), "DTYPE");
  EXPECT_EQ(Rule(Asm().Dtype("f8", "<").Raw("(Nt").Op('b')), "BUILD_TWICE");
}

// numpy.dtype('V16') with fields a (f8 at 0) and b (`type` at `offset`).
Asm Record(const char* type, const char* order, uint8_t offset, bool title = false) {
  Asm a;
  a.Global("numpy", "dtype").Str("V16").Raw("\x89\x88\x87R(").Int(3).Str("|").Op('N');
  a.Str("a").Str("b").Op(0x86).Raw("}(");
  a.Str("a").Dtype("f8", "<").Int(0).Op(0x86);
  a.Str("b").Dtype(type, order).Int(offset);
  if (title) a.Str("t");
  a.Op(title ? 0x87 : 0x86).Raw("u").Int(16).Int(1).Int(16).Raw("tb");
  return a;
}

TEST(Dtypes, Records) {
  EXPECT_EQ(Text(Record("i4", "<", 8)), "record(16, 'a' dtype('<f8') @0, 'b' dtype('<i4') @8)");
  EXPECT_EQ(Rule(Record("i4", "<", 13)), "DTYPE") << "beyond the item";
  EXPECT_EQ(Rule(Record("O8", "|", 8)), "DTYPE") << "hidden objects";
  EXPECT_EQ(Rule(Record("i4", "<", 8, true)), "DTYPE") << "a title";
}

// numpy.dtype('V16') of one field whose dtype is ((`type`, (2, 3)), ...) of `size` bytes.
Asm OfSubarray(const char* type, const char* order, uint8_t size, uint8_t rows = 2) {
  Asm a;
  a.Global("numpy", "dtype").Str("V16").Raw("\x89\x88\x87R(").Int(3).Str("|").Op('N');
  a.Str("a").Op(0x85).Raw("}").Str("a");
  a.Global("numpy", "dtype").Str("V" + std::to_string(size)).Raw("\x89\x88\x87R(").Int(3).Str("|");
  a.Dtype(type, order).Int(rows).Int(3).Op(0x86).Op(0x86).Raw("NN");
  a.Int(size).Int(1).Int(0).Raw("tb");
  return a.Int(0).Op(0x86).Raw("s").Int(16).Int(1).Int(16).Raw("tb");
}

TEST(Dtypes, FieldsThatAreArrays) {
  EXPECT_EQ(Text(OfSubarray("i2", "<", 12)), "record(16, 'a' dtype('(2,3)<i2') @0)");
  EXPECT_EQ(Rule(OfSubarray("i2", "<", 13)), "DTYPE") << "another size";
  EXPECT_EQ(Rule(OfSubarray("i4", "<", 24)), "DTYPE") << "beyond the item";
  EXPECT_EQ(Rule(OfSubarray("O8", "|", 48)), "DTYPE") << "hidden objects";
  EXPECT_EQ(Rule(OfSubarray("i2", "<", 0, 0)), "DTYPE") << "no size";
  Asm alone;
  alone.Global("numpy", "dtype").Str("V6").Raw("\x89\x88\x87R(").Int(3).Str("|");
  alone.Dtype("i2", "<").Int(3).Op(0x85).Op(0x86).Raw("NN").Int(6).Int(1).Int(0).Raw("tb");
  EXPECT_EQ(Rule(alone), "STATE_RULE") << "the dtype of nothing";
}

TEST(Dtypes, DatetimesHaveTheirUnitFromTheMetadataAlone) {
  const auto datetime = [](const char* unit, uint8_t multiple, uint8_t event) {
    Asm a;
    a.Global("numpy", "dtype").Str("M8").Raw("\x89\x88\x87R(").Int(4).Str("<").Raw("NNN");
    a.Op('J').Le<int32_t>(-1).Op('J').Le<int32_t>(-1).Int(0);
    a.Raw("}(").Bytes(unit).Int(multiple).Int(1).Int(event).Raw("t\x86tb");
    return a;
  };
  EXPECT_EQ(Text(datetime("ns", 1, 1)), "dtype('<M8[ns]')");
  EXPECT_EQ(Text(datetime("us", 25, 1)), "dtype('<M8[25us]')");
  EXPECT_EQ(Text(datetime("generic", 1, 1)), "dtype('<M8')");
  EXPECT_EQ(Rule(datetime("xx", 1, 1)), "DTYPE");
  EXPECT_EQ(Rule(datetime("ns", 0, 1)), "DTYPE");
  EXPECT_EQ(Rule(datetime("ns", 1, 2)), "DTYPE");
  EXPECT_EQ(Rule(datetime("D],f8[", 1, 1)), "DTYPE");
}

TEST(Dtypes, ChangeNoMoreOnceUsed) {
  Asm a;
  a.Global("numpy", "dtype").Str("u1").Raw("\x89\x88\x87R").Put(0).Raw("0");
  a.Global("numpy.core.multiarray", "scalar").Get(0).Bytes("x").Raw("\x86R0");
  a.Get(0).Raw("(").Int(3).Str("|").Raw("NNN").Op('J').Le<int32_t>(-1).Int(1).Int(0).Raw("tb");
  EXPECT_EQ(Rule(a), "STATE_RULE");
}

TEST(Arrays, AreRangesOfTheStream) {
  Asm a;
  a.Reconstruct();
  EXPECT_EQ(Text(State(a, 3, "xyz")), "#0=array(dtype('|u1'), C, (3), 78797a)");
  const auto outcome = ParseToText(AsBytes(a.Stop()), false);
  EXPECT_EQ(outcome.graph.buffer_sources(0), v1::BUFFER_SOURCE_ARTIFACT);
  EXPECT_EQ(a.str().substr(outcome.graph.buffer_offsets(0), 3), "xyz");
}

TEST(Arrays, OfProtocol2AreDecoded) {
  Asm a;
  a.Reconstruct().Raw("(").Int(1).Int(3).Op(0x85).Dtype("u1", "|").Op(0x89);
  a.Global("_codecs", "encode").Str("\xC3\xA9zz").Str("latin1").Raw("\x86Rtb");
  const auto outcome = ParseToText(AsBytes(a.Stop()), false);
  EXPECT_EQ(outcome.text, "#0=array(dtype('|u1'), C, (3), e97a7a)");
  EXPECT_EQ(outcome.graph.buffer_sources(0), v1::BUFFER_SOURCE_DECODED);
}

// _reconstruct(another class, (0,), b'b'), not built yet.
Asm& Reconstructed(Asm& a, const std::string& cls) {
  a.Global("numpy.core.multiarray", "_reconstruct").Global("numpy", cls);
  return a.Int(0).Op(0x85).Bytes("b").Op(0x87).Op('R');
}

TEST(Arrays, AMatrixIsACallWithItsArray) {
  Asm a;
  EXPECT_EQ(Text(State(Reconstructed(a, "matrix"), 3, "xyz")),
            "#0=call(<numpy.matrix>, (#1=array(dtype('|u1'), C, (3), 78797a))){list=-, dict=-, "
            "state=-}");
  Asm twice;
  State(State(Reconstructed(twice, "matrix"), 3, "xyz"), 3, "xyz");
  EXPECT_EQ(Rule(twice), "BUILD_TWICE");
  Asm bare;
  EXPECT_EQ(Rule(Reconstructed(bare, "matrix")), "STATE_RULE");
  Asm short_one;
  EXPECT_EQ(Rule(State(Reconstructed(short_one, "matrix"), 3, "x")), "ARRAY_BOUNDS");
  Asm objects;
  Reconstructed(objects, "matrix")
      .Raw("(")
      .Int(1)
      .Int(1)
      .Op(0x85)
      .Dtype("O8", "|")
      .Op(0x89)
      .Raw("]Natb");
  EXPECT_EQ(Rule(objects), "DTYPE");
  Asm records;
  EXPECT_EQ(Text(State(Reconstructed(records, "recarray"), 3, "xyz")).substr(0, 24),
            "#0=call(<numpy.recarray>");
  Asm mapped;
  EXPECT_EQ(Text(State(Reconstructed(mapped, "memmap"), 3, "xyz")),
            "#0=array(dtype('|u1'), C, (3), 78797a)");
  for (const char* name : {"chararray", "record", "generic"}) {
    Asm other;
    EXPECT_EQ(Rule(State(Reconstructed(other, name), 3, "xyz")), "SCHEMA") << name;
  }
}

TEST(Arrays, OfObjectsKeepTheirList) {
  Asm a;
  a.Reconstruct().Raw("(").Int(1).Int(2).Op(0x85).Dtype("O8", "|").Op(0x89).Raw(
      "](N\x88"
      "etb");
  EXPECT_EQ(Text(a), "#0=objarray((2), #1=[None, True])");
}

TEST(Arrays, ShapesOfNoBytesAreBounded) {
  const auto rule = [](const char* type, int32_t rows, int32_t columns, const std::string& data) {
    Asm a;
    a.Global("numpy._core.numeric", "_frombuffer").Raw("(").Bytes(data).Dtype(type, "|");
    a.Op('J').Le<int32_t>(rows).Op('J').Le<int32_t>(columns).Op(0x86).Str("C");
    return Rule(a.Raw("tR"));
  };
  EXPECT_EQ(rule("S0", 1, 1, ""), "");
  EXPECT_EQ(rule("S0", 2, 1, ""), "ARRAY_BOUNDS");
  EXPECT_EQ(rule("S0", 1 << 30, 1 << 30, ""), "ARRAY_BOUNDS");
  EXPECT_EQ(rule("S0", 1 << 30, 0, ""), "");
  EXPECT_EQ(rule("u1", 0, 1 << 30, ""), "");
  Asm deep;
  deep.Global("numpy._core.numeric", "_frombuffer").Raw("(").Bytes("").Dtype("u1", "|").Raw("(");
  for (int i = 0; i < 2; ++i) deep.Op('J').Le<int32_t>(1 << 30);
  EXPECT_EQ(Rule(deep.Int(0).Raw("t").Str("C").Raw("tR")), "ARRAY_BOUNDS");
}

TEST(Arrays, FromBuffer) {
  Asm a;
  a.Global("numpy._core.numeric", "_frombuffer").Raw("(").Bytes("abcdefgh").Dtype("u4", "<");
  EXPECT_EQ(Text(Asm(a).Int(2).Op(0x85).Str("F").Raw("tR")),
            "#0=array(dtype('<u4'), F, (2), 6162636465666768)");
  EXPECT_EQ(Rule(Asm(a).Int(3).Op(0x85).Str("F").Raw("tR")), "ARRAY_BOUNDS");
  EXPECT_EQ(Rule(Asm(a).Int(2).Op(0x85).Str("K").Raw("tR")), "SCHEMA");
}

TEST(Arrays, WithoutBuildTheyAreOldHeap) {
  EXPECT_EQ(Rule(Asm().Reconstruct()), "STATE_RULE");
  Asm popped;
  popped.Reconstruct().Raw("0N");
  EXPECT_EQ(Rule(popped), "STATE_RULE");
}

TEST(Arrays, ASecondBuildWouldFreeMemoryUnderViews) {
  Asm a;
  a.Reconstruct();
  State(a, 3, "xyz");
  EXPECT_EQ(Rule(State(a, 3, "abc")), "BUILD_TWICE");
}

TEST(Arrays, ShapeAndDataMustFit) {
  const auto rule = [](uint8_t dim, const std::string& data) {
    Asm a;
    a.Reconstruct();
    return Rule(State(a, dim, data));
  };
  EXPECT_EQ(rule(3, "xyz"), "");
  EXPECT_EQ(rule(4, "xyz"), "ARRAY_BOUNDS");
  EXPECT_EQ(rule(2, "xyz"), "ARRAY_BOUNDS");
  Asm negative;
  negative.Reconstruct().Raw("(").Int(1).Op('J').Le<int32_t>(-1).Op(0x85).Dtype("u1", "|");
  EXPECT_EQ(Rule(negative.Op(0x89).Bytes("x").Raw("tb")), "ARRAY_BOUNDS");
}

TEST(Arrays, ForgedObjectPointersAreRefused) {
  Asm a;
  a.Reconstruct().Raw("(").Int(1).Int(1).Op(0x85).Dtype("O8", "|").Op(0x89).Bytes("AAAAAAAA");
  EXPECT_EQ(Rule(a.Raw("tb")), "DTYPE");
  Asm list;
  list.Reconstruct().Raw("(").Int(1).Int(1).Op(0x85).Dtype("f8", "<").Op(0x89).Raw("](Netb");
  EXPECT_EQ(Rule(list), "DTYPE");
  Asm buffer;
  buffer.Global("numpy.core.numeric", "_frombuffer").Raw("(").Bytes("AAAAAAAA").Dtype("O8", "|");
  EXPECT_EQ(Rule(buffer.Int(1).Op(0x85).Str("C").Raw("tR")), "DTYPE");
  Asm scalar;
  scalar.Global("numpy.core.multiarray", "scalar").Dtype("O8", "|").Bytes("AAAAAAAA");
  EXPECT_EQ(Rule(scalar.Raw("\x86R")), "DTYPE");
}

TEST(Arrays, OtherClassesAndArguments) {
  Asm other;
  other.Global("numpy.core.multiarray", "_reconstruct").Global("os", "system").Int(0).Op(0x85);
  EXPECT_EQ(Rule(other.Bytes("b").Raw("\x87R")), "SCHEMA");
  Asm big;
  big.Global("numpy.core.multiarray", "_reconstruct").Global("numpy", "ndarray").Int(9).Op(0x85);
  EXPECT_EQ(Rule(big.Bytes("b").Raw("\x87R")), "SCHEMA");
}

TEST(Scalars, AreExactlyOneItem) {
  Asm a;
  a.Global("numpy._core.multiarray", "scalar").Dtype("u2", "<");
  EXPECT_EQ(Text(Asm(a).Bytes("ab").Raw("\x86R")), "scalar(dtype('<u2'), 6162)");
  EXPECT_EQ(Rule(Asm(a).Bytes("abc").Raw("\x86R")), "ARRAY_BOUNDS");
  EXPECT_EQ(Rule(Asm(a).Str("ab").Raw("\x86R")), "SCHEMA");
}

Asm Pcg(uint8_t has_uint32, const char* label) {
  Asm a;
  a.Raw("}(").Str("bit_generator").Str(label).Str("state").Raw("}(").Str("state").Int(1);
  a.Str("inc").Int(3).Raw("u").Str("has_uint32").Int(has_uint32).Str("uinteger").Int(0);
  return a.Raw("u");
}

TEST(Random, BitGeneratorsOfBothNumpys) {
  const std::string expected =
      "#0=bitgen('PCG64', #1={'bit_generator': 'PCG64', 'state': #2={'state': 1, 'inc': 3}, "
      "'has_uint32': 0, 'uinteger': 0})";
  Asm one;
  one.Global("numpy.random._pickle", "__bit_generator_ctor").Str("PCG64").Raw("\x85R");
  EXPECT_EQ(Text(Asm(one).Raw(Pcg(0, "PCG64").str()).Raw("b")), expected);
  Asm two;
  two.Global("numpy.random._pickle", "__bit_generator_ctor");
  two.Global("numpy.random._pcg64", "PCG64").Raw("\x85R");
  EXPECT_EQ(Text(Asm(two)
                     .Raw(Pcg(0, "PCG64").str())
                     .Raw("N\x86"
                          "b")),
            expected);
  EXPECT_EQ(Rule(Asm(one).Raw(Pcg(2, "PCG64").str()).Raw("b")), "INVARIANT_RANDOM");
  EXPECT_EQ(Rule(Asm(one).Raw(Pcg(0, "SFC64").str()).Raw("b")), "INVARIANT_RANDOM");
  EXPECT_EQ(Rule(one), "STATE_RULE") << "without BUILD";
}

TEST(Random, ConstructorsCallNothing) {
  Asm cls;
  cls.Global("numpy.random._pickle", "__bit_generator_ctor").Global("os", "abort").Raw("\x85R");
  EXPECT_EQ(Rule(cls), "SCHEMA");
  for (const char* ctor : {"__generator_ctor", "__randomstate_ctor"}) {
    Asm trampoline;
    trampoline.Global("numpy.random._pickle", ctor).Str("MT19937").Global("os", "system");
    EXPECT_EQ(Rule(trampoline.Raw("\x86R")), "SCHEMA") << ctor;
  }
}

// MT19937 with its position at `pos`; the setter of numpy does not check it.
std::string MersenneTwister(uint16_t pos, const std::string& more = "") {
  Asm a;
  a.Global("numpy.random._pickle", "__randomstate_ctor").Str("MT19937").Raw("\x85R}(");
  a.Str("bit_generator").Str("MT19937").Str("state").Raw("}(").Str("key").Reconstruct();
  a.Raw("(").Int(1).Op('M').Le<uint16_t>(624).Op(0x85).Dtype("u4", "<").Op(0x89);
  a.Op('B').Le<uint32_t>(2496).Raw(std::string(2496, 'k')).Raw("tb");
  a.Str("pos").Op('M').Le<uint16_t>(pos).Raw("u").Str("has_gauss").Int(0);
  a.Raw(more);
  a.Str("gauss").Raw("F0.0\nub");
  return ParseToText(AsBytes(a.Stop()), false).text;
}

TEST(Random, ThePositionOfAMersenneTwisterIsChecked) {
  EXPECT_EQ(MersenneTwister(624).substr(0, 34), "#0=randomstate(#1=bitgen('MT19937'");
  EXPECT_EQ(MersenneTwister(625).substr(0, 16), "INVARIANT_RANDOM");
}

// A dict keeps the last of two values, a reader of the stream may take the first.
TEST(Random, AKeyThatStandsTwiceIsRefused) {
  EXPECT_EQ(MersenneTwister(3, Asm().Str("other").Int(1).str()).substr(0, 14), "#0=randomstate");
  for (const char* key : {"has_gauss", "bit_generator", "gauss"}) {
    const std::string twice = Asm().Str(key).Int(0).str();
    EXPECT_EQ(MersenneTwister(3, twice).substr(0, 16), "INVARIANT_RANDOM") << key;
  }
}

}  // namespace
}  // namespace loadlock::numpy
