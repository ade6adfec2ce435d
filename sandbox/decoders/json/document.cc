#include "sandbox/decoders/json/document.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"

namespace loadlock::json {
namespace {

// A vector that grows holds up to three times its content while it is copied.
constexpr uint64_t kGrowth = 3;
constexpr size_t kMaxReported = 100;
// A hash table is slower than looking at a few keys.
constexpr size_t kFewKeys = 8;

}  // namespace

// Collects finished values; those of open containers wait in `pending_`, so that each container's
// edges end up side by side.
class DocumentBuilder final : public Visitor {
 public:
  DocumentBuilder(Document* document, Duplicates duplicates, bytes::Budget* budget)
      : d_(*document), duplicates_(duplicates), budget_(*budget) {}

  bool OnNull(uint64_t offset) override { return Add({Type::kNull, 0, 0, offset}); }
  bool OnBool(bool value, uint64_t offset) override {
    return Add({value ? Type::kTrue : Type::kFalse, 0, 0, offset});
  }
  bool OnNumber(const Number& value, uint64_t offset) override {
    switch (value.kind) {
      case Number::Kind::kInt:
        return Add({Type::kInt, 0, static_cast<uint64_t>(value.integer), offset});
      case Number::Kind::kDouble:
        return Add({Type::kDouble, 0, std::bit_cast<uint64_t>(value.real), offset});
      case Number::Kind::kBigInt:
        break;
    }
    return AddText(Type::kBigInt, value.text, offset);
  }
  bool OnString(const String& value, uint64_t offset) override {
    if (!value.transient) return AddText(Type::kString, value.text, offset);
    if (!budget_.ChargeHeap(value.text.size() + sizeof(void*))) return TooMuch(offset);
    auto copy = std::make_unique<char[]>(value.text.size() + 1);
    std::copy(value.text.begin(), value.text.end(), copy.get());
    const std::string_view kept(copy.get(), value.text.size());
    d_.kept_.push_back(std::move(copy));
    return AddText(Type::kString, kept, offset);
  }
  bool OnKey(const String& key, uint64_t offset) override { return OnString(key, offset); }
  bool OnBeginArray(uint64_t offset) override { return Begin(offset); }
  bool OnBeginObject(uint64_t offset) override { return Begin(offset); }
  bool OnEndArray(uint64_t) override { return End(Type::kArray); }
  bool OnEndObject(uint64_t) override { return End(Type::kObject); }

  std::optional<graph::Refusal>& refusal() { return refusal_; }

 private:
  struct Open {
    size_t first;  // in pending_
    uint64_t offset;
  };

  bool TooMuch(uint64_t offset) {
    refusal_ = graph::Refuse("BUDGET_HEAP", "the JSON text needs more memory than the request has",
                             offset);
    return false;
  }

  bool AddText(Type type, std::string_view text, uint64_t offset) {
    if (text.size() > UINT32_MAX) return TooMuch(offset);
    return Add({type, static_cast<uint32_t>(text.size()), reinterpret_cast<uintptr_t>(text.data()),
                offset});
  }

  bool Add(const Document::Value& value) {
    if (d_.values_.size() >= kNoValue ||
        !budget_.ChargeHeap(kGrowth * (sizeof(value) + 2 * sizeof(ValueId)))) {
      return TooMuch(value.offset);
    }
    d_.values_.push_back(value);
    if (!open_.empty()) pending_.push_back(static_cast<ValueId>(d_.values_.size() - 1));
    return true;
  }

  bool Begin(uint64_t offset) {
    if (!budget_.ChargeHeap(kGrowth * sizeof(Open))) return TooMuch(offset);
    open_.push_back({pending_.size(), offset});
    return true;
  }

  bool End(Type type) {
    const Open open = open_.back();
    open_.pop_back();
    const auto first = pending_.begin() + static_cast<ptrdiff_t>(open.first);
    Document::Value value{type, static_cast<uint32_t>(pending_.end() - first), d_.edges_.size(),
                          open.offset};
    d_.edges_.insert(d_.edges_.end(), first, pending_.end());
    pending_.erase(first, pending_.end());
    if (type == Type::kObject && !CheckKeys(value)) return false;
    return Add(value);
  }

  bool CheckKeys(const Document::Value& object) {
    const auto edges = absl::MakeConstSpan(d_.edges_).subspan(object.payload, object.size);
    if (object.size <= 2 * kFewKeys) {
      for (size_t i = 2; i < edges.size(); i += 2) {
        for (size_t j = 0; j < i; j += 2) {
          if (d_.text(edges[i]) != d_.text(edges[j])) continue;
          if (!Duplicate(edges[i])) return false;
          break;
        }
      }
      return true;
    }
    constexpr uint64_t kSlot = sizeof(std::string_view) + 1;
    const uint64_t table = 2 * kSlot * object.size;
    if (!budget_.ChargeHeap(table)) return TooMuch(object.offset);
    absl::flat_hash_set<std::string_view> seen;
    seen.reserve(object.size / 2);
    for (size_t i = 0; i < edges.size(); i += 2) {
      if (!seen.insert(d_.text(edges[i])).second && !Duplicate(edges[i])) return false;
    }
    budget_.ReturnHeap(table);
    return true;
  }

  bool Duplicate(ValueId key) {
    if (duplicates_ == Duplicates::kReport) {
      if (d_.duplicates_.size() < kMaxReported) d_.duplicates_.push_back(d_.offset(key));
      return true;
    }
    refusal_ = graph::Refuse(
        "DUPLICATE_KEY",
        absl::StrCat("the key '", graph::Quote(d_.text(key)), "' stands twice in one JSON object"),
        d_.offset(key));
    return false;
  }

  Document& d_;
  Duplicates duplicates_;
  bytes::Budget& budget_;
  std::vector<ValueId> pending_;
  std::vector<Open> open_;
  std::optional<graph::Refusal> refusal_;
};

std::optional<graph::Refusal> Document::Parse(Bytes text, const Options& options,
                                              Duplicates duplicates, bytes::Budget* budget) {
  DocumentBuilder builder(this, duplicates, budget);
  auto refusal = Walk(text, options, &builder);
  return refusal ? refusal : std::move(builder.refusal());
}

const char* TypeName(Type type) {
  switch (type) {
    case Type::kNull:
      return "null";
    case Type::kFalse:
    case Type::kTrue:
      return "a boolean";
    case Type::kInt:
    case Type::kBigInt:
      return "an integer";
    case Type::kDouble:
      return "a number";
    case Type::kString:
      return "a string";
    case Type::kArray:
      return "an array";
    case Type::kObject:
      return "an object";
  }
  return "nothing";
}

double Document::real(ValueId id) const { return std::bit_cast<double>(values_[id].payload); }

std::string_view Document::text(ValueId id) const {
  return {reinterpret_cast<const char*>(values_[id].payload), values_[id].size};
}

absl::Span<const ValueId> Document::items(ValueId id) const {
  return absl::MakeConstSpan(edges_).subspan(values_[id].payload, values_[id].size);
}

ValueId Document::Find(ValueId object, std::string_view key) const {
  ValueId found = kNoValue;
  const auto edges = items(object);
  for (size_t i = 0; i < edges.size(); i += 2) {
    if (text(edges[i]) != key) continue;
    if (found != kNoValue) return kNoValue;
    found = edges[i + 1];
  }
  return found;
}

}  // namespace loadlock::json
