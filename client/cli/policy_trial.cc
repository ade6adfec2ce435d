#include "client/cli/policy_trial.h"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/auditor.h"
#include "client/cpp/client.h"
#include "client/cpp/private_daemon.h"

namespace loadlock::cli {
namespace {

namespace fs = std::filesystem;

// As for a session's own daemon.
constexpr absl::Duration kStartTimeout = absl::Seconds(30);

absl::Status WriteFile(const fs::path& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (out) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot write ", path.string()));
}

}  // namespace

absl::StatusOr<ScratchFolder> ScratchFolder::Make() {
  std::error_code error;
  fs::path base = fs::temp_directory_path(error);
  if (error) base = "/tmp";
  ScratchFolder made;
  made.path_ = (base / "loadlock-policy-XXXXXX").string();
  if (mkdtemp(made.path_.data()) == nullptr) {
    const absl::Status status =
        absl::ErrnoToStatus(errno, absl::StrCat("making a folder in ", base.string()));
    made.path_.clear();
    return status;
  }
  return made;
}

ScratchFolder::ScratchFolder(ScratchFolder&& other) noexcept
    : path_(std::exchange(other.path_, "")) {}

ScratchFolder::~ScratchFolder() {
  if (path_.empty()) return;
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

absl::StatusOr<std::vector<Outcome>> TryPolicies(const ScratchFolder& scratch,
                                                 const std::map<std::string, std::string>& policies,
                                                 const std::vector<Item>& items,
                                                 const Options& options) {
  const fs::path folder = fs::path(scratch.path()) / "policies";
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) return absl::UnavailableError(absl::StrCat(folder.string(), ": ", error.message()));
  for (const auto& [name, text] : policies) {
    absl::Status written = WriteFile(folder / absl::StrCat(name, ".textproto"), text);
    if (!written.ok()) return written;
  }
  client::PrivateDaemonOptions daemon_options;
  daemon_options.arguments = {"--policy-dir", folder.string()};
  daemon_options.folder = scratch.path();
  auto daemon = client::PrivateDaemon::Start(daemon_options);
  if (!daemon.ok()) return daemon.status();
  if (absl::Status ready = daemon->AwaitReady(kStartTimeout); !ready.ok()) return ready;
  auto client = client::Client::Connect(daemon->socket_path());
  if (!client.ok()) return client.status();
  const Auditor auditor([&client](const auto& request) { return client->Audit(request); }, false,
                        options);
  std::vector<Outcome> outcomes;
  outcomes.reserve(items.size());
  for (const Item& item : items) outcomes.push_back(auditor.Audit(item));
  return outcomes;
}

}  // namespace loadlock::cli
