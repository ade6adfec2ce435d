#include "server/rpc/daemon_metrics.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace loadlock::rpc {
namespace {

using observe::Counter;
using observe::Gauge;

double Seconds(absl::Time time) { return absl::ToDoubleSeconds(time - absl::UnixEpoch()); }

}  // namespace

Gauge* DaemonMetrics::AddGauge(const char* name, const char* help) {
  return page_.Add<Gauge>(name, help, std::vector<std::string>{});
}

Counter* DaemonMetrics::AddCounter(const char* name, const char* help, const char* label) {
  return page_.Add<Counter>(
      name, help, label == nullptr ? std::vector<std::string>{} : std::vector<std::string>{label});
}

DaemonMetrics::DaemonMetrics()
    : rpc_(&page_),
      pipeline_(&page_),
      build_(page_.Add<Gauge>("loadlock_build_info", "What runs, and how its workers are jailed.",
                              std::vector<std::string>{"version", "tier"})),
      workers_(
          AddCounter("loadlock_workers_total",
                     "Workers by how a request got its one: it was there, it was made then, or "
                     "it could not be made.",
                     "kind")),
      ready_(AddGauge("loadlock_ready_workers", "Workers that wait for a job.")),
      launcher_(AddGauge("loadlock_launcher_up", "1 if workers can be made.")),
      launchers_(AddCounter("loadlock_launcher_restarts_total",
                            "Launchers that had to be replaced.", nullptr)),
      running_(AddGauge("loadlock_running_requests", "Requests that are vetted now.")),
      queued_(AddGauge("loadlock_queued_requests", "Requests that wait for a thread.")),
      limits_(page_.Add<Gauge>("loadlock_limit", "Limits of the configuration, by name.",
                               std::vector<std::string>{"limit"})),
      rejected_(AddCounter("loadlock_rejected_total",
                           "Requests that were turned away at once, by what was used up.",
                           "limit")),
      reserved_(
          AddGauge("loadlock_reserved_bytes", "Bytes that running requests and leases may take.")),
      leases_(AddGauge("loadlock_leases", "Models that wait to be fetched.")),
      streams_(AddGauge("loadlock_streams", "Uploads and fetches that run.")),
      unlogged_(AddCounter("loadlock_audit_log_failures_total",
                           "Verdicts that could not be written to the audit log.", nullptr)),
      policies_(AddGauge("loadlock_policies", "Policies that requests may name.")),
      cache_(
          AddCounter("loadlock_cache_answers_total",
                     "Requests for files with a store: answered from an earlier verdict (hit) or "
                     "not (miss).",
                     "result")),
      store_bytes_(AddGauge("loadlock_store_bytes", "Bytes of copies on the store's disk.")),
      store_files_(AddGauge("loadlock_store_files", "Copies on the store's disk.")),
      store_limit_(AddGauge("loadlock_store_max_bytes", "Bytes that the store may take.")),
      start_time_(AddGauge("process_start_time_seconds", "When the daemon began to serve.")),
      memory_(AddGauge("process_resident_memory_bytes", "Memory of the daemon itself.")),
      descriptors_(AddGauge("process_open_fds", "Open descriptors of the daemon.")) {}

void DaemonMetrics::Watch(const MetricSources& sources) {
  build_->Set({sources.version, std::string(1, jail::TierLetter(sources.jail->tier()))}, 1);
  limits_->Set({"max_running_requests"}, sources.limits.max_running_requests);
  limits_->Set({"max_queued_requests"}, sources.limits.max_queued_requests);
  limits_->Set({"max_total_bytes"}, static_cast<double>(sources.limits.max_total_bytes));
  limits_->Set({"max_leases"}, sources.limits.max_leases);
  limits_->Set({"warm_workers"}, sources.limits.warm_workers);
  start_time_->Set({}, Seconds(sources.started));
  page_.OnRender([this, sources] { Collect(sources); });
}

void DaemonMetrics::Collect(const MetricSources& sources) {
  const jail::JailCounts jail = sources.jail->counts();
  workers_->Set({"warm"}, jail.warm);
  workers_->Set({"on_demand"}, jail.on_demand);
  workers_->Set({"failed"}, jail.failed);
  launchers_->Set({}, jail.launchers);
  launcher_->Set({}, sources.jail->alive() ? 1 : 0);
  ready_->Set({}, sources.jail->ready_workers());
  const admission::GateCounts gate = sources.gate->counts();
  running_->Set({}, gate.running);
  queued_->Set({}, gate.queued);
  rejected_->Set({"max_queued_requests"}, gate.queue_full);
  rejected_->Set({"max_total_bytes"}, gate.bytes_full);
  rejected_->Set({"max_caller_percent"}, gate.over_share);
  rejected_->Set({"draining"}, gate.draining);
  reserved_->Set({}, static_cast<double>(sources.gate->reserved_bytes()));
  leases_->Set({}, sources.leases->size());
  streams_->Set({}, sources.streams->running());
  unlogged_->Set({}, sources.verdicts->failures());
  policies_->Set({}, static_cast<double>(sources.rules->Get()->policies->All().size()));
  if (sources.memory != nullptr) CollectStore(*sources.memory);
  CollectProcess();
}

void DaemonMetrics::CollectStore(pipeline::Memory& memory) {
  const store::StoreUse use = memory.blobs().use();
  cache_->Set({"hit"}, memory.cached());
  cache_->Set({"miss"}, memory.fresh());
  store_bytes_->Set({}, static_cast<double>(use.bytes));
  store_files_->Set({}, static_cast<double>(use.files));
  store_limit_->Set({}, static_cast<double>(memory.blobs().max_bytes()));
}

// Where there is no /proc there are no such numbers.
void DaemonMetrics::CollectProcess() {
  uint64_t size = 0;
  uint64_t resident = 0;
  std::ifstream statm("/proc/self/statm");
  if (statm >> size >> resident) {
    memory_->Set({}, static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)));
  }
  std::error_code error;
  std::filesystem::directory_iterator entry("/proc/self/fd", error);
  double count = 0;
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) ++count;
  // The one that lists them is gone again.
  if (!error && count > 0) descriptors_->Set({}, count - 1);
}

}  // namespace loadlock::rpc
