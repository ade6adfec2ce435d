// Reading the fields of a document into columns, with the first refusal kept.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_FIELDS_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_FIELDS_H_

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/document/document.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::boosters {

// Decimal digits with an optional minus, no leading zero, within the bounds.
std::optional<int64_t> ParseInt(std::string_view text, int64_t low, int64_t high);

class Fields {
 public:
  using Index = document::Index;

  // `what` begins each message ("xgboost model").
  Fields(const document::Document& document, bytes::Budget* budget, const char* what)
      : doc_(document), budget_(budget), what_(what) {}

  // False, always. The first message stays.
  bool Fail(std::string_view message);
  std::optional<graph::Refusal> TakeRefusal() { return std::move(refusal_); }

  // An object with `required` keys, perhaps `optional` ones and no others.
  bool CheckKeys(Index object, std::string_view name,
                 std::initializer_list<std::string_view> required,
                 std::initializer_list<std::string_view> optional = {});
  // The value of a key that CheckKeys found.
  Index At(Index object, std::string_view key) const { return *doc_.Find(object, key); }

  // A number written as a string, as xgboost keeps parameters.
  bool ReadParameter(Index object, std::string_view key, int64_t low, int64_t high, int64_t* out);
  bool ReadText(Index value, std::string_view name, std::string_view* out);
  bool ReadTexts(Index value, std::string_view name, std::vector<std::string_view>* out);
  bool ReadNumber(Index value, std::string_view name, int64_t low, int64_t high, int64_t* out);

  // Numbers are appended. `T` is uint8_t, int32_t or float; truths are 0 and 1. Integers that do
  // not fit are refused, floats must be finite unless they are UBJSON's.
  template <typename T>
  bool AppendNumbers(Index value, std::string_view name, std::vector<T>* out);

  const document::Document& document() const { return doc_; }

 private:
  template <typename T>
  bool AppendTyped(const document::Value& value, std::string_view name, std::vector<T>* out);

  const document::Document& doc_;
  bytes::Budget* budget_;
  const char* what_;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_FIELDS_H_
