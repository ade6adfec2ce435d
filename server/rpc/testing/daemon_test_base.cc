#include "server/rpc/testing/daemon_test_base.h"

#include <string_view>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace loadlock::rpc {

using std::string_view_literals::operator""sv;

std::string NonePickle() { return std::string("\x80\x02N."sv); }

std::string EvilPickle() {
  return std::string(
      "\x80\x02"
      "cposix\nsystem\nX\x04\0\0\0true\x85R."sv);
}

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

std::string ReasonOf(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details()) || details.details_size() == 0) return "";
  return details.details(0).UnpackTo(&info) ? info.reason() : "";
}

void DaemonTest::Start(const std::string& config) {
  daemon_ = std::make_unique<TestDaemon>(folder_, config);
  stub_ = daemon_->Stub();
  ASSERT_TRUE(daemon_->AwaitReady()) << folder_.Read("log");
}

grpc::Status DaemonTest::Audit(const std::string& path, v1::Report* report) {
  v1::AuditModelRequest request;
  request.set_path(path);
  v1::AuditModelResponse response;
  grpc::ClientContext context;
  grpc::Status status = stub_->AuditModel(&context, request, &response);
  report->Swap(response.mutable_report());
  return status;
}

grpc::Status DaemonTest::Load(v1::LoadLock::Stub& stub, const std::string& path,
                              v1::LoadModelResponse* response) {
  v1::LoadModelRequest request;
  request.set_path(path);
  grpc::ClientContext context;
  return stub.LoadModel(&context, request, response);
}

grpc::Status DaemonTest::Unload(v1::LoadLock::Stub& stub, const std::string& token) {
  v1::UnloadModelRequest request;
  request.set_token(token);
  v1::UnloadModelResponse response;
  grpc::ClientContext context;
  return stub.UnloadModel(&context, request, &response);
}

v1::GetServerInfoResponse DaemonTest::Info() {
  v1::GetServerInfoResponse response;
  grpc::ClientContext context;
  EXPECT_TRUE(stub_->GetServerInfo(&context, {}, &response).ok());
  return response;
}

}  // namespace loadlock::rpc
