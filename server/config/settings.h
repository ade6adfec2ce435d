// What the daemon runs with: the configuration file and the command line, checked, with every
// default filled in.
#ifndef LOADLOCK_SERVER_CONFIG_SETTINGS_H_
#define LOADLOCK_SERVER_CONFIG_SETTINGS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "loadlock/v1/config.pb.h"
#include "server/config/defaults.h"

namespace loadlock::config {

// Bytes, counts and times as in loadlock.v1.Limits; never 0.
struct LimitSettings {
  uint64_t max_artifact_bytes = kMaxArtifactBytes;
  uint64_t max_decoded_bytes = kMaxDecodedBytes;
  uint64_t max_nodes = kMaxNodes;
  uint64_t max_heap_bytes = kMaxHeapBytes;
  absl::Duration max_cpu_time = kMaxCpuTime;
  absl::Duration max_wall_time = kMaxWallTime;
  uint32_t max_running_requests = kMaxRunningRequests;
  uint32_t max_queued_requests = kMaxQueuedRequests;
  uint64_t max_total_bytes = kMaxTotalBytes;
  uint32_t warm_workers = kWarmWorkersPerCore;
  uint32_t max_leases = kMaxLeases;
  absl::Duration default_lease = kDefaultLease;
  absl::Duration max_lease = kMaxLease;
  uint32_t max_depth = kMaxDepth;
  uint32_t max_caller_percent = kMaxCallerPercent;

  bool operator==(const LimitSettings&) const = default;
};

// Bytes as in loadlock.v1.StoreConfig.
struct StoreSettings {
  std::string state_dir;  // Empty: nothing is stored.
  uint64_t max_bytes = kMaxStoreBytes;
  uint64_t min_file_bytes = kMinFileBytes;
  uint64_t max_output_bytes = kMaxOutputBytes;
  uint64_t max_memory_bytes = kMaxMemoryBytes;

  bool operator==(const StoreSettings&) const = default;
};

struct LogSettings {
  std::string level{kLogLevel};
  bool json = false;
  std::string file;  // Empty: standard error.

  bool operator==(const LogSettings&) const = default;
};

struct AuditSettings {
  std::string file;  // Empty: none.
  bool answer_anyway = false;
  bool sync = false;

  bool operator==(const AuditSettings&) const = default;
};

// Numbers, so that nothing has to be resolved.
struct TcpAddress {
  std::string host;   // "127.0.0.1", "::1"; empty: none.
  uint16_t port = 0;  // Never 0 with a host.

  bool operator==(const TcpAddress&) const = default;
};

struct Settings {
  std::string unix_socket{kUnixSocket};
  std::string tcp;                 // Empty: no TCP.
  TcpAddress health;               // For probes.
  TcpAddress metrics;              // For Prometheus.
  std::vector<std::string> roots;  // Absolute, existing folders.
  std::string policy_dir;
  std::string worker_path;
  LimitSettings limits;
  v1::Tier min_tier = v1::TIER_C;
  v1::Tier best_tier = v1::TIER_A;  // Only lowered by --tier.
  LogSettings log;
  AuditSettings audit;
  StoreSettings store;
  absl::Duration drain_timeout = kDrainTimeout;
  int lifeline_fd = -1;  // -1: none.
  int ready_fd = -1;     // -1: none.

  bool operator==(const Settings&) const = default;

  // The socket that hands over descriptors.
  std::string fd_socket() const { return unix_socket + ".fd"; }
};

}  // namespace loadlock::config

#endif  // LOADLOCK_SERVER_CONFIG_SETTINGS_H_
