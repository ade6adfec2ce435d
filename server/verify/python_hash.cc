#include "server/verify/python_hash.h"

#include <bit>
#include <cmath>

#include "absl/hash/hash.h"

namespace loadlock::verify::python {
namespace {

// Numbers are reduced by this Mersenne prime, so that multiplying by a power of two is a rotation.
constexpr int kBits = 61;
constexpr uint64_t kModulus = (uint64_t{1} << kBits) - 1;
// -1 means "error" to CPython.
constexpr uint64_t kError = ~uint64_t{0};
constexpr uint64_t kInsteadOfError = ~uint64_t{0} - 1;
constexpr uint64_t kInfinity = 314159;
constexpr uint64_t kImaginary = 1000003;

uint64_t Rotate(uint64_t value, int by) {
  return ((value << by) & kModulus) | (value >> (kBits - by));
}

uint64_t Signed(uint64_t reduced, bool negative) {
  const uint64_t hash = negative ? ~reduced + 1 : reduced;
  return hash == kError ? kInsteadOfError : hash;
}

}  // namespace

uint64_t HashInt(int64_t value) {
  const bool negative = value < 0;
  const uint64_t size = negative ? ~static_cast<uint64_t>(value) + 1 : static_cast<uint64_t>(value);
  return Signed(size % kModulus, negative);
}

uint64_t HashBigInt(absl::string_view bytes) {
  const bool negative = !bytes.empty() && (static_cast<uint8_t>(bytes.back()) & 0x80) != 0;
  // Of a negative number this sums up ~value, which is one less than its size.
  const uint8_t flip = negative ? 0xFF : 0;
  uint64_t sum = 0;
  for (size_t i = bytes.size(); i-- > 0;) {
    sum = (Rotate(sum, 8) + (static_cast<uint8_t>(bytes[i]) ^ flip)) % kModulus;
  }
  return Signed(negative ? (sum + 1) % kModulus : sum, negative);
}

uint64_t HashFloat(double value) {
  constexpr int kDigit = 28;
  if (std::isnan(value)) return 0;
  if (std::isinf(value)) return Signed(kInfinity, value < 0);
  int exponent = 0;
  double fraction = std::frexp(std::fabs(value), &exponent);
  uint64_t sum = 0;
  while (fraction != 0) {
    sum = Rotate(sum, kDigit);
    fraction *= double{1 << kDigit};
    exponent -= kDigit;
    const auto digit = static_cast<uint64_t>(fraction);
    fraction -= static_cast<double>(digit);
    sum += digit;
    if (sum >= kModulus) sum -= kModulus;
  }
  exponent = exponent >= 0 ? exponent % kBits : kBits - 1 - ((-1 - exponent) % kBits);
  return Signed(Rotate(sum, exponent), value < 0);
}

uint64_t HashComplex(double real, double imaginary) {
  const uint64_t hash = HashFloat(real) + kImaginary * HashFloat(imaginary);
  return hash == kError ? kInsteadOfError : hash;
}

uint64_t HashText(absl::string_view text) { return absl::HashOf(text); }

void TupleHash::Add(uint64_t member) {
  sum_ += member * 14029467366897019727U;
  sum_ = std::rotl(sum_, 31) * 11400714785074694791U;
}

uint64_t TupleHash::Finish(uint64_t size) const {
  const uint64_t hash = sum_ + (size ^ (2870177450012600261U ^ 3527539U));
  return hash == kError ? 1546275796U : hash;
}

void FrozenSetHash::Add(uint64_t member) {
  sum_ ^= ((member ^ 89869747U) ^ (member << 16)) * 3644798167U;
}

uint64_t FrozenSetHash::Finish(uint64_t size) const {
  uint64_t hash = sum_ ^ ((size + 1) * 1927868237U);
  hash ^= (hash >> 11) ^ (hash >> 25);
  hash = hash * 69069U + 907133923U;
  return hash == kError ? 590923713U : hash;
}

}  // namespace loadlock::verify::python
