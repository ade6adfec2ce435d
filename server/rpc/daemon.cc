#include "server/rpc/daemon.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/faults/fault_point.h"
#include "sandbox/jail/jail.h"
#include "server/config/reload.h"
#include "server/observe/request_id.h"
#include "server/rpc/daemon_metrics.h"
#include "server/rpc/fd_server.h"
#include "server/rpc/metrics_server.h"
#include "server/rpc/servers.h"
#include "server/rpc/service.h"
#include "server/rpc/service_manager.h"
#include "server/rpc/sockets.h"
#include "server/rpc/startup.h"
#include "server/rpc/upload_reactor.h"

namespace loadlock::rpc {
namespace {

// How often it is looked whether leases expired, and, while draining, whether all is done.
constexpr absl::Duration kTick = absl::Milliseconds(500);
constexpr absl::Duration kDrainTick = absl::Milliseconds(10);
// For answers that are being written and streams that nobody reads.
constexpr absl::Duration kShutdownGrace = absl::Milliseconds(500);
// Free memory that malloc may keep for what comes next.
constexpr size_t kKeptFree = size_t{32} << 20;

// Everything between start and end. Members are destroyed in reverse order: the server first.
class Daemon {
 public:
  Daemon(const config::Settings& settings, const ReadSettings& read_settings,
         const std::string& version, const observe::Log& log)
      : settings_(settings), read_settings_(read_settings), version_(version), log_(log) {}

  absl::Status Open();
  absl::Status Serve();

 private:
  absl::Status OpenSockets();
  absl::Status OpenMemory();
  absl::Status OpenAuditLog();
  absl::Status ServeMetrics();
  void MakePipeline();
  absl::Status WatchForTheEnd();
  absl::Status SayReady();
  absl::Status ReloadRules();
  void Reload();
  void Drain(absl::string_view why, absl::Duration patience);
  void DrainTick();
  void ReturnFreeMemory();

  const config::Settings& settings_;
  const ReadSettings& read_settings_;
  const std::string& version_;
  const observe::Log& log_;

  std::optional<SocketLock> lock_;
  std::optional<UnixListener> listener_;
  std::optional<UnixListener> fd_listener_;
  std::unique_ptr<jail::Jail> jail_;
  channel::UniqueFd signals_;
  std::optional<pipeline::CurrentRules> rules_;
  observe::RequestIds ids_;
  std::unique_ptr<DaemonMetrics> metrics_;  // Null: nobody asks.
  std::unique_ptr<observe::AuditLog> audit_;
  std::unique_ptr<VerdictLog> verdicts_;
  std::unique_ptr<admission::Gate> gate_;
  std::unique_ptr<pipeline::Runner> runner_;
  std::unique_ptr<pipeline::Memory> memory_;
  std::unique_ptr<pipeline::Vetter> vetter_;
  CallerTable callers_;
  std::unique_ptr<LeaseTable> leases_;
  std::unique_ptr<Streams> streams_;
  std::unique_ptr<Service> service_;
  std::unique_ptr<pipeline::Executor> executor_;  // Its tasks use the service.
  std::unique_ptr<Servers> servers_;
  std::unique_ptr<EventLoop> loop_;
  std::unique_ptr<Connections> connections_;
  std::unique_ptr<FdServer> fd_server_;
  std::unique_ptr<MetricsServer> metrics_server_;
  clock::SteadyTime drain_end_ = clock::SteadyTime::InfiniteFuture();
  size_t free_when_returned_ = 0;
};

absl::Status Daemon::Open() {
  if (absl::Status status = OpenSockets(); !status.ok()) return status;
  if (absl::Status status = OpenAuditLog(); !status.ok()) return status;
  absl::StatusOr<pipeline::Rules> rules = OpenRules(settings_);
  if (!rules.ok()) return rules.status();
  rules_.emplace(*std::move(rules));
  // Threads exist from the jail's start on.
  absl::StatusOr<std::unique_ptr<jail::Jail>> jail = StartJail(settings_);
  if (!jail.ok()) return jail.status();
  jail_ = *std::move(jail);
  return absl::OkStatus();
}

absl::Status Daemon::OpenSockets() {
  if (absl::Status status = PrepareFolder(settings_.unix_socket); !status.ok()) return status;
  absl::StatusOr<SocketLock> lock = SocketLock::Take(settings_.unix_socket);
  if (!lock.ok()) return lock.status();
  lock_.emplace(*std::move(lock));
  absl::StatusOr<PassedSockets> passed = PassedSockets::Take();
  if (!passed.ok()) return passed.status();
  absl::StatusOr<UnixListener> listener = passed->ListenerAt(settings_.unix_socket, SOCK_STREAM);
  if (!listener.ok()) return listener.status();
  listener_.emplace(*std::move(listener));
  absl::StatusOr<UnixListener> fd_listener =
      passed->ListenerAt(settings_.fd_socket(), SOCK_SEQPACKET);
  if (!fd_listener.ok()) return fd_listener.status();
  fd_listener_.emplace(*std::move(fd_listener));
  return passed->CheckAllTaken();
}

absl::Status Daemon::OpenMemory() {
  if (settings_.store.state_dir.empty()) return absl::OkStatus();
  absl::StatusOr<std::unique_ptr<pipeline::Memory>> memory =
      pipeline::Memory::Open(settings_, std::string(1, jail::TierLetter(jail_->tier())));
  if (!memory.ok()) return memory.status();
  memory_ = *std::move(memory);
  return absl::OkStatus();
}

absl::Status Daemon::OpenAuditLog() {
  if (!settings_.audit.file.empty()) {
    absl::StatusOr<std::unique_ptr<observe::AuditLog>> audit =
        observe::AuditLog::Open({.file = settings_.audit.file, .sync = settings_.audit.sync});
    if (!audit.ok()) return audit.status();
    audit_ = *std::move(audit);
  }
  verdicts_ = std::make_unique<VerdictLog>(audit_.get(), settings_.audit.answer_anyway, &log_);
  return absl::OkStatus();
}

void Daemon::MakePipeline() {
  const config::LimitSettings& limits = settings_.limits;
  if (!settings_.metrics.host.empty()) metrics_ = std::make_unique<DaemonMetrics>();
  pipeline::Metrics* const counted = metrics_ == nullptr ? nullptr : metrics_->vetting();
  gate_ = std::make_unique<admission::Gate>(
      admission::Capacity{.max_running_requests = limits.max_running_requests,
                          .max_queued_requests = limits.max_queued_requests,
                          .max_total_bytes = limits.max_total_bytes,
                          .max_caller_percent = limits.max_caller_percent});
  runner_ = std::make_unique<pipeline::JailRunner>(jail_.get(), limits, counted);
  vetter_ = std::make_unique<pipeline::Vetter>(pipeline::Parts{.limits = limits,
                                                               .rules = &*rules_,
                                                               .gate = gate_.get(),
                                                               .runner = runner_.get(),
                                                               .log = &log_,
                                                               .memory = memory_.get(),
                                                               .metrics = counted});
  leases_ = std::make_unique<LeaseTable>(limits.max_leases, limits.max_caller_percent);
  streams_ = std::make_unique<Streams>(limits.max_caller_percent);
  executor_ =
      std::make_unique<pipeline::Executor>(limits.max_running_requests, limits.max_caller_percent);
  service_ = std::make_unique<Service>(ServiceParts{.limits = limits,
                                                    .fd_socket = settings_.fd_socket(),
                                                    .version = version_,
                                                    .started = absl::Now(),
                                                    .gate = gate_.get(),
                                                    .executor = executor_.get(),
                                                    .vetter = vetter_.get(),
                                                    .runner = runner_.get(),
                                                    .rules = &*rules_,
                                                    .ids = &ids_,
                                                    .callers = &callers_,
                                                    .leases = leases_.get(),
                                                    .streams = streams_.get(),
                                                    .verdicts = verdicts_.get(),
                                                    .memory = memory_.get()});
  // What honest callers can have on the way: a message of each request that may wait or run, and a
  // chunk of each stream.
  const uint64_t user_bytes =
      kMaxReceiveBytes * (uint64_t{limits.max_running_requests} + limits.max_queued_requests) +
      kMaxStreams * kMaxUploadChunk;
  servers_ = std::make_unique<Servers>(service_.get(), user_bytes,
                                       metrics_ == nullptr ? nullptr : metrics_->rpc());
}

// A graph of millions of strings is freed in pieces, which malloc keeps in the arena of the thread
// that made it.
void Daemon::ReturnFreeMemory() {
  const size_t free = mallinfo2().fordblks;  // Counts what was returned, too.
  if (free <= free_when_returned_ + kKeptFree) {
    free_when_returned_ = std::min(free_when_returned_, free);
    return;
  }
  malloc_trim(0);
  free_when_returned_ = mallinfo2().fordblks;
}

absl::Status Daemon::WatchForTheEnd() {
  absl::Status status = loop_->Watch(signals_.get(), EPOLLIN, [this](uint32_t) {
    signalfd_siginfo info = {};
    if (read(signals_.get(), &info, sizeof(info)) != sizeof(info)) return;
    if (info.ssi_signo == SIGHUP) return Reload();
    // The second signal means: now.
    const bool again = drain_end_ != clock::SteadyTime::InfiniteFuture();
    Drain(info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT",
          again ? absl::ZeroDuration() : settings_.drain_timeout);
  });
  if (!status.ok() || settings_.lifeline_fd < 0) return status;
  return loop_->Watch(settings_.lifeline_fd, EPOLLIN | EPOLLRDHUP, [this](uint32_t) {
    char byte = 0;
    const ssize_t got = read(settings_.lifeline_fd, &byte, 1);
    if (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN))) return;
    loop_->Unwatch(settings_.lifeline_fd);
    // Whoever would wait for an answer has gone.
    Drain("lifeline", absl::ZeroDuration());
  });
}

absl::Status Daemon::ReloadRules() {
  absl::StatusOr<config::Settings> next = read_settings_();
  if (!next.ok()) return next.status();
  if (absl::Status status = config::CheckReload(settings_, *next); !status.ok()) return status;
  absl::StatusOr<pipeline::Rules> rules = OpenRules(*next);
  if (!rules.ok()) return rules.status();
  const size_t policies = rules->policies->All().size();
  rules_->Replace(*std::move(rules));
  // Only now: who reads this may rely on it.
  log_.Write(observe::Level::kInfo, "reloaded",
             {{"roots", next->roots.size()}, {"policies", policies}});
  return absl::OkStatus();
}

void Daemon::Reload() {
  // Whatever the configuration is like: who rotates logs must get the old file back.
  absl::Status status = log_.Reopen();
  if (audit_ != nullptr) status.Update(audit_->Reopen());
  if (status.ok()) status = ReloadRules();
  if (status.ok()) return;
  log_.Write(observe::Level::kError, "not_reloaded", {{"message", status.message()}});
}

absl::Status Daemon::SayReady() {
  if (absl::Status status = NotifyManager("READY=1"); !status.ok()) return status;
  if (settings_.ready_fd < 0) return absl::OkStatus();
  const absl::string_view word = "ready\n";
  const ssize_t written = write(settings_.ready_fd, word.data(), word.size());
  close(settings_.ready_fd);
  if (written == static_cast<ssize_t>(word.size())) return absl::OkStatus();
  return absl::UnavailableError("--ready-fd: nobody reads it");
}

void Daemon::Drain(absl::string_view why, absl::Duration patience) {
  log_.Write(observe::Level::kInfo, "draining",
             {{"why", why}, {"running", gate_->running()}, {"streams", streams_->running()}});
  drain_end_ = clock::SteadyTime::Now() + patience;
  if (absl::Status status = NotifyManager("STOPPING=1"); !status.ok()) {
    log_.Write(observe::Level::kWarn, "manager_not_told", {{"message", status.message()}});
  }
  gate_->Drain();
  servers_->SetHealth(false);
  faults::FaultPoint(faults::Stage::kDraining);
  loop_->SetTick(kDrainTick, [this] { DrainTick(); });
  DrainTick();
}

void Daemon::DrainTick() {
  const bool idle = gate_->AwaitIdle(absl::ZeroDuration()) && streams_->running() == 0;
  if (idle || clock::SteadyTime::Now() >= drain_end_) loop_->Stop();
}

absl::Status Daemon::ServeMetrics() {
  if (metrics_ == nullptr) return absl::OkStatus();
  metrics_->Watch({.limits = settings_.limits,
                   .version = version_,
                   .started = absl::Now(),
                   .gate = gate_.get(),
                   .jail = jail_.get(),
                   .leases = leases_.get(),
                   .streams = streams_.get(),
                   .verdicts = verdicts_.get(),
                   .rules = &*rules_,
                   .memory = memory_.get()});
  metrics_server_ =
      std::make_unique<MetricsServer>(loop_.get(), [this] { return metrics_->Page(); });
  return metrics_server_->Serve(settings_.metrics);
}

absl::Status Daemon::Serve() {
  absl::StatusOr<channel::UniqueFd> signals = TakeSignals();
  if (!signals.ok()) return signals.status();
  signals_ = *std::move(signals);
  RaiseDescriptorLimit(log_);
  if (absl::Status status = OpenMemory(); !status.ok()) return status;
  MakePipeline();
  if (absl::Status status = servers_->Start(settings_.tcp); !status.ok()) return status;
  if (!settings_.health.host.empty()) {
    if (absl::Status status = servers_->StartHealth(settings_.health); !status.ok()) return status;
  }
  absl::StatusOr<std::unique_ptr<EventLoop>> loop = EventLoop::Create();
  if (!loop.ok()) return loop.status();
  loop_ = *std::move(loop);
  connections_ = std::make_unique<Connections>(
      loop_.get(), &callers_, leases_.get(), settings_.limits.max_caller_percent,
      [this](int fd, uid_t uid) { servers_->Adopt(fd, uid); });
  fd_server_ =
      std::make_unique<FdServer>(loop_.get(), leases_.get(), settings_.limits.max_caller_percent);
  if (absl::Status status = ServeMetrics(); !status.ok()) return status;
  loop_->SetTick(kTick, [this] {
    leases_->Sweep();
    fd_server_->Sweep();
    if (metrics_server_ != nullptr) metrics_server_->Sweep();
    ReturnFreeMemory();
  });
  servers_->SetHealth(true);
  for (const absl::Status& status : {WatchForTheEnd(), fd_server_->Serve(*fd_listener_),
                                     connections_->Serve(*listener_), SayReady()}) {
    if (!status.ok()) return status;
  }
  log_.Write(observe::Level::kInfo, "serving",
             {{"version", version_},
              {"socket", settings_.unix_socket},
              {"tcp", settings_.tcp},
              {"roots", settings_.roots.size()},
              {"tier", std::string(1, jail::TierLetter(jail_->tier()))},
              {"tier_reason", jail_->tier_reason()}});
  loop_->Run();
  servers_->Shutdown(kShutdownGrace);
  leases_->Clear();
  log_.Write(observe::Level::kInfo, "ended", {});
  return absl::OkStatus();
}

}  // namespace

absl::Status RunDaemon(const config::Settings& settings, const ReadSettings& read_settings,
                       const std::string& version, const observe::Log& log) {
  Daemon daemon(settings, read_settings, version, log);
  if (absl::Status status = daemon.Open(); !status.ok()) return status;
  return daemon.Serve();
}

}  // namespace loadlock::rpc
