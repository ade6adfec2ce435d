#include "server/observe/grpc_log.h"

#include <gmock/gmock.h>
#include <grpc/support/log.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace loadlock::observe {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class GrpcLogTest : public ::testing::Test {
 protected:
  GrpcLogTest() : path_(::testing::TempDir() + "/grpc_log." + std::to_string(getpid())) {
    gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);  // As grpc_init does by default.
  }
  ~GrpcLogTest() override { std::filesystem::remove(path_); }

  std::string Contents() const {
    std::ostringstream text;
    text << std::ifstream(path_).rdbuf();
    return text.str();
  }

  std::string path_;
};

TEST_F(GrpcLogTest, ErrorsAreAFewLinesInTheLogAndNothingOnStandardError) {
  const auto log = Log::Open({.level = "info", .file = path_});
  ASSERT_TRUE(log.ok()) << log.status();
  ::testing::internal::CaptureStderr();
  {
    const GrpcLog grpc(**log);
    for (int i = 0; i < 1000; ++i) gpr_log(GPR_ERROR, "No address added out of total %d", i);
  }
  gpr_log(GPR_ERROR, "too late");
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  const std::string lines = Contents();
  EXPECT_THAT(lines, HasSubstr(" warning grpc message=\"No address added out of total 0\""));
  EXPECT_THAT(lines, Not(HasSubstr("too late")));
  const auto count = std::count(lines.begin(), lines.end(), '\n');
  EXPECT_GE(count, 1);
  EXPECT_LE(count, 100);
}

TEST_F(GrpcLogTest, LinesAreEscaped) {
  const auto log = Log::Open({.level = "info", .file = path_});
  ASSERT_TRUE(log.ok()) << log.status();
  {
    const GrpcLog grpc(**log);
    gpr_log(GPR_ERROR, "%s", "a\nserving \x1b[31m\"");
  }
  EXPECT_THAT(Contents(), HasSubstr("a\\\\x0aserving"));
  EXPECT_THAT(Contents(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace loadlock::observe
