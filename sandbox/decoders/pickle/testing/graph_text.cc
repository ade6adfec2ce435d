#include "sandbox/decoders/pickle/testing/graph_text.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <map>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace loadlock::pickle::testing {
namespace {

constexpr uint32_t kAbsent = 0xFFFFFFFF;

// Test input is small: recursion is bounded by the budget's depth.
class Printer {
 public:
  Printer(const v1::Graph& graph, absl::Span<const uint8_t> artifact,
          absl::Span<const uint8_t> decoded)
      : g_(graph), artifact_(artifact), decoded_(decoded) {
    size_t at = 0;
    for (const uint32_t count : g_.operand_counts()) {
      first_.push_back(at);
      at += count;
    }
  }

  std::string Node(uint32_t index) {
    if (IsMutable(g_.kinds(static_cast<int>(index)))) {
      const auto [it, fresh] = numbers_.try_emplace(index, numbers_.size());
      if (!fresh) return absl::StrCat("#", it->second);
      return absl::StrCat("#", it->second, "=", Value(index));
    }
    return Value(index);
  }

 private:
  static bool IsMutable(int kind) {
    switch (kind) {
      case v1::NODE_KIND_LIST:
      case v1::NODE_KIND_LIST_INT:
      case v1::NODE_KIND_LIST_FLOAT:
      case v1::NODE_KIND_LIST_STR:
      case v1::NODE_KIND_SET:
      case v1::NODE_KIND_DICT:
      case v1::NODE_KIND_DICT_STR:
      case v1::NODE_KIND_DICT_STR_INT:
      case v1::NODE_KIND_DICT_STR_FLOAT:
      case v1::NODE_KIND_ORDERED_DICT:
      case v1::NODE_KIND_BYTEARRAY:
      case v1::NODE_KIND_BYTEARRAY_BUFFER:
      case v1::NODE_KIND_OBJECT:
      case v1::NODE_KIND_CALL:
      case v1::NODE_KIND_NDARRAY:
      case v1::NODE_KIND_OBJECT_NDARRAY:
      case v1::NODE_KIND_BIT_GENERATOR:
      case v1::NODE_KIND_RANDOM_STATE:
      case v1::NODE_KIND_GENERATOR:
      case v1::NODE_KIND_STORAGE:
      case v1::NODE_KIND_TENSOR:
      case v1::NODE_KIND_SPARSE_TENSOR:
      case v1::NODE_KIND_QUANTIZED_TENSOR:
      case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      case v1::NODE_KIND_PARAMETER:
      case v1::NODE_KIND_TENSOR_WITH_STATE:
      case v1::NODE_KIND_STATE_DICT:
        return true;
      default:
        return false;
    }
  }

  static std::string Hex(absl::string_view bytes) { return absl::BytesToHexString(bytes); }
  static std::string Quoted(const std::string& text) {
    return absl::StrCat("'", absl::CHexEscape(text), "'");
  }
  static std::string FloatText(double value) {
    return absl::StrCat("f", absl::Hex(std::bit_cast<uint64_t>(value), absl::kZeroPad16));
  }

  uint32_t Op(uint32_t index, size_t i) const {
    return g_.operands(static_cast<int>(first_[index] + i));
  }
  size_t Count(uint32_t index) const { return g_.operand_counts(static_cast<int>(index)); }
  std::string Str(uint32_t i) const { return Quoted(g_.strings(static_cast<int>(i))); }
  std::string Int(uint32_t i) const { return absl::StrCat(g_.ints(static_cast<int>(i))); }
  std::string Float(uint32_t i) const { return FloatText(g_.floats(static_cast<int>(i))); }
  std::string Blob(uint32_t i) const { return Hex(g_.blobs(static_cast<int>(i))); }
  std::string Optional(uint32_t i) { return i == kAbsent ? "-" : Node(i); }

  std::string BufferHex(uint32_t i) const {
    const auto source = g_.buffer_sources(static_cast<int>(i));
    const auto view = source == v1::BUFFER_SOURCE_ARTIFACT ? artifact_ : decoded_;
    const uint64_t offset = g_.buffer_offsets(static_cast<int>(i));
    const uint64_t length = g_.buffer_lengths(static_cast<int>(i));
    if (offset > view.size() || length > view.size() - offset) return "OUT OF RANGE";
    const auto data = view.subspan(offset, length);
    return Hex({reinterpret_cast<const char*>(data.data()), data.size()});
  }

  std::string Edges(uint32_t index, bool sorted) {
    std::vector<std::string> parts;
    for (size_t i = 0; i < Count(index); ++i) parts.push_back(Node(Op(index, i)));
    if (sorted) std::sort(parts.begin(), parts.end());
    return absl::StrJoin(parts, ", ");
  }

  std::string Pairs(uint32_t index, size_t first = 0) {
    std::vector<std::string> parts;
    for (size_t i = first; i + 1 < Count(index); i += 2) {
      const std::string key = Node(Op(index, i));
      parts.push_back(absl::StrCat(key, ": ", Node(Op(index, i + 1))));
    }
    return absl::StrJoin(parts, ", ");
  }

  std::string StrPairs(uint32_t index) {
    std::vector<std::string> parts;
    const size_t half = Count(index) / 2;
    for (size_t i = 0; i < half; ++i) {
      parts.push_back(absl::StrCat(Str(Op(index, i)), ": ", Node(Op(index, half + i))));
    }
    return absl::StrJoin(parts, ", ");
  }

  template <typename F>
  std::string Run(uint32_t index, F&& element) {
    std::vector<std::string> parts;
    for (uint32_t i = 0; i < Op(index, 1); ++i) parts.push_back(element(Op(index, 0) + i));
    return absl::StrJoin(parts, ", ");
  }

  template <typename F>
  std::string PackedPairs(uint32_t index, F&& element) {
    std::vector<std::string> parts;
    for (uint32_t i = 0; i < Op(index, 2); ++i) {
      parts.push_back(absl::StrCat(Str(Op(index, 0) + i), ": ", element(Op(index, 1) + i)));
    }
    return absl::StrJoin(parts, ", ");
  }

  std::string Instance(uint32_t index, const char* what) {
    const std::string callee = Node(Op(index, 0));
    const std::string args = Optional(Op(index, 1));
    const std::string list = Optional(Op(index, 3));
    const std::string dict = Optional(Op(index, 4));
    return absl::StrCat(what, "(", callee, ", ", args, "){list=", list, ", dict=", dict,
                        ", state=", Optional(Op(index, 2)), "}");
  }

  std::string Shape(uint32_t rank, uint32_t first) const {
    std::vector<std::string> parts;
    for (uint32_t i = 0; i < rank; ++i) parts.push_back(Int(first + i));
    return absl::StrCat("(", absl::StrJoin(parts, ", "), ")");
  }

  std::string Record(uint32_t index) {
    std::string out = absl::StrCat("record(", Int(Op(index, 0)));
    for (size_t i = 1; i + 2 < Count(index); i += 3) {
      absl::StrAppend(&out, ", ", Str(Op(index, i)), " ", Node(Op(index, i + 1)), " @",
                      Int(Op(index, i + 2)));
    }
    return out + ")";
  }

  std::string Value(uint32_t index) {
    switch (g_.kinds(static_cast<int>(index))) {
      case v1::NODE_KIND_NONE:
        return "None";
      case v1::NODE_KIND_TRUE:
        return "True";
      case v1::NODE_KIND_FALSE:
        return "False";
      case v1::NODE_KIND_ELLIPSIS:
        return "Ellipsis";
      case v1::NODE_KIND_NOT_IMPLEMENTED:
        return "NotImplemented";
      case v1::NODE_KIND_INT:
        return Int(Op(index, 0));
      case v1::NODE_KIND_BIG_INT:
        return absl::StrCat("big", Blob(Op(index, 0)));
      case v1::NODE_KIND_FLOAT:
        return Float(Op(index, 0));
      case v1::NODE_KIND_COMPLEX:
        return absl::StrCat("complex(", Float(Op(index, 0)), ", ", Float(Op(index, 1)), ")");
      case v1::NODE_KIND_STR:
        return Str(Op(index, 0));
      case v1::NODE_KIND_BYTES:
        return absl::StrCat("y", Blob(Op(index, 0)));
      case v1::NODE_KIND_BYTEARRAY:
        return absl::StrCat("bytearray ", Blob(Op(index, 0)));
      case v1::NODE_KIND_BYTES_BUFFER:
        return absl::StrCat("y", BufferHex(Op(index, 0)));
      case v1::NODE_KIND_BYTEARRAY_BUFFER:
        return absl::StrCat("bytearray ", BufferHex(Op(index, 0)));
      case v1::NODE_KIND_GLOBAL: {
        const auto& global = g_.globals(static_cast<int>(Op(index, 0)));
        return absl::StrCat("<", global.module(), ".", global.name(), ">");
      }
      default:
        return Container(index);
    }
  }

  std::string Container(uint32_t index) {
    const auto str = [this](uint32_t i) { return Str(i); };
    const auto integer = [this](uint32_t i) { return Int(i); };
    const auto real = [this](uint32_t i) { return Float(i); };
    switch (g_.kinds(static_cast<int>(index))) {
      case v1::NODE_KIND_LIST:
        return absl::StrCat("[", Edges(index, false), "]");
      case v1::NODE_KIND_LIST_INT:
        return absl::StrCat("[", Run(index, integer), "]");
      case v1::NODE_KIND_LIST_FLOAT:
        return absl::StrCat("[", Run(index, real), "]");
      case v1::NODE_KIND_LIST_STR:
        return absl::StrCat("[", Run(index, str), "]");
      case v1::NODE_KIND_TUPLE:
        return absl::StrCat("(", Edges(index, false), ")");
      case v1::NODE_KIND_TUPLE_INT:
        return absl::StrCat("(", Run(index, integer), ")");
      case v1::NODE_KIND_TUPLE_FLOAT:
        return absl::StrCat("(", Run(index, real), ")");
      case v1::NODE_KIND_TUPLE_STR:
        return absl::StrCat("(", Run(index, str), ")");
      case v1::NODE_KIND_SET:
        return absl::StrCat("set{", Edges(index, true), "}");
      case v1::NODE_KIND_FROZENSET:
        return absl::StrCat("frozenset{", Edges(index, true), "}");
      case v1::NODE_KIND_DICT:
        return absl::StrCat("{", Pairs(index), "}");
      case v1::NODE_KIND_ORDERED_DICT:
        return absl::StrCat("odict{", Pairs(index), "}");
      case v1::NODE_KIND_DICT_STR:
        return absl::StrCat("{", StrPairs(index), "}");
      case v1::NODE_KIND_DICT_STR_INT:
        return absl::StrCat("{", PackedPairs(index, integer), "}");
      case v1::NODE_KIND_DICT_STR_FLOAT:
        return absl::StrCat("{", PackedPairs(index, real), "}");
      case v1::NODE_KIND_SLICE:
        return absl::StrCat("slice(", Edges(index, false), ")");
      case v1::NODE_KIND_RANGE:
        return absl::StrCat("range(", Edges(index, false), ")");
      default:
        return Object(index);
    }
  }

  std::string Object(uint32_t index) {
    switch (g_.kinds(static_cast<int>(index))) {
      case v1::NODE_KIND_OBJECT:
        return Instance(index, "new");
      case v1::NODE_KIND_CALL:
        return Instance(index, "call");
      case v1::NODE_KIND_DTYPE:
        return absl::StrCat("dtype(", Str(Op(index, 0)), ")");
      case v1::NODE_KIND_DTYPE_RECORD:
        return Record(index);
      case v1::NODE_KIND_NDARRAY:
        return absl::StrCat("array(", Node(Op(index, 0)), ", ", Op(index, 2) == 1 ? "F" : "C", ", ",
                            Shape(Op(index, 3), Op(index, 4)), ", ", BufferHex(Op(index, 1)), ")");
      case v1::NODE_KIND_OBJECT_NDARRAY:
        return absl::StrCat("objarray(", Shape(Op(index, 2), Op(index, 3)), ", ",
                            Node(Op(index, 0)), ")");
      case v1::NODE_KIND_SCALAR:
        return absl::StrCat("scalar(", Node(Op(index, 0)), ", ", Blob(Op(index, 1)), ")");
      case v1::NODE_KIND_BIT_GENERATOR:
        return absl::StrCat("bitgen(", Str(Op(index, 0)), ", ", Node(Op(index, 1)), ")");
      case v1::NODE_KIND_RANDOM_STATE:
        return absl::StrCat("randomstate(", Node(Op(index, 0)), ", ", Op(index, 1), ", ",
                            Float(Op(index, 2)), ")");
      case v1::NODE_KIND_GENERATOR:
        return absl::StrCat("generator(", Node(Op(index, 0)), ")");
      case v1::NODE_KIND_STATE_DICT:
        return absl::StrCat("statedict{", Pairs(index, 1), "; ", Node(Op(index, 0)), "}");
      default:
        return Torch(index);
    }
  }

  // offset (sizes) (strides)
  std::string View(uint32_t rank, uint32_t first) const {
    return absl::StrCat(Int(first), " ", Shape(rank, first + 1), " ",
                        Shape(rank, first + 1 + rank));
  }

  std::string Torch(uint32_t index) {
    const auto op = [&](size_t i) { return Op(index, i); };
    switch (g_.kinds(static_cast<int>(index))) {
      case v1::NODE_KIND_STORAGE:
        return absl::StrCat("storage(", Str(op(0)), ", ", Int(op(2)), ", ",
                            op(1) == kAbsent ? "meta" : BufferHex(op(1)), ")");
      case v1::NODE_KIND_TENSOR:
        return absl::StrCat("tensor(", Node(op(0)), ", ", Str(op(1)), ", ", op(2), ", ",
                            View(op(3), op(4)), ")");
      case v1::NODE_KIND_SPARSE_TENSOR: {
        std::string out =
            absl::StrCat("sparse(", Str(op(0)), ", ", op(1), ", ", Shape(op(2), op(3)));
        for (size_t i = 4; i < Count(index); ++i) absl::StrAppend(&out, ", ", Node(op(i)));
        return out + ")";
      }
      case v1::NODE_KIND_QUANTIZED_TENSOR:
        return absl::StrCat("quantized(", Node(op(0)), ", ", Str(op(1)), ", ", View(op(2), op(3)),
                            ", ", Float(op(4)), ", ", Int(op(5)), ")");
      case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR: {
        const std::string storage = Node(op(0));
        const std::string scales = Node(op(4));
        return absl::StrCat("quantized(", storage, ", ", Str(op(1)), ", ", View(op(2), op(3)), ", ",
                            scales, ", ", Node(op(5)), ", ", Int(op(6)), ")");
      }
      case v1::NODE_KIND_PARAMETER: {
        const std::string tensor = Node(op(0));
        return absl::StrCat("parameter(", tensor, ", ", op(1), ", ", Optional(op(2)), ")");
      }
      case v1::NODE_KIND_TENSOR_WITH_STATE: {
        const std::string tensor = Node(op(0));
        return absl::StrCat("attributes(", tensor, ", ", Node(op(1)), ")");
      }
      case v1::NODE_KIND_TORCH_SIZE:
        return absl::StrCat("size", Shape(op(1), op(0)));
      case v1::NODE_KIND_TORCH_DEVICE:
        return absl::StrCat("device(", Str(op(0)), ", ",
                            op(1) == kAbsent ? "-" : absl::StrCat(op(1)), ")");
      default:
        return "UNKNOWN KIND";
    }
  }

  const v1::Graph& g_;
  absl::Span<const uint8_t> artifact_;
  absl::Span<const uint8_t> decoded_;
  std::vector<size_t> first_;
  std::map<uint32_t, size_t> numbers_;
};

}  // namespace

std::string GraphText(const v1::Graph& graph, absl::Span<const uint8_t> artifact,
                      absl::Span<const uint8_t> decoded) {
  return Printer(graph, artifact, decoded).Node(graph.root());
}

Outcome ParseToText(absl::Span<const uint8_t> pickle, bool joblib_arrays,
                    const bytes::BudgetLimits& limits) {
  Outcome outcome;
  bytes::Budget budget(limits);
  const int fd = memfd_create("decoded", MFD_CLOEXEC);
  {
    graph::DecodedFile decoded(fd, &budget);
    graph::Builder builder(&budget);
    const Stream stream{.bytes = pickle};
    ParseResult result = Parse(stream, {.joblib_arrays = joblib_arrays}, decoded, budget, builder);
    graph::Encoded encoded;
    if (!result.refusal.has_value()) result.refusal = builder.Encode(result.root, &encoded);
    if (result.refusal.has_value()) {
      outcome.refusal = *result.refusal;
      outcome.rule = outcome.refusal.rule_id;
      outcome.text = absl::StrCat(outcome.rule, ": ", outcome.refusal.message, " @",
                                  outcome.refusal.byte_offset.value_or(0), " ",
                                  outcome.refusal.opcode, " ", outcome.refusal.name);
    } else if (outcome.graph.ParseFromString(encoded.graph)) {
      outcome.accepted = true;
      outcome.text = GraphText(outcome.graph, pickle, decoded.Map());
    } else {
      outcome.text = "the encoded graph does not parse";
    }
  }
  close(fd);
  return outcome;
}

}  // namespace loadlock::pickle::testing
