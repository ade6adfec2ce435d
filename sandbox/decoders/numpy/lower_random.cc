#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/numpy/lowering.h"

// numpy.random's constructors call their arguments, and its setters do not check positions
// (MT19937 with pos 2^31 reads outside of its key at the next draw). So the state is checked
// here and written anew with exactly the keys that the bit generator's own `state` has:
//   MT19937          {bit_generator, state: {key u4[624], pos}}
//   PCG64, PCG64DXSM {bit_generator, state: {state, inc}, has_uint32, uinteger}
//   Philox           {bit_generator, state: {counter u8[4], key u8[2]}, buffer u8[4], buffer_pos,
//                     has_uint32, uinteger}
//   SFC64            {bit_generator, state: {state u8[4]}, has_uint32, uinteger}
// The seed sequence of numpy 2 is dropped: it matters to spawn() alone.
namespace loadlock::numpy {
namespace {

using graph::Builder;
using graph::Kind;
using graph::NodeId;

struct Generator {
  std::string_view name;
  std::string_view module;
};
constexpr Generator kGenerators[] = {
    {"MT19937", "numpy.random._mt19937"}, {"PCG64", "numpy.random._pcg64"},
    {"PCG64DXSM", "numpy.random._pcg64"}, {"Philox", "numpy.random._philox"},
    {"SFC64", "numpy.random._sfc64"},
};

// The interned name if it is one of the five.
std::string_view KnownName(std::string_view name) {
  for (const Generator& generator : kGenerators) {
    if (generator.name == name) return generator.name;
  }
  return {};
}

bool IsIntIn(const Builder& b, NodeId node, int64_t low, int64_t high) {
  return node != graph::kNoNode && b.kind(node) == Kind::kInt && b.int_value(node) >= low &&
         b.int_value(node) <= high;
}

// 0 <= value < 2^128
bool IsUint128(const Builder& b, NodeId node) {
  if (node == graph::kNoNode) return false;
  if (b.kind(node) == Kind::kInt) return b.int_value(node) >= 0;
  if (b.kind(node) != Kind::kBigInt) return false;
  const absl::Span<const uint8_t> raw = b.big_int(node);
  if ((raw.back() & 0x80) != 0) return false;
  return raw.size() <= 16 || (raw.size() == 17 && raw.back() == 0);
}

// A one-dimensional array of exactly `count` items of `typestr`.
bool IsVector(const Builder& b, NodeId node, std::string_view typestr, int64_t count) {
  if (node == graph::kNoNode || b.kind(node) != Kind::kNdArray) return false;
  const graph::ArrayInfo& array = b.array(node);
  return b.kind(array.dtype) == Kind::kDtype && b.text(array.dtype) == typestr &&
         array.shape.size() == 1 && array.shape[0] == count;
}

}  // namespace

// The name that a str, or a class by its full name, stands for; empty if none.
std::string_view Lowering::BitGeneratorName(NodeId node) {
  if (b_.kind(node) == Kind::kStr) return KnownName(b_.text(node));
  if (b_.kind(node) != Kind::kGlobal) return {};
  for (const auto& generator : kGenerators) {
    if (b_.global(node).module == generator.module && b_.global(node).name == generator.name) {
      return generator.name;
    }
  }
  return {};
}

// __bit_generator_ctor(name or class)
graph::NodeId Lowering::BitGeneratorCtor(absl::Span<const NodeId> args) {
  const std::string_view name = args.size() == 1 ? BitGeneratorName(args[0]) : std::string_view();
  if (name.empty())
    return Fail("SCHEMA", "__bit_generator_ctor is called with no known bit generator");
  const NodeId edges[] = {b_.Str(name)};
  return b_.Pending(kBitGen, edges);
}

// __generator_ctor and __randomstate_ctor(name or bit generator[, __bit_generator_ctor])
graph::NodeId Lowering::RandomCtor(Pending what, absl::Span<const NodeId> args) {
  if (args.size() == 2 && (b_.kind(args[1]) != Kind::kGlobal ||
                           FindFactory(b_.global(args[1]).module, b_.global(args[1]).name) !=
                               Factory::kBitGeneratorCtor)) {
    return Fail("SCHEMA", "a random constructor would call another function than its own");
  }
  if (args.empty() || args.size() > 2)
    return Fail("SCHEMA", "a random constructor has no arguments");
  if (b_.kind(args[0]) == Kind::kBitGenerator) {
    if (what == kGenerator) return b_.Generator(args[0]);
    const NodeId edges[] = {args[0]};
    return b_.Pending(what, edges);
  }
  const std::string_view name = BitGeneratorName(args[0]);
  if (name.empty())
    return Fail("SCHEMA", "a random constructor is called with no known bit generator");
  const NodeId edges[] = {b_.Str(name)};
  return b_.Pending(what, edges);
}

// dict, or (dict, seed sequence) since numpy 2.1.
bool Lowering::BuildBitGenerator(NodeId node, NodeId state) {
  if (b_.kind(state) == Kind::kTuple && b_.edges(state).size() == 2) state = b_.edges(state)[0];
  const NodeId value = BitGeneratorFromState(b_.text(b_.edges(node)[0]), state);
  if (value == graph::kNoNode) return false;
  b_.Become(node, value);
  return true;
}

bool Lowering::BuildRandom(NodeId node, NodeId state) {
  const NodeId inner = b_.edges(node)[0];
  const bool by_name = b_.kind(inner) == Kind::kStr;
  const std::string_view name = b_.text(by_name ? inner : b_.edges(inner)[0]);
  NodeId bit_generator = BitGeneratorFromState(name, state);
  if (bit_generator == graph::kNoNode) return false;
  if (!by_name) {
    // The setter changes the state of the bit generator that was given, in place.
    b_.Become(inner, bit_generator);
    bit_generator = inner;
  }
  if (b_.node(node).detail == kGenerator) {
    b_.Become(node, b_.Generator(bit_generator));
    return true;
  }
  const NodeId has_gauss = Get(state, "has_gauss");
  const NodeId gauss = Get(state, "gauss");
  if (!IsIntIn(b_, has_gauss, 0, 1) || gauss == graph::kNoNode || b_.kind(gauss) != Kind::kFloat) {
    return Refuse("INVARIANT_RANDOM", "a RandomState lacks has_gauss (0 or 1) or gauss (a float)");
  }
  b_.Become(node,
            b_.RandomState(bit_generator, b_.int_value(has_gauss) == 1, b_.float_value(gauss)));
  return true;
}

graph::NodeId Lowering::BitGeneratorFromState(std::string_view name, NodeId state) {
  const auto fail = [&] {
    return Fail("INVARIANT_RANDOM",
                absl::StrCat("the state of a ", std::string(name), " is malformed"));
  };
  if (b_.kind(state) != Kind::kDict) return fail();
  const NodeId label = Get(state, "bit_generator");
  const NodeId inner = Get(state, "state");
  if (label == graph::kNoNode || b_.kind(label) != Kind::kStr || b_.text(label) != name ||
      inner == graph::kNoNode || b_.kind(inner) != Kind::kDict) {
    return fail();
  }
  struct Item {
    std::string_view key;
    NodeId value;
  };
  std::vector<Item> inner_items;
  std::vector<Item> items;
  const auto word = [&] {
    const NodeId has_uint32 = Get(state, "has_uint32");
    const NodeId uinteger = Get(state, "uinteger");
    items.insert(items.end(), {{"has_uint32", has_uint32}, {"uinteger", uinteger}});
    return IsIntIn(b_, has_uint32, 0, 1) && IsIntIn(b_, uinteger, 0, UINT32_MAX);
  };
  bool valid = false;
  if (name == "MT19937") {
    inner_items = {{"key", Get(inner, "key")}, {"pos", Get(inner, "pos")}};
    valid =
        IsVector(b_, inner_items[0].value, "<u4", 624) && IsIntIn(b_, inner_items[1].value, 0, 624);
  } else if (name == "PCG64" || name == "PCG64DXSM") {
    inner_items = {{"state", Get(inner, "state")}, {"inc", Get(inner, "inc")}};
    valid = IsUint128(b_, inner_items[0].value) && IsUint128(b_, inner_items[1].value) && word();
  } else if (name == "Philox") {
    inner_items = {{"counter", Get(inner, "counter")}, {"key", Get(inner, "key")}};
    items = {{"buffer", Get(state, "buffer")}, {"buffer_pos", Get(state, "buffer_pos")}};
    valid = IsVector(b_, inner_items[0].value, "<u8", 4) &&
            IsVector(b_, inner_items[1].value, "<u8", 2) &&
            IsVector(b_, items[0].value, "<u8", 4) && IsIntIn(b_, items[1].value, 0, 4) && word();
  } else if (name == "SFC64") {
    inner_items = {{"state", Get(inner, "state")}};
    valid = IsVector(b_, inner_items[0].value, "<u8", 4) && word();
  }
  if (!valid) return fail();
  const NodeId inner_dict = b_.Dict();
  for (const Item& item : inner_items) {
    const NodeId pair[] = {b_.Str(item.key), item.value};
    b_.Extend(inner_dict, pair);
  }
  const NodeId dict = b_.Dict();
  items.insert(items.begin(), {{"bit_generator", label}, {"state", inner_dict}});
  for (const Item& item : items) {
    const NodeId pair[] = {b_.Str(item.key), item.value};
    b_.Extend(dict, pair);
  }
  return b_.BitGenerator(name, dict);
}

}  // namespace loadlock::numpy
