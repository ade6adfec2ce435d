#include "client/cpp/errors.h"

#include <gtest/gtest.h>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace loadlock::client {
namespace {

constexpr int kFailedPrecondition = 9;

std::string Details(const std::vector<const google::protobuf::Message*>& messages) {
  google::rpc::Status rich;
  for (const auto* message : messages) rich.add_details()->PackFrom(*message);
  return rich.SerializeAsString();
}

google::rpc::ErrorInfo Info(const std::string& domain) {
  google::rpc::ErrorInfo info;
  (*info.mutable_metadata())["limit"] = "max_nodes";
  info.set_domain(domain);
  info.set_reason("REFUSED");
  return info;
}

TEST(StatusFromRpc, KeepsCodeMessageAndReason) {
  const google::rpc::ErrorInfo info = Info("loadlock");
  const absl::Status status = StatusFromRpc(5, "no such file", Details({&info}));
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_EQ(status.message(), "no such file");
  EXPECT_EQ(ErrorReason(status), "REFUSED");
  EXPECT_EQ(ErrorMetadata(status, "limit"), "max_nodes");
  EXPECT_EQ(ErrorMetadata(status, "other"), "");
  EXPECT_FALSE(RefusedReport(status).has_value());
}

TEST(StatusFromRpc, GarbageInTheDetailsLeavesTheCode) {
  EXPECT_TRUE(absl::IsInternal(StatusFromRpc(13, "x", "\xff\xff\xff")));
  EXPECT_EQ(ErrorReason(StatusFromRpc(13, "x", "\xff\xff\xff")), "");
  EXPECT_TRUE(absl::IsUnknown(StatusFromRpc(99, "x", "")));
  EXPECT_TRUE(absl::IsUnknown(StatusFromRpc(-1, "x", "")));
  EXPECT_TRUE(StatusFromRpc(0, "", "").ok());
}

TEST(ErrorReason, BelongsToTheDaemonOnly) {
  const google::rpc::ErrorInfo info = Info("example.org");
  EXPECT_EQ(ErrorReason(StatusFromRpc(5, "x", Details({&info}))), "");
}

TEST(RefusedReport, NeedsCodeAndVerdict) {
  v1::Report report;
  report.set_verdict(v1::VERDICT_REFUSED);
  report.add_findings()->set_rule_id("NAME_NOT_LISTED");
  const google::rpc::ErrorInfo info = Info("loadlock");
  const auto refused =
      RefusedReport(StatusFromRpc(kFailedPrecondition, "refused", Details({&info, &report})));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(refused->findings(0).rule_id(), "NAME_NOT_LISTED");

  EXPECT_FALSE(RefusedReport(StatusFromRpc(13, "x", Details({&report}))).has_value());
  report.set_verdict(v1::VERDICT_ACCEPTED);
  EXPECT_FALSE(
      RefusedReport(StatusFromRpc(kFailedPrecondition, "x", Details({&report}))).has_value());
}

}  // namespace
}  // namespace loadlock::client
