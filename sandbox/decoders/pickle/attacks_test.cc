// What is refused, and by which rule. Payloads are put together from opcodes; nothing runs.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "sandbox/decoders/pickle/testing/assembler.h"
#include "sandbox/decoders/pickle/testing/graph_text.h"

namespace loadlock::pickle {
namespace {

using testing::AsBytes;
using testing::Asm;
using testing::ParseToText;

template <size_t N>
std::string Lit(const char (&text)[N]) {
  return std::string(text, N - 1);
}

struct Case {
  const char* what;
  std::string pickle;
  const char* rule;
};

void ExpectRefused(const std::vector<Case>& cases) {
  for (const Case& test : cases) {
    const auto outcome = ParseToText(AsBytes(test.pickle), false);
    EXPECT_FALSE(outcome.accepted) << test.what << " gave " << outcome.text;
    EXPECT_EQ(outcome.rule, test.rule) << test.what << ": " << outcome.text;
    EXPECT_TRUE(outcome.refusal.byte_offset.has_value()) << test.what;
  }
}

TEST(Attacks, OpcodesThatLeaveTheStream) {
  ExpectRefused({{"EXT1", "\x82\x01.", "FORBIDDEN_OPCODE"},
                 {"EXT2", "\x83\x01\x01.", "FORBIDDEN_OPCODE"},
                 {"EXT4", "\x84\x01\x01\x01\x01.", "FORBIDDEN_OPCODE"},
                 {"PERSID", "Pid\n.", "FORBIDDEN_OPCODE"},
                 {"BINPERSID", "NQ.", "FORBIDDEN_OPCODE"},
                 {"NEXT_BUFFER", "\x97.", "FORBIDDEN_OPCODE"},
                 {"READONLY_BUFFER", "N\x98.", "FORBIDDEN_OPCODE"},
                 {"no opcode", "\xFF.", "MALFORMED"}});
}

TEST(Attacks, FramesThatReadersSeeDifferently) {
  ExpectRefused(
      {{"an argument crosses the frame's end",
        Asm(4).Op(0x95).Le<uint64_t>(2).Raw("M\x01").Raw("\x01").Stop(), "MALFORMED"},
       {"an opcode byte is the frame's last", Asm(4).Op(0x95).Le<uint64_t>(1).Raw("K\x01").Stop(),
        "MALFORMED"},
       {"a frame in a frame",
        Asm(4).Op(0x95).Le<uint64_t>(11).Op(0x95).Le<uint64_t>(2).Raw("N").Stop(), "MALFORMED"},
       {"longer than the stream", Asm(4).Op(0x95).Le<uint64_t>(3).Raw("N").Stop(), "TRUNCATED"},
       {"absurd length", Asm(4).Op(0x95).Le<uint64_t>(UINT64_MAX).Raw("N").Stop(), "TRUNCATED"},
       {"STOP before the frame's end", Asm(4).Op(0x95).Le<uint64_t>(3).Raw("N.N").str(),
        "MALFORMED"}});
}

TEST(Attacks, BeginAndEnd) {
  ExpectRefused({{"protocol 6", Lit("\x80\x06N."), "MALFORMED"},
                 {"protocol 255", Lit("\x80\xFFN."), "MALFORMED"},
                 {"PROTO twice", Lit("\x80\x02\x80\x04N."), "MALFORMED"},
                 {"PROTO in the middle", Lit("N\x80\x02."), "MALFORMED"},
                 {"a second pickle", "N.N.", "TRAILING_DATA"},
                 {"junk after STOP", Lit("N.\x00"), "TRAILING_DATA"},
                 {"values left", "NN.", "MALFORMED"},
                 {"a mark left", "(N.", "MALFORMED"},
                 {"only STOP", ".", "STACK_UNDERFLOW"},
                 {"mark at STOP", "(.", "STACK_UNDERFLOW"},
                 {"empty", "", "TRUNCATED"},
                 {"payload, then a broken stream", "cos\nsystem\n(S'true'\ntR", "TRUNCATED"}});
}

TEST(Attacks, StackAndMarks) {
  ExpectRefused({{"POP of nothing", "0N.", "STACK_UNDERFLOW"},
                 {"DUP of nothing", "2.", "STACK_UNDERFLOW"},
                 {"DUP of a mark", "(2.", "STACK_UNDERFLOW"},
                 {"POP_MARK without mark", "N1.", "STACK_UNDERFLOW"},
                 {"TUPLE without mark", "Nt.", "STACK_UNDERFLOW"},
                 {"TUPLE2 over a mark", "N(N\x86.", "STACK_UNDERFLOW"},
                 {"APPEND over a mark", "](Na.", "STACK_UNDERFLOW"},
                 {"APPENDS to a mark", "(]0(Ne.", "STACK_UNDERFLOW"},
                 {"SETITEM over a mark", "}(NNs.", "STACK_UNDERFLOW"},
                 {"REDUCE over a mark", "cm\nC\n()R.", "STACK_UNDERFLOW"},
                 {"OBJ of nothing", "(o.", "STACK_UNDERFLOW"},
                 {"PUT of a mark", Lit("(q\x00."), "STACK_UNDERFLOW"},
                 {"GET of nothing", Lit("h\x00."), "MEMO_MISSING"},
                 {"LONG_BINGET far away", "j\xFF\xFF\xFF\xFF.", "MEMO_MISSING"},
                 {"GET text", "g7\n.", "MEMO_MISSING"},
                 {"PUT over an entry", Lit("Nq\x00q\x00."), "MALFORMED"},
                 {"LONG_BINPUT far away", "Nr\xFF\xFF\xFF\xFF.", "MALFORMED"},
                 {"negative PUT", "Np-1\n.", "MALFORMED"},
                 {"GET 00 is False to pickletools", "Np0\ng00\n.", "MALFORMED"}});
}

// What vanishes from the result was called all the same where pickles are run.
TEST(Attacks, CallsWhoseResultIsThrownAway) {
  ExpectRefused({{"REDUCE, POP", "cm\nC\n)R0N.", "STATE_RULE"},
                 {"NEWOBJ, POP",
                  Lit("cm\nC\n)\x81"
                      "0N."),
                  "STATE_RULE"},
                 {"NEWOBJ_EX, POP",
                  Lit("cm\nC\n)}\x92"
                      "0N."),
                  "STATE_RULE"},
                 {"OBJ, POP", "(cm\nC\no0N.", "STATE_RULE"},
                 {"INST, POP", "(Nim\nC\n0N.", "STATE_RULE"},
                 {"BUILD, POP", "cm\nC\n)R}b0N.", "STATE_RULE"},
                 {"POP_MARK", "(cm\nC\n)R1N.", "STATE_RULE"},
                 {"kept in the memo alone",
                  Lit("cm\nC\n)Rq\x00"
                      "0N."),
                  "STATE_RULE"},
                 {"beside one that stays", "cm\nC\n)R0cm\nC\n)R.", "STATE_RULE"},
                 {"inside of a list", "(lp0\ncm\nC\n)Ra0N.", "STATE_RULE"},
                 {"a list", "]0N.", "STATE_RULE"},
                 {"inside of another", "cm\nC\n(cm\nD\n)RtR0N.", "STATE_RULE"}});
}

TEST(Attacks, WhatTheResultHoldsMayBePopped) {
  for (const char* pickle : {"I1\n0N.", "cm\nC\n0N.", "cm\nC\n)Rp0\n0g0\n.", "(lp0\n0g0\n."}) {
    const auto outcome = ParseToText(AsBytes(std::string(pickle)), false);
    EXPECT_TRUE(outcome.accepted) << pickle << ": " << outcome.text;
  }
}

TEST(Attacks, TextThatReadersSeeDifferently) {
  ExpectRefused(
      {{"hex INT", "I0x10\n.", "MALFORMED"},
       {"octal INT", "I010\n.", "MALFORMED"},
       {"-0 is False in C", "I-0\n.", "MALFORMED"},
       {"+1 is True in C", "I+1\n.", "MALFORMED"},
       {"space", "I 1\n.", "MALFORMED"},
       {"underscore", "I1_0\n.", "MALFORMED"},
       {"empty INT", "I\n.", "MALFORMED"},
       {"LONG with two L", "L1LL\n.", "MALFORMED"},
       {"endless INT", absl::StrCat("I", std::string(100000, '9'), "\n."), "MALFORMED"},
       {"float underscore", "F1_0.0\n.", "MALFORMED"},
       {"float overflow is inf in Python", "F1e999\n.", "MALFORMED"},
       {"float word", "Finfinity\n.", "MALFORMED"},
       {"float with space", "F 1.0\n.", "MALFORMED"},
       {"unquoted STRING", "Sab\n.", "MALFORMED"},
       {"one quote", "S'\n.", "MALFORMED"},
       {"unlike quotes", "S'a\"\n.", "MALFORMED"},
       {"unknown escape", "S'\\q'\n.", "MALFORMED"},
       {"escape above ASCII", "S'\\xff'\n.", "MALFORMED"},
       {"non-ASCII SHORT_BINSTRING", "U\x01\xFF.", "MALFORMED"},
       {"negative BINSTRING", "T\xFF\xFF\xFF\xFF.", "MALFORMED"},
       {"cut \\u", "V\\u00\n.", "MALFORMED"},
       {"surrogate by escape", "V\\ud800\n.", "MALFORMED"},
       {"surrogate pair by escape", "V\\ud83d\\ude00\n.", "MALFORMED"},
       {"beyond Unicode", "V\\U00110000\n.", "MALFORMED"},
       {"lone backslash", "V\\\n.", "MALFORMED"},
       {"surrogate in UTF-8", "\x8C\x03\xED\xA0\x80.", "MALFORMED"},
       {"invalid UTF-8", "\x8C\x01\xFF.", "MALFORMED"},
       {"negative LONG4", "\x8B\xFF\xFF\xFF\xFF.", "MALFORMED"},
       {"huge LONG4", Asm(4).Op(0x8B).Le<uint32_t>(70000).Raw(std::string(70000, 'x')).Stop(),
        "MALFORMED"}});
}

TEST(Attacks, NameOperands) {
  ExpectRefused(
      {{"STACK_GLOBAL of an int", Asm(4).Str("os").Int(1).Op(0x93).Stop(), "UNSAFE_NAME_OPERAND"},
       {"STACK_GLOBAL of bytes", Asm(4).Bytes("os").Str("x").Op(0x93).Stop(),
        "UNSAFE_NAME_OPERAND"},
       {"STACK_GLOBAL of a tuple", Asm(4).Str("os").Raw(")").Op(0x93).Stop(),
        "UNSAFE_NAME_OPERAND"},
       {"empty module", Asm(4).StackGlobal("", "x").Stop(), "UNSAFE_NAME_OPERAND"},
       {"GLOBAL with an escape that pickletools decodes", "co\\x73\nsystem\n.",
        "UNSAFE_NAME_OPERAND"},
       {"GLOBAL in other letters", "c\xD0\xBEs\nsystem\n.", "UNSAFE_NAME_OPERAND"},
       {"INST with space", "(ios\nsys tem\n.", "UNSAFE_NAME_OPERAND"},
       {"name without end", absl::StrCat("cos\n", std::string(1000, 'a'), "\n."), "MALFORMED"},
       {"a call of a call's result", "cm\nf\n)R)R.", "UNSAFE_NAME_OPERAND"},
       {"an instance of a computed class", "cm\nf\n)R)\x81.", "UNSAFE_NAME_OPERAND"},
       {"a call of a string", "\x8C\x01x)R.", "UNSAFE_NAME_OPERAND"}});
}

// The last strings pushed are not the operands: the stack decides.
TEST(Attacks, DecoysBeforeStackGlobal) {
  const std::string pickle = Asm(4)
                                 .Str("posix")
                                 .Str("system")
                                 .Str("collections")
                                 .Str("OrderedDict")
                                 .Raw("00")
                                 .Op(0x93)
                                 .Stop();
  EXPECT_EQ(ParseToText(AsBytes(pickle), false).text, "<posix.system>");
}

TEST(Attacks, DecodedNamesAreSeenAsTheyAreLoaded) {
  // \u escapes are decoded before the lookup.
  EXPECT_EQ(ParseToText(AsBytes("V\\u0070osix\nVsys\\u0074em\n\x93."), false).text,
            "<posix.system>");
  EXPECT_EQ(
      ParseToText(AsBytes(Asm(4).StackGlobal("torch", "serialization.os.system").Stop()), false)
          .text,
      "<torch.serialization.os.system>");
}

TEST(Attacks, WrongTypes) {
  ExpectRefused({{"APPEND to a dict", "}Na.", "MALFORMED"},
                 {"APPENDS of nothing to None", "N(e.", "MALFORMED"},
                 {"APPENDS of nothing to an object", "cm\nC\n)\x81(e.", "MALFORMED"},
                 {"SETITEM on a list", Lit("]K\x00Ns."), "MALFORMED"},
                 {"SETITEMS odd", "}(Nu.", "MALFORMED"},
                 {"DICT odd", "(Nd.", "MALFORMED"},
                 {"ADDITEMS to a list", "](N\x90.", "MALFORMED"},
                 {"a list as key", "}]Ns.", "SCHEMA"},
                 {"a tuple of a list as key", "}]\x85Ns.", "SCHEMA"},
                 {"an object as key", "}cm\nC\n)\x81Ns.", "SCHEMA"},
                 {"a dict as member", "\x8F(}\x90.", "SCHEMA"},
                 {"arguments are a list", "cm\nC\n]R.", "MALFORMED"},
                 {"class arguments are a list", "cm\nC\n]\x81.", "MALFORMED"},
                 {"keyword arguments", "cm\nC\n)}\x8C\x01xNs\x92.", "SCHEMA"},
                 {"BUILD on a list", "]}b.", "STATE_RULE"},
                 {"BUILD on a name", "cm\nC\n}b.", "STATE_RULE"},
                 {"BUILD on a str", "\x8C\x01x}b.", "STATE_RULE"}});
}

TEST(Attacks, StateIsSetOnceAndStays) {
  ExpectRefused({{"BUILD twice", "cm\nC\n)\x81}b}b.", "BUILD_TWICE"},
                 {"state changes afterwards",
                  Lit("}q\x00"
                      "0cm\nC\n)\x81h\x00"
                      "bh\x00K\x01Ns0."),
                  "STATE_RULE"},
                 {"slot state changes afterwards",
                  Lit("}q\x00"
                      "0cm\nC\n)\x81Nh\x00\x86"
                      "bh\x00K\x01Ns0."),
                  "STATE_RULE"},
                 {"arguments change afterwards",
                  Lit("]q\x00"
                      "0cm\nC\nh\x00\x85Rh\x00Na0."),
                  "STATE_RULE"},
                 {"items after state", "cm\nC\n)\x81}bNa.", "STATE_RULE"}});
}

TEST(Attacks, EqualKeys) {
  ExpectRefused({{"a str twice",
                  "}(\x8C\x01"
                  "aN\x8C\x01"
                  "aNu.",
                  "MALFORMED"},
                 {"an int twice", "}(K\x01NK\x01Nu.", "MALFORMED"},
                 {"1 and True", "}(K\x01N\x88Nu.", "MALFORMED"},
                 {"1 and 1.0", "}(K\x01NF1.0\nNu.", "MALFORMED"},
                 {"equal pairs", "}(K\x01K\x02\x86NF1.0\nK\x02\x86Nu.", "MALFORMED"},
                 {"members", "\x8F(K\x01K\x01\x90.", "MALFORMED"}});
  std::string vocabulary = "}(";
  for (int i = 0; i < 20; ++i) vocabulary += Asm().Str(absl::StrCat("w", i % 19)).Int(1).str();
  ExpectRefused({{"a word twice", absl::StrCat(vocabulary, "u."), "MALFORMED"}});
}

TEST(Attacks, BuiltinsOutsideOfTheirSchema) {
  ExpectRefused(
      {{"bytearray of an int", "cbuiltins\nbytearray\nJ\xFF\xFF\xFF\x7F\x85R.", "SCHEMA"},
       {"bytes of a list", "cbuiltins\nbytes\n]\x85R.", "SCHEMA"},
       {"another codec", "c_codecs\nencode\n(Vab\nVhex\ntR.", "SCHEMA"},
       {"code point 256", "c_codecs\nencode\n(V\\u0100\nVlatin1\ntR.", "SCHEMA"},
       {"set of objects",
        "cbuiltins\nset\n]cm\nC\n)\x81"
        "a\x85R.",
        "SCHEMA"},
       {"range of a big int", "cbuiltins\nrange\nNNN\x87R.", "SCHEMA"},
       {"OrderedDict of a list of ints", "ccollections\nOrderedDict\n](K\1K\2e\x85R.", "SCHEMA"},
       {"OrderedDict of a list of three", "ccollections\nOrderedDict\n]((K\1K\2K\3te\x85R.",
        "SCHEMA"},
       {"OrderedDict of an empty pair", "ccollections\nOrderedDict\n](]](K\1K\2ee\x85R.", "SCHEMA"},
       {"OrderedDict of a dict", "ccollections\nOrderedDict\n}\x85R.", "SCHEMA"},
       {"OrderedDict of unhashable keys", "ccollections\nOrderedDict\n]((]K\1te\x85R.", "SCHEMA"},
       {"_reconstructor with another base", "ccopy_reg\n_reconstructor\n(cm\nC\ncm\nB\nNtR.",
        "SCHEMA"},
       {"set by NEWOBJ", "cbuiltins\nset\n)\x81.", "SCHEMA"},
       {"array wrapper outside of joblib", "cjoblib.numpy_pickle\nNumpyArrayWrapper\n)\x81}b.",
        "SCHEMA"}});
}

TEST(Attacks, Expansion) {
  // A list doubled sixty times is sixty nodes.
  std::string doubling = "]";
  for (int i = 0; i < 60; ++i) doubling += "2\x86";
  const auto outcome = ParseToText(AsBytes(absl::StrCat(doubling, "\x85.")), false,
                                   {.max_nodes = 1000, .max_depth = 40});
  EXPECT_EQ(outcome.rule, "BUDGET_DEPTH") << "and not memory";

  const std::string nested = absl::StrCat(std::string(100000, ']'), std::string(99999, 'a'), ".");
  EXPECT_EQ(ParseToText(AsBytes(nested), false).rule, "BUDGET_DEPTH");
  std::string tuples = "N";
  for (int i = 0; i < 100000; ++i) tuples += "\x85";
  EXPECT_EQ(ParseToText(AsBytes(absl::StrCat(tuples, ".")), false).rule, "BUDGET_DEPTH");

  const std::string empty_lists = absl::StrCat("(", std::string(5000, ']'), "t.");
  EXPECT_EQ(ParseToText(AsBytes(empty_lists), false, {.max_nodes = 4000}).rule, "BUDGET_NODES");
  EXPECT_EQ(ParseToText(AsBytes(absl::StrCat(std::string(5000, '('), "N.")), false,
                        {.max_heap_bytes = 10000})
                .rule,
            "BUDGET_HEAP");
}

TEST(Attacks, OneLongStringInManyPlacesIsWrittenOnce) {
  std::string pickle =
      Asm().Raw("](").Op('X').Le<uint32_t>(100000).Raw(std::string(100000, 's')).str();
  pickle += Lit("q\x00");
  for (int i = 0; i < 1000; ++i) pickle += Lit("h\x00");
  const auto outcome = ParseToText(AsBytes(absl::StrCat(pickle, "e.")), false);
  ASSERT_TRUE(outcome.accepted) << outcome.text;
  EXPECT_EQ(outcome.graph.strings_size(), 1);
  EXPECT_LT(outcome.graph.ByteSizeLong(), 120000U);
}

TEST(Attacks, KeysOfSharedTuplesDoNotExplode) {
  std::string pickle = "}K\x01";
  for (int i = 0; i < 40; ++i) pickle += "2\x86";
  const auto outcome = ParseToText(AsBytes(absl::StrCat(pickle, "Ns.")), false);
  EXPECT_EQ(outcome.rule, "SCHEMA") << outcome.text;
}

}  // namespace
}  // namespace loadlock::pickle
