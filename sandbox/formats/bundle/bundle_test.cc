#include "sandbox/formats/bundle/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <string>
#include <utility>
#include <vector>

#include "sandbox/decoders/tar/testing/writer.h"
#include "sandbox/decoders/zip/testing/writer.h"
#include "sandbox/formats/testing.h"

namespace loadlock::formats {
namespace {

using ::testing::HasSubstr;

const char kPoison[] = "\x80\4cposix\nsystem\n\x8c\2id\x85R.";

struct File {
  std::string name;
  std::string content;
};

std::string Content(const char* test_file) {
  const Blob blob = ReadTestFile(test_file);
  return {blob.begin(), blob.end()};
}

Blob Zip(const std::vector<File>& files, bool deflate = false) {
  std::vector<zip::testing::Entry> entries;
  for (const File& file : files) {
    zip::testing::Entry entry;
    entry.name = file.name;
    entry.content = file.content;
    entry.deflate = deflate;
    entries.push_back(entry);
  }
  return ToBlob(zip::testing::Write(entries));
}

Blob Tar(const std::vector<File>& files) {
  std::vector<tar::testing::Entry> entries;
  entries.reserve(files.size());
  for (const File& file : files) entries.push_back({.name = file.name, .content = file.content});
  return ToBlob(tar::testing::Write(entries));
}

Blob Zlib(const Blob& data) {
  uLongf size = compressBound(data.size());
  Blob out(size);
  EXPECT_EQ(compress2(out.data(), &size, data.data(), data.size(), 9), Z_OK);
  out.resize(size);
  return out;
}

std::vector<File> Models() {
  return {{"a.npy", Content("npy__version1")},
          {"sub/b.joblib", Content("joblib__arrays_protocol4")},
          {"c.safetensors", Content("safetensors__float32")},
          {"d.gguf", Content("gguf__vocabulary")},
          {"e.ubj", Content("xgboost-ubjson__categories")},
          {"f", Content("pickle__plain_protocol0")},
          {"objects.npy", Content("npy__objects")}};
}

TEST(BundleTest, EveryMemberIsReadAsItself) {
  for (const auto& [archive, format] :
       {std::pair{Zip(Models()), "zip"}, std::pair{Zip(Models(), /*deflate=*/true), "zip"},
        std::pair{Tar(Models()), "tar"}, std::pair{Zlib(Tar(Models())), "tar+zlib"},
        std::pair{Zlib(Zip(Models(), true)), "zip+zlib"}}) {
    const Parsed parsed(archive);
    ASSERT_EQ(parsed.rule(), "") << format << ": " << parsed.message();
    EXPECT_EQ(parsed.format(), format);
    const auto edges = parsed.graph().edges(parsed.output().root);
    ASSERT_EQ(edges.size(), 2 * Models().size());
    for (size_t i = 0; i < Models().size(); ++i) {
      EXPECT_EQ(parsed.graph().text(edges[2 * i]), Models()[i].name);
    }
    ASSERT_EQ(parsed.output().notes.size(), 1U);
    EXPECT_EQ(parsed.output().notes[0].member_path, "d.gguf");
  }
}

// Each buffer holds what the member's array holds, wherever the member lies.
TEST(BundleTest, BuffersLieInTheMembers) {
  const std::string npy = Content("npy__version1");
  const std::string data = npy.substr(npy.size() - 48);
  for (const Blob& archive : {Zip({{"x", "N."}, {"a.npy", npy}, {"b", npy}}),
                              Zip({{"x", "N."}, {"a.npy", npy}, {"b", npy}}, /*deflate=*/true),
                              Tar({{"x", "N."}, {"a.npy", npy}, {"b", npy}}),
                              Zlib(Tar({{"x", "N."}, {"a.npy", npy}, {"b", npy}}))}) {
    Parsed parsed(archive);
    ASSERT_EQ(parsed.rule(), "") << parsed.message();
    v1::Graph graph;
    ASSERT_TRUE(graph.ParseFromString(parsed.encoded().graph));
    ASSERT_EQ(graph.buffer_sources_size(), 2);
    const bytes::Bytes decoded = const_cast<graph::DecodedFile&>(parsed.decoded()).Map();
    for (int i = 0; i < 2; ++i) {
      const bytes::Bytes source =
          graph.buffer_sources(i) == v1::BUFFER_SOURCE_ARTIFACT ? bytes::Bytes(archive) : decoded;
      const bytes::Bytes held = source.subspan(graph.buffer_offsets(i), graph.buffer_lengths(i));
      EXPECT_EQ(std::string(held.begin(), held.end()), data);
    }
  }
}

TEST(BundleTest, OnePoisonedMemberIsEnough) {
  for (const Blob& archive :
       {Zip({{"good.pkl", "N."}, {"bad.pkl", std::string(kPoison) + "x"}}),
        Zip({{"good.pkl", "N."}, {"bad.pkl", std::string(kPoison) + "x"}}, true),
        Tar({{"good.pkl", "N."}, {"bad.pkl", std::string(kPoison) + "x"}}),
        Zlib(Tar({{"good.pkl", "N."}, {"bad.pkl", std::string(kPoison) + "x"}}))}) {
    const Parsed parsed(archive);
    EXPECT_EQ(parsed.rule(), "TRAILING_DATA");
    EXPECT_TRUE(parsed.Names("posix", "system"));
    const graph::Refusal& refusal = parsed.output().refusals[0];
    EXPECT_EQ(refusal.member_path, "bad.pkl");
    // In the member, wherever that lies.
    EXPECT_EQ(refusal.byte_offset, sizeof(kPoison) - 1);
  }
}

TEST(BundleTest, NothingIsNestedDeeper) {
  const std::vector<File> one = {{"a", "N."}};
  const auto text = [](const Blob& blob) { return std::string(blob.begin(), blob.end()); };
  for (const auto& [inner, name] :
       {std::pair{text(Zip(one)), "zip"}, std::pair{text(Tar(one)), "tar"},
        std::pair{text(Zip({{"a.npy", Content("npy__version1")}})), "zip"},
        std::pair{Content("skops__plain"), "zip"}, std::pair{Content("joblib+xz__arrays"), "xz"},
        std::pair{text(Zlib(ToBlob("N."))), "zlib"}}) {
    for (const Blob& archive : {Zip({{"in", inner}}), Tar({{"in", inner}})}) {
      const Parsed parsed(archive);
      EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << name;
      EXPECT_THAT(parsed.message(), HasSubstr(std::string("holds ") + name));
      EXPECT_EQ(parsed.output().refusals[0].member_path, "in");
    }
  }
}

TEST(BundleTest, WhatIsNoModelIsRefusedByName) {
  for (const auto& [content, what] :
       {std::pair{std::string("import os\n"), "Python"},
        std::pair{std::string("\xff\xfe?"), "none of"}, std::pair{std::string(), "empty"},
        std::pair{std::string("\x89HDF\r\n\x1a\n"), "HDF5"}}) {
    for (const Blob& archive :
         {Zip({{"m", "N."}, {"x", content}}), Tar({{"m", "N."}, {"x", content}})}) {
      const Parsed parsed(archive);
      EXPECT_EQ(parsed.rule(), "UNKNOWN_FORMAT") << what;
      EXPECT_THAT(parsed.message(), HasSubstr(what));
      EXPECT_EQ(parsed.output().refusals[0].member_path, "x");
    }
  }
}

TEST(BundleTest, ArchivesWithoutModelsAreRefused) {
  const Blob folders = ToBlob(tar::testing::Write({{.name = "./", .type = '5'}}));
  EXPECT_EQ(Parsed(folders).rule(), "UNKNOWN_FORMAT");
  EXPECT_EQ(Parsed(folders).format(), "tar");
  const Blob escaping = Tar({{"../a", "N."}});
  EXPECT_EQ(Parsed(escaping).rule(), "TAR_NAME");
}

TEST(BundleTest, TheBudgetIsOneForAll) {
  bytes::BudgetLimits limits = SmallBudget();
  limits.max_nodes = 40;
  const std::vector<File> one(1, {"a", Content("pickle__plain_protocol4")});
  const Blob small = Tar(one);
  EXPECT_EQ(Parsed(small, limits).rule(), "");
  std::vector<File> many;
  many.reserve(10);
  for (int i = 0; i < 10; ++i) many.push_back({std::to_string(i), one[0].content});
  const Blob archive = Tar(many);
  EXPECT_EQ(Parsed(archive, limits).rule(), "BUDGET_NODES");
}

}  // namespace
}  // namespace loadlock::formats
