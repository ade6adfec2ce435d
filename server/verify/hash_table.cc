#include "server/verify/hash_table.h"

#include <utility>

namespace loadlock::verify {
namespace {

constexpr size_t kSmallest = 8;
constexpr int kPerturbShift = 5;
constexpr size_t kLinearProbes = 9;  // Of a set, after the first.
constexpr size_t kLargeSet = 50'000;

}  // namespace

HashTable::HashTable(Kind kind) : kind_(kind), slots_(kSmallest, 0) {}

size_t HashTable::FindFree(uint64_t hash, uint64_t compare, uint64_t most, uint64_t* cost) const {
  const size_t mask = slots_.size() - 1;
  uint64_t perturb = hash;
  size_t at = hash & mask;
  while (true) {
    const size_t in_a_row = kind_ == Kind::kSet && at + kLinearProbes <= mask ? kLinearProbes : 0;
    for (size_t slot = at; slot <= at + in_a_row; ++slot) {
      ++*cost;
      if (slots_[slot] == 0 || *cost > most) return slot;
      if (hashes_[slots_[slot] - 1] == hash) *cost += compare;
    }
    perturb >>= kPerturbShift;
    at = (at * 5 + perturb + 1) & mask;
  }
}

uint64_t HashTable::Grow(uint64_t most) {
  const size_t used = hashes_.size();
  size_t size = kSmallest;
  if (kind_ == Kind::kDict) {
    while (size < used * 3) size *= 2;
  } else {
    while (size <= (used > kLargeSet ? used * 2 : used * 4)) size *= 2;
  }
  slots_.assign(size, 0);
  uint64_t cost = 0;
  for (size_t i = 0; i < used && cost <= most; ++i) {
    // Nothing is compared: they are known to differ.
    slots_[FindFree(hashes_[i], 0, most, &cost)] = static_cast<uint32_t>(i + 1);
  }
  return cost;
}

uint64_t HashTable::Add(uint64_t hash, uint64_t compare, uint64_t most) {
  uint64_t cost = 0;
  // A dict grows before the key that has no room, a set after the one that fills it.
  const size_t room = slots_.size() * 2 / 3;
  if (kind_ == Kind::kDict && hashes_.size() >= room) cost += Grow(most);
  if (cost > most) return cost;
  const size_t slot = FindFree(hash, compare, most, &cost);
  if (cost > most) return cost;
  hashes_.push_back(hash);
  slots_[slot] = static_cast<uint32_t>(hashes_.size());
  const bool full = hashes_.size() * 5 >= (slots_.size() - 1) * 3;
  if (kind_ == Kind::kSet && full) cost += Grow(most);
  return cost;
}

}  // namespace loadlock::verify
