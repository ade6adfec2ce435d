#include "client/cpp/client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/create_channel_posix.h>
#include <sys/socket.h>

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/cpp/address.h"
#include "client/cpp/handover.h"
#include "loadlock/v1/service.grpc.pb.h"

namespace loadlock::client {
namespace {

// A report (up to 4 MiB of a worker's findings and names), a graph of 3 MiB and inline
// buffers; the library's default of 4 MiB would lose such an answer.
constexpr int kMaxMessageBytes = 16 << 20;

absl::Status FromRpc(const grpc::Status& status) {
  return StatusFromRpc(status.error_code(), status.error_message(), status.error_details());
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> OpenChannel(const Address& address,
                                                           absl::Duration timeout) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  if (address.kind == Address::Kind::kUnix) {
    // Connecting here and not in gRPC tells exactly what is wrong with the socket, at once,
    // and saves the name resolver.
    absl::StatusOr<Fd> socket = ConnectUnix(address.location, SOCK_STREAM);
    if (!socket.ok()) return socket.status();
    return grpc::CreateCustomInsecureChannelFromFd("localhost", socket->Release(), arguments);
  }
  // A proxy of the environment would see, and could answer, what is meant for this host.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  auto channel =
      grpc::CreateCustomChannel(address.Target(), grpc::InsecureChannelCredentials(), arguments);
  const auto deadline = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout);
  if (!channel->WaitForConnected(deadline)) {
    return absl::NotFoundError(absl::StrCat("cannot connect to ", address.ToString()));
  }
  return channel;
}

}  // namespace

class Client::Transport {
 public:
  Transport(const std::shared_ptr<grpc::Channel>& channel, bool remote, absl::Duration timeout)
      : stub_(v1::LoadLock::NewStub(channel)), remote_(remote), timeout_(timeout) {}

  v1::LoadLock::Stub* stub() { return stub_.get(); }
  bool remote() const { return remote_; }
  absl::Duration timeout() const { return timeout_; }

  void Limit(grpc::ClientContext* context) const {
    context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout_));
  }

  // One unary call.
  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(grpc::Status (v1::LoadLock::Stub::*method)(grpc::ClientContext*,
                                                                           const Request&,
                                                                           Response*),
                                const Request& request) {
    grpc::ClientContext context;
    Limit(&context);
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return FromRpc(status);
    return response;
  }

 private:
  std::unique_ptr<v1::LoadLock::Stub> stub_;
  bool remote_;
  absl::Duration timeout_;
};

Client::Client(std::unique_ptr<Transport> transport) : transport_(std::move(transport)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;

absl::StatusOr<Client> Client::Connect(absl::string_view address, const ConnectOptions& options) {
  absl::StatusOr<Address> parsed = ParseAddress(address);
  if (!parsed.ok()) return parsed.status();
  auto channel = OpenChannel(*parsed, options.connect_timeout);
  if (!channel.ok()) return channel.status();
  return Client(std::make_unique<Transport>(*channel, parsed->kind == Address::Kind::kTcp,
                                            options.call_timeout));
}

bool Client::remote() const { return transport_->remote(); }

absl::StatusOr<v1::AuditModelResponse> Client::Audit(const v1::AuditModelRequest& request) const {
  auto answer = transport_->Call(&v1::LoadLock::Stub::AuditModel, request);
  if (answer.ok() && answer->report().verdict() != v1::VERDICT_ACCEPTED &&
      answer->report().verdict() != v1::VERDICT_REFUSED) {
    return absl::DataLossError("the daemon answered without a verdict");
  }
  return answer;
}

absl::StatusOr<v1::GetServerInfoResponse> Client::Info() const {
  return transport_->Call(&v1::LoadLock::Stub::GetServerInfo, v1::GetServerInfoRequest());
}

absl::StatusOr<v1::ListPoliciesResponse> Client::Policies() const {
  return transport_->Call(&v1::LoadLock::Stub::ListPolicies, v1::ListPoliciesRequest());
}

absl::StatusOr<v1::ExplainPolicyResponse> Client::Explain(
    const v1::ExplainPolicyRequest& request) const {
  return transport_->Call(&v1::LoadLock::Stub::ExplainPolicy, request);
}

absl::Status Client::EndLease(const std::string& token) const {
  v1::UnloadModelRequest request;
  request.set_token(token);
  return transport_->Call(&v1::LoadLock::Stub::UnloadModel, request).status();
}

absl::Status Client::Unload(Model* model) const {
  const std::string token = model->lease_.token();
  model->lease_.Clear();
  return EndLease(token);
}

// Gets what is not in `answer` itself.
absl::Status Client::Fetch(const v1::LoadModelResponse& answer, Access access,
                           ModelAssembler* assembler) const {
  const bool by_descriptor =
      !answer.buffers_inline() && !transport_->remote() && !answer.lease().fd_socket().empty();
  v1::FetchModelRequest request;
  request.set_token(answer.lease().token());
  request.set_skip_graph(answer.has_graph());
  request.set_skip_buffers(by_descriptor || answer.buffers_inline());
  if (!request.skip_graph() || !request.skip_buffers()) {
    grpc::ClientContext context;
    transport_->Limit(&context);
    auto stream = transport_->stub()->FetchModel(&context, request);
    v1::FetchModelResponse part;
    absl::Status status;
    bool ended = false;
    while (status.ok() && stream->Read(&part)) {
      if (ended) status = absl::DataLossError("the stream goes on after its end");
      if (part.has_graph()) assembler->AddGraph(part.graph());
      if (part.has_chunk()) status = assembler->AddChunk(part.chunk());
      if (part.has_end()) status = assembler->AddEnd(part.end());
      ended = ended || part.has_end();
    }
    if (!status.ok()) context.TryCancel();
    const grpc::Status finished = stream->Finish();
    if (!status.ok()) return status;
    if (!finished.ok()) return FromRpc(finished);
    if (!ended) return absl::DataLossError("the stream stopped before its end");
  }
  if (answer.buffers_inline()) return assembler->AddInline(answer.buffers());
  if (!by_descriptor) return absl::OkStatus();
  auto files =
      FetchFiles(answer.lease().fd_socket(), answer.lease().token(), transport_->timeout());
  if (!files.ok()) return files.status();
  return assembler->AddFiles(*std::move(files), access);
}

absl::StatusOr<v1::LoadModelResponse> Client::CallLoad(const std::string& path,
                                                       const LoadOptions& options,
                                                       bool lease) const {
  v1::LoadModelRequest request;
  request.set_path(path);
  request.set_policy(options.policy);
  request.set_expected_sha256(options.expected_sha256);
  request.set_no_lease_if_inline(!lease);
  auto answer = transport_->Call(&v1::LoadLock::Stub::LoadModel, request);
  if (answer.ok() && answer->report().verdict() != v1::VERDICT_ACCEPTED) {
    return absl::DataLossError("the daemon handed over a model without accepting it");
  }
  return answer;
}

absl::StatusOr<VetResult> Client::Vet(const std::string& path, const LoadOptions& options) const {
  if (transport_->remote()) {
    return absl::FailedPreconditionError("only a daemon on a unix socket hands over files");
  }
  auto answer = CallLoad(path, options, /*lease=*/true);
  if (!answer.ok()) {
    std::optional<v1::Report> report = RefusedReport(answer.status());
    if (report) return Refused{*std::move(report)};
    return answer.status();
  }
  auto files =
      FetchFiles(answer->lease().fd_socket(), answer->lease().token(), transport_->timeout());
  // Its bytes stay as long as a descriptor or a mapping of them does.
  const absl::Status ended = EndLease(answer->lease().token());
  if (!files.ok()) return files.status();
  if (!ended.ok() && !absl::IsNotFound(ended)) return ended;
  if (files->artifact_size != answer->report().size()) {
    return absl::DataLossError("the daemon handed over a file of another size");
  }
  absl::StatusOr<SealedFile> bytes = SealedFile::Map(
      std::move(files->artifact), files->artifact_size, files->owner, Access::kReadOnly);
  if (!bytes.ok()) return bytes.status();
  return VettedFile{std::move(*answer->mutable_report()), *std::move(bytes)};
}

absl::StatusOr<LoadResult> Client::Load(const std::string& path, const LoadOptions& options) const {
  auto answer = CallLoad(path, options, options.keep_lease);
  if (!answer.ok()) {
    std::optional<v1::Report> report = RefusedReport(answer.status());
    if (report) return Refused{*std::move(report)};
    return answer.status();
  }
  ModelAssembler assembler(answer->report(), answer->lease());
  if (answer->has_graph()) assembler.AddGraph(answer->graph());
  if (absl::Status status = Fetch(*answer, options.access, &assembler); !status.ok()) {
    return status;
  }
  absl::StatusOr<Model> model = std::move(assembler).Finish();
  if (!model.ok()) return model.status();
  if (!options.keep_lease && !model->lease().token().empty()) {
    // The model is complete; a lease that ended by itself meanwhile is no loss.
    const absl::Status ended = Unload(&*model);
    if (!ended.ok() && !absl::IsNotFound(ended)) return ended;
  }
  return *std::move(model);
}

}  // namespace loadlock::client
