#include "sandbox/decoders/zip/crc32.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <string_view>
#include <vector>

namespace loadlock::zip {
namespace {

uint32_t Reference(bytes::Bytes data) {
  return static_cast<uint32_t>(crc32_z(crc32_z(0, nullptr, 0), data.data(), data.size()));
}

TEST(Crc32Test, IsZlibs) {
  std::vector<uint8_t> data(70'000);
  uint32_t state = 1;
  for (uint8_t& byte : data) {
    state = state * 1664525 + 1013904223;
    byte = static_cast<uint8_t>(state >> 24);
  }
  const bytes::Bytes all = absl::MakeConstSpan(data);
  for (size_t size = 0; size <= 600; ++size) {
    for (const size_t start : {0U, 1U, 7U, 15U}) {
      EXPECT_EQ(Crc32(all.subspan(start, size)), Reference(all.subspan(start, size))) << size;
    }
  }
  for (const size_t size : {4095U, 4096U, 65535U, 65536U, 70'000U}) {
    EXPECT_EQ(Crc32(all.first(size)), Reference(all.first(size))) << size;
  }
  const std::vector<uint8_t> zeros(1000);
  EXPECT_EQ(Crc32(zeros), Reference(zeros));
  // The check value of the catalogue.
  const std::string_view digits = "123456789";
  const std::vector<uint8_t> check(digits.begin(), digits.end());
  EXPECT_EQ(Crc32(check), 0xcbf43926U);
}

}  // namespace
}  // namespace loadlock::zip
