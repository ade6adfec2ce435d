#include "sandbox/formats/unsupported/unsupported.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using std::string_view_literals::operator""sv;
using testing::HasSubstr;

struct Case {
  std::string_view begin;
  std::string_view format;
};

TEST(UnsupportedTest, IsRefusedByName) {
  const Case cases[] = {
      {"GGUF\3\0\0\0"sv, "gguf"},
      {"\x89HDF\r\n\x1a\n\0"sv, "hdf5"},
      {"7z\xbc\xaf\x27\x1c\0\4"sv, "7z"},
      {"\x28\xb5\x2f\xfd\x04\x58"sv, "zstd"},
      {"ZF0x19         x\x9c"sv, "joblib-0.9"},
      {"\x08\x07\x12\x07pytorch"sv, "onnx"},
  };
  for (const Case& c : cases) {
    const Blob artifact = ToBlob(c.begin);
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << c.format;
    EXPECT_EQ(parsed.format(), c.format);
    EXPECT_THAT(parsed.message(), HasSubstr("this is ")) << c.format;
  }
}

Blob TarHeader() {
  Blob block(1024, 0);
  block[0] = 'a';
  const std::string_view magic = "ustar\00000"sv;
  std::copy(magic.begin(), magic.end(), block.begin() + 257);
  unsigned sum = 8 * ' ';
  for (const uint8_t byte : block) sum += byte;
  char text[8];
  (void)std::snprintf(text, sizeof(text), "%06o", sum);
  std::copy(text, text + 7, block.begin() + 148);
  block[155] = ' ';
  return block;
}

TEST(UnsupportedTest, TarNeedsItsChecksum) {
  Blob tar = TarHeader();
  EXPECT_EQ(Parsed(tar).format(), "tar");
  tar[1] = 'b';
  EXPECT_NE(Parsed(tar).format(), "tar");
}

}  // namespace
}  // namespace loadlock::formats
