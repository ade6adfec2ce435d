#ifndef LOADLOCK_SANDBOX_GRAPH_STRING_POOL_H_
#define LOADLOCK_SANDBOX_GRAPH_STRING_POOL_H_

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace loadlock::graph {

// The strings of one encoded graph, some of them found again by content. Open addressing with
// absl's seeded hash: an attacker chooses the strings.
class StringPool {
 public:
  StringPool() : slots_(kFirstSlots) {}

  // A string of its own at the end of the pool.
  uint32_t Append(std::string_view text);

  // Room for `more` strings at once: growing step by step touches twice the memory.
  void Reserve(size_t more) {
    const size_t size = strings_.size() + more;
    if (size > strings_.capacity()) strings_.reserve(std::max(size, 2 * strings_.capacity()));
  }

  // The index of an equal string that was interned before, else of a new one at the end.
  uint32_t Intern(std::string_view text);

  const std::vector<std::string_view>& strings() const { return strings_; }
  std::vector<std::string_view> Release() { return std::move(strings_); }

 private:
  static constexpr size_t kFirstSlots = 256;
  struct Slot {
    uint32_t hash = 0;
    uint32_t index_plus_one = 0;
  };
  void Grow();

  std::vector<std::string_view> strings_;
  std::vector<Slot> slots_;
  size_t used_ = 0;
};

// Tells whether strings are pairwise different; used again for each dict without giving its
// memory back.
class DistinctCheck {
 public:
  // For at most `count` strings from here on.
  void Begin(size_t count);
  // False if a string equal to texts[index] was added since Begin. Those added stay where they are.
  [[nodiscard]] bool Add(const std::vector<std::string_view>& texts, uint32_t index);

 private:
  // Small, because a worker that lives for one file pays for each page that it touches.
  struct Slot {
    uint32_t hash = 0;
    uint32_t index_plus_one = 0;
  };
  std::vector<Slot> slots_;
  size_t mask_ = 0;
};

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_STRING_POOL_H_
