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
      {"\x89HDF\r\n\x1a\n\0"sv, "hdf5"},
      {"7z\xbc\xaf\x27\x1c\0\4"sv, "7z"},
      {"ZF0x19         x\x9c"sv, "joblib-0.9"},
      {"\x08\x07\x12\x07pytorch"sv, "onnx"},
      {"\x08\x03:\xe5\x01\n\x15\n\1X"sv, "onnx"},
      {"\x08\x01\x12\xd6\x28\n\xca\x05\x12\xbf\x05\n"sv, "tensorflow"},
      {"\x08\x04\x12\x1e\n\x09\n\1x"sv, "coreml"},
      {"\x1c\0\0\0TFL3\x14\0"sv, "tflite"},
      {"Rar!\x1a\x07\1\0"sv, "rar"},
      {"lmgg\1\0\0\0"sv, "ggml"},
      {"tjgg\3\0\0\0"sv, "ggml"},
      {"X\n\0\0\0\3\0\4\2\0"sv, "r"},
      {"RDX3\nX\n\0\0\0\3"sv, "r"},
      {"A\n3\n262657\n"sv, "r"},
      {"PAR1\x15\4"sv, "parquet"},
      {"ARROW1\0\0\xff\xff"sv, "arrow"},
      {"FEA1\0\0\0\0"sv, "arrow"},
      {"MATLAB 5.0 MAT-file, Platform: GLNXA64"sv, "matlab"},
      {"\xac\xed\0\5sr\0\1A"sv, "java"},
      {"\x7f"
       "ELF\2\1\1\0"sv,
       "executable"},
      {"\xa7\x0d\x0d\x0a\0\0\0\0\1\2\3\4"sv, "pyc"},
      {"import os\nos.system('x')\n"sv, "python"},
      {"#!/usr/bin/env python3\nprint()\n"sv, "python"},
      {"# -*- coding: utf-8 -*-\n# a licence\n\n\"\"\"Doc.\n\"\"\"\nfrom a import b\n"sv, "python"},
      {"class Model:\n    pass\n"sv, "python"},
      {"<?xml version=\"1.0\"?>\n<PMML version=\"4.4\">"sv, "pmml"},
      {"\xef\xbb\xbf<?xml version=\"1.0\"?><net/>"sv, "xml"},
      {"<!DOCTYPE html><html>"sv, "html"},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:00\n"sv, "git-lfs"},
  };
  for (const Case& c : cases) {
    const Blob artifact = ToBlob(c.begin);
    const Parsed parsed(artifact);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << c.format;
    EXPECT_EQ(parsed.format(), c.format);
    EXPECT_THAT(parsed.message(), HasSubstr("this is ")) << c.format;
  }
}

TEST(UnsupportedTest, WhatOnlyBeginsLikeItIsNotNamed) {
  for (const std::string_view other :
       {"import"sv, "from here on nothing is said\n"sv, "class"sv, "def\n"sv, "X\n\0\0\0\4"sv,
        "\x08\0\x12\1a"sv, "\x08\x7f\x12\1a"sv, "\x08\7"sv, "\x08\7\x10\1"sv,
        "\xa7\x0d\x0d\x0b\0\0\0\0"sv, "\0\0\0\0TFL"sv, "PAR"sv, "# a comment"sv,
        "\"\"\"import os"sv, "<?xm"sv}) {
    EXPECT_EQ(IdentifyUnsupported(ToBlob(other)), nullptr) << other;
  }
}

// A name is a courtesy: it takes no file from a format that reads it.
TEST(UnsupportedTest, ANameYieldsToAReader) {
  // The length's low bytes are those of an ONNX model.
  Blob file = ToBlob("\x08\x07\x12\0\0\0\0\0{"sv);
  file.resize(8 + 0x120708 - 1, ' ');
  file.push_back('}');
  EXPECT_STREQ(IdentifyUnsupported(file), "onnx");
  EXPECT_EQ(Parsed(file).format(), "safetensors");
}

}  // namespace
}  // namespace loadlock::formats
