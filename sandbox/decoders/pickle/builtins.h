#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_BUILTINS_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_BUILTINS_H_

#include <cstdint>
#include <string_view>

namespace loadlock::pickle {

// Callables of Python's own that pickles call for plain values. They are understood here and
// never called.
enum class Builtin : uint8_t {
  kNone,
  kCodecsEncode,
  kBytes,
  kByteArray,
  kSet,
  kFrozenSet,
  kComplex,
  kSlice,
  kRange,
  kOrderedDict,
  kReconstructor,
};

Builtin FindBuiltin(std::string_view module, std::string_view name);

// Renames what CPython renames in streams of protocol 0 to 2 (its _compat_pickle), for the
// modules that plain values of Python 2 and 3 come from. Everything else stays as it is.
void RenamePython2(std::string_view* module, std::string_view* name);

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_BUILTINS_H_
