#include "sandbox/formats/torch_zip/torch_zip_format.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "loadlock/v1/graph.pb.h"
#include "sandbox/decoders/zip/testing/writer.h"
#include "sandbox/formats/testing.h"
#include "sandbox/formats/testing_torch.h"

namespace loadlock::formats {
namespace {

using std::string_literals::operator""s;
using testing::HasSubstr;
using zip::testing::Entry;
using zip::testing::Le;
using namespace torch_testing;  // NOLINT(google-build-using-namespace): the words of the tests

// As torch writes it: flags, a descriptor, padding.
Entry Member(std::string name, std::string content) {
  Entry entry;
  entry.name = std::move(name);
  entry.content = std::move(content);
  entry.flags = 0x800;
  entry.version = 0;
  entry.attributes = 0;
  entry.descriptor = entry.content.empty() ? 0 : 16;
  if (entry.content.empty()) entry.flags = 0x808;
  entry.local.extra = "FB"s + Le(3, 2) + "ZZZ";
  return entry;
}

// One tensor of four floats.
std::vector<Entry> Members(const std::string& object) {
  return {Member("m/data.pkl", Pickle(object)),
          Member("m/.format_version", "1"),
          Member("m/.storage_alignment", "64"),
          Member("m/byteorder", "little"),
          Member("m/data/0", std::string(16, '\1')),
          Member("m/version", "3\n"),
          Member("m/.data/serialization_id", std::string(40, '7'))};
}

std::vector<Entry> Members() { return Members(Tensor(ZipStorage({}), 0, {4}, {1})); }

std::string FileOf(const std::vector<Entry>& entries) {
  return zip::testing::Write(entries, {.zip64_end = true});
}

std::string RuleOf(const std::vector<Entry>& entries) {
  return Parsed(ToBlob(FileOf(entries))).rule();
}

// What becomes of the good file after a change.
std::string After(const std::function<void(std::vector<Entry>&)>& change) {
  std::vector<Entry> entries = Members();
  change(entries);
  return RuleOf(entries);
}

std::string WithContent(size_t member, const std::string& content) {
  return After([&](auto& entries) { entries[member] = Member(entries[member].name, content); });
}

constexpr size_t kPickle = 0;
constexpr size_t kFormatVersion = 1;
constexpr size_t kAlignment = 2;
constexpr size_t kByteOrder = 3;
constexpr size_t kData = 4;
constexpr size_t kVersion = 5;
constexpr size_t kId = 6;

TEST(TorchZipTest, GivesATensorOverARangeOfTheFile) {
  const std::string file = FileOf(Members());
  const Blob blob = ToBlob(file);
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.format(), "torch");
  v1::Graph graph;
  ASSERT_TRUE(graph.ParseFromString(parsed.encoded().graph));
  ASSERT_EQ(graph.kinds_size(), 2);
  EXPECT_EQ(graph.kinds(0), v1::NODE_KIND_STORAGE);
  EXPECT_EQ(graph.kinds(1), v1::NODE_KIND_TENSOR);
  EXPECT_EQ(graph.buffer_sources(0), v1::BUFFER_SOURCE_ARTIFACT);
  EXPECT_EQ(graph.buffer_offsets(0), file.find(std::string(16, '\1')));
  EXPECT_EQ(graph.buffer_lengths(0), 16u);
  EXPECT_EQ(parsed.decoded().size(), 0u);
}

TEST(TorchZipTest, OlderFilesLackSomeMembers) {
  EXPECT_EQ(After([](auto& entries) {
              entries = {entries[kPickle], entries[kData], entries[kVersion]};
            }),
            "");
  EXPECT_EQ(After([](auto& entries) { entries.erase(entries.begin() + kVersion); }), "MALFORMED");
  EXPECT_EQ(After([](auto& entries) { entries.erase(entries.begin() + kPickle); }),
            "UNKNOWN_FORMAT");
}

TEST(TorchZipTest, OneFolderHoldsAll) {
  const auto renamed = [](size_t member, const char* name) {
    return After([&](auto& entries) { entries[member].name = name; });
  };
  EXPECT_EQ(renamed(kData, "n/data/0"), "MALFORMED");
  EXPECT_EQ(renamed(kVersion, "version"), "MALFORMED");
  EXPECT_EQ(renamed(kPickle, "n/data.pkl"), "MALFORMED");
  EXPECT_EQ(renamed(kPickle, "m/m/data.pkl"), "TRAILING_DATA");
  EXPECT_EQ(renamed(kPickle, "m/DATA.PKL"), "FORBIDDEN_OPCODE");
  EXPECT_EQ(renamed(kVersion, "m/Version"), "TRAILING_DATA");
  // torch finds it, others do not.
  EXPECT_EQ(renamed(kData, "m/Data/0"), "TRAILING_DATA");
  EXPECT_EQ(After([](auto& e) { e.push_back(Member("m/VERSION", "3\n")); }), "DUPLICATE_MEMBER");
  EXPECT_EQ(After([](auto& e) { e.push_back(Member("m/data/0", "x")); }), "DUPLICATE_MEMBER");
}

TEST(TorchZipTest, EveryMemberIsOfUse) {
  EXPECT_EQ(After([](auto& e) { e.push_back(Member("m/data/1", "x")); }), "TRAILING_DATA");
  EXPECT_EQ(After([](auto& e) { e.push_back(Member("m/extra", "x")); }), "TRAILING_DATA");
  EXPECT_EQ(After([](auto& e) { e.push_back(Member("m/data2.pkl", "x")); }), "TRAILING_DATA");
  EXPECT_EQ(After([](auto& e) { e.push_back(Member("m/.data/version", "3\n")); }), "");
  EXPECT_EQ(After([](auto& e) { e.push_back(Member("m/.data/version", "4\n")); }), "MALFORMED");
}

TEST(TorchZipTest, ControlMembersAreCanonical) {
  for (const char* version : {"3", "1", "10\n", "2\n"})
    EXPECT_EQ(WithContent(kVersion, version), "");
  for (const char* version : {"", "0", "11\n", "03\n", "3 ", "3\n\n", "+3", "3x", "99999999999"}) {
    EXPECT_EQ(WithContent(kVersion, version), "MALFORMED") << version;
  }
  for (const char* order : {"", "Little", "little\n", "native"}) {
    EXPECT_EQ(WithContent(kByteOrder, order), "MALFORMED") << order;
  }
  EXPECT_EQ(WithContent(kFormatVersion, "2"), "MALFORMED");
  EXPECT_EQ(WithContent(kAlignment, "1"), "");
  for (const char* alignment : {"", "0", "064", "x", "-64", "99999999"}) {
    EXPECT_EQ(WithContent(kAlignment, alignment), "MALFORMED") << alignment;
  }
  EXPECT_EQ(WithContent(kId, "x"), "MALFORMED");
  EXPECT_EQ(WithContent(kId, std::string(65, '1')), "MALFORMED");
}

TEST(TorchZipTest, RecordsHaveExactlyTheirSize) {
  EXPECT_EQ(WithContent(kData, std::string(15, '\1')), "ARRAY_BOUNDS");
  EXPECT_EQ(WithContent(kData, std::string(17, '\1')), "ARRAY_BOUNDS");
  EXPECT_EQ(WithContent(kData, ""), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(Members(Tensor(ZipStorage({.elements = 3}), 0, {3}, {1}))), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(Members(Tensor(ZipStorage({.elements = 5}), 0, {4}, {1}))), "ARRAY_BOUNDS");
  EXPECT_EQ(RuleOf(Members(Tensor(ZipStorage({}), 0, {5}, {1}))), "ARRAY_BOUNDS");
  for (const char* key : {"1", "00", "../data/0", "0/", "", "./0"}) {
    EXPECT_NE(RuleOf(Members(ZipStorage({.key = key}))), "") << key;
  }
  EXPECT_EQ(RuleOf(Members(ZipStorage({.location = "meta"}))), "SCHEMA");
  EXPECT_EQ(RuleOf(Members(LegacyStorage({}))), "SCHEMA");
}

TEST(TorchZipTest, OneStorageHasOneType) {
  const std::string ints = ZipStorage({.cls = "torch\nIntStorage"});
  EXPECT_EQ(RuleOf(Members("("s + ZipStorage({}) + ZipStorage({}) + "t")), "");
  EXPECT_EQ(RuleOf(Members("("s + ZipStorage({}) + ints + "t")), "SCHEMA");
  std::vector<Entry> empty = Members("("s + ZipStorage({.elements = 0}) +
                                     ZipStorage({.cls = "torch\nIntStorage", .elements = 0}) + "t");
  empty[kData] = Member("m/data/0", "");
  EXPECT_EQ(RuleOf(empty), "");
}

TEST(TorchZipTest, WhatReadersDisagreeOnIsRefused) {
  EXPECT_EQ(After([](auto& e) {
              e[kData].deflate = true;
              e[kData].descriptor = 16;
            }),
            "ZIP_UNSUPPORTED");
  EXPECT_EQ(After([](auto& e) {
              e[kData].descriptor = 0;
              e[kData].local.crc = 1;
              e[kData].central.crc = 1;
            }),
            "ZIP_MISMATCH");
  EXPECT_EQ(After([](auto& e) { e[kData].attributes = 0x10; }), "ZIP_UNSUPPORTED");
  EXPECT_EQ(After([](auto& e) { e[kData].local.name = "m/data/1"; }), "ZIP_MISMATCH");
  EXPECT_EQ(After([](auto& e) { e[kData].before = "x"; }), "ZIP_MISMATCH");
  const std::string file = FileOf(Members());
  EXPECT_EQ(Parsed(ToBlob("x"s + file)).rule().empty(), false);
  EXPECT_EQ(Parsed(ToBlob(file + file)).rule(), "ZIP_MISMATCH");
  EXPECT_EQ(Parsed(ToBlob(file + "x")).rule(), "MALFORMED");
}

TEST(TorchZipTest, BigEndianFilesAreDecoded) {
  const auto decoded = [](const char* cls, int64_t elements, const std::string& data) {
    std::vector<Entry> entries = Members(ZipStorage({.cls = cls, .elements = elements}));
    entries[kByteOrder] = Member("m/byteorder", "big");
    entries[kData] = Member("m/data/0", data);
    const Blob blob = ToBlob(FileOf(entries));
    Parsed parsed(blob);
    EXPECT_EQ(parsed.rule(), "") << parsed.message();
    v1::Graph graph;
    EXPECT_TRUE(graph.ParseFromString(parsed.encoded().graph));
    EXPECT_EQ(graph.buffer_sources(0), v1::BUFFER_SOURCE_DECODED);
    const bytes::Bytes map = parsed.DecodedBytes();
    const bytes::Bytes part = map.subspan(graph.buffer_offsets(0), graph.buffer_lengths(0));
    return std::string(part.begin(), part.end());
  };
  EXPECT_EQ(decoded("torch\nFloatStorage", 2, "abcdefgh"), "dcbahgfe");
  EXPECT_EQ(decoded("torch\nComplexFloatStorage", 1, "abcdefgh"), "dcbahgfe");
  EXPECT_EQ(decoded("torch\nDoubleStorage", 1, "abcdefgh"), "hgfedcba");
  EXPECT_EQ(decoded("torch\nHalfStorage", 4, "abcdefgh"), "badcfehg");
  std::vector<Entry> bytes = Members(ZipStorage({.cls = "torch\nByteStorage", .elements = 16}));
  bytes[kByteOrder] = Member("m/byteorder", "big");
  const Blob blob = ToBlob(FileOf(bytes));
  const Parsed parsed(blob);
  EXPECT_EQ(parsed.rule(), "");
  EXPECT_EQ(parsed.decoded().size(), 0u);
}

TEST(TorchZipTest, RefusalsNameTheMember) {
  const Blob blob = ToBlob(FileOf(Members(Call("os", "system", Text("id")) + "}b}b")));
  const Parsed parsed(blob);
  ASSERT_NE(parsed.rule(), "");
  EXPECT_EQ(parsed.output().refusals[0].member_path, "m/data.pkl");
  EXPECT_TRUE(parsed.Names("os", "system"));
}

TEST(TorchZipTest, CodeIsRefusedByName) {
  struct Case {
    const char* member;
    const char* format;
  };
  for (const Case& c :
       {Case{"m/constants.pkl", "torchscript"}, Case{"m/code/__torch__/net.py", "torchscript"},
        Case{"m/archive_format", "torch-export"},
        Case{"m/serialized_exported_program.json", "torch-export"},
        Case{"m/.data/extern_modules", "torch-package"}, Case{"MAR-INF/MANIFEST.json", "mar"}}) {
    std::vector<Entry> entries = Members();
    entries.push_back(Member(c.member, "x"));
    const Blob blob = ToBlob(FileOf(entries));
    const Parsed parsed(blob);
    EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << c.member;
    EXPECT_EQ(parsed.format(), c.format) << c.member;
    EXPECT_THAT(parsed.message(), HasSubstr("this is a")) << c.member;
  }
}

// One node a tensor and one a storage.
TEST(TorchZipTest, ManySmallTensorsCostLittle) {
  constexpr int kCount = 2000;
  std::string object = "}(";
  std::vector<Entry> entries = Members();
  entries.erase(entries.begin() + kData);
  for (int i = 0; i < kCount; ++i) {
    const std::string key = std::to_string(i);
    object += Text("layer"s + key) + Tensor(ZipStorage({.key = key}), 0, {4}, {1});
    entries.push_back(Member("m/data/"s + key, std::string(16, '\1')));
  }
  entries[kPickle] = Member("m/data.pkl", Pickle(object + "u"));
  const Blob blob = ToBlob(FileOf(entries));
  const Parsed parsed(blob);
  ASSERT_EQ(parsed.rule(), "") << parsed.message();
  EXPECT_EQ(parsed.encoded().nodes, 2u * kCount + 1);
}

}  // namespace
}  // namespace loadlock::formats
