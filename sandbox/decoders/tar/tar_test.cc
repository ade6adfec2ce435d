#include "sandbox/decoders/tar/tar.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "sandbox/decoders/tar/testing/writer.h"

namespace loadlock::tar {
namespace {

using testing::Entry;
using testing::PaxRecord;
using testing::Put;
using testing::Write;
using testing::WriteEntry;

// What the reader made of the bytes; copies, so that nothing has to outlive it.
struct Result {
  std::string rule;
  std::vector<std::string> names;
  std::vector<std::string> contents;
};

Result ReadText(const std::string& file) {
  bytes::Budget budget({});
  std::vector<Member> members;
  const Bytes raw(reinterpret_cast<const uint8_t*>(file.data()), file.size());
  Result result;
  if (const auto refusal = Read(raw, &budget, &members)) {
    EXPECT_FALSE(refusal->message.empty());
    EXPECT_LE(refusal->byte_offset.value_or(0), file.size());
    result.rule = refusal->rule_id;
  }
  for (const Member& member : members) {
    result.names.push_back(member.name);
    result.contents.push_back(file.substr(member.data_offset, member.data.size()));
  }
  return result;
}

std::string RuleOf(const std::vector<Entry>& entries) { return ReadText(Write(entries)).rule; }
std::string RuleOfOne(const Entry& entry) { return ReadText(Write({entry})).rule; }

TEST(TarTest, ReadsFilesAndLeavesFoldersOut) {
  const Result result = ReadText(Write({{.name = "./", .type = '5'},
                                        {.name = "a", .content = "one"},
                                        {.name = "sub/", .type = '5'},
                                        {.name = "./sub/b", .content = std::string(513, 'x')},
                                        {.name = "empty", .content = "", .type = '\0'}}));
  EXPECT_EQ(result.rule, "");
  EXPECT_EQ(result.names, (std::vector<std::string>{"a", "sub/b", "empty"}));
  EXPECT_EQ(result.contents, (std::vector<std::string>{"one", std::string(513, 'x'), ""}));
}

TEST(TarTest, ReadsPrefixesPaxNamesAndGnusForm) {
  const Entry prefixed = {.name = "b", .content = "1", .change = [](std::string& header) {
                            Put(header, 345, "folder/of");
                          }};
  const Entry pax = {.name = "PaxHeaders/x",
                     .content = PaxRecord("path", "long/\xc3\xa9") + PaxRecord("mtime", "1.5"),
                     .type = 'x'};
  const Entry gnu = {.name = "g", .content = "3", .change = [](std::string& header) {
                       Put(header, 257, std::string("ustar  \0", 8));
                     }};
  const Result result = ReadText(Write({prefixed, pax, {.name = "long/?", .content = "2"}, gnu}));
  EXPECT_EQ(result.rule, "");
  EXPECT_EQ(result.names, (std::vector<std::string>{"folder/of/b", "long/\xc3\xa9", "g"}));
}

TEST(TarTest, NamesDoNotEscape) {
  for (const char* name : {"/etc/passwd", "../x", "a/../../x", "a/..", "..", "a//b", "a/./b",
                           "a\\b", "C:x", "a\nb", "\xc3\xa9", ".//x", "././../x"}) {
    EXPECT_EQ(RuleOfOne({.name = name}), "TAR_NAME") << name;
    EXPECT_EQ(
        RuleOf({{.name = "p", .content = PaxRecord("path", name), .type = 'x'}, {.name = "fine"}}),
        name == std::string("\xc3\xa9") ? "" : "TAR_NAME")
        << name;
  }
  EXPECT_EQ(RuleOfOne({.name = "../", .type = '5'}), "TAR_NAME");
  EXPECT_EQ(RuleOfOne({.name = ""}), "TAR_NAME");
  EXPECT_EQ(
      RuleOf({{.name = "p", .content = PaxRecord("path", std::string("a\0b", 3)), .type = 'x'},
              {.name = "fine"}}),
      "TAR_NAME");
  EXPECT_EQ(
      RuleOfOne({.name = "x", .change = [](std::string& header) { Put(header, 345, "/etc"); }}),
      "TAR_NAME");
  EXPECT_EQ(RuleOfOne({.name = "x", .change = [](std::string& header) { Put(header, 345, ".."); }}),
            "TAR_NAME");
}

TEST(TarTest, NamesStandOnce) {
  EXPECT_EQ(RuleOf({{.name = "a"}, {.name = "a"}}), "DUPLICATE_MEMBER");
  EXPECT_EQ(RuleOf({{.name = "a"}, {.name = "A"}}), "DUPLICATE_MEMBER");
  EXPECT_EQ(RuleOf({{.name = "a"}, {.name = "./a"}}), "DUPLICATE_MEMBER");
  EXPECT_EQ(RuleOf({{.name = "a/", .type = '5'}, {.name = "a"}}), "DUPLICATE_MEMBER");
}

TEST(TarTest, OnlyPlainFilesAndFoldersAreRead) {
  for (const char type :
       {'1', '2', '3', '4', '6', '7', 'g', 'L', 'K', 'S', 'D', 'M', 'V', 'A', '9'}) {
    EXPECT_EQ(RuleOfOne({.name = "a", .type = type}), "TAR_UNSUPPORTED") << type;
  }
  const auto links = [](std::string& header) { Put(header, 157, "/etc/passwd"); };
  EXPECT_EQ(RuleOfOne({.name = "a", .change = links}), "TAR_UNSUPPORTED");
  EXPECT_EQ(RuleOfOne({.name = "a/", .content = "data", .type = '5'}), "MALFORMED");
  // GNU's form has times and more where POSIX has the prefix.
  EXPECT_EQ(RuleOfOne({.name = "a",
                       .change =
                           [](std::string& header) {
                             Put(header, 257, std::string("ustar  \0", 8));
                             Put(header, 345, "x");
                           }}),
            "TAR_UNSUPPORTED");
}

TEST(TarTest, NumbersThatReadersTakeDifferentlyAreRefused) {
  for (const std::string& size :
       {std::string("\x80\0\0\0\0\0\0\0\0\0\0\1", 12), std::string("-0000000001"),
        std::string("+1"), std::string("0x1\0", 4), std::string(12, '\0'), std::string(12, ' '),
        std::string("1 1"), std::string("\0001", 2), std::string("00000000008")}) {
    EXPECT_EQ(RuleOfOne({.name = "a",
                         .change =
                             [&size](std::string& header) {
                               Put(header, 124, std::string(12, '\0'));
                               Put(header, 124, size);
                             }}),
              "MALFORMED")
        << size;
  }
  const auto with_size = [](const char* size) {
    return [size](std::string& header) {
      Put(header, 124, std::string(12, '\0'));
      Put(header, 124, size);
    };
  };
  EXPECT_EQ(RuleOfOne({.name = "a", .change = with_size("0")}), "");
  EXPECT_EQ(RuleOfOne({.name = "a", .change = with_size("          0 ")}), "");
  EXPECT_EQ(RuleOfOne({.name = "a", .change = with_size("77777777777")}), "TRUNCATED");
  EXPECT_EQ(RuleOfOne({.name = "a", .change = with_size("777777777777")}), "TRUNCATED");
}

TEST(TarTest, ChecksumsHoldAndTextsEnd) {
  std::string file = Write({{.name = "a"}});
  EXPECT_TRUE(HasMagic({reinterpret_cast<const uint8_t*>(file.data()), file.size()}));
  file[0] = 'b';
  EXPECT_EQ(ReadText(file).rule, "MALFORMED");
  EXPECT_FALSE(HasMagic({reinterpret_cast<const uint8_t*>(file.data()), file.size()}));
  const auto hidden = [](std::string& header) { Put(header, 2, "hidden"); };
  EXPECT_EQ(RuleOfOne({.name = "a", .change = hidden}), "MALFORMED");
}

// What a reader that is less strict takes for an archive is recognised as one, and refused.
TEST(TarTest, OlderFormsAreRecognisedAndRefused) {
  const auto is_tar = [](const std::string& file) {
    return HasMagic({reinterpret_cast<const uint8_t*>(file.data()), file.size()});
  };
  const Entry old = {.name = "a",
                     .change = [](std::string& header) { Put(header, 257, std::string(8, '\0')); }};
  EXPECT_TRUE(is_tar(Write({old})));
  EXPECT_EQ(RuleOfOne(old), "MALFORMED");
  EXPECT_FALSE(is_tar(std::string(1024, '\0')));
  EXPECT_FALSE(is_tar(std::string(1024, ' ')));
}

TEST(TarTest, MembersAreFoundByTheNameInTheirHeader) {
  const std::string file = Write({{.name = "a", .content = "x"}, {.name = "./b"}});
  const auto has = [&file](std::string_view name) {
    return HasMember({reinterpret_cast<const uint8_t*>(file.data()), file.size()}, name);
  };
  EXPECT_TRUE(has("a"));
  EXPECT_TRUE(has("./b"));
  EXPECT_FALSE(has("b"));
}

TEST(TarTest, PaxHeadersChangeNothingButNames) {
  const auto rule = [](const std::string& records) {
    return RuleOf({{.name = "p", .content = records, .type = 'x'}, {.name = "a", .content = "x"}});
  };
  EXPECT_EQ(rule(PaxRecord("mtime", "1.25") + PaxRecord("uname", "\xc3\xa9")), "");
  EXPECT_EQ(rule(""), "");
  for (const char* key :
       {"size", "linkpath", "GNU.sparse.map", "SCHILY.xattr.x", "hdrcharset", "PATH"}) {
    EXPECT_EQ(rule(PaxRecord(key, "0")), "TAR_UNSUPPORTED") << key;
  }
  EXPECT_EQ(rule(PaxRecord("path", "a") + PaxRecord("path", "b")), "MALFORMED");
  for (const char* records : {"x", "5 a=", "99 path=a\n", "011 path=a\n", "3 =\n", "11 path=ab",
                              "5 ab\n", "99999999999999999999 a=b\n", "-1 a=b\n", "0 a=b\n"}) {
    EXPECT_EQ(rule(records), "MALFORMED") << records;
  }
  EXPECT_EQ(RuleOfOne({.name = "p", .content = PaxRecord("path", "a"), .type = 'x'}), "MALFORMED");
  EXPECT_EQ(RuleOf({{.name = "p", .type = 'x'}, {.name = "q", .type = 'x'}, {.name = "a"}}),
            "MALFORMED");
  EXPECT_EQ(rule(PaxRecord("comment", std::string(20000, 'x'))), "TAR_UNSUPPORTED");
}

TEST(TarTest, ItEndsWithZerosAndNothingElse) {
  const std::string one = WriteEntry({.name = "a", .content = "x"});
  EXPECT_EQ(ReadText(one).rule, "TRUNCATED");
  EXPECT_EQ(ReadText(one + std::string(512, '\0')).rule, "TRUNCATED");
  EXPECT_EQ(ReadText(one + std::string(1024, '\0')).rule, "");
  EXPECT_EQ(ReadText(one + std::string(10240, '\0')).rule, "");
  EXPECT_EQ(ReadText(one + std::string(1025, '\0')).rule, "MALFORMED");
  // Some readers stop at one block of zeros, some look behind both.
  EXPECT_EQ(ReadText(one + std::string(512, '\0') + one + std::string(1024, '\0')).rule,
            "TRAILING_DATA");
  EXPECT_EQ(ReadText(one + std::string(1024, '\0') + Write({{.name = "b"}})).rule, "TRAILING_DATA");
  std::string padded = one + std::string(1024, '\0');
  padded[512 + 1] = 'y';
  EXPECT_EQ(ReadText(padded).rule, "TRAILING_DATA");
}

TEST(TarTest, EveryTruncationIsRefused) {
  const std::string whole = Write({{.name = "a", .content = "x"}, {.name = "b", .content = "y"}});
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(ReadText(whole.substr(0, size)).rule, "") << size;
  }
}

}  // namespace
}  // namespace loadlock::tar
