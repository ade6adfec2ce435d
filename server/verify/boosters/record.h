// Reading the record that stands for a native model: plain values and columns, all of them claims
// of a worker.
#ifndef LOADLOCK_SERVER_VERIFY_BOOSTERS_RECORD_H_
#define LOADLOCK_SERVER_VERIFY_BOOSTERS_RECORD_H_

#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "server/verify/scope.h"

namespace loadlock::verify {

// A vector of one type in the machine's byte order.
template <typename T>
class Column {
 public:
  Column() = default;
  explicit Column(Array array) : array_(array), size_(array.bytes.size() / sizeof(T)) {}
  uint64_t size() const { return size_; }
  T operator[](uint64_t index) const { return array_.At<T>(index); }

 private:
  Array array_;
  uint64_t size_ = 0;
};

class Record {
 public:
  Record(const Scope& scope, Value value) : scope_(scope), mapping_(scope.view(), value) {}

  // A plain dict with exactly these keys.
  bool HasKeys(absl::Span<const absl::string_view> keys);
  bool Int(absl::string_view key, int64_t low, int64_t high, int64_t* out);
  bool Text(absl::string_view key, absl::string_view* out);
  // Of any length.
  template <typename T>
  bool Get(absl::string_view key, Column<T>* out) {
    const std::optional<Array> array = Vector(key, Letter<T>(), sizeof(T));
    if (!array) return Fail(absl::StrCat(key, " is no column of its type"));
    *out = Column<T>(*array);
    return true;
  }
  template <typename T>
  bool Get(absl::string_view key, uint64_t length, Column<T>* out) {
    return Get(key, out) &&
           (out->size() == length || Fail(absl::StrCat(key, " has another length")));
  }
  // A list of `length` strs.
  bool Texts(absl::string_view key, uint64_t length, Sequence* out);
  // Only with HasKeys. Once the view is exhausted some other value: the graph is refused then.
  Value At(absl::string_view key) const {
    return mapping_.Find(key).value_or(Value::Node(scope_.view().root()));
  }

  const Scope& scope() const { return scope_; }
  // False, always; the first message stays.
  bool Fail(std::string message) {
    if (message_.empty()) message_ = std::move(message);
    return false;
  }
  const std::string& message() const { return message_; }

 private:
  template <typename T>
  static constexpr char Letter() {
    if constexpr (std::is_floating_point_v<T>) return 'f';
    return std::is_signed_v<T> ? 'i' : 'u';
  }
  std::optional<Array> Vector(absl::string_view key, char letter, uint32_t size) const;

  const Scope& scope_;
  Mapping mapping_;
  std::string message_;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_BOOSTERS_RECORD_H_
