#include "client/cli/auditor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "client/cpp/client.h"
#include "client/cpp/errors.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/support/temp_folder.h"

namespace loadlock::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

absl::Status Error(int code, const std::string& reason, const std::string& limit = "") {
  google::rpc::ErrorInfo info;
  info.set_domain("loadlock");
  info.set_reason(reason);
  (*info.mutable_metadata())["limit"] = limit;
  google::rpc::Status rich;
  rich.add_details()->PackFrom(info);
  return client::StatusFromRpc(code, reason, rich.SerializeAsString());
}

constexpr int kPermissionDenied = 7;
constexpr int kResourceExhausted = 8;

// A daemon that answers from a list and remembers what it was asked.
class AuditorTest : public ::testing::Test {
 protected:
  Item File(const std::string& name, uint64_t size) {
    return {name, folder_.Write(name, std::string(size, 'x')), absl::OkStatus()};
  }
  Auditor Make(bool remote, const Options& options = {}) {
    return Auditor(
        [this](const v1::AuditModelRequest& request) -> absl::StatusOr<v1::AuditModelResponse> {
          requests_.push_back(request);
          if (!errors_.empty()) {
            const absl::Status error = errors_.front();
            errors_.erase(errors_.begin());
            return error;
          }
          v1::AuditModelResponse answer;
          answer.mutable_report()->set_verdict(v1::VERDICT_ACCEPTED);
          return answer;
        },
        remote, options);
  }

  const support::TempFolder folder_;
  std::vector<v1::AuditModelRequest> requests_;
  std::vector<absl::Status> errors_;
};

TEST_F(AuditorTest, SendsThePath) {
  Options options;
  options.command = Command::kInspect;
  options.policy = "sklearn";
  options.sha256 = "ab";
  const Item item = File("a", 10);
  const Outcome outcome = Make(false, options).Audit(item);
  EXPECT_EQ(outcome.Decision(), ExitCode::kAccepted);
  EXPECT_EQ(outcome.answer->report().path(), "a");
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].path(), item.path);
  EXPECT_EQ(requests_[0].policy(), "sklearn");
  EXPECT_EQ(requests_[0].expected_sha256(), "ab");
  EXPECT_TRUE(requests_[0].include_graph());
}

TEST_F(AuditorTest, SendsContentToARemoteDaemon) {
  Make(true).Audit(File("a", client::kMaxInlineContent));
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].content().size(), client::kMaxInlineContent);
  EXPECT_EQ(Make(true).Audit(File("empty", 0)).Decision(), ExitCode::kAccepted);
  EXPECT_EQ(requests_[1].artifact_case(), v1::AuditModelRequest::kContent);
}

TEST_F(AuditorTest, SaysThatAFileIsTooLargeForARemoteDaemon) {
  const Outcome outcome = Make(true).Audit(File("a", client::kMaxInlineContent + 1));
  EXPECT_EQ(outcome.Decision(), ExitCode::kUndecided);
  EXPECT_THAT(outcome.answer.status().message(), HasSubstr("3 MiB"));
  EXPECT_TRUE(requests_.empty());
}

TEST_F(AuditorTest, SendsContentWhereTheDaemonMayNotRead) {
  for (const char* reason : {"OUTSIDE_ROOTS", "FILE_FORBIDDEN"}) {
    requests_.clear();
    errors_ = {Error(kPermissionDenied, reason)};
    EXPECT_EQ(Make(false).Audit(File("a", 10)).Decision(), ExitCode::kAccepted);
    ASSERT_EQ(requests_.size(), 2u);
    EXPECT_EQ(requests_[1].content(), std::string(10, 'x'));
  }
  errors_ = {Error(kPermissionDenied, "OUTSIDE_ROOTS")};
  const Outcome large = Make(false).Audit(File("b", client::kMaxInlineContent + 1));
  EXPECT_TRUE(absl::IsPermissionDenied(large.answer.status()));
  EXPECT_THAT(large.answer.status().message(), HasSubstr("3 MiB"));
}

TEST_F(AuditorTest, OtherErrorsStand) {
  errors_ = {Error(kPermissionDenied, "CALLER_FORBIDDEN")};
  EXPECT_EQ(Make(false).Audit(File("a", 10)).Decision(), ExitCode::kUndecided);
  errors_ = {Error(kResourceExhausted, "LIMIT_REACHED", "max_artifact_bytes")};
  EXPECT_EQ(Make(false).Audit(File("a", 10)).Decision(), ExitCode::kUndecided);
  EXPECT_EQ(requests_.size(), 2u);
}

TEST_F(AuditorTest, WaitsForABusyDaemonButNotForEver) {
  errors_.assign(2, Error(kResourceExhausted, "LIMIT_REACHED", "max_queued_requests"));
  EXPECT_EQ(Make(false).Audit(File("a", 10)).Decision(), ExitCode::kAccepted);
  EXPECT_EQ(requests_.size(), 3u);
  errors_.assign(100, Error(kResourceExhausted, "LIMIT_REACHED", "max_queued_requests"));
  EXPECT_EQ(Make(false).Audit(File("a", 10)).Decision(), ExitCode::kUndecided);
  EXPECT_LT(requests_.size(), 20u);
}

TEST_F(AuditorTest, ProblemsNeverReachTheDaemon) {
  const Outcome outcome = Make(false).Audit({"x", "/x", absl::NotFoundError("gone")});
  EXPECT_EQ(outcome.Decision(), ExitCode::kUndecided);
  EXPECT_TRUE(requests_.empty());
}

TEST_F(AuditorTest, PathsThatAreNotTextGoAsContent) {
  const std::string name = "\xff\xfe";
  EXPECT_EQ(Make(false).Audit(File(name, 5)).Decision(), ExitCode::kAccepted);
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].content().size(), 5u);
}

TEST_F(AuditorTest, APipeInTheFilesPlaceDoesNotHangIt) {
  const std::string path = folder_.path() / "fifo";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(Make(true).Audit({"fifo", path, absl::OkStatus()}).Decision(), ExitCode::kUndecided);
}

}  // namespace
}  // namespace loadlock::cli
