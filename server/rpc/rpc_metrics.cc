#include "server/rpc/rpc_metrics.h"

#include <google/protobuf/descriptor.h>

#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "loadlock/v1/service.pb.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::rpc {
namespace {

using clock::SteadyTime;
using grpc::experimental::InterceptionHookPoints;
using Type = grpc::experimental::ServerRpcInfo::Type;

// From an answer by digest to a parse of gigabytes.
std::vector<double> Bounds() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60};
}

std::set<std::string> KnownMethods() {
  std::set<std::string> known = {"/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch",
                                 "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
  const google::protobuf::ServiceDescriptor* service =
      v1::AuditModelRequest::descriptor()->file()->FindServiceByName("LoadLock");
  for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
    known.insert(absl::StrCat("/", service->full_name(), "/", service->method(i)->name()));
  }
  return known;
}

std::string NameOf(Type type) {
  switch (type) {
    case Type::UNARY:
      return "unary";
    case Type::CLIENT_STREAMING:
      return "client_stream";
    case Type::SERVER_STREAMING:
      return "server_stream";
    case Type::BIDI_STREAMING:
      return "bidi_stream";
  }
  return "other";
}

// As Go writes them.
std::string NameOf(grpc::StatusCode code) {
  constexpr absl::string_view kNames[] = {
      "OK",       "Canceled",       "Unknown",          "InvalidArgument",   "DeadlineExceeded",
      "NotFound", "AlreadyExists",  "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
      "Aborted",  "OutOfRange",     "Unimplemented",    "Internal",          "Unavailable",
      "DataLoss", "Unauthenticated"};
  const auto index = static_cast<size_t>(code);
  return std::string(index < std::size(kNames) ? kNames[index] : "Unknown");
}

// One call. It is destroyed at the call's end.
class CallTimer final : public grpc::experimental::Interceptor {
 public:
  CallTimer(RpcMetrics* metrics, observe::LabelValues call)
      : metrics_(metrics), call_(std::move(call)) {
    metrics_->Started(call_);
  }
  // Without a status the caller has gone first.
  ~CallTimer() override { metrics_->Handled(call_, code_, SteadyTime::Now() - start_); }

  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      code_ = methods->GetSendStatus().error_code();
    }
    methods->Proceed();
  }

 private:
  RpcMetrics* const metrics_;
  const observe::LabelValues call_;
  const SteadyTime start_ = SteadyTime::Now();
  grpc::StatusCode code_ = grpc::StatusCode::CANCELLED;
};

}  // namespace

RpcMetrics::RpcMetrics(observe::MetricsPage* page)
    : known_(KnownMethods()),
      started_(page->Add<observe::Counter>(
          "grpc_server_started_total", "Calls that began.",
          std::vector<std::string>{"grpc_type", "grpc_service", "grpc_method"})),
      handled_(page->Add<observe::Counter>(
          "grpc_server_handled_total", "Calls that ended.",
          std::vector<std::string>{"grpc_type", "grpc_service", "grpc_method", "grpc_code"})),
      seconds_(page->Add<observe::Histogram>(
          "grpc_server_handling_seconds", "From the beginning of a call to its end.",
          std::vector<std::string>{"grpc_type", "grpc_service", "grpc_method"}, Bounds())) {}

observe::LabelValues RpcMetrics::LabelsOf(const std::string& method, Type type) const {
  if (known_.count(method) == 0) return {"other", "other", "other"};
  const size_t slash = method.rfind('/');
  return {NameOf(type), method.substr(1, slash - 1), method.substr(slash + 1)};
}

void RpcMetrics::Started(const observe::LabelValues& call) { started_->Add(call); }

void RpcMetrics::Handled(const observe::LabelValues& call, grpc::StatusCode code,
                         absl::Duration time) {
  observe::LabelValues with_code = call;
  with_code.push_back(NameOf(code));
  handled_->Add(with_code);
  seconds_->Observe(call, time);
}

grpc::experimental::Interceptor* RpcMetricsInterceptors::CreateServerInterceptor(
    grpc::experimental::ServerRpcInfo* info) {
  return new CallTimer(metrics_, metrics_->LabelsOf(info->method(), info->type()));
}

}  // namespace loadlock::rpc
