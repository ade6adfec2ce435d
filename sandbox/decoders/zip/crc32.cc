#include "sandbox/decoders/zip/crc32.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace loadlock::zip {
namespace {

using bytes::Bytes;

// zlib's, of bytes that follow others with the sum `before` (0: none).
uint32_t Plain(uint32_t before, Bytes data) {
  return static_cast<uint32_t>(crc32_z(before, data.data(), data.size()));
}

#if defined(__x86_64__)

constexpr size_t kLane = 16;
constexpr size_t kBlock = 4 * kLane;

#define LOADLOCK_PCLMUL [[gnu::target("pclmul,sse4.1")]]

LOADLOCK_PCLMUL __m128i Load(Bytes data, size_t at) {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(data.subspan(at, kLane).data()));
}

// `lane` moved on by the distance that `by` stands for, and what stands there.
LOADLOCK_PCLMUL __m128i Fold(__m128i lane, __m128i by, __m128i there) {
  const __m128i low = _mm_clmulepi64_si128(lane, by, 0x00);
  const __m128i high = _mm_clmulepi64_si128(lane, by, 0x11);
  return _mm_xor_si128(_mm_xor_si128(low, high), there);
}

// Of at least one block, a multiple of a lane. V. Gopal et al., "Fast CRC Computation for Generic
// Polynomials Using PCLMULQDQ Instruction", Intel 2009: four lanes at a time are folded into the
// next four, then into one, then reduced to 64 and by Barrett's method to 32 bits.
LOADLOCK_PCLMUL uint32_t Folded(Bytes data) {
  // x^n modulo the polynomial, bits reflected: n of 4 lanes and of 1 lane, +-32; of 64.
  const __m128i by_block = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
  const __m128i by_lane = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
  const __m128i by_half = _mm_set_epi64x(0, 0x0163cd6124);
  const __m128i barrett = _mm_set_epi64x(0x01f7011641, 0x01db710641);  // Inverse, polynomial.
  const __m128i low32 = _mm_setr_epi32(-1, 0, -1, 0);

  __m128i lanes[4] = {Load(data, 0), Load(data, kLane), Load(data, 2 * kLane),
                      Load(data, 3 * kLane)};
  lanes[0] = _mm_xor_si128(lanes[0], _mm_cvtsi32_si128(-1));
  size_t at = kBlock;
  for (; data.size() - at >= kBlock; at += kBlock) {
    for (size_t i = 0; i < 4; ++i) {
      lanes[i] = Fold(lanes[i], by_block, Load(data, at + i * kLane));
    }
  }
  __m128i sum = lanes[0];
  for (size_t i = 1; i < 4; ++i) sum = Fold(sum, by_lane, lanes[i]);
  for (; data.size() - at >= kLane; at += kLane) sum = Fold(sum, by_lane, Load(data, at));

  sum = _mm_xor_si128(_mm_clmulepi64_si128(sum, by_lane, 0x10), _mm_srli_si128(sum, 8));
  sum = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, low32), by_half, 0x00),
                      _mm_srli_si128(sum, 4));
  __m128i rest = _mm_clmulepi64_si128(_mm_and_si128(sum, low32), barrett, 0x10);
  rest = _mm_clmulepi64_si128(_mm_and_si128(rest, low32), barrett, 0x00);
  return ~static_cast<uint32_t>(_mm_extract_epi32(_mm_xor_si128(sum, rest), 1));
}

#undef LOADLOCK_PCLMUL

bool HasPclmul() { return __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1"); }

#endif

}  // namespace

uint32_t Crc32(Bytes data) {
  if (data.empty()) return 0;
#if defined(__x86_64__)
  if (data.size() >= kBlock && HasPclmul()) {
    const size_t whole = data.size() - data.size() % kLane;
    return Plain(Folded(data.first(whole)), data.subspan(whole));
  }
#endif
  return Plain(0, data);
}

}  // namespace loadlock::zip
