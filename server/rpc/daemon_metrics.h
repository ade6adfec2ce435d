// Everything that the daemon tells Prometheus.
#ifndef LOADLOCK_SERVER_RPC_DAEMON_METRICS_H_
#define LOADLOCK_SERVER_RPC_DAEMON_METRICS_H_

#include <string>

#include "absl/time/time.h"
#include "sandbox/jail/jail.h"
#include "server/admission/gate.h"
#include "server/config/settings.h"
#include "server/observe/metrics.h"
#include "server/pipeline/memory.h"
#include "server/pipeline/metrics.h"
#include "server/pipeline/rules.h"
#include "server/rpc/leases.h"
#include "server/rpc/rpc_metrics.h"
#include "server/rpc/streams.h"
#include "server/rpc/verdict_log.h"

namespace loadlock::rpc {

// What is looked at for each page. All but `memory` are there, and outlive the last page.
struct MetricSources {
  config::LimitSettings limits;
  std::string version;
  absl::Time started;
  const admission::Gate* gate = nullptr;
  const jail::Jail* jail = nullptr;
  const LeaseTable* leases = nullptr;
  const Streams* streams = nullptr;
  const VerdictLog* verdicts = nullptr;
  const pipeline::CurrentRules* rules = nullptr;
  pipeline::Memory* memory = nullptr;  // If there is one.
};

class DaemonMetrics {
 public:
  DaemonMetrics();
  // Once, before the first page.
  void Watch(const MetricSources& sources);

  RpcMetrics* rpc() { return &rpc_; }
  pipeline::Metrics* vetting() { return &pipeline_; }
  std::string Page() const { return page_.Render(); }

 private:
  void Collect(const MetricSources& sources);
  void CollectStore(pipeline::Memory& memory);
  void CollectProcess();
  observe::Gauge* AddGauge(const char* name, const char* help);
  observe::Counter* AddCounter(const char* name, const char* help, const char* label);

  observe::MetricsPage page_;
  RpcMetrics rpc_;
  pipeline::Metrics pipeline_;
  observe::Gauge* const build_;
  observe::Counter* const workers_;
  observe::Gauge* const ready_;
  observe::Gauge* const launcher_;
  observe::Counter* const launchers_;
  observe::Gauge* const running_;
  observe::Gauge* const queued_;
  observe::Gauge* const limits_;
  observe::Counter* const rejected_;
  observe::Gauge* const reserved_;
  observe::Gauge* const leases_;
  observe::Gauge* const streams_;
  observe::Counter* const unlogged_;
  observe::Gauge* const policies_;
  observe::Counter* const cache_;
  observe::Gauge* const store_bytes_;
  observe::Gauge* const store_files_;
  observe::Gauge* const store_limit_;
  observe::Gauge* const start_time_;
  observe::Gauge* const memory_;
  observe::Gauge* const descriptors_;
};

}  // namespace loadlock::rpc

#endif  // LOADLOCK_SERVER_RPC_DAEMON_METRICS_H_
