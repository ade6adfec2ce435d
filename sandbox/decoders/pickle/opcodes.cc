#include <array>

#include "sandbox/decoders/pickle/machine.h"

namespace loadlock::pickle {

const std::array<Machine::Opcode, 256>& Machine::Table() {
  static constexpr auto kTable = [] {
    std::array<Opcode, 256> t{};
    // g++ 12 drops the member initialisers of an array's elements in constant evaluation.
    t.fill({"", nullptr});
    // Protocol 0.
    t['('] = {"MARK", &Machine::OpMark};
    t['.'] = {"STOP", &Machine::OpStop};
    t['0'] = {"POP", &Machine::OpPop};
    t['2'] = {"DUP", &Machine::OpDup};
    t['F'] = {"FLOAT", &Machine::OpFloat};
    t['I'] = {"INT", &Machine::OpInt};
    t['L'] = {"LONG", &Machine::OpLong};
    t['N'] = {"NONE", &Machine::OpNone};
    t['P'] = {"PERSID", &Machine::OpPersId};
    t['R'] = {"REDUCE", &Machine::OpReduce};
    t['S'] = {"STRING", &Machine::OpString};
    t['V'] = {"UNICODE", &Machine::OpUnicode};
    t['a'] = {"APPEND", &Machine::OpAppend};
    t['b'] = {"BUILD", &Machine::OpBuild};
    t['c'] = {"GLOBAL", &Machine::OpGlobal};
    t['d'] = {"DICT", &Machine::OpDict};
    t['g'] = {"GET", &Machine::OpGet};
    t['i'] = {"INST", &Machine::OpInst};
    t['l'] = {"LIST", &Machine::OpList};
    t['p'] = {"PUT", &Machine::OpPut};
    t['s'] = {"SETITEM", &Machine::OpSetItem};
    t['t'] = {"TUPLE", &Machine::OpTuple};
    // Protocol 1.
    t['1'] = {"POP_MARK", &Machine::OpPopMark};
    t['G'] = {"BINFLOAT", &Machine::OpBinFloat};
    t['J'] = {"BININT", &Machine::OpBinInt};
    t['K'] = {"BININT1", &Machine::OpBinInt1};
    t['M'] = {"BININT2", &Machine::OpBinInt2};
    t['Q'] = {"BINPERSID", &Machine::OpBinPersId};
    t['T'] = {"BINSTRING", &Machine::OpBinString};
    t['U'] = {"SHORT_BINSTRING", &Machine::OpShortBinString};
    t['X'] = {"BINUNICODE", &Machine::OpBinUnicode};
    t[')'] = {"EMPTY_TUPLE", &Machine::OpEmptyTuple};
    t[']'] = {"EMPTY_LIST", &Machine::OpEmptyList};
    t['}'] = {"EMPTY_DICT", &Machine::OpEmptyDict};
    t['e'] = {"APPENDS", &Machine::OpAppends};
    t['h'] = {"BINGET", &Machine::OpBinGet};
    t['j'] = {"LONG_BINGET", &Machine::OpLongBinGet};
    t['o'] = {"OBJ", &Machine::OpObj};
    t['q'] = {"BINPUT", &Machine::OpBinPut};
    t['r'] = {"LONG_BINPUT", &Machine::OpLongBinPut};
    t['u'] = {"SETITEMS", &Machine::OpSetItems};
    // Protocol 2.
    t[0x80] = {"PROTO", &Machine::OpProto};
    t[0x81] = {"NEWOBJ", &Machine::OpNewObj};
    t[0x82] = {"EXT1", &Machine::OpForbidden};
    t[0x83] = {"EXT2", &Machine::OpForbidden};
    t[0x84] = {"EXT4", &Machine::OpForbidden};
    t[0x85] = {"TUPLE1", &Machine::OpTuple1};
    t[0x86] = {"TUPLE2", &Machine::OpTuple2};
    t[0x87] = {"TUPLE3", &Machine::OpTuple3};
    t[0x88] = {"NEWTRUE", &Machine::OpTrue};
    t[0x89] = {"NEWFALSE", &Machine::OpFalse};
    t[0x8A] = {"LONG1", &Machine::OpLong1};
    t[0x8B] = {"LONG4", &Machine::OpLong4};
    // Protocol 3.
    t['B'] = {"BINBYTES", &Machine::OpBinBytes};
    t['C'] = {"SHORT_BINBYTES", &Machine::OpShortBinBytes};
    // Protocol 4.
    t[0x8C] = {"SHORT_BINUNICODE", &Machine::OpShortBinUnicode};
    t[0x8D] = {"BINUNICODE8", &Machine::OpBinUnicode8};
    t[0x8E] = {"BINBYTES8", &Machine::OpBinBytes8};
    t[0x8F] = {"EMPTY_SET", &Machine::OpEmptySet};
    t[0x90] = {"ADDITEMS", &Machine::OpAddItems};
    t[0x91] = {"FROZENSET", &Machine::OpFrozenSet};
    t[0x92] = {"NEWOBJ_EX", &Machine::OpNewObjEx};
    t[0x93] = {"STACK_GLOBAL", &Machine::OpStackGlobal};
    t[0x94] = {"MEMOIZE", &Machine::OpMemoize};
    t[0x95] = {"FRAME", &Machine::OpFrame};
    // Protocol 5.
    t[0x96] = {"BYTEARRAY8", &Machine::OpByteArray8};
    t[0x97] = {"NEXT_BUFFER", &Machine::OpForbidden};
    t[0x98] = {"READONLY_BUFFER", &Machine::OpForbidden};
    return t;
  }();
  return kTable;
}

const char* OpcodeName(uint8_t opcode) { return Machine::Table()[opcode].name; }

}  // namespace loadlock::pickle
