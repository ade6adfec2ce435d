#include "server/config/resolve.h"

#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <limits>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/config/complain.h"
#include "server/config/config_file.h"
#include "server/config/resolve_observing.h"

namespace loadlock::config {
namespace {

namespace fs = std::filesystem;

bool IsDirectory(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

absl::Status CheckDirectory(const std::string& path, const Complain& complain) {
  if (absl::Status status = CheckAbsolute(path, complain); !status.ok()) return status;
  if (!IsDirectory(path)) return complain("is not an existing folder");
  return absl::OkStatus();
}

absl::Status CheckSocket(const std::string& path, const Complain& complain) {
  if (absl::Status status = CheckAbsolute(path, complain); !status.ok()) return status;
  // The descriptor socket appends ".fd", and the kernel wants a terminating NUL.
  if (path.size() + 4 > sizeof(sockaddr_un::sun_path)) {
    return complain(absl::StrCat("is longer than ", sizeof(sockaddr_un::sun_path) - 4, " bytes"));
  }
  if (path.back() == '/') return complain("must name a socket, not a folder");
  return absl::OkStatus();
}

// The service has no authentication over TCP, so only loopback by number: a name could resolve to
// anything.
absl::Status CheckTcp(const std::string& address, const Complain& complain) {
  absl::string_view port = address;
  if (!absl::ConsumePrefix(&port, "127.0.0.1:") && !absl::ConsumePrefix(&port, "[::1]:")) {
    return complain("must be 127.0.0.1:PORT or [::1]:PORT; other addresses are refused");
  }
  uint32_t number = 0;
  if (!absl::SimpleAtoi(port, &number) || number == 0 || number > 65535) {
    return complain("port must be 1 to 65535");
  }
  return absl::OkStatus();
}

// The flags' spelling of a tier.
absl::StatusOr<v1::Tier> TierOf(const std::string& text, const Complain& complain) {
  if (text == "A" || text == "a") return v1::TIER_A;
  if (text == "B" || text == "b") return v1::TIER_B;
  if (text == "C" || text == "c") return v1::TIER_C;
  return complain("must be A, B or C");
}

// Limits that only have to lie between two bounds.
template <typename T>
absl::Status TakeNumberAt(const ConfigFile& file, const std::string& path, T given, T lowest,
                          T highest, T* out) {
  if (given == 0) return absl::OkStatus();  // Absent: the default.
  if (given < lowest || given > highest) {
    return file.Error(path, absl::StrCat("must be ", lowest, " to ", highest));
  }
  *out = given;
  return absl::OkStatus();
}

template <typename T>
absl::Status TakeNumber(const ConfigFile& file, absl::string_view field, T given, T lowest,
                        T highest, T* out) {
  return TakeNumberAt(file, absl::StrCat("limits.", field), given, lowest, highest, out);
}

// No plausible machine has more; keeps every later sum far from 2^64.
constexpr uint64_t kMostBytes = uint64_t{1} << 44;

absl::Status TakeDuration(const ConfigFile& file, const std::string& path, bool present,
                          const google::protobuf::Duration& given, absl::Duration highest,
                          absl::Duration* out) {
  if (!present) return absl::OkStatus();
  const absl::Duration value = absl::Seconds(given.seconds()) + absl::Nanoseconds(given.nanos());
  if (value < absl::Milliseconds(1) || value > highest) {
    return file.Error(path, absl::StrCat("must be 1ms to ", absl::FormatDuration(highest)));
  }
  *out = value;
  return absl::OkStatus();
}

// Every check of `checks`, until one fails.
absl::Status FirstError(std::initializer_list<absl::Status> checks) {
  for (const absl::Status& status : checks) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status TakeLimits(const ConfigFile& file, LimitSettings* out) {
  const v1::Limits& in = file.config().limits();
  absl::Status status = FirstError({
      TakeNumber(file, "max_artifact_bytes", in.max_artifact_bytes(), kKiB, kMostBytes,
                 &out->max_artifact_bytes),
      TakeNumber(file, "max_decoded_bytes", in.max_decoded_bytes(), kKiB, kMostBytes,
                 &out->max_decoded_bytes),
      TakeNumber(file, "max_nodes", in.max_nodes(), uint64_t{1}, kMaxNodes, &out->max_nodes),
      // Below 1 MiB a worker could not even hold its own buffers.
      TakeNumber(file, "max_heap_bytes", in.max_heap_bytes(), kMiB, kMostBytes,
                 &out->max_heap_bytes),
      TakeDuration(file, "limits.max_cpu_time", in.has_max_cpu_time(), in.max_cpu_time(),
                   absl::Hours(1), &out->max_cpu_time),
      TakeDuration(file, "limits.max_wall_time", in.has_max_wall_time(), in.max_wall_time(),
                   absl::Hours(1), &out->max_wall_time),
      TakeNumber(file, "max_running_requests", in.max_running_requests(), 1U, 1024U,
                 &out->max_running_requests),
      TakeNumber(file, "max_queued_requests", in.max_queued_requests(), 1U, 65536U,
                 &out->max_queued_requests),
      TakeNumber(file, "max_total_bytes", in.max_total_bytes(), kMiB, kMostBytes,
                 &out->max_total_bytes),
      TakeNumber(file, "warm_workers", in.warm_workers(), 1U, 256U, &out->warm_workers),
      TakeNumber(file, "max_leases", in.max_leases(), 1U, 65536U, &out->max_leases),
      TakeDuration(file, "limits.default_lease", in.has_default_lease(), in.default_lease(),
                   absl::Hours(24), &out->default_lease),
      TakeDuration(file, "limits.max_lease", in.has_max_lease(), in.max_lease(), absl::Hours(24),
                   &out->max_lease),
      TakeNumber(file, "max_depth", in.max_depth(), 1U, 100'000U, &out->max_depth),
      TakeNumber(file, "max_caller_percent", in.max_caller_percent(), 1U, 100U,
                 &out->max_caller_percent),
  });
  if (!status.ok()) return status;
  if (out->default_lease > out->max_lease) {
    if (in.has_default_lease()) {
      return file.Error("limits.default_lease", "must not exceed max_lease");
    }
    out->default_lease = out->max_lease;
  }
  return absl::OkStatus();
}

absl::Status TakeListen(const ConfigFile& file, const Flags& flags, Settings* out) {
  const v1::ListenConfig& in = file.config().listen();
  Complain complain = OfField(file, "listen.unix_socket");
  if (!in.unix_socket().empty()) out->unix_socket = in.unix_socket();
  if (flags.socket) {
    out->unix_socket = *flags.socket;
    complain = OfFlag("--socket");
  }
  if (absl::Status status = CheckSocket(out->unix_socket, complain); !status.ok()) return status;
  complain = OfField(file, "listen.tcp");
  out->tcp = in.tcp();
  if (flags.tcp) {
    out->tcp = *flags.tcp;
    complain = OfFlag("--tcp");
  }
  return out->tcp.empty() ? absl::OkStatus() : CheckTcp(out->tcp, complain);
}

absl::Status TakeRoots(const ConfigFile& file, const Flags& flags, Settings* out) {
  if (!flags.roots.empty()) {
    for (const std::string& root : flags.roots) {
      if (absl::Status status = CheckDirectory(root, OfFlag("--root")); !status.ok()) return status;
    }
    out->roots = flags.roots;
    return absl::OkStatus();
  }
  for (int i = 0; i < file.config().roots_size(); ++i) {
    const std::string& root = file.config().roots(i);
    absl::Status status = CheckDirectory(root, OfField(file, "roots", i));
    if (!status.ok()) return status;
    out->roots.push_back(root);
  }
  return absl::OkStatus();
}

absl::Status TakePolicyDir(const ConfigFile& file, const Flags& flags,
                           const std::string& executable_dir, Settings* out) {
  if (flags.policy_dir) {
    out->policy_dir = *flags.policy_dir;
    return CheckDirectory(out->policy_dir, OfFlag("--policy-dir"));
  }
  if (!file.config().policy_dir().empty()) {
    out->policy_dir = file.config().policy_dir();
    return CheckDirectory(out->policy_dir, OfField(file, "policy_dir"));
  }
  out->policy_dir = fs::path(executable_dir + "/../share/loadlock/policies").lexically_normal();
  return CheckDirectory(out->policy_dir,
                        OfFlag(absl::StrCat("--policy-dir (default ", out->policy_dir, ")")));
}

absl::Status TakeWorker(const Flags& flags, const std::string& executable_dir, Settings* out) {
  if (flags.worker) {
    out->worker_path = *flags.worker;
    const Complain complain = OfFlag("--worker");
    if (absl::Status status = CheckAbsolute(*flags.worker, complain); !status.ok()) return status;
    return access(flags.worker->c_str(), X_OK) == 0 ? absl::OkStatus()
                                                    : complain("is not an executable file");
  }
  for (const absl::string_view relative :
       {"/../libexec/loadlock/loadlock-worker", "/loadlock-worker",
        "/../../sandbox/worker/loadlock-worker"}) {
    const std::string candidate =
        fs::path(absl::StrCat(executable_dir, relative)).lexically_normal();
    if (access(candidate.c_str(), X_OK) == 0) {
      out->worker_path = candidate;
      return absl::OkStatus();
    }
  }
  return OfFlag("--worker")(
      "loadlock-worker is neither in ../libexec/loadlock nor beside loadlockd");
}

absl::Status TakeTiers(const ConfigFile& file, const Flags& flags, Settings* out) {
  if (!v1::Tier_IsValid(file.config().min_tier())) {
    return file.Error("min_tier", "must be TIER_A, TIER_B or TIER_C");
  }
  if (file.config().min_tier() != v1::TIER_UNSPECIFIED) out->min_tier = file.config().min_tier();
  if (flags.min_tier) {
    absl::StatusOr<v1::Tier> tier = TierOf(*flags.min_tier, OfFlag("--min-tier"));
    if (!tier.ok()) return tier.status();
    out->min_tier = *tier;
  }
  if (flags.tier) {
    absl::StatusOr<v1::Tier> tier = TierOf(*flags.tier, OfFlag("--tier"));
    if (!tier.ok()) return tier.status();
    out->best_tier = *tier;
  }
  // A is 1 and the strongest.
  if (out->best_tier > out->min_tier) return OfFlag("--tier")("is below the minimum tier");
  return absl::OkStatus();
}

absl::Status TakeStore(const ConfigFile& file, const Flags& flags, StoreSettings* out) {
  const v1::StoreConfig& in = file.config().store();
  absl::Status status = FirstError({
      TakeNumberAt(file, "store.max_bytes", in.max_bytes(), kMiB, kMostBytes, &out->max_bytes),
      // Below this an artifact is hashed in one go with its copy.
      TakeNumberAt(file, "store.min_file_bytes", in.min_file_bytes(), 256 * kKiB + 1, kMostBytes,
                   &out->min_file_bytes),
      TakeNumberAt(file, "store.max_output_bytes", in.max_output_bytes(), kMiB, kMostBytes,
                   &out->max_output_bytes),
      TakeNumberAt(file, "store.max_memory_bytes", in.max_memory_bytes(), kKiB, kMostBytes,
                   &out->max_memory_bytes),
  });
  if (!status.ok()) return status;
  Complain complain = OfField(file, "store.state_dir");
  out->state_dir = in.state_dir();
  if (flags.state_dir) {
    out->state_dir = *flags.state_dir;
    complain = OfFlag("--state-dir");
    if (out->state_dir.empty()) return complain("must be an absolute path");
  }
  return out->state_dir.empty() ? absl::OkStatus() : CheckAbsolute(out->state_dir, complain);
}

absl::Status TakeDescriptors(const Flags& flags, Settings* out) {
  // Not the standard ones, which have other uses.
  if (flags.lifeline_fd && *flags.lifeline_fd < 3) {
    return OfFlag("--lifeline-fd")("must be at least 3");
  }
  if (flags.ready_fd && *flags.ready_fd < 3) return OfFlag("--ready-fd")("must be at least 3");
  out->lifeline_fd = flags.lifeline_fd.value_or(-1);
  out->ready_fd = flags.ready_fd.value_or(-1);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> Resolve(const Flags& flags, const std::string& executable_dir) {
  absl::StatusOr<ConfigFile> file = flags.config_file.empty() ? ConfigFile::Parse("(defaults)", "")
                                                              : ConfigFile::Read(flags.config_file);
  if (!file.ok()) return file.status();
  Settings out;
  const uint32_t cores = std::max(1U, std::thread::hardware_concurrency());
  out.limits.warm_workers = std::min(kMaxWarmWorkers, kWarmWorkersPerCore * cores);
  absl::Status status = FirstError({
      TakeListen(*file, flags, &out),
      TakeRoots(*file, flags, &out),
      TakeLimits(*file, &out.limits),
      TakeTiers(*file, flags, &out),
      TakeObserving(*file, flags, &out),
      TakeStore(*file, flags, &out.store),
      TakeDuration(*file, "drain_timeout", file->config().has_drain_timeout(),
                   file->config().drain_timeout(), absl::Hours(1), &out.drain_timeout),
      TakeDescriptors(flags, &out),
      TakePolicyDir(*file, flags, executable_dir, &out),
      TakeWorker(flags, executable_dir, &out),
  });
  if (!status.ok()) return status;
  return out;
}

}  // namespace loadlock::config
