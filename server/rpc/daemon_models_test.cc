// loadlockd with its real worker: what audits, loads and uploads answer.
#include <gmock/gmock.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <string>

#include "absl/time/clock.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/testing/daemon_test_base.h"

namespace loadlock::rpc {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

TEST_F(DaemonTest, AuditsFilesAndEndsCleanly) {
  Start();
  v1::Report report;
  grpc::Status status = Audit(folder_.Write("models/none", NonePickle()), &report);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(report.verdict(), v1::VERDICT_ACCEPTED) << report.ShortDebugString();
  EXPECT_EQ(report.format(), "pickle");
  EXPECT_EQ(report.sha256().size(), 64U);
  EXPECT_NE(report.tier(), v1::TIER_UNSPECIFIED);
  status = Audit(folder_.Write("models/evil", EvilPickle()), &report);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(report.verdict(), v1::VERDICT_REFUSED);
  ASSERT_GT(report.findings_size(), 0);
  EXPECT_EQ(report.findings(0).rule_id(), "NAME_NOT_LISTED");
  EXPECT_EQ(report.findings(0).name(), "posix.system");
  daemon_->Signal(SIGTERM);
  EXPECT_EQ(daemon_->AwaitExit(), 0) << folder_.Read("log");
  EXPECT_TRUE(std::filesystem::is_empty(folder_.path("run")));
}

TEST_F(DaemonTest, ErrorsCarryReasons) {
  Start();
  v1::Report report;
  grpc::Status status = Audit(folder_.path("models/none"), &report);
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(ReasonOf(status), "NO_SUCH_FILE");
  status = Audit("/etc/passwd", &report);
  EXPECT_EQ(status.error_code(), StatusCode::PERMISSION_DENIED);
  EXPECT_EQ(ReasonOf(status), "OUTSIDE_ROOTS");
  status = Audit("", &report);
  EXPECT_EQ(status.error_code(), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(ReasonOf(status), "INVALID_FIELD");
  status = Unload(*stub_, std::string(32, 'x'));
  EXPECT_EQ(status.error_code(), StatusCode::NOT_FOUND);
}

TEST_F(DaemonTest, RefusedLoadCarriesTheReport) {
  Start();
  v1::LoadModelResponse response;
  const grpc::Status status = Load(*stub_, folder_.Write("models/evil", EvilPickle()), &response);
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(ReasonOf(status), "REFUSED");
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  v1::Report report;
  ASSERT_EQ(details.details_size(), 2);
  ASSERT_TRUE(details.details(1).UnpackTo(&report));
  EXPECT_EQ(report.verdict(), v1::VERDICT_REFUSED);
  EXPECT_EQ(report.findings(0).name(), "posix.system");
  EXPECT_EQ(Info().leases(), 0U);
}

TEST_F(DaemonTest, SmallModelComesInline) {
  Start();
  v1::LoadModelResponse response;
  const std::string npy = Npy(100);
  const grpc::Status status = Load(*stub_, folder_.Write("models/a.npy", npy), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(response.has_graph());
  ASSERT_TRUE(response.buffers_inline());
  ASSERT_EQ(response.buffers_size(), 1);
  EXPECT_EQ(response.buffers(0), npy.substr(npy.size() - 800));
  EXPECT_EQ(response.lease().token().size(), 32U);
  EXPECT_EQ(response.lease().fd_socket(), folder_.path("run/loadlock.sock.fd"));
  EXPECT_TRUE(Unload(*stub_, response.lease().token()).ok());
  EXPECT_EQ(Info().leases(), 0U);
}

TEST_F(DaemonTest, LargeModelIsStreamed) {
  Start();
  const std::string npy = Npy(400'000);
  v1::LoadModelResponse response;
  grpc::Status status = Load(*stub_, folder_.Write("models/a.npy", npy), &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_FALSE(response.buffers_inline());
  v1::FetchModelRequest request;
  request.set_token(response.lease().token());
  grpc::ClientContext context;
  auto reader = stub_->FetchModel(&context, request);
  v1::FetchModelResponse part;
  v1::Graph graph;
  std::string buffer;
  bool ended = false;
  while (reader->Read(&part)) {
    EXPECT_FALSE(ended);
    if (part.has_graph()) graph.MergeFrom(part.graph());
    if (part.has_chunk()) {
      EXPECT_EQ(part.chunk().offset(), buffer.size());
      EXPECT_LE(part.chunk().data().size(), size_t{1} << 20);
      buffer += part.chunk().data();
    }
    ended = part.has_end();
  }
  status = reader->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_TRUE(ended);
  EXPECT_EQ(part.end().buffer_bytes(), 3'200'000U);
  EXPECT_EQ(graph.SerializeAsString(), response.graph().SerializeAsString());
  EXPECT_EQ(buffer, npy.substr(npy.size() - 3'200'000));
}

TEST_F(DaemonTest, LeasesBelongToTheirConnectionAndEndWithIt) {
  Start();
  const std::string path = folder_.Write("models/none", NonePickle());
  auto other = daemon_->Stub();
  v1::LoadModelResponse mine;
  v1::LoadModelResponse theirs;
  ASSERT_TRUE(Load(*stub_, path, &mine).ok());
  ASSERT_TRUE(Load(*other, path, &theirs).ok());
  EXPECT_EQ(Info().leases(), 2U);
  EXPECT_EQ(Unload(*stub_, theirs.lease().token()).error_code(), StatusCode::NOT_FOUND);
  EXPECT_TRUE(Unload(*other, theirs.lease().token()).ok());
  ASSERT_TRUE(Load(*other, path, &theirs).ok());
  other.reset();
  for (int i = 0; i < 400 && Info().leases() != 1; ++i) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(Info().leases(), 1U);
}

TEST_F(DaemonTest, LeasesExpire) {
  Start("limits { default_lease { nanos: 50000000 } }");
  v1::LoadModelResponse response;
  ASSERT_TRUE(Load(*stub_, folder_.Write("models/none", NonePickle()), &response).ok());
  absl::SleepFor(absl::Milliseconds(80));
  EXPECT_EQ(Unload(*stub_, response.lease().token()).error_code(), StatusCode::NOT_FOUND);
  for (int i = 0; i < 400 && Info().leases() != 0; ++i) absl::SleepFor(absl::Milliseconds(5));
  EXPECT_EQ(Info().leases(), 0U);
}

TEST_F(DaemonTest, UploadsAreVettedAsFilesAre) {
  Start();
  const std::string npy = Npy(300'000);
  v1::AuditUploadResponse audit;
  grpc::ClientContext audit_context;
  auto auditor = stub_->AuditUpload(&audit_context, &audit);
  v1::AuditUploadRequest audit_part;
  for (size_t at = 0; at < npy.size(); at += 1'000'000) {
    audit_part.set_chunk(npy.substr(at, 1'000'000));
    ASSERT_TRUE(auditor->Write(audit_part));
  }
  auditor->WritesDone();
  grpc::Status status = auditor->Finish();
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(audit.report().verdict(), v1::VERDICT_ACCEPTED);
  EXPECT_EQ(audit.report().size(), npy.size());

  v1::LoadUploadResponse load;
  grpc::ClientContext load_context;
  auto loader = stub_->LoadUpload(&load_context, &load);
  v1::LoadUploadRequest load_part;
  load_part.set_expected_sha256(audit.report().sha256());
  ASSERT_TRUE(loader->Write(load_part));
  load_part.set_chunk(Npy(10));
  loader->Write(load_part);
  loader->WritesDone();
  status = loader->Finish();
  EXPECT_EQ(status.error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_THAT(status.error_message(), HasSubstr("SHA-256"));
}

TEST_F(DaemonTest, CallersDeadlineEndsTheCall) {
  Start();
  v1::AuditModelRequest request;
  request.set_path(folder_.Write("models/a.npy", Npy(3'000'000)));
  v1::AuditModelResponse response;
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(1));
  EXPECT_EQ(stub_->AuditModel(&context, request, &response).error_code(),
            StatusCode::DEADLINE_EXCEEDED);
  v1::Report report;
  const grpc::Status after = Audit(request.path(), &report);
  EXPECT_TRUE(after.ok()) << after.error_message();
}

}  // namespace
}  // namespace loadlock::rpc
