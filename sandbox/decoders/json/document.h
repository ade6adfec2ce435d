#ifndef LOADLOCK_SANDBOX_DECODERS_JSON_DOCUMENT_H_
#define LOADLOCK_SANDBOX_DECODERS_JSON_DOCUMENT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/json/walk.h"

namespace loadlock::json {

enum class Type : uint8_t {
  kNull,
  kFalse,
  kTrue,
  kInt,
  kBigInt,
  kDouble,
  kString,
  kArray,
  kObject
};

// "an object", "a string": for messages.
const char* TypeName(Type type);

// Index of a value in its Document. The root is the last.
using ValueId = uint32_t;
inline constexpr ValueId kNoValue = 0xFFFFFFFF;

enum class Duplicates : uint8_t {
  // The same key twice in one object, after unescaping, is refused: readers keep either value.
  kRefuse,
  // It stays; Document::duplicates() lists the second one's offset, and Find gives neither.
  kReport,
};

// A whole JSON text in memory: 24 bytes a value and 4 an edge, charged to the heap budget.
// Strings without escapes stay in the text, which must outlive the document.
class Document {
 public:
  Document() = default;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  Document(Document&&) = default;
  Document& operator=(Document&&) = default;

  // Refuses what Walk refuses, and: DUPLICATE_KEY, BUDGET_HEAP. Used once a document.
  [[nodiscard]] std::optional<graph::Refusal> Parse(Bytes text, const Options& options,
                                                    Duplicates duplicates, bytes::Budget* budget);

  ValueId root() const { return static_cast<ValueId>(values_.size() - 1); }
  size_t size() const { return values_.size(); }

  Type type(ValueId id) const { return values_[id].type; }
  bool Is(ValueId id, Type type) const { return id != kNoValue && values_[id].type == type; }
  // Offset of the value's first byte in the text.
  uint64_t offset(ValueId id) const { return values_[id].offset; }
  int64_t integer(ValueId id) const { return static_cast<int64_t>(values_[id].payload); }
  double real(ValueId id) const;
  // Of a string its content; of a BigInt its digits and sign.
  std::string_view text(ValueId id) const;

  // Items of an array; of an object its keys and values by turns, in order, keys as kString.
  absl::Span<const ValueId> items(ValueId id) const;
  // The value of a key of an object; kNoValue if there is none, or two.
  ValueId Find(ValueId object, std::string_view key) const;

  // Offsets of keys that came before in their object, in order; at most 100.
  absl::Span<const uint64_t> duplicates() const { return duplicates_; }

 private:
  friend class DocumentBuilder;
  struct Value {
    Type type = Type::kNull;
    uint32_t size = 0;     // bytes of text, or edges
    uint64_t payload = 0;  // the value's bits, address of the text, or first edge
    uint64_t offset = 0;
  };

  std::vector<Value> values_;
  std::vector<ValueId> edges_;
  std::vector<uint64_t> duplicates_;
  std::vector<std::unique_ptr<char[]>> kept_;
};

}  // namespace loadlock::json

#endif  // LOADLOCK_SANDBOX_DECODERS_JSON_DOCUMENT_H_
