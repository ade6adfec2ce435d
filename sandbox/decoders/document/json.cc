#include <string>
#include <utility>
#include <vector>

#include "sandbox/decoders/document/document.h"
#include "sandbox/decoders/json/walk.h"

namespace loadlock::document {
namespace {

bytes::Bytes BytesOf(std::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// Puts what the walk meets into the document.
class Collector final : public json::Visitor {
 public:
  explicit Collector(Document* out) : doc_(*out) {}

  bool OnNull(uint64_t offset) override { return Add({.type = Type::kNull, .bytes = {}}, offset); }
  bool OnBool(bool value, uint64_t offset) override {
    return Add({.type = value ? Type::kTrue : Type::kFalse, .bytes = {}}, offset);
  }
  bool OnNumber(const json::Number& value, uint64_t offset) override {
    return Add({.type = Type::kNumber, .bytes = BytesOf(value.text)}, offset);
  }
  bool OnString(const json::String& value, uint64_t offset) override {
    return Add({.type = Type::kText, .bytes = Text(value)}, offset);
  }
  bool OnBeginArray(uint64_t offset) override { return Open(Type::kArray, offset); }
  bool OnEndArray(uint64_t /*offset*/) override {
    Close();
    return true;
  }
  bool OnBeginObject(uint64_t offset) override { return Open(Type::kObject, offset); }
  bool OnKey(const json::String& key, uint64_t offset) override {
    return Charge(doc_.Add({.type = Type::kText, .bytes = Text(key)}), offset);
  }
  bool OnEndObject(uint64_t offset) override {
    if (doc_.KeysAreDistinct(Close())) return true;
    refusal_ = graph::Refuse(
        "MALFORMED", "JSON: an object has a key twice, so that readers differ on it", offset);
    return false;
  }

  std::optional<graph::Refusal> TakeRefusal() { return std::move(refusal_); }

 private:
  // Without an escape it stays where it is.
  bytes::Bytes Text(const json::String& value) {
    return value.transient ? doc_.Keep(std::string(value.text)) : BytesOf(value.text);
  }

  bool Charge(bool added, uint64_t offset) {
    if (added && doc_.budget()->exhausted() == bytes::Budget::Limit::kNone) return true;
    refusal_ = graph::Refuse(doc_.budget()->exhausted_rule(),
                             "JSON: the document costs more than the request may use", offset);
    return false;
  }

  // A member of whatever is open.
  bool Add(const Value& value, uint64_t offset) {
    if (!open_.empty()) ++doc_.mutable_at(open_.back()).size;
    return Charge(doc_.Add(value), offset);
  }

  bool Open(Type type, uint64_t offset) {
    const Index container = doc_.size();
    if (!Add({.type = type, .bytes = {}}, offset)) return false;
    open_.push_back(container);
    return true;
  }

  Index Close() {
    const Index container = open_.back();
    doc_.mutable_at(container).end = doc_.size();
    open_.pop_back();
    return container;
  }

  Document& doc_;
  std::vector<Index> open_;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace

std::optional<graph::Refusal> ReadJson(bytes::Bytes bytes, uint64_t base, Document* out) {
  Collector collector(out);
  std::optional<graph::Refusal> refusal = json::Walk(bytes, {.max_depth = kMaxNesting}, &collector);
  if (!refusal) refusal = collector.TakeRefusal();
  if (refusal && refusal->byte_offset) *refusal->byte_offset += base;
  return refusal;
}

}  // namespace loadlock::document
