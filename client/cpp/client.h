// loadlock::client: loads and audits models through loadlockd.
//
//   auto client = loadlock::client::Client::Connect("unix:/run/loadlock/loadlock.sock");
//   auto result = client->Load("/models/model.joblib");
//   if (auto* model = std::get_if<loadlock::client::Model>(&*result)) ...
//
// Nothing of a model runs here or in the daemon; what comes back is a graph of names and
// values that the daemon vetted, and bytes that nobody can change any more.
#ifndef LOADLOCK_CLIENT_CPP_CLIENT_H_
#define LOADLOCK_CLIENT_CPP_CLIENT_H_

#include <memory>
#include <string>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/errors.h"
#include "client/cpp/model.h"
#include "client/cpp/sealed_file.h"
#include "loadlock/v1/service.pb.h"

namespace loadlock::client {

// Bytes of an artifact that fit into AuditModelRequest.content.
inline constexpr uint64_t kMaxInlineContent = uint64_t{3} << 20;

struct ConnectOptions {
  // For the connection itself.
  absl::Duration connect_timeout = absl::Seconds(5);
  // For each call; the daemon's own limit on wall time is normally the shorter one.
  absl::Duration call_timeout = absl::Minutes(10);
};

struct LoadOptions {
  // Empty: the daemon's default.
  std::string policy;
  // Lower-case hex; empty: not checked.
  std::string expected_sha256;
  Access access = Access::kReadOnly;
  // Keep the daemon's lease instead of ending it when everything is here.
  bool keep_lease = false;
};

// The daemon refused; the report says why, where, and what would allow it.
struct Refused {
  v1::Report report;
};
using LoadResult = std::variant<Model, Refused>;

// The artifact itself, as it was vetted: what the daemon owns, not what lies at the path by now.
struct VettedFile {
  v1::Report report;
  SealedFile bytes;
};
using VetResult = std::variant<VettedFile, Refused>;

// One connection to one daemon; if it breaks, calls fail with UNAVAILABLE: connect anew.
// Thread safe; calls of several threads share the connection. Every status that comes from
// the daemon carries its reason (ErrorReason).
class Client {
 public:
  // `address` as in ParseAddress. Errors: those of ParseAddress and ConnectUnix.
  static absl::StatusOr<Client> Connect(absl::string_view address,
                                        const ConnectOptions& options = {});

  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // A refusal is an OK answer whose report's verdict is REFUSED.
  absl::StatusOr<v1::AuditModelResponse> Audit(const v1::AuditModelRequest& request) const;

  // Vets the file and takes over the model: graph and buffers inline if small, else the
  // sealed descriptors (unix socket), else as a stream.
  absl::StatusOr<LoadResult> Load(const std::string& path, const LoadOptions& options = {}) const;

  // Vets the file and takes over its bytes instead of what they mean. FAILED_PRECONDITION over TCP,
  // which carries no descriptors. Of the options `policy` and `expected_sha256` count.
  absl::StatusOr<VetResult> Vet(const std::string& path, const LoadOptions& options = {}) const;

  // Ends a lease and takes its token away.
  absl::Status Unload(Model* model) const;

  absl::StatusOr<v1::GetServerInfoResponse> Info() const;
  absl::StatusOr<v1::ListPoliciesResponse> Policies() const;
  // NOT_FOUND, reason NO_SUCH_POLICY or NO_SUCH_ENTRY.
  absl::StatusOr<v1::ExplainPolicyResponse> Explain(const v1::ExplainPolicyRequest& request) const;

  // False if the daemon runs on this host and reads paths, true if it shares no volume
  // for certain (TCP).
  bool remote() const;

 private:
  class Transport;
  explicit Client(std::unique_ptr<Transport> transport);
  // LoadModel; a refusal is a status.
  absl::StatusOr<v1::LoadModelResponse> CallLoad(const std::string& path,
                                                 const LoadOptions& options, bool lease) const;
  absl::Status EndLease(const std::string& token) const;
  absl::Status Fetch(const v1::LoadModelResponse& answer, Access access,
                     ModelAssembler* assembler) const;

  std::unique_ptr<Transport> transport_;
};

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_CLIENT_H_
