#include "client/cli/session.h"

#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/address.h"

namespace loadlock::cli {
namespace {

// Far more than it needs on a busy machine (some 30 ms on an idle one).
constexpr absl::Duration kStartTimeout = absl::Seconds(30);

// Stands for a daemon of one's own where an address is asked for, as in the Python package.
constexpr char kPrivate[] = "private";

std::string NamedAddress(const Options& options) {
  if (!options.address.empty()) return options.address;
  const char* address = std::getenv("LOADLOCK_ADDRESS");
  return address == nullptr ? "" : address;
}

}  // namespace

absl::StatusOr<Session> Session::Open(const Options& options) {
  Session session;
  const std::string named = NamedAddress(options);
  if (!options.private_daemon && named != kPrivate) {
    absl::StatusOr<client::Client> client =
        client::Client::Connect(named.empty() ? client::kDefaultSocket : named);
    if (client.ok()) {
      session.client_ = *std::move(client);
      return session;
    }
    if (!named.empty()) return client.status();
    if (absl::IsPermissionDenied(client.status())) {
      return absl::PermissionDeniedError(absl::StrCat(
          client.status().message(), "; --private starts a daemon for this command alone"));
    }
    if (!absl::IsNotFound(client.status())) return client.status();
  }
  absl::StatusOr<client::PrivateDaemon> daemon = client::PrivateDaemon::Start();
  if (!daemon.ok()) return daemon.status();
  session.daemon_ = *std::move(daemon);
  return session;
}

absl::Status Session::Connect() {
  if (client_) return absl::OkStatus();
  if (absl::Status ready = daemon_->AwaitReady(kStartTimeout); !ready.ok()) return ready;
  absl::StatusOr<client::Client> client = client::Client::Connect(daemon_->socket_path());
  if (!client.ok()) return client.status();
  client_ = *std::move(client);
  return absl::OkStatus();
}

}  // namespace loadlock::cli
