// What a native model becomes: a dict of plain values and of columns, which the daemon proves and
// from which the client writes the bytes that the library reads.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_RECORD_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_RECORD_H_

#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "absl/types/span.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"

namespace loadlock::boosters {

// Where lowered values go. All outlive the calls.
struct Target {
  graph::Builder* builder = nullptr;
  graph::DecodedFile* decoded = nullptr;
  bytes::Budget* budget = nullptr;
};

template <typename T>
constexpr std::string_view Typestr() {
  if constexpr (std::is_same_v<T, uint8_t>) return "|u1";
  if constexpr (std::is_same_v<T, int32_t>) return "<i4";
  if constexpr (std::is_same_v<T, uint32_t>) return "<u4";
  if constexpr (std::is_same_v<T, float>) return "<f4";
  if constexpr (std::is_same_v<T, double>) return "<f8";
}

// A dict under construction, keys in the order of the calls.
class Record {
 public:
  explicit Record(const Target& target) : target_(target) {}

  // `key` lives as long as the program; text is copied unless it is said to stay.
  void Put(std::string_view key, graph::NodeId value);
  void PutInt(std::string_view key, int64_t value);
  void PutText(std::string_view key, std::string_view text);
  // A vector in the decoded file, empty if that is `values`. False if the budget or the kernel
  // does not allow it.
  template <typename T>
  [[nodiscard]] bool PutColumn(std::string_view key, const std::vector<T>& values) {
    return PutBytes(key, Typestr<T>(), values.size(),
                    {reinterpret_cast<const uint8_t*>(values.data()), values.size() * sizeof(T)});
  }
  // The dict; the record may not be used afterwards.
  graph::NodeId Finish();

 private:
  bool PutBytes(std::string_view key, std::string_view typestr, size_t count,
                absl::Span<const uint8_t> raw);

  Target target_;
  std::vector<graph::NodeId> pairs_;
};

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_RECORD_H_
