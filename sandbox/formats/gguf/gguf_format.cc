#include "sandbox/formats/gguf/gguf_format.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "sandbox/bytes/checked.h"
#include "sandbox/formats/dense_tensor.h"
#include "sandbox/formats/gguf/reader.h"
#include "sandbox/formats/gguf/types.h"

namespace loadlock::formats {
namespace {

using graph::NodeId;

constexpr std::string_view kMagic = "GGUF";
// The format's own limit is 65,535 bytes of key; the longest real ones have some 60.
constexpr size_t kMaxKey = 1024;
// ggml's own is 63 bytes; builds of it for image models raise it.
constexpr size_t kMaxTensorName = 255;
// ggml has no more; its code indexes arrays of four with it.
constexpr uint32_t kMaxRank = 4;
constexpr uint64_t kDefaultAlignment = 32;
// Every real file has 32.
constexpr int64_t kMinAlignment = 8;
constexpr int64_t kMaxAlignment = 65536;
// Key, type and value; name, rank, one dimension, type and offset.
constexpr uint64_t kMinPairBytes = 8 + 1 + 4 + 1;
constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
// What a set of names needs for each.
constexpr uint64_t kHeapPerName = 2 * sizeof(std::string_view);
// A report has room for some findings.
constexpr size_t kMaxNotes = 8;
constexpr std::string_view kAlignmentKey = "general.alignment";
constexpr std::string_view kTemplateKey = "tokenizer.chat_template";

struct Tensor {
  std::string_view name;
  const gguf::TensorType* type = nullptr;
  // In numpy's order.
  std::vector<int64_t> shape;
  uint64_t bytes = 0;
  uint64_t offset = 0;
  // Of its entry, for refusals.
  uint64_t place = 0;
};

// Segments of words, as "tokenizer.ggml.tokens"; architectures bring hyphens and capitals.
bool IsKey(std::string_view key) {
  return !key.empty() && key.size() <= kMaxKey &&
         std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

class File : public gguf::Reader {
 public:
  using Reader::Reader;

  bool Read() {
    uint64_t tensors = 0;
    uint64_t pairs = 0;
    if (!ReadCounts(&tensors, &pairs)) return false;
    const NodeId metadata = builder.Dict();
    for (uint64_t i = 0; i < pairs; ++i) {
      if (!ReadPair(metadata)) return false;
    }
    if (!input.budget->ChargeHeap(tensors * (sizeof(Tensor) + kMaxRank * sizeof(int64_t)))) {
      return Affordable();
    }
    tensors_.resize(tensors);
    for (Tensor& tensor : tensors_) {
      if (!ReadTensor(&tensor)) return false;
    }
    if (!FindData()) return false;
    const NodeId arrays = builder.Dict();
    for (const Tensor& tensor : tensors_) {
      if (!PutTensor(tensor, arrays)) return false;
    }
    builder.SetOrigin(0, 0);
    const NodeId root = builder.Dict();
    builder.Extend(root, {builder.Str("metadata"), metadata, builder.Str("tensors"), arrays});
    // Blocks of quantised tensors are bytes; this says how the numbers in them are stored.
    if (big) builder.Extend(root, {builder.Str("byteorder"), builder.Str("big")});
    output.root = root;
    return Affordable();
  }

 private:
  bool ReadCounts(uint64_t* tensors, uint64_t* pairs) {
    uint32_t version = 0;
    if (!in.Skip(kMagic.size()) || !in.ReadLe32(&version)) return Truncated();
    constexpr uint32_t kLowHalf = 0xFFFF;
    // As the library finds it out: its first big-endian version is 3.
    big = (version & kLowHalf) == 0;
    if (big) version = __builtin_bswap32(version);
    if (version != 3 && (version != 2 || big)) {
      const char* what = version == 1 ? "of version 1, which its library does not read any more"
                                      : "of a version that is not known";
      return Fail("UNKNOWN_FORMAT",
                  absl::StrCat("the GGUF file is ", what,
                               "; versions 2 and 3 are read, in big-endian order 3 alone"),
                  kMagic.size());
    }
    if (!ReadU64(tensors) || !ReadU64(pairs)) return Truncated();
    if (*tensors > in.remaining() / kMinTensorBytes || *pairs > in.remaining() / kMinPairBytes) {
      return Fail("TRUNCATED",
                  absl::StrCat("the file is too short for the ", *tensors, " tensors and ", *pairs,
                               " values that it states"),
                  in.offset());
    }
    return true;
  }

  bool ReadPair(NodeId metadata) {
    const uint64_t at = in.offset();
    std::string_view key;
    uint32_t type = 0;
    if (!ReadString(&key)) return false;
    if (!IsKey(key)) {
      return Fail("MALFORMED",
                  absl::StrCat("'", graph::Quote(key),
                               "' is no key: printable ASCII without space, at most 1,024 bytes"),
                  at);
    }
    if (!keys_.insert(key).second) {
      return Fail("DUPLICATE_KEY", absl::StrCat("the key '", graph::Quote(key), "' stands twice"),
                  at);
    }
    if (!ReadU32(&type)) return Truncated();
    NodeId value = graph::kNoNode;
    if (!ReadValue(static_cast<gguf::ValueType>(type), &value)) return false;
    if (key == kAlignmentKey && !TakeAlignment(type, value, at)) return false;
    if (key.starts_with(kTemplateKey)) NoteTemplate(key, at);
    builder.SetOrigin(at, 0);
    builder.Extend(metadata, {builder.Str(key), value});
    (void)input.budget->ChargeHeap(kHeapPerName);
    return Affordable();
  }

  bool TakeAlignment(uint32_t type, NodeId value, uint64_t at) {
    const bool typed = type == static_cast<uint32_t>(gguf::ValueType::kU32);
    const int64_t alignment = typed ? builder.int_value(value) : 0;
    if (alignment < kMinAlignment || alignment > kMaxAlignment ||
        (alignment & (alignment - 1)) != 0) {
      return Fail("MALFORMED", "general.alignment is not a u32 and a power of two from 8 to 65,536",
                  at);
    }
    alignment_ = static_cast<uint64_t>(alignment);
    return true;
  }

  // A template is no danger to who loads the file, but to who renders it.
  void NoteTemplate(std::string_view key, uint64_t at) {
    if (output.notes.size() == kMaxNotes) return;
    graph::Refusal note = graph::Refuse(
        "CHAT_TEMPLATE",
        "the file brings a chat template, which is a program in Jinja: whoever renders it runs "
        "what the file's author wrote; render it in a sandboxed environment or bring your own",
        at);
    note.object_path = absl::StrCat("$['metadata']['", graph::Quote(key), "']");
    output.notes.push_back(std::move(note));
  }

  bool ReadTensor(Tensor* tensor) {
    tensor->place = in.offset();
    if (!ReadString(&tensor->name)) return false;
    if (tensor->name.empty() || tensor->name.size() > kMaxTensorName ||
        tensor->name.find('\0') != tensor->name.npos) {
      return Fail("MALFORMED",
                  "the name of a tensor is empty, longer than 255 bytes, or holds a NUL",
                  tensor->place);
    }
    if (!names_.insert(tensor->name).second) {
      return Fail("DUPLICATE_KEY",
                  absl::StrCat("two tensors are named '", graph::Quote(tensor->name), "'"),
                  tensor->place);
    }
    uint32_t rank = 0;
    if (!ReadU32(&rank)) return Truncated();
    if (rank == 0 || rank > kMaxRank) {
      return FailTensor(*tensor, "MALFORMED", absl::StrCat("is of rank ", rank, ", not 1 to 4"));
    }
    for (uint32_t i = 0; i < rank; ++i) {
      uint64_t size = 0;
      if (!ReadU64(&size)) return Truncated();
      if (size == 0 || size > INT64_MAX) {
        return FailTensor(*tensor, "ARRAY_BOUNDS",
                          absl::StrCat("has a dimension of ", size, ", not 1 to 2^63 - 1"));
      }
      tensor->shape.push_back(static_cast<int64_t>(size));
    }
    std::reverse(tensor->shape.begin(), tensor->shape.end());
    uint32_t type = 0;
    if (!ReadU32(&type) || !ReadU64(&tensor->offset)) return Truncated();
    if (!Measure(type, tensor)) return false;
    (void)input.budget->ChargeHeap(kHeapPerName);
    return Affordable();
  }

  bool FailTensor(const Tensor& tensor, std::string_view rule, const std::string& what) {
    Fail(rule, absl::StrCat("the tensor '", graph::Quote(tensor.name), "' ", what), tensor.place);
    refusal->object_path = absl::StrCat("$['tensors']['", graph::Quote(tensor.name), "']");
    return false;
  }

  bool Measure(uint32_t id, Tensor* tensor) {
    const char* why = nullptr;
    tensor->type = gguf::FindTensorType(id, &why);
    if (tensor->type == nullptr) {
      return FailTensor(*tensor, "DTYPE", absl::StrCat("is of type ", id, ": ", why));
    }
    const auto row = static_cast<uint64_t>(tensor->shape.back());
    if (row % tensor->type->block_elements != 0) {
      return FailTensor(
          *tensor, "ARRAY_BOUNDS",
          absl::StrCat("has rows of ", row, " elements, which are no whole blocks of ",
                       tensor->type->block_elements, " (", tensor->type->name, ")"));
    }
    tensor->bytes = row / tensor->type->block_elements;
    // Elements too must be countable: readers multiply them before they divide.
    uint64_t elements = row;
    bool fits = bytes::CheckedMul(tensor->bytes, tensor->type->block_bytes, &tensor->bytes);
    for (size_t i = 0; i + 1 < tensor->shape.size(); ++i) {
      const auto size = static_cast<uint64_t>(tensor->shape[i]);
      fits = fits && bytes::CheckedMul(tensor->bytes, size, &tensor->bytes) &&
             bytes::CheckedMul(elements, size, &elements);
    }
    if (fits && tensor->bytes <= INT64_MAX && elements <= INT64_MAX) return true;
    return FailTensor(*tensor, "ARRAY_BOUNDS", "is larger than any memory");
  }

  // *out rounded up to the alignment.
  bool Aligned(uint64_t value, uint64_t* out) const {
    if (!bytes::CheckedAdd(value, alignment_ - 1, out)) return false;
    *out &= ~(alignment_ - 1);
    return true;
  }

  // Tensors follow each other in the order of the header, each at the next multiple of the
  // alignment; what lies between them, before them and behind the last is zero.
  bool FindData() {
    if (!Aligned(in.offset(), &data_)) return Truncated();
    if (tensors_.empty() && in.AtEnd()) return true;
    if (data_ > input.artifact.size()) return Truncated();
    if (!IsPadding(in.offset(), data_)) return false;
    const uint64_t size = input.artifact.size() - data_;
    uint64_t expected = 0;
    uint64_t end = 0;
    for (const Tensor& tensor : tensors_) {
      if (tensor.offset != expected) {
        return FailTensor(tensor, "ARRAY_BOUNDS",
                          absl::StrCat("begins at ", tensor.offset, ", where ", expected,
                                       " is the next place: it overlaps another one, leaves a "
                                       "gap, or is not aligned"));
      }
      if (!bytes::CheckedAdd(tensor.offset, tensor.bytes, &end) || end > size ||
          !Aligned(end, &expected)) {
        return FailTensor(tensor, "TRUNCATED", "ends behind the end of the file");
      }
      if (!IsPadding(data_ + end, data_ + std::min(expected, size))) return false;
    }
    // Some writers do not fill up the last one.
    if (size == end || size == expected) return true;
    if (size < expected) return Fail("TRUNCATED", "the last padding is cut", input.artifact.size());
    return Fail("TRAILING_DATA", absl::StrCat(size - expected, " bytes belong to no tensor"),
                data_ + expected);
  }

  bool IsPadding(uint64_t begin, uint64_t end) {
    const bytes::Bytes padding = input.artifact.subspan(begin, end - begin);
    const auto* other =
        std::find_if(padding.begin(), padding.end(), [](uint8_t byte) { return byte != 0; });
    if (other == padding.end() && padding.size() < alignment_) return true;
    return Fail("TRAILING_DATA", "bytes that belong to nothing stand where only padding may be",
                begin + static_cast<uint64_t>(other - padding.begin()));
  }

  bool PutTensor(const Tensor& tensor, NodeId arrays) {
    builder.SetOrigin(tensor.place, 0);
    const gguf::TensorType& type = *tensor.type;
    const uint64_t begin = data_ + tensor.offset;
    NodeId array = graph::kNoNode;
    // Writers of big-endian files differ on bfloat16, which numpy does not swap for them: it is
    // bytes.
    if (type.torch != nullptr && !big) {
      array = DenseTensor(&builder, type.torch, type.block_bytes, tensor.shape,
                          input.Range(begin, tensor.bytes));
    } else if (type.typestr != nullptr) {
      array = NumberArray(type.typestr, tensor.shape, begin, tensor.bytes);
    } else {
      std::vector<int64_t> in_bytes = tensor.shape;
      in_bytes.back() = in_bytes.back() / static_cast<int64_t>(type.block_elements) *
                        static_cast<int64_t>(type.block_bytes);
      array = DescribedTensor(&builder, type.name, tensor.shape, in_bytes,
                              input.Range(begin, tensor.bytes));
    }
    if (refusal) return false;
    builder.Extend(arrays, {builder.Str(tensor.name), array});
    return Affordable();
  }

  absl::flat_hash_set<std::string_view> keys_;
  absl::flat_hash_set<std::string_view> names_;
  std::vector<Tensor> tensors_;
  uint64_t alignment_ = kDefaultAlignment;
  // Offset of the first tensor.
  uint64_t data_ = 0;
};

}  // namespace

const char* IdentifyGguf(bytes::Bytes artifact) {
  return std::string_view(reinterpret_cast<const char*>(artifact.data()),
                          std::min(artifact.size(), kMagic.size())) == kMagic
             ? "gguf"
             : nullptr;
}

void ParseGguf(const Input& input, Output* output) {
  output->format = "gguf";
  File file(input, output);
  if (!file.Read()) output->refusals.push_back(*std::move(file.refusal));
}

}  // namespace loadlock::formats
