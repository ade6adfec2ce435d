#include "server/rpc/servers.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_posix.h>

#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace loadlock::rpc {
namespace {

// A report with all its names; graphs and chunks are cut to 1 MiB.
constexpr int kMaxSendBytes = 64 << 20;
// What callers may send as metadata, and room for our details.
constexpr int kMaxMetadataBytes = 16 << 10;
// Calls of one connection at a time: twice what all requests of the default limits come to. For
// those who keep to it; the quota is for those who do not.
constexpr int kMaxCalls = 256;
// Servers of their own: more users at once than any machine that serves models has.
constexpr size_t kMaxUsers = 64;
constexpr size_t kHealthBytes = size_t{16} << 20;
constexpr int kMaxHealthMessage = 4096;
constexpr char kServiceName[] = "loadlock.v1.LoadLock";

}  // namespace

void Servers::Restrict(grpc::ServerBuilder& builder) const {
  builder.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  builder.SetMaxSendMessageSize(kMaxSendBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCalls);
  // Two servers on one port would each get some of the calls.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  if (metrics_ == nullptr) return;
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<RpcMetricsInterceptors>(metrics_));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
}

std::unique_ptr<grpc::Server> Servers::Make(const std::string& tcp, int* port) const {
  grpc::ServerBuilder builder;
  Restrict(builder);
  builder.SetResourceQuota(grpc::ResourceQuota("user").Resize(user_bytes_));
  if (!tcp.empty()) builder.AddListeningPort(tcp, grpc::InsecureServerCredentials(), port);
  builder.RegisterService(service_);
  return builder.BuildAndStart();
}

absl::Status Servers::Start(const std::string& tcp) {
  // For as long as the process lives: gRPC's own end waits for ever if there was a thread that the
  // system refused to make (it counts them before it makes them).
  grpc_init();
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  int port = 0;
  shared_ = Make(tcp, &port);
  if (shared_ == nullptr || (!tcp.empty() && port == 0)) {
    return absl::UnavailableError(absl::StrCat("cannot listen on ", tcp));
  }
  return absl::OkStatus();
}

absl::Status Servers::StartHealth(const config::TcpAddress& address) {
  const bool is_six = absl::StrContains(address.host, ':');
  const std::string where =
      absl::StrCat(is_six ? "[" : "", address.host, is_six ? "]:" : ":", address.port);
  int port = 0;
  grpc::ServerBuilder builder;
  Restrict(builder);
  // A probe is a few bytes.
  builder.SetResourceQuota(grpc::ResourceQuota("health").Resize(kHealthBytes));
  builder.SetMaxReceiveMessageSize(kMaxHealthMessage);
  builder.AddListeningPort(where, grpc::InsecureServerCredentials(), &port);
  health_ = builder.BuildAndStart();
  if (health_ == nullptr || port == 0) {
    return absl::UnavailableError(absl::StrCat("health: cannot listen on ", where));
  }
  return absl::OkStatus();
}

grpc::Server& Servers::ServerOf(uid_t uid) {
  const auto found = users_.find(uid);
  if (found != users_.end()) return *found->second;
  if (users_.size() >= kMaxUsers) return *shared_;
  std::unique_ptr<grpc::Server> server = Make("", nullptr);
  if (server == nullptr) return *shared_;
  Announce(*server);
  return *users_.emplace(uid, std::move(server)).first->second;
}

void Servers::Adopt(int fd, uid_t uid) { grpc::AddInsecureChannelFromFd(&ServerOf(uid), fd); }

void Servers::Announce(grpc::Server& server) const {
  grpc::HealthCheckServiceInterface* health = server.GetHealthCheckService();
  if (health == nullptr) return;
  health->SetServingStatus(serving_);  // "", and all that are known.
  health->SetServingStatus(kServiceName, serving_);
}

void Servers::SetHealth(bool serving) {
  serving_ = serving;
  Announce(*shared_);
  if (health_ != nullptr) Announce(*health_);
  for (const auto& [uid, server] : users_) Announce(*server);
}

void Servers::Shutdown(absl::Duration grace) {
  const auto end = absl::ToChronoTime(absl::Now() + grace);
  shared_->Shutdown(end);
  if (health_ != nullptr) health_->Shutdown(end);
  for (const auto& [uid, server] : users_) server->Shutdown(end);
}

}  // namespace loadlock::rpc
