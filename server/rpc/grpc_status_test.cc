#include "server/rpc/grpc_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/observe/error.h"

namespace loadlock::rpc {
namespace {

google::rpc::Status DetailsOf(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

v1::Report Refused(int findings, int names) {
  v1::Report report;
  report.set_verdict(v1::VERDICT_REFUSED);
  report.set_request_id("id-1");
  for (int i = 0; i < findings; ++i) {
    v1::Finding* finding = report.add_findings();
    finding->set_rule_id("NAME_NOT_LISTED");
    finding->set_severity(v1::SEVERITY_ERROR);
    finding->set_message("finding " + std::to_string(i) + std::string(80, '.'));
  }
  for (int i = 0; i < names; ++i) {
    report.add_globals()->set_module("module" + std::to_string(i) + std::string(40, '.'));
  }
  return report;
}

TEST(ToGrpcTest, OkStaysOk) { EXPECT_TRUE(ToGrpc(absl::OkStatus()).ok()); }

TEST(ToGrpcTest, CarriesCodeMessageAndDetails) {
  const grpc::Status status = ToGrpc(observe::BadField("path", "must be absolute"));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(), "path: must be absolute");
  const google::rpc::Status details = DetailsOf(status);
  EXPECT_EQ(details.code(), 3);
  ASSERT_EQ(details.details_size(), 2);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "INVALID_FIELD");
  EXPECT_EQ(info.domain(), "loadlock");
  EXPECT_TRUE(details.details(1).Is<google::rpc::BadRequest>());
}

TEST(ToGrpcTest, MessagesAreEscapedAndCut) {
  const grpc::Status status = ToGrpc(absl::InternalError(std::string(5000, '\n')));
  EXPECT_LE(status.error_message().size(), kMaxStatusMessage);
  EXPECT_THAT(status.error_message(), testing::StartsWith("\\x0a"));
}

TEST(RefusedStatusTest, SmallReportIsWhole) {
  const grpc::Status status = ToGrpc(RefusedStatus(Refused(2, 3)));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), testing::StartsWith("refused: finding 0"));
  const google::rpc::Status details = DetailsOf(status);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.reason(), "REFUSED");
  EXPECT_EQ(info.metadata().at("rule_id"), "NAME_NOT_LISTED");
  EXPECT_EQ(info.metadata().at("report_cut"), "false");
  v1::Report report;
  ASSERT_TRUE(details.details(1).UnpackTo(&report));
  EXPECT_EQ(report.findings_size(), 2);
  EXPECT_EQ(report.globals_size(), 3);
}

class CutTest : public ::testing::TestWithParam<std::pair<int, int>> {};

TEST_P(CutTest, LargeReportIsCutAndSaysSo) {
  const grpc::Status status = ToGrpc(RefusedStatus(Refused(GetParam().first, GetParam().second)));
  EXPECT_LE(status.error_details().size(), kMaxDetailBytes);
  const google::rpc::Status details = DetailsOf(status);
  google::rpc::ErrorInfo info;
  ASSERT_TRUE(details.details(0).UnpackTo(&info));
  EXPECT_EQ(info.metadata().at("report_cut"), "true");
  v1::Report report;
  ASSERT_TRUE(details.details(1).UnpackTo(&report));
  EXPECT_EQ(report.verdict(), v1::VERDICT_REFUSED);
  EXPECT_THAT(report.findings(0).message(), testing::StartsWith("finding 0"));
  EXPECT_EQ(report.findings(report.findings_size() - 1).rule_id(), "REPORT_CUT");
}

INSTANTIATE_TEST_SUITE_P(Sizes, CutTest,
                         ::testing::Values(std::pair(1, 100'000), std::pair(10'000, 0),
                                           std::pair(300, 300), std::pair(45, 1000)));

}  // namespace
}  // namespace loadlock::rpc
