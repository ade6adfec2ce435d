// Counts and times every call of a gRPC server, under the names that dashboards know.
#ifndef LOADLOCK_SERVER_RPC_RPC_METRICS_H_
#define LOADLOCK_SERVER_RPC_RPC_METRICS_H_

#include <grpcpp/support/server_interceptor.h>

#include <set>
#include <string>

#include "server/observe/metrics.h"

namespace loadlock::rpc {

// The families: grpc_server_started_total, grpc_server_handled_total and
// grpc_server_handling_seconds, labelled as in go-grpc-prometheus.
class RpcMetrics {
 public:
  explicit RpcMetrics(observe::MetricsPage* page);

  // Type, service and method of a call. A method that nobody registered is the caller's invention,
  // and is named "other".
  observe::LabelValues LabelsOf(const std::string& method,
                                grpc::experimental::ServerRpcInfo::Type type) const;
  void Started(const observe::LabelValues& call);
  void Handled(const observe::LabelValues& call, grpc::StatusCode code, absl::Duration time);

 private:
  const std::set<std::string> known_;
  observe::Counter* const started_;
  observe::Counter* const handled_;
  observe::Histogram* const seconds_;
};

// For a server's builder. `metrics` must outlive the server.
class RpcMetricsInterceptors final : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit RpcMetricsInterceptors(RpcMetrics* metrics) : metrics_(metrics) {}
  grpc::experimental::Interceptor* CreateServerInterceptor(
      grpc::experimental::ServerRpcInfo* info) override;

 private:
  RpcMetrics* const metrics_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_RPC_METRICS_H_
