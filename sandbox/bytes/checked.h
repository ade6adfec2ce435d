#ifndef LOADLOCK_SANDBOX_BYTES_CHECKED_H_
#define LOADLOCK_SANDBOX_BYTES_CHECKED_H_

#include <type_traits>

namespace loadlock::bytes {

// Arithmetic over hostile numbers: false, with *out unspecified, if the result does not fit.
template <typename T>
[[nodiscard]] bool CheckedAdd(T a, std::type_identity_t<T> b, T* out) {
  return !__builtin_add_overflow(a, b, out);
}

template <typename T>
[[nodiscard]] bool CheckedSub(T a, std::type_identity_t<T> b, T* out) {
  return !__builtin_sub_overflow(a, b, out);
}

template <typename T>
[[nodiscard]] bool CheckedMul(T a, std::type_identity_t<T> b, T* out) {
  return !__builtin_mul_overflow(a, b, out);
}

}  // namespace loadlock::bytes

#endif  // LOADLOCK_SANDBOX_BYTES_CHECKED_H_
