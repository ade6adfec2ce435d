// loadlockd as a process: sockets, health, load, drain, configuration, end.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "server/rpc/testing/daemon_test_base.h"

namespace loadlock::rpc {
namespace {

using grpc::StatusCode;
using ::testing::HasSubstr;
using ::testing::Not;

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

TEST_F(DaemonTest, SaturationIsRefusedAtOnce) {
  Start("limits { max_running_requests: 1 max_queued_requests: 1 max_caller_percent: 100 }");
  const std::string path = folder_.Write("models/a.npy", Npy(2'000'000));
  std::atomic<int> served{0};
  std::atomic<int> exhausted{0};
  std::atomic<int> other{0};
  std::vector<std::thread> clients;
  clients.reserve(12);
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

// Its parser would complain on standard error, once for each request.
TEST_F(DaemonTest, TextThatIsNoUtf8IsOneEscapedLineInTheLog) {
  Start();
  v1::Report report;
  const grpc::Status status = Audit("/models/\xff\x1b[31m", &report);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(folder_.Read("log"), HasSubstr("protobuf message=\"String field 'loadlock.v1."));
  EXPECT_THAT(folder_.Read("log"), Not(HasSubstr("[libprotobuf")));
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
  ASSERT_EQ(entries.origins_size(), 1);
  EXPECT_EQ(entries.origins(0).name(), "os.name");
  EXPECT_EQ(entries.origins(0).policy(), "small");
  EXPECT_EQ(entries.origins(0).line(), 1U);
  // The file was rewritten, the daemon still judges by what it read: its lines stay as they were.
  folder_.Write("policies/small.textproto", "\n\nname: 'small'\n");
  grpc::ClientContext again_context;
  ASSERT_TRUE(stub_->ExplainPolicy(&again_context, request, &entries).ok());
  ASSERT_EQ(entries.origins_size(), 1);
  EXPECT_EQ(entries.origins(0).line(), 1U);
  request.set_name("os.system");
  grpc::ClientContext missing_context;
  const grpc::Status status = stub_->ExplainPolicy(&missing_context, request, &entries);
  EXPECT_EQ(ReasonOf(status), "NO_SUCH_ENTRY");
}

TEST_F(DaemonTest, NoLinesAreToldOfFilesThatSaySomethingElse) {
  folder_.Write("policies/small.textproto",
                "name: 'small' entries { name: 'os.name' trust: TRUST_NAME at: 'mode' }\n");
  Start();
  folder_.Write("policies/small.textproto", "name: 'small'\n");
  v1::ExplainPolicyRequest request;
  request.set_policy("small");
  v1::ExplainPolicyResponse entries;
  grpc::ClientContext context;
  ASSERT_TRUE(stub_->ExplainPolicy(&context, request, &entries).ok());
  ASSERT_EQ(entries.entries_size(), 1);
  EXPECT_EQ(entries.entries(0).name(), "os.name");
  EXPECT_EQ(entries.origins_size(), 0);
}

}  // namespace
}  // namespace loadlock::rpc
