#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "google/rpc/error_details.pb.h"
#include "server/observe/error.h"
#include "server/observe/log.h"
#include "server/observe/request_id.h"
#include "server/observe/text.h"

namespace loadlock::observe {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(PrintableTest, KeepsTextAndEscapesTheRest) {
  EXPECT_EQ(Printable("plain \xC3\xA9", 100), "plain \xC3\xA9");
  EXPECT_EQ(Printable("a\nb\x1b[31m", 100), "a\\x0ab\\x1b[31m");
  EXPECT_EQ(Printable("\xFF\xC0\x80\xED\xA0\x80", 100), "\\xff\\xc0\\x80\\xed\\xa0\\x80");
  EXPECT_EQ(Printable("\\", 100), "\\\\");
  EXPECT_EQ(Printable("\xC2\x9B", 100), "\\xc2\\x9b");           // C1 control
  EXPECT_EQ(Printable("\xE2\x80\xAE", 100), "\\xe2\\x80\\xae");  // right-to-left override
}

TEST(PrintableTest, CutsBetweenCharacters) {
  EXPECT_EQ(Printable("abcdef", 6), "abcdef");
  EXPECT_EQ(Printable("abcdefg", 6), "abc...");
  EXPECT_EQ(Printable("abc\xC3\xA9\xC3\xA9g", 7), "abc...");
  for (size_t max = 3; max < 20; ++max) {
    EXPECT_LE(Printable("ab\x01\x02\x03\xC3\xA9 and more of it", max).size(), max);
  }
}

TEST(JsonTest, EveryByteStringIsValidJson) {
  for (int first = 0; first < 256; ++first) {
    std::string json = "{\"k\":";
    AppendJsonString(std::string{static_cast<char>(first), '"', '\\', '\n'}, &json);
    json += "}";
    google::protobuf::Struct parsed;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(json, &parsed).ok()) << json;
  }
}

class LogTest : public ::testing::Test {
 protected:
  LogTest() : path_(::testing::TempDir() + "/observe_test." + std::to_string(getpid())) {}
  ~LogTest() override { std::filesystem::remove(path_); }

  std::string Contents() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  std::string path_;
};

TEST_F(LogTest, JsonLinesAreOneObjectEach) {
  auto log = Log::Open({.level = "info", .json = true, .file = path_});
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Write(Level::kInfo, "verdict",
                {{"path", "/m/\"evil\"\n{\"level\":\"x\"}%v{}"},
                 {"size", 12},
                 {"ok", true},
                 {"total_ms", absl::Microseconds(1500)}});
  (*log)->Write(Level::kDebug, "hidden", {});
  const std::string text = Contents();
  ASSERT_EQ(std::count(text.begin(), text.end(), '\n'), 1) << text;
  google::protobuf::Struct parsed;
  ASSERT_TRUE(google::protobuf::util::JsonStringToMessage(text, &parsed).ok()) << text;
  EXPECT_EQ(parsed.fields().at("event").string_value(), "verdict");
  EXPECT_EQ(parsed.fields().at("level").string_value(), "info");
  EXPECT_EQ(parsed.fields().at("size").number_value(), 12);
  EXPECT_TRUE(parsed.fields().at("ok").bool_value());
  EXPECT_EQ(parsed.fields().at("total_ms").number_value(), 1.5);
  EXPECT_THAT(parsed.fields().at("path").string_value(), HasSubstr("\\x0a"));
}

TEST_F(LogTest, TextLinesQuoteValues) {
  auto log = Log::Open({.level = "warn", .json = false, .file = path_});
  ASSERT_TRUE(log.ok()) << log.status();
  (*log)->Write(Level::kWarn, "odd", {{"why", "a \"b\""}, {"n", -3}});
  (*log)->Write(Level::kInfo, "hidden", {});
  EXPECT_THAT(Contents(), EndsWith(" warning odd why=\"a \\\"b\\\"\" n=-3\n"));
}

TEST_F(LogTest, FileIsPrivate) {
  std::ofstream(path_) << "";
  ASSERT_EQ(chmod(path_.c_str(), 0644), 0);
  ASSERT_TRUE(Log::Open({.level = "info", .json = false, .file = path_}).ok());
  struct stat info {};
  ASSERT_EQ(stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
}

TEST_F(LogTest, LeavesTheModeOfADeviceAlone) {
  struct stat before {};
  ASSERT_EQ(stat("/dev/full", &before), 0);
  ASSERT_TRUE(Log::Open({.level = "info", .json = false, .file = "/dev/full"}).ok());
  struct stat after {};
  ASSERT_EQ(stat("/dev/full", &after), 0);
  EXPECT_EQ(after.st_mode, before.st_mode);
}

TEST_F(LogTest, DoesNotFollowALink) {
  const std::string target = path_ + ".target";
  std::ofstream(target) << "";
  ASSERT_EQ(symlink(target.c_str(), path_.c_str()), 0);
  EXPECT_FALSE(Log::Open({.level = "info", .json = false, .file = path_}).ok());
  std::filesystem::remove(target);
}

TEST_F(LogTest, UnknownLevelIsAnError) {
  EXPECT_FALSE(Log::Open({.level = "loud", .json = false, .file = path_}).ok());
}

TEST_F(LogTest, ReopensAFileThatWasRenamed) {
  const auto log = Log::Open({.level = "info", .json = true, .file = path_});
  ASSERT_TRUE(log.ok());
  (*log)->Write(Level::kInfo, "before", {});
  const std::string old = path_ + ".1";
  std::filesystem::rename(path_, old);
  (*log)->Write(Level::kInfo, "between", {});
  ASSERT_TRUE((*log)->Reopen().ok());
  (*log)->Write(Level::kInfo, "after", {});
  EXPECT_THAT(Contents(), HasSubstr("after"));
  EXPECT_EQ(Contents().find("between"), std::string::npos);
  // A file that cannot be opened leaves the old one.
  std::filesystem::rename(path_, old);
  std::filesystem::create_directory(path_);
  EXPECT_EQ((*log)->Reopen().code(), absl::StatusCode::kPermissionDenied);
  (*log)->Write(Level::kInfo, "kept", {});
  std::filesystem::remove(path_);
  std::filesystem::rename(old, path_);
  EXPECT_THAT(Contents(), HasSubstr("kept"));
}

TEST(RequestIdsTest, CountUpBehindAPrefix) {
  RequestIds ids;
  EXPECT_THAT(ids.Next(), testing::MatchesRegex("[0-9a-f]{8}-1"));
  EXPECT_THAT(ids.Next(), EndsWith("-2"));
}

TEST(ErrorTest, CarriesErrorInfo) {
  const absl::Status status =
      Error(absl::StatusCode::kNotFound, "NO_SUCH_FILE", "no\nsuch", {{"path", "/x\n"}});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "no\\x0asuch");
  EXPECT_EQ(ReasonOf(status), "NO_SUCH_FILE");
  EXPECT_EQ(ReasonOf(absl::InternalError("x")), "");
}

TEST(ErrorTest, BadFieldNamesTheField) {
  const absl::Status status = BadField("policy", "is unknown");
  google::rpc::BadRequest request;
  const auto payload = status.GetPayload("type.googleapis.com/google.rpc.BadRequest");
  ASSERT_TRUE(payload.has_value());
  ASSERT_TRUE(request.ParseFromString(std::string(*payload)));
  EXPECT_EQ(request.field_violations(0).field(), "policy");
  EXPECT_THAT(std::string(status.message()), StartsWith("policy: is unknown"));
}

TEST(ErrorTest, LimitReachedNamesTheLimit) {
  const absl::Status status = LimitReached("max_leases", 7, "too many");
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(status.message(), "max_leases (7): too many");
}

}  // namespace
}  // namespace loadlock::observe
