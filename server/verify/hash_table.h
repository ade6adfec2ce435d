// What it costs CPython to put keys into a new dict or set: the same steps, on hashes alone.
#ifndef LOADLOCK_SERVER_VERIFY_HASH_TABLE_H_
#define LOADLOCK_SERVER_VERIFY_HASH_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace loadlock::verify {

// Counting equal hashes would not be enough: hashes that differ can share their whole way through
// the table. So each key's way is gone (Objects/dictobject.c, setobject.c of CPython 3.10 to 3.13;
// they differ in how they grow and where they look next).
class HashTable {
 public:
  enum class Kind { kDict, kSet };
  explicit HashTable(Kind kind);

  // The cost of one more key: a step for each slot that is looked at, and `compare` for each key
  // with the same hash. Once that comes to more than `most` it stops, and the table is void.
  uint64_t Add(uint64_t hash, uint64_t compare, uint64_t most);

 private:
  // The free slot for `hash`; adds to `cost`. What is compared is only counted.
  size_t FindFree(uint64_t hash, uint64_t compare, uint64_t most, uint64_t* cost) const;
  uint64_t Grow(uint64_t most);

  const Kind kind_;
  std::vector<uint64_t> hashes_;  // In the order of insertion.
  std::vector<uint32_t> slots_;   // Index into hashes_ plus one; 0: free.
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_HASH_TABLE_H_
