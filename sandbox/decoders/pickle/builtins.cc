#include "sandbox/decoders/pickle/builtins.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/pickle/machine.h"

namespace loadlock::pickle {
namespace {

using graph::Kind;

struct Entry {
  std::string_view module;
  std::string_view name;
  Builtin builtin;
};

constexpr Entry kBuiltins[] = {
    {"_codecs", "encode", Builtin::kCodecsEncode},
    {"builtins", "bytes", Builtin::kBytes},
    {"builtins", "bytearray", Builtin::kByteArray},
    {"builtins", "set", Builtin::kSet},
    {"builtins", "frozenset", Builtin::kFrozenSet},
    {"builtins", "complex", Builtin::kComplex},
    {"builtins", "slice", Builtin::kSlice},
    {"builtins", "range", Builtin::kRange},
    {"collections", "OrderedDict", Builtin::kOrderedDict},
    {"copyreg", "_reconstructor", Builtin::kReconstructor},
};

struct Rename {
  std::string_view from_module;
  std::string_view from;
  std::string_view to_module;
  std::string_view to;
};

// The part of CPython 3.11's _compat_pickle.NAME_MAPPING whose source module is __builtin__.
constexpr Rename kRenames[] = {
    {"__builtin__", "xrange", "builtins", "range"},
    {"__builtin__", "reduce", "functools", "reduce"},
    {"__builtin__", "intern", "sys", "intern"},
    {"__builtin__", "unichr", "builtins", "chr"},
    {"__builtin__", "unicode", "builtins", "str"},
    {"__builtin__", "long", "builtins", "int"},
};

// Small results stay in the parser's memory: they become blobs, or are placed when an array
// needs them.
constexpr size_t kSmallBytes = 4096;

}  // namespace

Builtin FindBuiltin(std::string_view module, std::string_view name) {
  for (const Entry& entry : kBuiltins) {
    if (entry.name == name && entry.module == module) return entry.builtin;
  }
  return Builtin::kNone;
}

void RenamePython2(std::string_view* module, std::string_view* name) {
  for (const Rename& rename : kRenames) {
    if (rename.from_module == *module && rename.from == *name) {
      *module = rename.to_module;
      *name = rename.to;
      return;
    }
  }
  if (*module == "__builtin__") *module = "builtins";
  if (*module == "copy_reg") *module = "copyreg";
}

// False without a refusal: the arguments are not what a pickler writes.
bool Machine::PushBuiltin(Builtin which, absl::Span<const NodeId> args) {
  switch (which) {
    case Builtin::kCodecsEncode:
      return PushEncoded(args);
    case Builtin::kBytes:
      return PushBytesCall(false, args);
    case Builtin::kByteArray:
      return PushBytesCall(true, args);
    case Builtin::kSet:
    case Builtin::kFrozenSet: {
      if (args.size() != 1 || b_.kind(args[0]) != Kind::kList) return false;
      const absl::Span<const NodeId> view = b_.edges(args[0]);
      const std::vector<NodeId> members(view.begin(), view.end());
      if (!CheckHashable(members, 1)) return false;
      const NodeId set = which == Builtin::kSet ? b_.Set() : b_.FrozenSet(members);
      if (which == Builtin::kSet) b_.Extend(set, members);
      Push(set);
      return true;
    }
    case Builtin::kComplex:
      if (args.size() != 2 || b_.kind(args[0]) != Kind::kFloat ||
          b_.kind(args[1]) != Kind::kFloat) {
        return false;
      }
      Push(b_.Complex(b_.float_value(args[0]), b_.float_value(args[1])));
      return true;
    case Builtin::kSlice:
    case Builtin::kRange:
      return PushThreeInts(which, args);
    case Builtin::kOrderedDict:
      return PushOrderedDict(args);
    case Builtin::kReconstructor:
      return args.size() == 3 && PushReconstructed(args[0], args[1], args[2]);
    case Builtin::kNone:
      break;
  }
  return false;
}

// (), or a list of pairs as Python 2 wrote it.
bool Machine::PushOrderedDict(absl::Span<const NodeId> args) {
  std::vector<NodeId> items;
  if (!args.empty()) {
    if (args.size() != 1 || b_.kind(args[0]) != Kind::kList) return false;
    for (const NodeId pair : b_.edges(args[0])) {
      const Kind kind = b_.kind(pair);
      if ((kind != Kind::kList && kind != Kind::kTuple) || b_.edges(pair).size() != 2) return false;
      items.insert(items.end(), b_.edges(pair).begin(), b_.edges(pair).end());
    }
    if (!CheckHashable(items, 2)) return false;
  }
  const NodeId dict = b_.OrderedDict();
  b_.Extend(dict, items);
  Push(dict);
  return true;
}

bool Machine::PushThreeInts(Builtin which, absl::Span<const NodeId> args) {
  if (args.size() != 3) return false;
  const NodeId parts[] = {args[0], args[1], args[2]};
  const bool range = which == Builtin::kRange;
  for (const NodeId part : parts) {
    const Kind kind = b_.kind(part);
    // Columns of a table are named.
    const bool named = kind == Kind::kNone || kind == Kind::kStr;
    if (kind != Kind::kInt && (range || !named)) return false;
  }
  if (range && b_.int_value(parts[2]) == 0) return false;
  Push(range ? b_.Range(parts[0], parts[1], parts[2]) : b_.Slice(parts[0], parts[1], parts[2]));
  return true;
}

// The bytes of a str whose code points are below 256. ASCII text is its own encoding, and stays
// where it is in the stream.
bool Machine::Latin1(NodeId text, NodeId codec, graph::Buffer* out) {
  if (b_.kind(text) != Kind::kStr || b_.kind(codec) != Kind::kStr) return false;
  if (b_.text(codec) != "latin1") return false;
  const std::string_view utf8 = b_.text(text);
  const Bytes raw(reinterpret_cast<const uint8_t*>(utf8.data()), utf8.size());
  const bool ascii = std::all_of(raw.begin(), raw.end(), [](uint8_t c) { return c < 0x80; });
  const uint8_t* begin = stream_.bytes.data();
  if (ascii && !raw.empty() && raw.data() >= begin && raw.data() < begin + stream_.bytes.size()) {
    *out = {.source = stream_.source,
            .offset = stream_.offset + static_cast<uint64_t>(raw.data() - begin),
            .data = raw,
            .length = raw.size()};
    return true;
  }
  std::string latin1;
  if (!budget_.ChargeHeap(raw.size()) || !bytes::Utf8ToLatin1(raw, &latin1)) return false;
  budget_.ReturnHeap(raw.size());
  if (latin1.size() <= kSmallBytes) {
    const std::string_view kept = b_.Keep(latin1);
    out->data = {reinterpret_cast<const uint8_t*>(kept.data()), kept.size()};
    out->length = kept.size();
    return true;
  }
  const Bytes data(reinterpret_cast<const uint8_t*>(latin1.data()), latin1.size());
  uint64_t offset = 0;
  if (!numpy::AppendAligned(&decoded_, data, &offset)) {
    return Fail("BUDGET_DECODED", "decoded data cannot be written");
  }
  *out = {
      .source = v1::BUFFER_SOURCE_DECODED, .offset = offset, .data = {}, .length = latin1.size()};
  return true;
}

bool Machine::PushEncoded(absl::Span<const NodeId> args) {
  graph::Buffer buffer;
  if (args.size() != 2 || !Latin1(args[0], args[1], &buffer)) return false;
  Push(b_.Bytes(buffer));
  return true;
}

// (), (bytes) or (str, 'latin1'); never an int, which allocates that much.
bool Machine::PushBytesCall(bool mutable_bytes, absl::Span<const NodeId> args) {
  graph::Buffer buffer;
  if (args.size() == 2) {
    if (!Latin1(args[0], args[1], &buffer)) return false;
  } else if (args.size() == 1) {
    if (b_.kind(args[0]) != Kind::kBytes) return false;
    buffer = b_.buffer(args[0]);
  } else if (!args.empty()) {
    return false;
  }
  Push(mutable_bytes ? b_.ByteArray(buffer) : b_.Bytes(buffer));
  return true;
}

}  // namespace loadlock::pickle
