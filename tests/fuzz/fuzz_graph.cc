// Builder, keys and encoder without a parser in front: the input says what to build. An accepted
// graph fits its columns, and no dict or set in it has two keys that Python finds equal.
#include <cmath>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/formats/testing.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/key.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/parser_target.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using graph::Builder;
using graph::Kind;
using graph::NodeId;

constexpr size_t kMaxSteps = 2000;

// A number as Python compares it: bools are ints, ints and floats are equal by value.
struct Numeric {
  bool is_int = false;
  int64_t integer = 0;
  double real = 0;
};

std::optional<Numeric> NumericOf(const Builder& builder, NodeId node) {
  switch (builder.kind(node)) {
    case Kind::kTrue:
    case Kind::kFalse:
      return Numeric{true, builder.kind(node) == Kind::kTrue ? 1 : 0, 0};
    case Kind::kInt:
      return Numeric{true, builder.int_value(node), 0};
    case Kind::kFloat:
      return Numeric{false, 0, builder.float_value(node)};
    case Kind::kScalar: {
      // Only what MakeScalar makes.
      const auto& scalar = builder.scalar(node);
      const std::string_view typestr = builder.text(scalar.dtype);
      if (typestr == "<i8") {
        int64_t value = 0;
        std::memcpy(&value, scalar.raw.data(), sizeof(value));
        return Numeric{true, value, 0};
      }
      if (typestr == "<f8") {
        double value = 0;
        std::memcpy(&value, scalar.raw.data(), sizeof(value));
        return Numeric{false, 0, value};
      }
      if (typestr == ">i2") {
        return Numeric{true, static_cast<int16_t>(scalar.raw[0] << 8 | scalar.raw[1]), 0};
      }
      return std::nullopt;
    }
    default:
      return std::nullopt;
  }
}

bool Equal(const Numeric& a, const Numeric& b) {
  if (a.is_int && b.is_int) return a.integer == b.integer;
  if (!a.is_int && !b.is_int) return a.real == b.real;
  // x86's long double holds every int64 and every double.
  const long double left = a.is_int ? static_cast<long double>(a.integer) : a.real;
  const long double right = b.is_int ? static_cast<long double>(b.integer) : b.real;
  return left == right;
}

// Whether Python finds two keys equal; false too where this does not know. Depth is bounded by
// the encoder, which has accepted both.
bool PythonEqual(const Builder& builder, NodeId a, NodeId b) {
  if (a == b) return true;
  const auto left = NumericOf(builder, a);
  const auto right = NumericOf(builder, b);
  if (left && right) return Equal(*left, *right);
  if (builder.kind(a) != builder.kind(b)) return false;
  switch (builder.kind(a)) {
    case Kind::kStr:
      return builder.text(a) == builder.text(b);
    case Kind::kBytes:
      return builder.buffer(a).data == builder.buffer(b).data;
    case Kind::kTuple: {
      const auto first = builder.edges(a);
      const auto second = builder.edges(b);
      if (first.size() != second.size()) return false;
      for (size_t i = 0; i < first.size(); ++i) {
        if (!PythonEqual(builder, first[i], second[i])) return false;
      }
      return true;
    }
    default:
      return false;
  }
}

class Program {
 public:
  Program(Input input, Builder* builder) : input_(input), builder_(*builder) {}

  NodeId Run() {
    nodes_ = {builder_.None(), builder_.Bool(true), builder_.Bool(false), builder_.Int(1)};
    for (size_t i = 0; i < kMaxSteps && !input_.empty() && !builder_.exhausted(); ++i) {
      builder_.SetOrigin(i, 'N');
      Step(input_.Byte());
    }
    return nodes_.back();
  }

  // Pairs of members of what Encode has accepted.
  void CheckKeys(NodeId root) const {
    std::vector<bool> seen(builder_.size());
    std::vector<NodeId> waiting = {root};
    while (!waiting.empty()) {
      const NodeId node = waiting.back();
      waiting.pop_back();
      if (seen[node]) continue;
      seen[node] = true;
      CheckContainer(node);
      if (!HasEdges(node)) continue;
      for (const NodeId edge : builder_.edges(node)) {
        if (edge != graph::kNoNode) waiting.push_back(edge);
      }
    }
  }

 private:
  bool HasEdges(NodeId node) const {
    switch (builder_.kind(node)) {
      case Kind::kList:
      case Kind::kTuple:
      case Kind::kDict:
      case Kind::kOrderedDict:
      case Kind::kSet:
      case Kind::kFrozenSet:
      case Kind::kObject:
        return true;
      default:
        return false;
    }
  }

  void CheckContainer(NodeId node) const {
    size_t stride = 1;
    switch (builder_.kind(node)) {
      case Kind::kDict:
      case Kind::kOrderedDict:
        stride = 2;
        break;
      case Kind::kSet:
      case Kind::kFrozenSet:
        break;
      default:
        return;
    }
    const auto edges = builder_.edges(node);
    for (size_t i = 0; i < edges.size(); i += stride) {
      std::string form;
      Require(builder_.kind(edges[i]) == Kind::kStr || graph::AppendKey(builder_, edges[i], &form),
              "an accepted key has a form");
      for (size_t j = 0; j < i; j += stride) {
        Require(!PythonEqual(builder_, edges[i], edges[j]), "no two keys are equal");
      }
    }
  }

  NodeId Any() { return nodes_[nodes_.size() - 1 - input_.Below(nodes_.size())]; }

  std::vector<NodeId> Some() {
    std::vector<NodeId> some(input_.Below(12));
    for (NodeId& node : some) node = Any();
    return some;
  }

  // Mostly numbers that are equal to others.
  int64_t Integer() {
    constexpr int64_t kTelling[] = {0,
                                    1,
                                    -1,
                                    2,
                                    INT64_MAX,
                                    INT64_MIN,
                                    int64_t{1} << 53,
                                    (int64_t{1} << 53) + 1,
                                    int64_t{1} << 62};
    const uint8_t which = input_.Byte();
    if (which < std::size(kTelling)) return kTelling[which];
    return which < 128 ? which : static_cast<int64_t>(input_.Number<uint64_t>());
  }

  double Real() {
    constexpr double kTelling[] = {
        0.0, -0.0, 1.0,     9223372036854775808.0, -9223372036854775808.0, 9007199254740992.0,
        0.5, NAN,  INFINITY};
    const uint8_t which = input_.Byte();
    if (which < std::size(kTelling)) return kTelling[which];
    return which < 128 ? which : input_.Number<double>();
  }

  graph::Buffer Blob() {
    const std::string_view text = input_.Text();
    return {.source = v1::BUFFER_SOURCE_ARTIFACT,
            .offset = 0,
            .data = {reinterpret_cast<const uint8_t*>(text.data()), text.size()},
            .length = text.size()};
  }

  // Callers of the builder check that it is UTF-8.
  std::string_view Text() {
    const std::string_view text = input_.Text();
    const bool valid =
        bytes::ValidUtf8({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
    return valid ? text : "x";
  }

  NodeId MakeScalar() {
    constexpr std::string_view kTypes[] = {"<i8", "<f8", ">i2"};
    const std::string_view type = kTypes[input_.Below(std::size(kTypes))];
    const size_t size = type == ">i2" ? 2 : 8;
    std::string item(input_.Take(size));
    item.resize(size);
    const std::string_view raw = builder_.Keep(item);
    return builder_.Scalar(builder_.Dtype(type),
                           {reinterpret_cast<const uint8_t*>(raw.data()), raw.size()});
  }

  bool IsContainer(NodeId node, bool pairs) const {
    const Kind kind = builder_.kind(node);
    return pairs ? kind == Kind::kDict || kind == Kind::kOrderedDict
                 : kind == Kind::kList || kind == Kind::kSet;
  }

  void Extend() {
    const NodeId container = Any();
    std::vector<NodeId> items = Some();
    if (IsContainer(container, /*pairs=*/true)) {
      items.resize(items.size() / 2 * 2);
    } else if (!IsContainer(container, /*pairs=*/false)) {
      return;
    }
    builder_.Extend(container, items);
  }

  void Push(NodeId node) { nodes_.push_back(node); }

  void Step(uint8_t opcode) {
    switch (opcode % 20) {
      case 0:
      case 1:
        return Push(builder_.Int(Integer()));
      case 2:
      case 3:
        return Push(builder_.Float(Real()));
      case 4:
      case 5:
        return Push(builder_.Str(Text()));
      case 6:
        return Push(builder_.Bytes(Blob()));
      case 7:
        return Push(builder_.List());
      case 8:
        return Push(builder_.Dict());
      case 9:
        return Push(builder_.Set());
      case 10:
        return Push(builder_.OrderedDict());
      case 11:
        return Push(builder_.Tuple(Some()));
      case 12:
        return Push(builder_.FrozenSet(Some()));
      case 13:
        return Push(MakeScalar());
      case 14: {
        const graph::Buffer blob = Blob();
        return Push(builder_.IntFromBytes(blob.data));
      }
      case 15:
        return Push(builder_.Complex(Real(), Real()));
      case 16: {
        const std::string_view module = Text();
        return Push(builder_.Global(module, Text()));
      }
      case 17:
        builder_.Mark(Any(), graph::kFlagShared);
        return;
      default:
        return Extend();
    }
  }

  Input input_;
  Builder& builder_;
  std::vector<NodeId> nodes_;
};

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  bytes::BudgetLimits limits = formats::SmallBudget();
  limits.max_nodes = 10'000;
  limits.max_depth = 40;
  bytes::Budget budget(limits);
  graph::Builder builder(&budget);
  fuzz::Program program(fuzz::Input(fuzz::AsText(data, size)), &builder);
  const graph::NodeId root = program.Run();
  graph::Encoded encoded;
  if (const auto refusal = builder.Encode(root, &encoded)) {
    fuzz::CheckRefusal(*refusal, fuzz::kMaxSteps);
    return 0;
  }
  fuzz::CheckEncoded(encoded, {data, size}, {});
  program.CheckKeys(root);
  return 0;
}
