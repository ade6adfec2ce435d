#include "sandbox/formats/safetensors/safetensors_format.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/bytes/utf8.h"
#include "sandbox/decoders/json/document.h"
#include "sandbox/decoders/numpy/dtype.h"
#include "sandbox/formats/dense_tensor.h"

namespace loadlock::formats {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

// The reference reader's own limit.
constexpr uint64_t kMaxHeader = 100'000'000;
// Offset of the header, and so of the offsets in it.
constexpr uint64_t kHeaderStart = 8;
// The header, an entry, its lists.
constexpr uint32_t kMaxDepth = 4;
// Names of parameters are paths of attributes; no library makes longer ones.
constexpr size_t kMaxName = 4096;
constexpr uint64_t kBitsPerByte = 8;

// An element type: numpy's if it has one, else torch's, else the tensor is its bytes.
struct DtypeName {
  std::string_view name;
  const char* typestr = nullptr;
  const char* torch = nullptr;
  // Of torch's.
  uint64_t item_size = 1;
  // Numbers that stand in one item of torch's, along the last dimension.
  int64_t packed = 1;
  // Of an element, if neither has the type.
  uint64_t bits = 0;
};

constexpr DtypeName kDtypes[] = {
    {"BOOL", "|b1"},
    {"U8", "|u1"},
    {"I8", "|i1"},
    {"I16", "<i2"},
    {"U16", "<u2"},
    {"F16", "<f2"},
    {"I32", "<i4"},
    {"U32", "<u4"},
    {"F32", "<f4"},
    {"I64", "<i8"},
    {"U64", "<u8"},
    {"F64", "<f8"},
    {"C64", "<c8"},
    {"BF16", nullptr, "bfloat16", 2},
    {"F8_E4M3", nullptr, "float8_e4m3fn"},
    {"F8_E5M2", nullptr, "float8_e5m2"},
    {"F8_E8M0", nullptr, "float8_e8m0fnu"},
    {"F8_E4M3FNUZ", nullptr, "float8_e4m3fnuz"},
    {"F8_E5M2FNUZ", nullptr, "float8_e5m2fnuz"},
    {"F4", nullptr, "float4_e2m1fn_x2", 1, 2},
    {.name = "F6_E2M3", .bits = 6},
    {.name = "F6_E3M2", .bits = 6},
};

struct Tensor {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t place = 0;  // of its entry, for refusals
};

class Reader {
 public:
  Reader(const Input& input, Output* output)
      : input_(input), output_(*output), builder_(*output->graph) {}

  void Run() {
    if (Read()) {
      output_.root = root_;
    } else {
      output_.refusals.push_back(*std::move(refusal_));
    }
  }

 private:
  bool Fail(std::string_view rule, std::string message, uint64_t offset) {
    refusal_ = graph::Refuse(rule, std::move(message), offset);
    if (!name_.empty()) refusal_->object_path = absl::StrCat("$['", graph::Quote(name_), "']");
    return false;
  }
  bool FailAt(ValueId value, std::string message, std::string_view rule = "MALFORMED") {
    return Fail(rule, std::move(message), kHeaderStart + doc_.offset(value));
  }

  bool Read() {
    bytes::Cursor cursor(input_.artifact);
    uint64_t length = 0;
    bytes::Bytes header;
    if (!cursor.ReadLe64(&length) || length > kMaxHeader || !cursor.Read(length, &header)) {
      return Fail("TRUNCATED", "the header does not end within the file", 0);
    }
    data_ = cursor.rest();
    data_start_ = cursor.offset();
    refusal_ =
        doc_.Parse(header, {.max_depth = kMaxDepth}, json::Duplicates::kRefuse, input_.budget);
    if (refusal_) {
      if (refusal_->byte_offset) *refusal_->byte_offset += kHeaderStart;
      return false;
    }
    if (!doc_.Is(doc_.root(), Type::kObject)) return FailAt(doc_.root(), "the header is no object");
    root_ = builder_.Dict();
    const absl::Span<const ValueId> members = doc_.items(doc_.root());
    for (size_t i = 0; i < members.size(); i += 2) {
      if (!ReadMember(members[i], members[i + 1])) return false;
    }
    name_ = {};
    return IsDense();
  }

  bool ReadMember(ValueId key, ValueId value) {
    name_ = doc_.text(key);
    if (!doc_.Is(value, Type::kObject)) return FailAt(value, "an entry of the header is no object");
    if (name_ == "__metadata__") return ReadMetadata(value);
    if (name_.size() > kMaxName)
      return FailAt(key, "the name of a tensor is longer than 4096 bytes");
    NodeId array = graph::kNoNode;
    if (!ReadTensor(value, &array)) return false;
    const NodeId name = builder_.Str(builder_.Keep(name_));
    builder_.Extend(root_, {name, array});
    if (!builder_.exhausted()) return true;
    return FailAt(key, "the header costs more than the request may use",
                  input_.budget->exhausted_rule());
  }

  // Text for people; no reader makes anything of it.
  bool ReadMetadata(ValueId value) {
    const absl::Span<const ValueId> members = doc_.items(value);
    for (size_t i = 1; i < members.size(); i += 2) {
      if (!doc_.Is(members[i], Type::kString))
        return FailAt(members[i], "metadata is not a string");
    }
    return true;
  }

  bool ReadTensor(ValueId entry, NodeId* array) {
    const ValueId dtype = doc_.Find(entry, "dtype");
    const ValueId shape = doc_.Find(entry, "shape");
    const ValueId offsets = doc_.Find(entry, "data_offsets");
    constexpr size_t kFields = 3;
    if (doc_.items(entry).size() != 2 * kFields || dtype == json::kNoValue ||
        shape == json::kNoValue || offsets == json::kNoValue) {
      return FailAt(entry, "a tensor has other fields than dtype, shape and data_offsets");
    }
    const DtypeName* type = nullptr;
    std::vector<int64_t> sizes;
    std::vector<int64_t> range;
    if (!ReadDtype(dtype, &type) || !ReadInts(shape, numpy::kMaxRank, &sizes) ||
        !ReadInts(offsets, 2, &range)) {
      return false;
    }
    if (range.size() != 2) return FailAt(offsets, "data_offsets are not two");
    if (!Pack(type->packed, shape, &sizes)) return false;
    builder_.SetOrigin(kHeaderStart + doc_.offset(entry), 0);
    const std::optional<uint64_t> bytes = BytesOf(*type, sizes);
    const Tensor tensor = {static_cast<uint64_t>(range[0]), static_cast<uint64_t>(range[1]),
                           doc_.offset(entry)};
    if (!bytes || tensor.begin > tensor.end || tensor.end - tensor.begin != *bytes) {
      return FailAt(offsets, "data_offsets do not span what dtype and shape need", "ARRAY_BOUNDS");
    }
    if (tensor.end > data_.size()) {
      return FailAt(offsets, "data_offsets end behind the end of the file", "TRUNCATED");
    }
    const graph::Buffer data = input_.Range(data_start_ + tensor.begin, *bytes);
    *array = MakeTensor(*type, std::move(sizes), data);
    if (!input_.budget->ChargeHeap(sizeof(Tensor))) {
      return FailAt(entry, "the header costs more than the request may use", "BUDGET_HEAP");
    }
    tensors_.push_back(tensor);
    return true;
  }

  bool ReadDtype(ValueId value, const DtypeName** type) {
    if (!doc_.Is(value, Type::kString)) return FailAt(value, "dtype is not a string");
    const std::string_view name = doc_.text(value);
    *type = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                         [name](const DtypeName& one) { return one.name == name; });
    if (*type == std::end(kDtypes)) {
      return FailAt(value, absl::StrCat("'", graph::Quote(name), "' is no dtype of safetensors"),
                    "DTYPE");
    }
    return true;
  }

  // Nothing if that is beyond all numbers, or no whole bytes.
  std::optional<uint64_t> BytesOf(const DtypeName& type, const std::vector<int64_t>& sizes) {
    if (type.typestr != nullptr) {
      return numpy::ArrayBytes(sizes, numpy::ItemSize(builder_, builder_.Dtype(type.typestr)));
    }
    if (type.torch != nullptr) return numpy::ArrayBytes(sizes, type.item_size);
    const std::optional<uint64_t> bits = numpy::ArrayBytes(sizes, type.bits);
    if (!bits || *bits % kBitsPerByte != 0) return std::nullopt;
    return *bits / kBitsPerByte;
  }

  NodeId MakeTensor(const DtypeName& type, std::vector<int64_t> sizes, const graph::Buffer& data) {
    if (type.torch != nullptr) {
      return DenseTensor(&builder_, type.torch, type.item_size, sizes, data);
    }
    if (type.typestr == nullptr) {
      return DescribedTensor(&builder_, type.name, sizes, {static_cast<int64_t>(data.length)},
                             data);
    }
    graph::ArrayInfo info;
    info.dtype = builder_.Dtype(type.typestr);
    info.shape = std::move(sizes);
    info.buffer = builder_.AddBuffer(data);
    return builder_.Array(std::move(info));
  }

  // From numbers to items, of which the last dimension must be whole ones.
  bool Pack(int64_t packed, ValueId shape, std::vector<int64_t>* sizes) {
    if (packed == 1) return true;
    if (sizes->empty() || sizes->back() % packed != 0) {
      return FailAt(shape,
                    absl::StrCat("the last dimension is no multiple of ", packed,
                                 ", which are the numbers in one byte"),
                    "ARRAY_BOUNDS");
    }
    sizes->back() /= packed;
    return true;
  }

  bool ReadInts(ValueId value, size_t most, std::vector<int64_t>* out) {
    if (!doc_.Is(value, Type::kArray) || doc_.items(value).size() > most) {
      return FailAt(value, absl::StrCat("this is not a list of at most ", most, " integers"));
    }
    for (const ValueId item : doc_.items(value)) {
      if (!doc_.Is(item, Type::kInt) || doc_.integer(item) < 0) {
        return FailAt(item, "a size or an offset is not an integer from 0 to 2^63 - 1");
      }
      out->push_back(doc_.integer(item));
    }
    return true;
  }

  // The tensors follow each other from the begin of the data to its end.
  bool IsDense() {
    std::sort(tensors_.begin(), tensors_.end(), [](const Tensor& a, const Tensor& b) {
      return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
    });
    uint64_t expected = 0;
    for (const Tensor& tensor : tensors_) {
      if (tensor.begin != expected) {
        return Fail("ARRAY_BOUNDS", "a tensor overlaps another one, or leaves a gap",
                    kHeaderStart + tensor.place);
      }
      expected = tensor.end;
    }
    if (expected == data_.size()) return true;
    return Fail("TRAILING_DATA",
                absl::StrCat(data_.size() - expected, " bytes belong to no tensor"),
                data_start_ + expected);
  }

  const Input& input_;
  Output& output_;
  graph::Builder& builder_;
  json::Document doc_;
  bytes::Bytes data_;
  uint64_t data_start_ = 0;
  std::vector<Tensor> tensors_;
  NodeId root_ = graph::kNoNode;
  std::string_view name_;  // of the tensor that is being read
  std::optional<graph::Refusal> refusal_;
};

}  // namespace

const char* IdentifySafetensors(bytes::Bytes artifact) {
  bytes::Cursor cursor(artifact);
  uint64_t length = 0;
  bytes::Bytes header;
  if (!cursor.ReadLe64(&length) || length < 2 || length > kMaxHeader ||
      !cursor.Read(length, &header) || header[0] != '{') {
    return nullptr;
  }
  // Writers fill the header up with spaces, to align what follows.
  size_t end = header.size();
  while (end > 0 && header[end - 1] == ' ') --end;
  if (header[end - 1] != '}') return nullptr;
  const bool control = std::any_of(header.begin(), header.end(), [](uint8_t byte) {
    return byte < ' ' && byte != '\t' && byte != '\n' && byte != '\r';
  });
  return !control && bytes::ValidUtf8(header) ? "safetensors" : nullptr;
}

void ParseSafetensors(const Input& input, Output* output) {
  output->format = "safetensors";
  Reader(input, output).Run();
}

}  // namespace loadlock::formats
