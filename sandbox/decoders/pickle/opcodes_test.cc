// What every opcode means, told by streams that hold it.
#include <string>

#include "gtest/gtest.h"
#include "sandbox/decoders/pickle/testing/assembler.h"
#include "sandbox/decoders/pickle/testing/graph_text.h"

namespace loadlock::pickle {
namespace {

using testing::AsBytes;
using testing::Asm;
using testing::ParseToText;

std::string Text(const std::string& pickle) { return ParseToText(AsBytes(pickle), false).text; }

// A string literal with its zero bytes.
template <size_t N>
std::string Lit(const char (&text)[N]) {
  return std::string(text, N - 1);
}

TEST(Opcodes, TheTableHoldsAll68) {
  int count = 0;
  for (int op = 0; op < 256; ++op) count += *OpcodeName(static_cast<uint8_t>(op)) != '\0' ? 1 : 0;
  EXPECT_EQ(count, 68);
}

TEST(Opcodes, Singletons) {
  EXPECT_EQ(Text("N."), "None");
  EXPECT_EQ(Text("\x88."), "True");
  EXPECT_EQ(Text("\x89."), "False");
  EXPECT_EQ(Text("cbuiltins\nEllipsis\n."), "Ellipsis");
  EXPECT_EQ(Text("c__builtin__\nNotImplemented\n."), "NotImplemented");
}

TEST(Opcodes, Ints) {
  EXPECT_EQ(Text("I12\n."), "12");
  EXPECT_EQ(Text("I-12\n."), "-12");
  EXPECT_EQ(Text("I01\n."), "True");
  EXPECT_EQ(Text("I00\n."), "False");
  EXPECT_EQ(Text("I0\n."), "0");
  EXPECT_EQ(Text("L9223372036854775807L\n."), "9223372036854775807");
  EXPECT_EQ(Text("L-9223372036854775808\n."), "-9223372036854775808");
  EXPECT_EQ(Text("L9223372036854775808L\n."), "big000000000000008000");
  EXPECT_EQ(Text("L-9223372036854775809L\n."), "bigffffffffffffff7fff");
  // Across the borders of nine digits and of 32 bits.
  EXPECT_EQ(Text("L1000000000000000000L\n."), "1000000000000000000");
  EXPECT_EQ(Text("L10000000000000000000L\n."), "big0000e8890423c78a00");
  EXPECT_EQ(Text("L999999999999999999999999999L\n."), "bigffffffe73c80d09f3c2e3b03");
  EXPECT_EQ(Text("L1000000000000000000000000000L\n."), "big000000e83c80d09f3c2e3b03");
  EXPECT_EQ(Text("L18446744073709551616L\n."), "big000000000000000001");
  EXPECT_EQ(Text("L79228162514264337593543950335L\n."), "bigffffffffffffffffffffffff00");
  EXPECT_EQ(Text("L-79228162514264337593543950336L\n."), "big000000000000000000000000ff");
  EXPECT_EQ(Text("L10000000000000000000000000000000000000007L\n."),
            "big070000000061f5b9abbfa45cc3f129631d");
  EXPECT_EQ(Text("L-1000000000000000000000000000000000000L\n."),
            "big00000000f060b44ceaf8368431683fff");
  EXPECT_EQ(Text("J\xFE\xFF\xFF\xFF."), "-2");
  EXPECT_EQ(Text("K\xFF."), "255");
  EXPECT_EQ(Text("M\xFF\xFF."), "65535");
  EXPECT_EQ(Text(Lit("\x8A\x00.")), "0");
  EXPECT_EQ(Text("\x8A\x01\xFF."), "-1");
  EXPECT_EQ(Text(Lit("\x8A\x02\xFF\x00.")), "255");
  EXPECT_EQ(Text(Lit("\x8A\x0B\xFF\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00.")), "255");
  EXPECT_EQ(Text(Lit("\x8B\x02\x00\x00\x00\x00\x80.")), "-32768");
}

TEST(Opcodes, Floats) {
  EXPECT_EQ(Text("F1.0\n."), "f3ff0000000000000");
  EXPECT_EQ(Text("F-2.5e-3\n."), "fbf647ae147ae147b");
  EXPECT_EQ(Text("F1e+100\n."), "f54b249ad2594c37d");
  EXPECT_EQ(Text("Finf\n."), "f7ff0000000000000");
  EXPECT_EQ(Text("F-inf\n."), "ffff0000000000000");
  EXPECT_EQ(Text("Fnan\n."), "f7ff8000000000000");
  EXPECT_EQ(Text(Lit("G\x3F\xF0\x00\x00\x00\x00\x00\x00.")), "f3ff0000000000000");
}

TEST(Opcodes, Strings) {
  EXPECT_EQ(Text("S'a\\x41\\n\\'\\101'\n."), "'aA\\n\\'A'");
  EXPECT_EQ(Text("S\"it's\"\n."), "'it\\'s'");
  EXPECT_EQ(Text(Lit("T\x02\x00\x00\x00hi.")), "'hi'");
  EXPECT_EQ(Text("U\x02hi."), "'hi'");
  EXPECT_EQ(Text("V\\u0041\\U00000042\\\\u0043\xE9\n."), "'AB\\\\\\\\u0043\\xc3\\xa9'");
  EXPECT_EQ(Text(Lit("X\x03\x00\x00\x00\xE2\x82\xAC.")), "'\\xe2\\x82\\xac'");
  EXPECT_EQ(Text("\x8C\x02hi."), "'hi'");
  EXPECT_EQ(Text(Lit("\x8D\x02\x00\x00\x00\x00\x00\x00\x00hi.")), "'hi'");
}

TEST(Opcodes, Bytes) {
  EXPECT_EQ(Text(Lit("B\x02\x00\x00\x00hi.")), "y6869");
  EXPECT_EQ(Text("C\x02hi."), "y6869");
  EXPECT_EQ(Text(Lit("\x8E\x02\x00\x00\x00\x00\x00\x00\x00hi.")), "y6869");
  EXPECT_EQ(Text(Lit("\x96\x02\x00\x00\x00\x00\x00\x00\x00hi.")), "#0=bytearray 6869");
}

TEST(Opcodes, LongBytesStayInTheStream) {
  const std::string data(5000, 'z');
  const auto outcome =
      ParseToText(AsBytes(Asm(4).Op('B').Le<uint32_t>(5000).Raw(data).Stop()), false);
  ASSERT_TRUE(outcome.accepted) << outcome.text;
  ASSERT_EQ(outcome.graph.kinds(0), v1::NODE_KIND_BYTES_BUFFER);
  EXPECT_EQ(outcome.graph.buffer_offsets(0), 7U);
  EXPECT_EQ(outcome.graph.buffer_lengths(0), 5000U);
  EXPECT_EQ(outcome.graph.blobs_size(), 0);
}

TEST(Opcodes, Containers) {
  EXPECT_EQ(Text(")."), "()");
  EXPECT_EQ(Text("(t."), "()");
  EXPECT_EQ(Text("(K\x01NK\x02t."), "(1, None, 2)");
  EXPECT_EQ(Text("K\x01\x85."), "(1)");
  EXPECT_EQ(Text("K\x01K\x02\x86."), "(1, 2)");
  EXPECT_EQ(Text("K\x01K\x02K\x03\x87."), "(1, 2, 3)");
  EXPECT_EQ(Text("]."), "#0=[]");
  EXPECT_EQ(Text("(K\x01Nl."), "#0=[1, None]");
  EXPECT_EQ(Text("]K\x01"
                 "aNa."),
            "#0=[1, None]");
  EXPECT_EQ(Text("](K\x01K\x02"
                 "e."),
            "#0=[1, 2]");
  EXPECT_EQ(Text("}."), "#0={}");
  EXPECT_EQ(Text("(K\x01Nd."), "#0={1: None}");
  EXPECT_EQ(Text("}K\x01Ns."), "#0={1: None}");
  EXPECT_EQ(Text("}(\x8C\x01"
                 "aNK\x02NuNK\x05s."),
            "#0={'a': None, 2: None, None: 5}");
  EXPECT_EQ(Text("\x8F(K\x02K\x01\x90."), "#0=set{1, 2}");
  EXPECT_EQ(Text("(K\x01K\x02\x91."), "frozenset{1, 2}");
}

TEST(Opcodes, StackAndMemo) {
  EXPECT_EQ(Text("K\x01K\x02"
                 "0."),
            "1");
  EXPECT_EQ(Text("K\x01(0."), "1");  // POP takes a mark
  EXPECT_EQ(Text("K\x01(K\x02K\x03"
                 "1."),
            "1");
  EXPECT_EQ(Text("]2\x86."), "(#0=[], #0)");
  EXPECT_EQ(Text("]p0\ng0\n\x86."), "(#0=[], #0)");
  EXPECT_EQ(Text(Lit("]q\x00h\x00\x86.")), "(#0=[], #0)");
  EXPECT_EQ(Text(Lit("]r\x00\x01\x00\x00j\x00\x01\x00\x00\x86.")), "(#0=[], #0)");
  EXPECT_EQ(Text(Lit("]\x94}\x94h\x00h\x01(tt.")).substr(0, 15), "STACK_UNDERFLOW");
  EXPECT_EQ(Text(Lit("]\x94}\x94h\x00\x87.")), "(#0=[], #1={}, #0)");
}

TEST(Opcodes, PutStoresTheTopAndIndicesNeedNotBeInOrder) {
  EXPECT_EQ(Text(Lit("]q\x05"
                     "0}q\x02h\x05\x86.")),
            "(#0={}, #1=[])");
  // After PUT 5 and PUT 2 the memo has two entries: MEMOIZE takes index 2, which is taken.
  EXPECT_EQ(Text(Lit("]q\x05"
                     "0]q\x02\x94."))
                .substr(0, 9),
            "MALFORMED");
  EXPECT_EQ(Text(Lit("Nq\x07"
                     "0}\x94h\x01\x86.")),
            "(#0={}, #0)");
}

TEST(Opcodes, CyclesKeepIdentity) {
  EXPECT_EQ(Text(Lit("]\x94h\x00"
                     "a.")),
            "#0=[#0]");
  EXPECT_EQ(Text(Lit("]\x94(h\x00tah\x00\x86.")), "(#0=[(#0)], #0)");
  EXPECT_EQ(Text(Lit("}\x94K\x01h\x00s.")), "#0={1: #0}");
}

TEST(Opcodes, Names) {
  EXPECT_EQ(Text("cm\nC\n."), "<m.C>");
  EXPECT_EQ(Text(Asm(4).StackGlobal("m", "C.d").Stop()), "<m.C.d>");
  EXPECT_EQ(Text("c__builtin__\nunicode\n."), "<builtins.str>");
  EXPECT_EQ(Text("c__builtin__\nxrange\n."), "<builtins.range>");
  EXPECT_EQ(Text("ccopy_reg\nx\n."), "<copyreg.x>");
  EXPECT_EQ(Text(Asm(3).Global("__builtin__", "long").Stop()), "<__builtin__.long>");
  EXPECT_EQ(Text("ccommands\ngetoutput\n."), "<commands.getoutput>");
}

TEST(Opcodes, Instances) {
  const std::string plain = "#0=new(<m.C>, ()){list=-, dict=-, state=-}";
  EXPECT_EQ(Text("cm\nC\n)\x81."), plain);
  EXPECT_EQ(Text("cm\nC\n)}\x92."), plain);
  EXPECT_EQ(Text("(im\nC\n."), plain);
  EXPECT_EQ(Text("(cm\nC\no."), plain);
  EXPECT_EQ(Text("ccopy_reg\n_reconstructor\n(cm\nC\nc__builtin__\nobject\nNtR."), plain);
  // With arguments OBJ and INST call the class.
  const std::string call = "#0=call(<m.C>, (1)){list=-, dict=-, state=-}";
  EXPECT_EQ(Text("cm\nC\nK\x01\x85R."), call);
  EXPECT_EQ(Text("(K\x01im\nC\n."), call);
  EXPECT_EQ(Text("(cm\nC\nK\x01o."), call);
  EXPECT_EQ(Text("cm\nC\n)\x81}\x8C\x01xK\x01sb."),
            "#0=new(<m.C>, ()){list=-, dict=-, state=#1={'x': 1}}");
  EXPECT_EQ(Text("cm\nC\n)\x81K\x01"
                 "a(K\x02"
                 "e}K\x05Nsb.")
                .substr(0, 9),
            "#0=new(<m");
  EXPECT_EQ(Text("cm\nC\n)RK\x01K\x02s(K\x03K\x04u."),
            "#0=call(<m.C>, ()){list=-, dict=#1={1: 2, 3: 4}, state=-}");
  EXPECT_EQ(Text("ccopyreg\n_reconstructor\n(cm\nB\ncbuiltins\ndict\n}K\x01Nst\x52."),
            "#0=new(<m.B>, ()){list=-, dict=#1={1: None}, state=-}");
  EXPECT_EQ(Text("ccopyreg\n_reconstructor\n(cm\nB\nc__builtin__\ntuple\n(K\x01NttR."),
            Text("cm\nB\n(K\x01Nt\x81."));
}

TEST(Opcodes, AnEmptyBatchOfKeysLeavesNoTrace) {
  EXPECT_EQ(Text("cm\nC\n)\x81(u."), "#0=new(<m.C>, ()){list=-, dict=-, state=-}");
}

TEST(Opcodes, LoweredBuiltins) {
  EXPECT_EQ(Text("c_codecs\nencode\n(V\\u0080a\xFF\nVlatin1\ntR."), "y8061ff");
  EXPECT_EQ(Text("c_codecs\nencode\n(Vabc\nVlatin1\ntR."), "y616263");
  EXPECT_EQ(Text("c__builtin__\nbytes\n)R."), "y");
  EXPECT_EQ(Text("cbuiltins\nbytearray\nC\x01z\x85R."), "#0=bytearray 7a");
  EXPECT_EQ(Text("cbuiltins\nbytearray\n)R."), "#0=bytearray ");
  EXPECT_EQ(Text("c__builtin__\nbytearray\n(V\xE9\nVlatin1\ntR."), "#0=bytearray e9");
  EXPECT_EQ(Text("cbuiltins\nset\n](K\x02K\x01"
                 "e\x85R."),
            "#0=set{1, 2}");
  EXPECT_EQ(Text("cbuiltins\nfrozenset\n](K\x02"
                 "e\x85R."),
            "frozenset{2}");
  EXPECT_EQ(Text("cbuiltins\ncomplex\nF1.0\nF0.0\n\x86R."),
            "complex(f3ff0000000000000, f0000000000000000)");
  EXPECT_EQ(Text("cbuiltins\nslice\nNK\x02N\x87R."), "slice(None, 2, None)");
  // Columns of a table by name.
  EXPECT_EQ(Text("cbuiltins\nslice\nVa\nNN\x87R."), "slice('a', None, None)");
  EXPECT_EQ(Text(Lit("cbuiltins\nrange\nK\x00K\x02K\x01\x87R.")), "range(0, 2, 1)");
  EXPECT_EQ(Text("ccollections\nOrderedDict\n)RK\x01Ns."), "#0=odict{1: None}");
  // As Python 2 wrote it.
  EXPECT_EQ(Text("ccollections\nOrderedDict\n](](K\x01K\x02"
                 "ee\x85R."),
            "#0=odict{1: 2}");
}

TEST(Opcodes, Frames) {
  EXPECT_EQ(Text(Asm(4).Op(0x95).Le<uint64_t>(2).Raw("N").Stop()), "None");
  // Bytes outside of frames, between two frames.
  EXPECT_EQ(Text(Asm(4)
                     .Op(0x95)
                     .Le<uint64_t>(1)
                     .Raw("N")
                     .Raw("0")
                     .Op(0x95)
                     .Le<uint64_t>(2)
                     .Raw("N")
                     .Stop()),
            "None");
}

TEST(Opcodes, EveryNameIsCountedEvenIfPopped) {
  bytes::Budget budget{bytes::BudgetLimits{}};
  graph::DecodedFile decoded(-1, &budget);
  graph::Builder builder(&budget);
  const std::string pickle = "cos\nsystem\n0cos\nsystem\n0(K\x01ia\nb\n0N.";
  const ParseResult result = Parse({.bytes = AsBytes(pickle)}, {}, decoded, budget, builder);
  EXPECT_FALSE(result.refusal.has_value());
  ASSERT_EQ(builder.globals().size(), 2U);
  EXPECT_EQ(builder.globals()[0].name, "system");
  EXPECT_EQ(builder.globals()[0].count, 2U);
  EXPECT_EQ(builder.globals()[0].first_offset, 0U);
  EXPECT_STREQ(OpcodeName(builder.globals()[1].first_opcode), "INST");
}

}  // namespace
}  // namespace loadlock::pickle
