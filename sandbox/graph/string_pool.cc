#include "sandbox/graph/string_pool.h"

#include <bit>

#include "absl/hash/hash.h"

namespace loadlock::graph {
namespace {

uint32_t HashOf(std::string_view text) {
  return static_cast<uint32_t>(absl::Hash<std::string_view>()(text));
}

}  // namespace

uint32_t StringPool::Append(std::string_view text) {
  strings_.push_back(text);
  return static_cast<uint32_t>(strings_.size() - 1);
}

uint32_t StringPool::Intern(std::string_view text) {
  if ((used_ + 1) * 2 > slots_.size()) Grow();
  const uint32_t hash = HashOf(text);
  const size_t mask = slots_.size() - 1;
  for (size_t i = hash & mask;; i = (i + 1) & mask) {
    Slot& slot = slots_[i];
    if (slot.index_plus_one == 0) {
      slot = {hash, Append(text) + 1};
      ++used_;
      return slot.index_plus_one - 1;
    }
    if (slot.hash == hash && strings_[slot.index_plus_one - 1] == text) {
      return slot.index_plus_one - 1;
    }
  }
}

void StringPool::Grow() {
  std::vector<Slot> old(slots_.size() * 2);
  old.swap(slots_);
  const size_t mask = slots_.size() - 1;
  for (const Slot& slot : old) {
    if (slot.index_plus_one == 0) continue;
    size_t i = slot.hash & mask;
    while (slots_[i].index_plus_one != 0) i = (i + 1) & mask;
    slots_[i] = slot;
  }
}

void DistinctCheck::Begin(size_t count) {
  const size_t size = std::bit_ceil(count + count / 2 + 1);
  slots_.assign(size, Slot());
  mask_ = size - 1;
}

bool DistinctCheck::Add(const std::vector<std::string_view>& texts, uint32_t index) {
  const std::string_view text = texts[index];
  const uint32_t hash = HashOf(text);
  for (size_t i = hash & mask_;; i = (i + 1) & mask_) {
    Slot& slot = slots_[i];
    if (slot.index_plus_one == 0) {
      slot = {hash, index + 1};
      return true;
    }
    if (slot.hash == hash && texts[slot.index_plus_one - 1] == text) return false;
  }
}

}  // namespace loadlock::graph
