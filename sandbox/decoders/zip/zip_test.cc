#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/decoders/zip/archive.h"
#include "sandbox/decoders/zip/testing/writer.h"

namespace loadlock::zip {
namespace {

using std::string_literals::operator""s;
using testing::Entry;
using testing::Layout;
using testing::Le;
using testing::Write;

// An archive with everything around it, every member extracted.
class Opened {
 public:
  explicit Opened(std::string file, bytes::BudgetLimits limits = {.max_decoded_bytes = 1 << 20})
      : file_(std::move(file)),
        fd_(memfd_create("decoded", MFD_CLOEXEC)),
        budget_(limits),
        decoded_(fd_, &budget_) {
    const bytes::Bytes view(reinterpret_cast<const uint8_t*>(file_.data()), file_.size());
    refusal_ = archive_.Open({v1::BUFFER_SOURCE_ARTIFACT, 0, view, view.size()}, &budget_);
    if (!refusal_) ExtractAll();
  }
  ~Opened() { close(fd_); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  std::string rule() const { return refusal_ ? refusal_->rule_id : ""; }
  std::string message() const { return refusal_ ? refusal_->message : ""; }
  const Archive& archive() const { return archive_; }
  const std::map<std::string, std::string>& contents() const { return contents_; }
  const graph::DecodedFile& decoded() const { return decoded_; }

 private:
  void ExtractAll() {
    std::vector<graph::Buffer> buffers(archive_.members().size());
    for (size_t i = 0; i < buffers.size() && !refusal_; ++i) {
      refusal_ = archive_.Extract(archive_.members()[i], &budget_, &decoded_, &buffers[i]);
    }
    if (refusal_) return;
    const bytes::Bytes map = decoded_.Map();
    for (size_t i = 0; i < buffers.size(); ++i) {
      const bool inflated = buffers[i].source == v1::BUFFER_SOURCE_DECODED;
      const bytes::Bytes data =
          inflated ? map.subspan(buffers[i].offset, buffers[i].length) : buffers[i].data;
      contents_[std::string(archive_.members()[i].name)] = std::string(data.begin(), data.end());
    }
  }

  std::string file_;
  int fd_;
  bytes::Budget budget_;
  graph::DecodedFile decoded_;
  Archive archive_;
  std::optional<graph::Refusal> refusal_;
  std::map<std::string, std::string> contents_;
};

std::string Rule(const std::vector<Entry>& entries, const Layout& layout = {}) {
  return Opened(Write(entries, layout)).rule();
}

Entry Named(std::string name, std::string content = "content") {
  Entry entry;
  entry.name = std::move(name);
  entry.content = std::move(content);
  return entry;
}

// Two members, the first one changed.
std::string RuleOf(const std::function<void(Entry&)>& change) {
  std::vector<Entry> entries = {Named("a.npy"), Named("schema.json", "{}")};
  change(entries[0]);
  return Rule(entries);
}

const std::string kText(1000, 'x');

TEST(ZipTest, ReadsStoredAndDeflatedMembers) {
  Entry deflated = Named("folder/b.bin", kText);
  deflated.deflate = true;
  const Opened opened(Write({Named("a.npy", "abc"), deflated, Named("empty", "")}));
  ASSERT_EQ(opened.rule(), "") << opened.message();
  EXPECT_EQ(opened.contents(), (std::map<std::string, std::string>{
                                   {"a.npy", "abc"}, {"folder/b.bin", kText}, {"empty", ""}}));
  ASSERT_NE(opened.archive().Find("a.npy"), nullptr);
  EXPECT_EQ(opened.archive().Find("A.npy"), nullptr);
  EXPECT_EQ(opened.archive().Find("a.npy")->data_offset, 30u + 5u);
}

TEST(ZipTest, ReadsWhatTorchWrites) {
  std::vector<Entry> entries;
  for (const char* name : {"m/data.pkl", "m/.format_version", "m/data/0", "m/version"}) {
    Entry entry = Named(name, name);
    entry.flags = 0x800;
    entry.version = 0;
    entry.attributes = 0;
    entry.descriptor = 16;
    entry.local.extra = "FB" + Le(5, 2) + "ZZZZZ";
    entries.push_back(entry);
  }
  entries[2].descriptor = 24;
  entries.push_back(Named("m/data/1", ""));
  entries.back().flags = 0x808;
  entries.back().descriptor_bytes = "";
  const Opened opened(Write(entries, {.zip64_end = true}));
  ASSERT_EQ(opened.rule(), "") << opened.message();
  EXPECT_EQ(opened.contents().size(), 5u);
}

TEST(ZipTest, ReadsWhatNumpySavezWrites) {
  Entry entry = Named("data.npy", kText);
  entry.deflate = true;
  entry.version = 45;
  const uint64_t compressed = testing::Deflated(kText).size();
  entry.local.extra = Le(1, 2) + Le(16, 2) + Le(kText.size(), 8) + Le(compressed, 8);
  entry.local.size = 0xFFFFFFFF;
  entry.local.compressed = 0xFFFFFFFF;
  EXPECT_EQ(Rule({entry}), "");
  // Python before 3.12 writes the sizes into both places.
  Entry twice = entry;
  twice.local.size.reset();
  twice.local.compressed.reset();
  EXPECT_EQ(Rule({twice}), "");
  twice.local.extra = Le(1, 2) + Le(16, 2) + Le(kText.size() + 1, 8) + Le(compressed, 8);
  EXPECT_EQ(Rule({twice}), "ZIP_MISMATCH");
  entry.local.extra = Le(1, 2) + Le(16, 2) + Le(kText.size() + 1, 8) + Le(compressed, 8);
  EXPECT_EQ(Rule({entry}), "ZIP_MISMATCH");
  entry.local.extra = "";
  EXPECT_EQ(Rule({entry}), "ZIP_MISMATCH");
}

TEST(ZipTest, ReadsZip64OfTheDirectory) {
  Entry entry = Named("a", "abc");
  entry.central.size = 0xFFFFFFFF;
  entry.central.compressed = 0xFFFFFFFF;
  entry.central.offset = 0xFFFFFFFF;
  const std::string values = Le(3, 8) + Le(3, 8) + Le(0, 8);
  entry.central.extra = Le(1, 2) + Le(24, 2) + values;
  const Layout layout{.zip64_end = true, .end_says_see64 = true};
  EXPECT_EQ(Rule({entry}, layout), "");
  // One value too many, one too few, twice, and none.
  const std::string wrong[] = {Le(1, 2) + Le(32, 2) + values + Le(0, 8),
                               Le(1, 2) + Le(16, 2) + values.substr(0, 16),
                               Le(1, 2) + Le(24, 2) + values + Le(1, 2) + Le(24, 2) + values, ""};
  for (const std::string& extra : wrong) {
    entry.central.extra = extra;
    EXPECT_EQ(Rule({entry}, layout), "ZIP_MISMATCH");
  }
  Entry needless = Named("a", "abc");
  needless.central.extra = Le(1, 2) + Le(8, 2) + Le(3, 8);
  EXPECT_EQ(Rule({needless}), "ZIP_MISMATCH");
}

TEST(ZipTest, HeadersThatDisagreeAreRefused) {
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.name = "b.npy"; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.name = "A.npy"; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.name = "a.npyx"; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.name = "b.npy"; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.method = 8; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.flags = 0x800; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.flags = 1; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.crc = 1; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.crc = 0; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.crc = 1; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.size = 6; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.compressed = 6; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.size = 0, e.local.compressed = 0; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.size = 6; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.size = 6, e.central.compressed = 6; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.offset = 1; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.version = 63; }), "ZIP_MISMATCH");
  // A wrong checksum in both.
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.crc = 1, e.central.crc = 1; }), "ZIP_MISMATCH");
}

TEST(ZipTest, NamesThatStandTwiceAreRefused) {
  EXPECT_EQ(Rule({Named("a"), Named("a")}), "DUPLICATE_MEMBER");
  EXPECT_EQ(Rule({Named("data.pkl"), Named("b"), Named("DATA.pkl")}), "DUPLICATE_MEMBER");
}

TEST(ZipTest, OddNamesAreRefused) {
  for (const std::string& name :
       {"/a"s, "../a"s, "a/../b"s, "a/.."s, "./a"s, "a//b"s, "a//"s, "../"s, "/"s, "a\\b"s, "C:a"s,
        "c:\\a"s, "a\0b"s, "a\nb"s, "\x7f"s, ""s, "\xff"s, "\xc3\xa9"s, std::string(1025, 'a')}) {
    EXPECT_EQ(Rule({Named(name)}), "ZIP_NAME") << name;
  }
  Entry utf8 = Named("\xc3\xa9");
  utf8.flags = 0x800;
  EXPECT_EQ(Rule({utf8}), "");
  utf8.name = "\xc3";
  EXPECT_EQ(Rule({utf8}), "ZIP_NAME");
  EXPECT_EQ(Rule({Named(".hidden/..a/a..")}), "");
}

TEST(ZipTest, FoldersAreProvenToBeEmptyAndLeftOut) {
  Entry folder = Named("models/");
  folder.content = "";
  folder.attributes = 040755U << 16U | 0x10U;
  const Opened opened(Write({folder, Named("models/a")}));
  EXPECT_EQ(opened.rule(), "");
  ASSERT_EQ(opened.archive().members().size(), 1U);
  EXPECT_EQ(opened.archive().Find("models/"), nullptr);
  EXPECT_EQ(Rule({folder}), "MALFORMED");
  EXPECT_EQ(Rule({folder, folder}), "DUPLICATE_MEMBER");
  EXPECT_EQ(Rule({folder, Named("MODELS")}), "DUPLICATE_MEMBER");
  Entry full = folder, file = folder, plain = Named("a");
  full.content = "N.";
  file.attributes = 0100644U << 16U;
  plain.attributes = folder.attributes;
  EXPECT_EQ(Rule({full, Named("a")}), "ZIP_MISMATCH");
  EXPECT_EQ(Rule({file, Named("a")}), "ZIP_UNSUPPORTED");
  EXPECT_EQ(Rule({plain}), "ZIP_UNSUPPORTED");
}

TEST(ZipTest, WhatIsNoPlainFileIsRefused) {
  for (const int flag : {0x1, 0x20, 0x40, 0x41, 0x10, 0x80, 0x100, 0x1000, 0x2000, 0x8000, 0x2}) {
    EXPECT_EQ(RuleOf([&](Entry& e) { e.flags = static_cast<uint16_t>(flag); }), "ZIP_UNSUPPORTED")
        << flag;
  }
  for (const int method : {1, 6, 9, 12, 14, 93, 95, 98, 99, 0xFFFF}) {
    EXPECT_EQ(RuleOf([&](Entry& e) {
                e.local.method = static_cast<uint16_t>(method);
                e.central.method = static_cast<uint16_t>(method);
              }),
              "ZIP_UNSUPPORTED")
        << method;
  }
  for (const uint32_t attributes : {0x10U, 0040755U << 16U, 0120777U << 16U, 0010600U << 16U}) {
    EXPECT_EQ(RuleOf([&](Entry& e) { e.attributes = attributes; }), "ZIP_UNSUPPORTED");
  }
  EXPECT_EQ(RuleOf([](Entry& e) { e.attributes = 0100644U << 16U; }), "");
  EXPECT_EQ(RuleOf([](Entry& e) { e.comment = "c"; }), "ZIP_UNSUPPORTED");
  EXPECT_EQ(RuleOf([](Entry& e) { e.version = 63; }), "ZIP_UNSUPPORTED");
}

TEST(ZipTest, ExtraFieldsThatCouldRenameAreRefused) {
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.extra = Le(0x7075, 2) + Le(1, 2) + "x"; }),
            "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.extra = Le(0x7075, 2) + Le(1, 2) + "x"; }),
            "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.local.extra = "x"; }), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.extra = Le(0x5455, 2) + Le(9, 2) + "x"; }),
            "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.central.extra = Le(0x5455, 2) + Le(1, 2) + "x"; }), "");
}

TEST(ZipTest, BytesOutsideOfTheMembersAreRefused) {
  const std::string archive = Write({Named("a"), Named("b")});
  EXPECT_EQ(Opened("x" + archive).rule(), "ZIP_MISMATCH");
  EXPECT_EQ(Opened(archive + "x").rule(), "MALFORMED");
  EXPECT_EQ(Opened(archive + archive).rule(), "ZIP_MISMATCH");
  EXPECT_EQ(Rule({Named("a")}, {.comment = "hello"}), "MALFORMED");
  EXPECT_EQ(Rule({Named("a")}, {.comment = std::string(22, '\0')}), "MALFORMED");
  EXPECT_EQ(Rule({Named("a")}, {.before_directory = "x"}), "ZIP_MISMATCH");
  EXPECT_EQ(Rule({Named("a")}, {.before_end = "x"}), "ZIP_MISMATCH");
  EXPECT_EQ(RuleOf([](Entry& e) { e.before = "x"; }), "ZIP_MISMATCH");
  Entry second = Named("b");
  second.before = "x";
  EXPECT_EQ(Rule({Named("a"), second}), "ZIP_MISMATCH");
  // A whole entry that the directory does not name.
  const std::string hidden = Write({Named("h")});
  second.before = hidden.substr(0, 30 + 1 + 7);
  EXPECT_EQ(Rule({Named("a"), second}), "ZIP_MISMATCH");
  // A comment that is an archive of its own: Python's reader takes the last one.
  EXPECT_NE(Rule({Named("a")}, {.comment = archive}), "");
}

TEST(ZipTest, EntriesThatOverlapAreRefused) {
  Entry second = Named("b");
  second.central.offset = 0;
  EXPECT_EQ(Rule({Named("a"), second}), "ZIP_MISMATCH");
  second = Named("a2");
  second.central.offset = 5;
  EXPECT_EQ(Rule({Named("a"), second}), "ZIP_MISMATCH");
  second.central.offset = 0x7FFFFFFF;
  EXPECT_EQ(Rule({Named("a"), second}), "ZIP_MISMATCH");
}

TEST(ZipTest, EndRecordsMustAgree) {
  for (const int by : {-1, 1, 1000}) {
    EXPECT_NE(Rule({Named("a"), Named("b")}, {.count_off_by = by}), "") << by;
    EXPECT_EQ(Rule({Named("a"), Named("b")}, {.offset_off_by = by}), "ZIP_MISMATCH") << by;
    EXPECT_EQ(Rule({Named("a")}, {.zip64_end = true, .zip64_offset_off_by = by}), "ZIP_MISMATCH");
  }
  EXPECT_EQ(Rule({Named("a")}, {.end_says_see64 = true}), "ZIP_MISMATCH");
  EXPECT_EQ(Rule({Named("a")}, {.disk = 1}), "ZIP_UNSUPPORTED");
  EXPECT_EQ(Rule({}), "MALFORMED");
  // The zip64 record states another count than the end record.
  std::string archive = Write({Named("a")}, {.zip64_end = true});
  archive[archive.size() - 22 - 20 - 56 + 24] = 2;
  archive[archive.size() - 22 - 20 - 56 + 32] = 2;
  EXPECT_EQ(Opened(archive).rule(), "ZIP_MISMATCH");
}

TEST(ZipTest, DescriptorsAreProven) {
  const auto with = [](std::string descriptor) {
    return RuleOf([&](Entry& e) { e.descriptor = 16, e.descriptor_bytes = std::move(descriptor); });
  };
  const std::string crc = Le(testing::Crc("content"), 4);
  EXPECT_EQ(with("PK\7\x8" + crc + Le(7, 4) + Le(7, 4)), "");
  EXPECT_EQ(with("PK\7\x8" + crc + Le(7, 8) + Le(7, 8)), "");
  EXPECT_EQ(with(""), "ZIP_MISMATCH");
  EXPECT_EQ(with(crc + Le(7, 4) + Le(7, 4)), "ZIP_MISMATCH");
  EXPECT_EQ(with("PK\7\x8" + Le(0, 4) + Le(7, 4) + Le(7, 4)), "ZIP_MISMATCH");
  EXPECT_EQ(with("PK\7\x8" + crc + Le(6, 4) + Le(7, 4)), "ZIP_MISMATCH");
  EXPECT_EQ(with("PK\7\x8" + crc + Le(7, 4) + Le(8, 4)), "ZIP_MISMATCH");
  EXPECT_EQ(with("PK\7\x8" + crc + Le(7, 4) + Le(7, 4) + "x"), "ZIP_MISMATCH");
  // Without the flag nothing may follow.
  EXPECT_EQ(RuleOf([&](Entry& e) { e.descriptor_bytes = "PK\7\x8" + crc + Le(7, 4) + Le(7, 4); }),
            "ZIP_MISMATCH");
}

TEST(ZipTest, DeflateDataMustBeExact) {
  const auto rule = [](const std::function<void(Entry&)>& change) {
    return RuleOf([&](Entry& e) {
      e.content = kText;
      e.deflate = true;
      change(e);
    });
  };
  EXPECT_EQ(rule([](Entry&) {}), "");
  const std::string good = testing::Deflated(kText);
  EXPECT_EQ(rule([&](Entry& e) { e.data = good + "x"; }), "ZIP_MISMATCH");
  EXPECT_EQ(rule([&](Entry& e) { e.data = good.substr(0, good.size() - 1); }), "MALFORMED");
  EXPECT_EQ(rule([&](Entry& e) { e.data = testing::Deflated(kText + "x"); }), "ZIP_MISMATCH");
  EXPECT_EQ(rule([&](Entry& e) { e.data = testing::Deflated(kText.substr(1)); }), "ZIP_MISMATCH");
  EXPECT_EQ(rule([&](Entry& e) { e.data = "\xff\xff\xff"; }), "MALFORMED");
  EXPECT_EQ(rule([&](Entry& e) { e.data = ""; }), "MALFORMED");
  std::string other = kText;
  other[0] = 'y';
  EXPECT_EQ(rule([&](Entry& e) { e.data = testing::Deflated(other); }), "ZIP_MISMATCH");
}

TEST(ZipTest, BombsEndAtTheBudget) {
  Entry bomb = Named("bomb", std::string(4 << 20, '\0'));
  bomb.deflate = true;
  const Opened opened(Write({bomb}));
  EXPECT_EQ(opened.rule(), "BUDGET_DECODED");
  EXPECT_LE(opened.decoded().size(), uint64_t{1} << 20);
  // It states to be small.
  bomb.local.size = 10;
  bomb.central.size = 10;
  const Opened liar(Write({bomb}));
  EXPECT_EQ(liar.rule(), "ZIP_MISMATCH");
  EXPECT_LE(liar.decoded().size(), 64u);
  // A count that costs nothing to state.
  std::string archive = Write({Named("a")}, {.zip64_end = true, .end_says_see64 = true});
  archive.replace(archive.size() - 22 - 20 - 56 + 24, 16, Le(999'999'999, 8) + Le(999'999'999, 8));
  EXPECT_EQ(Opened(archive).rule(), "ZIP_UNSUPPORTED");
  EXPECT_EQ(Opened(Write({Named("a")}), {.max_heap_bytes = 100}).rule(), "BUDGET_HEAP");
}

TEST(ZipTest, EveryTruncationAndEveryCutInFrontIsRefused) {
  Entry deflated = Named("b", kText);
  deflated.deflate = true;
  Entry described = Named("c");
  described.descriptor = 16;
  for (const bool zip64 : {false, true}) {
    const std::string archive = Write({Named("a"), deflated, described}, {.zip64_end = zip64});
    ASSERT_EQ(Opened(archive).rule(), "");
    for (size_t i = 0; i < archive.size(); ++i) {
      ASSERT_NE(Opened(archive.substr(0, i)).rule(), "") << i;
      ASSERT_NE(Opened(archive.substr(i + 1)).rule(), "") << i;
    }
  }
}

// A changed byte is refused unless it is a time or an owner, which say nothing of the content.
TEST(ZipTest, NoChangedByteChangesTheContent) {
  Entry deflated = Named("b", kText);
  deflated.deflate = true;
  const std::string archive = Write({Named("a"), deflated});
  const auto contents = Opened(archive).contents();
  for (size_t i = 0; i < archive.size(); ++i) {
    for (const int flip : {0x01, 0x10, 0x80, 0xFF}) {
      std::string changed = archive;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      const Opened opened(changed);
      if (opened.rule().empty()) {
        EXPECT_EQ(opened.contents(), contents) << i << " " << flip;
      }
    }
  }
}

}  // namespace
}  // namespace loadlock::zip
