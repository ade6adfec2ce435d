// loadlockd from start to end, with its real worker.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "server/rpc/testing_daemon.h"

namespace loadlock::rpc {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;

const char kNone[] = "\x80\x02N.";
// os.system("...") as any scanner's first example; the sandbox never runs it.
const char kEvil[] =
    "\x80\x02"
    "cposix\nsystem\nX\x04\x00\x00\x00true\x85R.";

std::string NonePickle() { return std::string(kNone, 4); }
std::string EvilPickle() { return std::string(kEvil, sizeof(kEvil) - 1); }

// A .npy of `count` doubles.
std::string Npy(size_t count) {
  std::string header =
      "{'descr': '<f8', 'fortran_order': False, 'shape': (" + std::to_string(count) + ",), }";
  while ((10 + header.size() + 1) % 64 != 0) header += ' ';
  header += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += static_cast<char>(header.size() & 0xff);
  out += static_cast<char>(header.size() >> 8);
  out += header;
  for (size_t i = 0; i < count * 8; ++i) out += static_cast<char>(i * 31 >> 3);
  return out;
}

class DaemonTest : public ::testing::Test {
 protected:
  void Start(const std::string& config = "") {
    daemon_ = std::make_unique<TestDaemon>(folder_, config);
    stub_ = daemon_->Stub();
    ASSERT_TRUE(daemon_->AwaitReady()) << folder_.Read("log");
  }

  grpc::Status Audit(const std::string& path, v1::Report* report) {
    v1::AuditModelRequest request;
    request.set_path(path);
    v1::AuditModelResponse response;
    grpc::ClientContext context;
    const grpc::Status status = stub_->AuditModel(&context, request, &response);
    report->Swap(response.mutable_report());
    return status;
  }

  static grpc::Status Load(v1::LoadLock::Stub& stub, const std::string& path,
                           v1::LoadModelResponse* response) {
    v1::LoadModelRequest request;
    request.set_path(path);
    grpc::ClientContext context;
    return stub.LoadModel(&context, request, response);
  }

  static grpc::Status Unload(v1::LoadLock::Stub& stub, const std::string& token) {
    v1::UnloadModelRequest request;
    request.set_token(token);
    v1::UnloadModelResponse response;
    grpc::ClientContext context;
    return stub.UnloadModel(&context, request, &response);
  }

  v1::GetServerInfoResponse Info() {
    v1::GetServerInfoResponse response;
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->GetServerInfo(&context, {}, &response).ok());
    return response;
  }

  static std::string ReasonOf(const grpc::Status& status) {
    google::rpc::Status details;
    google::rpc::ErrorInfo info;
    if (!details.ParseFromString(status.error_details()) || details.details_size() == 0) return "";
    return details.details(0).UnpackTo(&info) ? info.reason() : "";
  }

  TestFolder folder_;
  std::unique_ptr<TestDaemon> daemon_;
  std::unique_ptr<v1::LoadLock::Stub> stub_;
};

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

TEST_F(DaemonTest, SocketsHaveTheirModes) {
  Start();
  struct stat info {};
  ASSERT_EQ(stat(folder_.path("run").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0750U);
  for (const char* name : {"run/loadlock.sock", "run/loadlock.sock.fd"}) {
    ASSERT_EQ(stat(folder_.path(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777U, 0660U);
  }
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

TEST_F(DaemonTest, SaturationIsRefusedAtOnce) {
  Start("limits { max_running_requests: 1 max_queued_requests: 1 }");
  const std::string path = folder_.Write("models/a.npy", Npy(2'000'000));
  std::atomic<int> served{0};
  std::atomic<int> exhausted{0};
  std::atomic<int> other{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 12; ++i) {
    clients.emplace_back([&] {
      for (int j = 0; j < 5; ++j) {
        v1::Report report;
        const grpc::Status status = Audit(path, &report);
        if (status.ok()) {
          served.fetch_add(1);
        } else if (status.error_code() == StatusCode::RESOURCE_EXHAUSTED &&
                   status.error_message().find("max_queued_requests (1)") != std::string::npos) {
          exhausted.fetch_add(1);
        } else {
          other.fetch_add(1);
        }
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_GT(served.load(), 0);
  EXPECT_GT(exhausted.load(), 0);
  EXPECT_EQ(other.load(), 0);
}

TEST_F(DaemonTest, DrainLetsRunningStreamsEndAndRefusesNewRequests) {
  Start();
  v1::LoadModelResponse response;
  ASSERT_TRUE(Load(*stub_, folder_.Write("models/a.npy", Npy(4'000'000)), &response).ok());
  v1::FetchModelRequest request;
  request.set_token(response.lease().token());
  grpc::ClientContext context;
  auto reader = stub_->FetchModel(&context, request);
  v1::FetchModelResponse part;
  ASSERT_TRUE(reader->Read(&part));
  daemon_->Signal(SIGTERM);
  v1::Report report;
  grpc::Status status;
  for (int i = 0; i < 200; ++i) {
    status = Audit(folder_.path("models/a.npy"), &report);
    if (!status.ok()) break;
  }
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(ReasonOf(status), "DRAINING");
  while (reader->Read(&part)) {
  }
  EXPECT_TRUE(part.has_end());
  EXPECT_TRUE(reader->Finish().ok());
  EXPECT_EQ(daemon_->AwaitExit(), 0);
}

// grpc.health.v1 without its generated code: field 1 of the answer is the status.
std::string Health(const std::shared_ptr<grpc::Channel>& channel, const std::string& service) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  std::string request;
  if (!service.empty()) request = std::string("\x0a") + static_cast<char>(service.size()) + service;
  const grpc::Slice slice(request);
  const grpc::ByteBuffer bytes(&slice, 1);
  auto call = stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Check", bytes, &queue);
  call->StartCall();
  grpc::ByteBuffer answer;
  grpc::Status status;
  int tag = 0;
  call->Finish(&answer, &status, &tag);
  void* got = nullptr;
  bool ok = false;
  queue.Next(&got, &ok);
  grpc::Slice flat;
  if (!status.ok() || !answer.DumpToSingleSlice(&flat).ok()) return status.error_message();
  return {reinterpret_cast<const char*>(flat.begin()), flat.size()};
}

TEST_F(DaemonTest, HealthKnowsBothServices) {
  Start();
  const auto channel = daemon_->Connect();
  EXPECT_EQ(Health(channel, ""), "\x08\x01");
  EXPECT_EQ(Health(channel, "loadlock.v1.LoadLock"), "\x08\x01");
}

TEST_F(DaemonTest, SecondDaemonIsRefusedAndAStaleSocketReplaced) {
  Start();
  {
    TestDaemon second(folder_);
    EXPECT_FALSE(second.AwaitReady());
    EXPECT_EQ(second.AwaitExit(), 1);
    EXPECT_THAT(folder_.Read("log"), HasSubstr("another loadlockd serves"));
  }
  v1::Report report;
  EXPECT_TRUE(Audit(folder_.Write("models/none", NonePickle()), &report).ok());
  daemon_->Signal(SIGKILL);
  EXPECT_EQ(daemon_->AwaitExit(), -SIGKILL);
  EXPECT_TRUE(std::filesystem::exists(folder_.path("run/loadlock.sock")));
  Start();
  EXPECT_TRUE(Audit(folder_.path("models/none"), &report).ok());
}

TEST_F(DaemonTest, EndsWithItsLifeline) {
  Start();
  daemon_->CloseLifeline();
  EXPECT_EQ(daemon_->AwaitExit(), 0);
}

TEST_F(DaemonTest, BadConfigurationIsExitTwoAndOneLine) {
  TestDaemon daemon(folder_, "limits {\n  max_nodes: 0x7fffffff\n}\n");
  EXPECT_EQ(daemon.AwaitExit(), 2);
  EXPECT_EQ(folder_.Read("log"),
            folder_.path("loadlockd.textproto") + ":5: limits.max_nodes: must be 1 to 10000000\n");
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
  EXPECT_TRUE(Audit(request.path(), &report).ok());
}

TEST_F(DaemonTest, PoliciesAreListedAndExplained) {
  folder_.Write("policies/small.textproto",
                "name: 'small' description: 'one' entries { name: 'os.name' trust: TRUST_NAME "
                "at: 'mode' why: 'test' }\n");
  Start();
  v1::ListPoliciesResponse list;
  grpc::ClientContext list_context;
  ASSERT_TRUE(stub_->ListPolicies(&list_context, {}, &list).ok());
  ASSERT_EQ(list.policies_size(), 2);
  EXPECT_EQ(list.policies(1).name(), "small");
  EXPECT_EQ(list.policies(1).entry_count(), 1U);
  v1::ExplainPolicyRequest request;
  request.set_policy("small");
  request.set_name("os.name");
  v1::ExplainPolicyResponse entries;
  grpc::ClientContext explain_context;
  ASSERT_TRUE(stub_->ExplainPolicy(&explain_context, request, &entries).ok());
  ASSERT_EQ(entries.entries_size(), 1);
  EXPECT_EQ(entries.digest(), list.policies(1).digest());
  request.set_name("os.system");
  grpc::ClientContext missing_context;
  const grpc::Status status = stub_->ExplainPolicy(&missing_context, request, &entries);
  EXPECT_EQ(ReasonOf(status), "NO_SUCH_ENTRY");
}

}  // namespace
}  // namespace loadlock::rpc
