#include "server/verify/structure.h"

#include <array>
#include <limits>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/verify/dtype.h"
#include "server/verify/torch/structure.h"

namespace loadlock::verify {
namespace {

// numpy 1 allows no more dimensions.
constexpr uint32_t kMaxRank = 32;
// No array has this many bytes or elements; below it no product of a size and an item's size
// overflows (2^47 is the address space).
constexpr uint64_t kMaxExtent = uint64_t{1} << 47U;
// The largest record that scikit-learn writes takes 64 bytes and 8 fields.
constexpr int64_t kMaxRecordSize = 1 << 16;

// Operands by kind: letters of graph.proto. Kinds with a repeated part or operands that
// depend on each other are handled by code.
absl::string_view FixedOperands(v1::NodeKind kind) {
  switch (kind) {
    case v1::NODE_KIND_NONE:
    case v1::NODE_KIND_TRUE:
    case v1::NODE_KIND_FALSE:
    case v1::NODE_KIND_ELLIPSIS:
    case v1::NODE_KIND_NOT_IMPLEMENTED:
      return "";
    case v1::NODE_KIND_INT:
      return "i";
    case v1::NODE_KIND_BIG_INT:
    case v1::NODE_KIND_BYTES:
    case v1::NODE_KIND_BYTEARRAY:
      return "b";
    case v1::NODE_KIND_FLOAT:
      return "f";
    case v1::NODE_KIND_COMPLEX:
      return "ff";
    case v1::NODE_KIND_STR:
    case v1::NODE_KIND_DTYPE:
      return "s";
    case v1::NODE_KIND_BYTES_BUFFER:
    case v1::NODE_KIND_BYTEARRAY_BUFFER:
      return "u";
    case v1::NODE_KIND_LIST_INT:
    case v1::NODE_KIND_TUPLE_INT:
    case v1::NODE_KIND_LIST_FLOAT:
    case v1::NODE_KIND_TUPLE_FLOAT:
    case v1::NODE_KIND_LIST_STR:
    case v1::NODE_KIND_TUPLE_STR:
      return "##";
    case v1::NODE_KIND_DICT_STR_INT:
    case v1::NODE_KIND_DICT_STR_FLOAT:
      return "###";
    case v1::NODE_KIND_SLICE:
    case v1::NODE_KIND_RANGE:
      return "nnn";
    case v1::NODE_KIND_GLOBAL:
      return "g";
    case v1::NODE_KIND_OBJECT:
      return "n????";
    case v1::NODE_KIND_CALL:
      return "nn???";
    case v1::NODE_KIND_SCALAR:
      return "nb";
    case v1::NODE_KIND_BIT_GENERATOR:
      return "sn";
    case v1::NODE_KIND_RANDOM_STATE:
      return "n#f";
    case v1::NODE_KIND_GENERATOR:
      return "n";
    default:
      return "*";
  }
}

class Checker {
 public:
  explicit Checker(const View& view)
      : view_(view),
        graph_(view.graph()),
        ints_(static_cast<uint64_t>(graph_.ints_size())),
        floats_(static_cast<uint64_t>(graph_.floats_size())),
        strings_(static_cast<uint64_t>(graph_.strings_size())) {}

  absl::Status Check() {
    for (NodeId id = 0; id < view_.size(); ++id) {
      if (!CheckOperands(id) || !CheckKinds(id)) {
        if (what_.empty()) what_ = "operands";
        return absl::InvalidArgumentError(
            absl::StrCat("graph: node ", id, ", ", v1::NodeKind_Name(view_.kind(id)), ": ", what_));
      }
    }
    return absl::OkStatus();
  }

 private:
  bool Fail(absl::string_view what) {
    what_ = std::string(what);
    return false;
  }

  bool InPool(char letter, uint32_t operand) const {
    switch (letter) {
      case 'n':
        return operand < view_.size();
      case '?':
        return operand < view_.size() || operand == kAbsent;
      case 's':
        return operand < strings_;
      case 'i':
        return operand < ints_;
      case 'f':
        return operand < floats_;
      case 'b':
        return operand < static_cast<uint64_t>(graph_.blobs_size());
      case 'g':
        return operand < static_cast<uint64_t>(graph_.globals_size());
      case 'u':
        return operand < static_cast<uint64_t>(graph_.buffer_sources_size());
      default:
        return true;
    }
  }

  bool All(char letter, absl::Span<const uint32_t> operands) const {
    for (const uint32_t operand : operands) {
      if (!InPool(letter, operand)) return false;
    }
    return true;
  }

  bool CheckOperands(NodeId id) {
    const absl::Span<const uint32_t> operands = view_.operands(id);
    if (torch::IsTorchKind(view_.kind(id))) {
      what_ = torch::WhyUnsound(view_, id);
      return what_.empty();
    }
    switch (view_.kind(id)) {
      case v1::NODE_KIND_LIST:
      case v1::NODE_KIND_TUPLE:
      case v1::NODE_KIND_SET:
      case v1::NODE_KIND_FROZENSET:
        return All('n', operands);
      case v1::NODE_KIND_DICT:
      case v1::NODE_KIND_ORDERED_DICT:
        return operands.size() % 2 == 0 && All('n', operands);
      case v1::NODE_KIND_DICT_STR:
        return operands.size() % 2 == 0 && All('s', operands.subspan(0, operands.size() / 2)) &&
               All('n', operands.subspan(operands.size() / 2));
      case v1::NODE_KIND_DTYPE_RECORD:
        return CheckRecordOperands(operands);
      case v1::NODE_KIND_NDARRAY:
        return operands.size() == 5 && InPool('n', operands[0]) && InPool('u', operands[1]) &&
               CheckShape(operands.subspan(2));
      case v1::NODE_KIND_OBJECT_NDARRAY:
        return operands.size() == 4 && InPool('n', operands[0]) && CheckShape(operands.subspan(1));
      default:
        break;
    }
    const absl::string_view letters = FixedOperands(view_.kind(id));
    if (letters == "*") return Fail("unknown kind");
    if (letters.size() != operands.size()) return Fail("number of operands");
    for (size_t i = 0; i < letters.size(); ++i) {
      if (!InPool(letters[i], operands[i])) return Fail("an operand is out of range");
    }
    return CheckRun(view_.kind(id), operands);
  }

  bool CheckRecordOperands(absl::Span<const uint32_t> operands) {
    if (operands.size() % 3 != 1 || !InPool('i', operands[0])) return false;
    for (size_t i = 1; i < operands.size(); i += 3) {
      if (!InPool('s', operands[i]) || !InPool('n', operands[i + 1]) ||
          !InPool('i', operands[i + 2])) {
        return false;
      }
    }
    return true;
  }

  // [order, rank, first dimension].
  bool CheckShape(absl::Span<const uint32_t> operands) {
    if (operands[0] > 1) return Fail("order");
    if (operands[1] > kMaxRank) return Fail("rank");
    return Run(operands[2], operands[1], ints_);
  }

  static bool Run(uint64_t first, uint64_t count, uint64_t size) {
    return first <= size && count <= size - first;
  }

  bool CheckRun(v1::NodeKind kind, absl::Span<const uint32_t> operands) {
    switch (kind) {
      case v1::NODE_KIND_LIST_INT:
      case v1::NODE_KIND_TUPLE_INT:
        return Run(operands[0], operands[1], ints_) || Fail("run");
      case v1::NODE_KIND_LIST_FLOAT:
      case v1::NODE_KIND_TUPLE_FLOAT:
        return Run(operands[0], operands[1], floats_) || Fail("run");
      case v1::NODE_KIND_LIST_STR:
      case v1::NODE_KIND_TUPLE_STR:
        return Run(operands[0], operands[1], strings_) || Fail("run");
      case v1::NODE_KIND_DICT_STR_INT:
        return (Run(operands[0], operands[2], strings_) && Run(operands[1], operands[2], ints_)) ||
               Fail("run");
      case v1::NODE_KIND_DICT_STR_FLOAT:
        return (Run(operands[0], operands[2], strings_) &&
                Run(operands[1], operands[2], floats_)) ||
               Fail("run");
      default:
        return true;
    }
  }

  bool KindIs(NodeId id, v1::NodeKind kind) const { return view_.kind(id) == kind; }
  bool IsDtype(NodeId id) const {
    return KindIs(id, v1::NODE_KIND_DTYPE) || KindIs(id, v1::NODE_KIND_DTYPE_RECORD);
  }
  bool IsInt(NodeId id) const {
    return KindIs(id, v1::NODE_KIND_INT) || KindIs(id, v1::NODE_KIND_BIG_INT);
  }

  // Kinds of operands, and sizes. A child may come later than its parent, so each check reads
  // only what the child's own CheckOperands covers and repeats it where it has not run yet.
  bool CheckKinds(NodeId id) {
    const absl::Span<const uint32_t> operands = view_.operands(id);
    switch (view_.kind(id)) {
      case v1::NODE_KIND_OBJECT:
      case v1::NODE_KIND_CALL:
        return CheckInstance(operands);
      case v1::NODE_KIND_RANGE:
        return (IsInt(operands[0]) && IsInt(operands[1]) && IsInt(operands[2])) ||
               Fail("a range of something else than integers");
      case v1::NODE_KIND_DTYPE:
        return ParseTypestr(view_.string(operands[0])).has_value() ||
               SubarraySize(view_.string(operands[0])).has_value() || Fail("typestr");
      case v1::NODE_KIND_DTYPE_RECORD:
        return CheckRecord(operands);
      case v1::NODE_KIND_NDARRAY:
        return CheckArray(operands);
      case v1::NODE_KIND_OBJECT_NDARRAY:
        return CheckObjectArray(operands);
      case v1::NODE_KIND_SCALAR:
        return CheckScalar(operands);
      case v1::NODE_KIND_BIT_GENERATOR:
        return IsDictKind(view_.kind(operands[1])) || Fail("state");
      case v1::NODE_KIND_RANDOM_STATE:
        return (KindIs(operands[0], v1::NODE_KIND_BIT_GENERATOR) && operands[1] <= 1) ||
               Fail("bit generator");
      case v1::NODE_KIND_GENERATOR:
        return KindIs(operands[0], v1::NODE_KIND_BIT_GENERATOR) || Fail("bit generator");
      case v1::NODE_KIND_BIG_INT:
        return !view_.blob(operands[0]).empty() || Fail("empty integer");
      default:
        return true;
    }
  }

  bool CheckInstance(absl::Span<const uint32_t> operands) {
    if (!KindIs(operands[0], v1::NODE_KIND_GLOBAL)) return Fail("the callee is no name");
    if (operands[1] != kAbsent && !IsTupleKind(view_.kind(operands[1]))) return Fail("arguments");
    for (const size_t part : {2, 4}) {
      // Places among its children are not those of a dict.
      if (operands[part] != kAbsent && KindIs(operands[part], v1::NODE_KIND_STATE_DICT)) {
        return Fail("a dict with attributes as state or items");
      }
    }
    if (operands[3] != kAbsent && !IsListKind(view_.kind(operands[3]))) return Fail("list items");
    if (operands[4] != kAbsent && !IsDictKind(view_.kind(operands[4]))) return Fail("dict items");
    return true;
  }

  // Size of one item of a DTYPE or DTYPE_RECORD; nullopt if it is neither or holds objects.
  std::optional<uint64_t> ItemSize(NodeId id) const {
    const absl::Span<const uint32_t> operands = view_.operands(id);
    if (operands.empty()) return std::nullopt;
    if (KindIs(id, v1::NODE_KIND_DTYPE)) {
      if (!InPool('s', operands[0])) return std::nullopt;
      const std::optional<DType> dtype = ParseTypestr(view_.string(operands[0]));
      if (!dtype || dtype->kind == 'O') return std::nullopt;
      return dtype->itemsize;
    }
    if (!KindIs(id, v1::NODE_KIND_DTYPE_RECORD) || !InPool('i', operands[0])) return std::nullopt;
    const int64_t size = view_.integer(operands[0]);
    if (size <= 0 || size > kMaxRecordSize) return std::nullopt;
    return static_cast<uint64_t>(size);
  }

  // A field may be an array itself, whose dtype is that of no array.
  std::optional<uint64_t> FieldSize(NodeId id) const {
    if (const std::optional<uint64_t> size = ItemSize(id)) return size;
    const absl::Span<const uint32_t> operands = view_.operands(id);
    if (!KindIs(id, v1::NODE_KIND_DTYPE) || operands.empty() || !InPool('s', operands[0])) {
      return std::nullopt;
    }
    return SubarraySize(view_.string(operands[0]));
  }

  bool CheckRecord(absl::Span<const uint32_t> operands) {
    const int64_t size = view_.integer(operands[0]);
    if (size <= 0 || size > kMaxRecordSize) return Fail("item size");
    if (operands.size() == 1) return Fail("no fields");
    absl::flat_hash_set<absl::string_view> names;
    for (size_t i = 1; i < operands.size(); i += 3) {
      const absl::string_view name = view_.string(operands[i]);
      if (name.empty() || !names.insert(name).second) return Fail("field name");
      const std::optional<uint64_t> field = FieldSize(operands[i + 1]);
      const int64_t offset = view_.integer(operands[i + 2]);
      if (!field || offset < 0 || offset > size || *field > static_cast<uint64_t>(size - offset)) {
        return Fail("a field lies outside of its record");
      }
    }
    return true;
  }

  // Product of the dimensions, each within bounds; nullopt if it is beyond any array.
  std::optional<uint64_t> Elements(uint32_t rank, uint32_t first) const {
    uint64_t product = 1;
    bool empty = false;
    for (uint32_t i = 0; i < rank; ++i) {
      const int64_t dimension = view_.integer(first + i);
      if (dimension < 0 || static_cast<uint64_t>(dimension) > kMaxExtent) return std::nullopt;
      if (dimension == 0) {
        empty = true;
        continue;
      }
      // Zeros are left out of the product: numpy multiplies the others all the same.
      if (product > kMaxExtent / static_cast<uint64_t>(dimension)) return std::nullopt;
      product *= static_cast<uint64_t>(dimension);
    }
    return empty ? 0 : product;
  }

  bool CheckArray(absl::Span<const uint32_t> operands) {
    const std::optional<uint64_t> item = ItemSize(operands[0]);
    if (!IsDtype(operands[0]) || !item) return Fail("dtype");
    const std::optional<uint64_t> elements = Elements(operands[3], operands[4]);
    if (!elements) return Fail("shape");
    // An item without bytes would let a shape of any size cost nothing.
    if (*item == 0 && *elements > 1) return Fail("elements without size");
    uint64_t bytes = 0;
    if (__builtin_mul_overflow(*elements, *item, &bytes) ||
        bytes != graph_.buffer_lengths(static_cast<int>(operands[1]))) {
      return Fail("the buffer's length is not shape times item size");
    }
    return true;
  }

  bool CheckObjectArray(absl::Span<const uint32_t> operands) {
    const NodeId list = operands[0];
    const absl::Span<const uint32_t> items = view_.operands(list);
    if (!IsListKind(view_.kind(list))) return Fail("elements");
    const bool packed = !KindIs(list, v1::NODE_KIND_LIST);
    if (packed && items.size() != 2) return Fail("elements");
    const uint64_t count = packed ? items[1] : items.size();
    const std::optional<uint64_t> elements = Elements(operands[2], operands[3]);
    return (elements && *elements == count) || Fail("shape");
  }

  bool CheckScalar(absl::Span<const uint32_t> operands) {
    if (!KindIs(operands[0], v1::NODE_KIND_DTYPE)) return Fail("dtype");
    const std::optional<uint64_t> item = ItemSize(operands[0]);
    return (item && view_.blob(operands[1]).size() == *item) || Fail("length");
  }

  const View& view_;
  const v1::Graph& graph_;
  const uint64_t ints_;
  const uint64_t floats_;
  const uint64_t strings_;
  std::string what_;
};

}  // namespace

absl::Status CheckStructure(const View& view) { return Checker(view).Check(); }

}  // namespace loadlock::verify
