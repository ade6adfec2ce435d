#include "server/observe/protobuf_log.h"

#include <gmock/gmock.h>
#include <google/protobuf/stubs/logging.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "google/rpc/status.pb.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(RateLimitTest, PassesAFewASecondAndCountsTheRest) {
  RateLimit limit(2);
  const clock::SteadyTime start;
  EXPECT_EQ(limit.Pass(start), 0U);
  EXPECT_EQ(limit.Pass(start), 0U);
  EXPECT_EQ(limit.Pass(start + absl::Milliseconds(500)), std::nullopt);
  EXPECT_EQ(limit.Pass(start + absl::Milliseconds(999)), std::nullopt);
  EXPECT_EQ(limit.Pass(start + absl::Seconds(1)), 2U);
  EXPECT_EQ(limit.Pass(start + absl::Seconds(1)), 0U);
  EXPECT_EQ(limit.Pass(start + absl::Seconds(1)), std::nullopt);
}

class ProtobufLogTest : public ::testing::Test {
 protected:
  ProtobufLogTest() : path_(::testing::TempDir() + "/protobuf_log." + std::to_string(getpid())) {}
  ~ProtobufLogTest() override { std::filesystem::remove(path_); }

  std::string Contents() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  std::string path_;
};

TEST_F(ProtobufLogTest, MalformedTextIsAFewLinesInTheLogAndNothingOnStandardError) {
  const auto log = Log::Open({.level = "info", .file = path_});
  ASSERT_TRUE(log.ok()) << log.status();
  ::testing::internal::CaptureStderr();
  {
    const ProtobufLog protobuf(**log);
    google::rpc::Status status;
    for (int i = 0; i < 1000; ++i) {
      EXPECT_FALSE(status.ParseFromString("\x12\x02\xff\xfe"));  // message: no UTF-8
    }
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  const std::string lines = Contents();
  EXPECT_THAT(lines, HasSubstr("protobuf message=\"String field 'google.rpc.Status.message'"));
  const auto count = std::count(lines.begin(), lines.end(), '\n');
  EXPECT_GE(count, 1);
  EXPECT_LE(count, 100);
}

TEST_F(ProtobufLogTest, LinesAreEscaped) {
  const auto log = Log::Open({.level = "info", .file = path_});
  ASSERT_TRUE(log.ok()) << log.status();
  {
    const ProtobufLog protobuf(**log);
    GOOGLE_LOG(ERROR) << "a\nserving \x1b[31m\"";
  }
  EXPECT_THAT(Contents(), HasSubstr("a\\\\x0aserving"));
  EXPECT_THAT(Contents(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace loadlock::observe
