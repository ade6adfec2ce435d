// How CPython hashes the values that a key is made of (Python/pyhash.c, Objects/longobject.c,
// tupleobject.c, setobject.c; the same since 3.8).
//
// Numbers and what is made of them hash alike in every process, so a file can choose keys that
// collide. Text hashes with a secret of the process; here any hash of its content stands for it.
#ifndef LOADLOCK_SERVER_VERIFY_PYTHON_HASH_H_
#define LOADLOCK_SERVER_VERIFY_PYTHON_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace loadlock::verify::python {

// An int's or a bool's, and equal floats'.
uint64_t HashInt(int64_t value);
// Two's complement, little-endian, of any length.
uint64_t HashBigInt(absl::string_view bytes);
// NaN hashes by its place in memory; here as 0, which makes all of them collide.
uint64_t HashFloat(double value);
uint64_t HashComplex(double real, double imaginary);
uint64_t HashText(absl::string_view text);

// Feed the members' hashes in order.
class TupleHash {
 public:
  void Add(uint64_t member);
  uint64_t Finish(uint64_t size) const;

 private:
  uint64_t sum_ = 2870177450012600261U;
};

// Feed the members' hashes in any order.
class FrozenSetHash {
 public:
  void Add(uint64_t member);
  uint64_t Finish(uint64_t size) const;

 private:
  uint64_t sum_ = 0;
};

}  // namespace loadlock::verify::python

#endif  // LOADLOCK_SERVER_VERIFY_PYTHON_HASH_H_
