// A tree of plain values, as JSON and UBJSON have them, over the bytes that it was read from.
#ifndef LOADLOCK_SANDBOX_DECODERS_DOCUMENT_DOCUMENT_H_
#define LOADLOCK_SANDBOX_DECODERS_DOCUMENT_DOCUMENT_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::document {

// Both grammars nest arrays and objects; no model nests them deeper.
inline constexpr size_t kMaxNesting = 64;

enum class Type : uint8_t {
  kNull,
  kFalse,
  kTrue,
  kNumber,
  kText,
  kArray,
  kObject,
  // UBJSON: numbers of one type, packed.
  kTyped,
};

// Place of a value in its Document; the root is 0. A container stands before its members.
using Index = uint32_t;

struct Value {
  Type type = Type::kNull;
  // Numbers and typed arrays: UBJSON's letter of the type (i U I l L d D), big-endian bytes; 0 is
  // decimal text as JSON has it.
  char letter = 0;
  // Members of an array, pairs of an object, elements of a typed array.
  uint32_t size = 0;
  // Behind the last value below this one.
  Index end = 0;
  // Text (valid UTF-8, unescaped), digits, or big-endian numbers.
  bytes::Bytes bytes;
};

class Document {
 public:
  // Charged for what is held.
  explicit Document(bytes::Budget* budget) : budget_(budget) {}
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;

  const Value& at(Index index) const { return values_[index]; }
  Type type(Index index) const { return values_[index].type; }
  bool Is(Index index, Type wanted) const { return values_[index].type == wanted; }
  // Members of an array, or keys and values of an object by turns:
  // for (Index i = First(c); i < at(c).end; i = Next(i))
  Index First(Index container) const { return container + 1; }
  Index Next(Index member) const { return values_[member].end; }
  // The value of a key; nullopt too if this is no object.
  std::optional<Index> Find(Index object, std::string_view key) const;
  std::string_view Text(Index index) const;
  // A number that is an integer (JSON: without point and exponent) and fits.
  std::optional<int64_t> Int(Index index) const;
  // Nearest to what is written; nullopt if it is no number, or not finite.
  std::optional<float> Float(Index index) const;
  std::optional<double> Double(Index index) const;

  // For readers. False if the budget does not allow it.
  bool Add(const Value& value);
  Value& mutable_at(Index index) { return values_[index]; }
  Index size() const { return static_cast<Index>(values_.size()); }
  // Text that does not stand in the input.
  bytes::Bytes Keep(std::string text);
  // No key of the object stands twice. Its members are all there.
  bool KeysAreDistinct(Index object) const;
  bytes::Budget* budget() { return budget_; }

 private:
  bytes::Budget* budget_;
  std::vector<Value> values_;
  std::deque<std::string> kept_;
};

// Size in bytes of a number of this letter; 0 if UBJSON has none.
size_t SizeOfLetter(char letter);

// Reads all of `bytes`, which must outlive the document. `base` is where they begin in the stream,
// for the offsets of refusals.
//
// RFC 8259, and stricter: no key twice in an object, valid UTF-8 without lone surrogates, nothing
// but white space behind the value.
std::optional<graph::Refusal> ReadJson(bytes::Bytes bytes, uint64_t base, Document* out);
// UBJSON (draft 12) as xgboost writes it: lengths are int64 ("L"), no no-ops, no high-precision
// numbers, arrays plain, counted (#) or typed ($ #), objects plain. No key twice, valid UTF-8.
std::optional<graph::Refusal> ReadUbjson(bytes::Bytes bytes, uint64_t base, Document* out);

}  // namespace loadlock::document

#endif  // LOADLOCK_SANDBOX_DECODERS_DOCUMENT_DOCUMENT_H_
