// Calls over the unix socket: bench_rpc SOCKET FILE SECONDS. Prints one JSON object.
//
// Latency: the cheapest unary call of the same server and the audit of FILE alternate, so that both
// see the same machine. Rate: 8 clients, each with a connection of its own, audit FILE for SECONDS;
// the processor time of that is split by process.
#include <google/protobuf/duration.pb.h>
#include <google/protobuf/empty.pb.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/client_unary_call.h>
#include <grpcpp/impl/codegen/proto_utils.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "client/cpp/address.h"
#include "client/cpp/client.h"
#include "tests/bench/cpu_split.h"

namespace loadlock {
namespace {

constexpr int kClients = 8;
constexpr int kWarmUp = 200;
constexpr int kRounds = 4000;

void Require(bool good, const std::string& what) {
  if (good) return;
  std::cerr << "bench_rpc: " << what << "\n";
  std::exit(1);
}

class Samples {
 public:
  void Time(const std::function<void()>& call) {
    const absl::Time start = absl::Now();
    call();
    Add(absl::ToDoubleMicroseconds(absl::Now() - start));
  }
  void Add(double micros) { micros_.push_back(micros); }
  // `part` of the samples are at most this long, in microseconds.
  double Quantile(double part) {
    std::sort(micros_.begin(), micros_.end());
    return micros_.at(static_cast<size_t>(part * static_cast<double>(micros_.size() - 1)));
  }
  std::string Json() {
    return absl::StrFormat(R"({"p50": %.1f, "p99": %.1f})", Quantile(0.5), Quantile(0.99));
  }

 private:
  std::vector<double> micros_;
};

// A call with an empty request whose answer nobody reads: what a unary call costs at least.
class EmptyCall {
 public:
  EmptyCall(const std::shared_ptr<grpc::Channel>& channel, const char* method)
      : channel_(channel), method_(method, grpc::internal::RpcMethod::NORMAL_RPC, channel) {}
  void operator()() const {
    grpc::ClientContext context;
    google::protobuf::Empty answer;
    const google::protobuf::Empty request;
    const grpc::Status status =
        grpc::internal::BlockingUnaryCall<google::protobuf::Empty, google::protobuf::Empty>(
            channel_.get(), method_, &context, request, &answer);
    Require(status.ok(), status.error_message());
  }

 private:
  std::shared_ptr<grpc::Channel> channel_;
  grpc::internal::RpcMethod method_;
};

client::Client Connect(const std::string& socket) {
  absl::StatusOr<client::Client> client = client::Client::Connect(socket);
  Require(client.ok(), client.status().ToString());
  return *std::move(client);
}

v1::Timing Audit(const client::Client& client, const v1::AuditModelRequest& request) {
  const auto answer = client.Audit(request);
  Require(answer.ok(), answer.status().ToString());
  return answer->report().timing();
}

// Where the daemon says the time went, in its own words.
class Stages {
 public:
  void Add(const v1::Timing& timing) {
    const google::protobuf::Reflection* reflection = timing.GetReflection();
    std::vector<const google::protobuf::FieldDescriptor*> fields;
    reflection->ListFields(timing, &fields);
    for (const auto* field : fields) {
      const auto* duration = google::protobuf::DynamicCastToGenerated<google::protobuf::Duration>(
          &reflection->GetMessage(timing, field));
      Require(duration != nullptr, "a stage that is no duration");
      stages_[field->name()].Add(static_cast<double>(duration->seconds()) * 1e6 +
                                 static_cast<double>(duration->nanos()) / 1e3);
    }
  }
  std::string Json() {
    std::vector<std::string> parts;
    for (auto& [name, samples] : stages_) {
      parts.push_back(absl::StrFormat("\"%s\": %.1f", name, samples.Quantile(0.5)));
    }
    return absl::StrCat("{", absl::StrJoin(parts, ", "), "}");
  }

 private:
  std::map<std::string, Samples> stages_;
};

struct Load {
  double rate = 0;  // Requests a second.
  CpuSplit cpu;     // Of one request.
};

Load Measure(const std::string& socket, pid_t daemon, int clients, double seconds,
             const v1::AuditModelRequest& request) {
  std::atomic<uint64_t> done = 0;
  const CpuSplit before = CpuSplit::Now(daemon);
  const absl::Time start = absl::Now();
  const absl::Time end = start + absl::Seconds(seconds);
  {
    std::vector<std::jthread> threads;
    threads.reserve(static_cast<size_t>(clients));
    for (int i = 0; i < clients; ++i) {
      threads.emplace_back([&socket, &request, &done, end] {
        const client::Client client = Connect(socket);
        while (absl::Now() < end) {
          Audit(client, request);
          ++done;
        }
      });
    }
  }
  const auto count = static_cast<double>(done);
  return {count / absl::ToDoubleSeconds(absl::Now() - start),
          (CpuSplit::Now(daemon) - before) / count};
}

pid_t Listener(int fd) {
  ucred peer = {};
  socklen_t size = sizeof(peer);
  Require(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0, "SO_PEERCRED");
  return peer.pid;
}

int Run(const std::string& socket, const std::string& file, double seconds) {
  absl::StatusOr<client::Fd> fd = client::ConnectUnix(socket, SOCK_STREAM);
  Require(fd.ok(), fd.status().ToString());
  const pid_t daemon = Listener(fd->get());
  const auto channel = grpc::CreateInsecureChannelFromFd("localhost", fd->Release());
  const EmptyCall health(channel, "/grpc.health.v1.Health/Check");
  const EmptyCall info(channel, "/loadlock.v1.LoadLock/GetServerInfo");
  const client::Client client = Connect(socket);
  v1::AuditModelRequest by_path;
  by_path.set_path(file);
  std::ifstream in(file, std::ios::binary);
  v1::AuditModelRequest by_content;
  by_content.set_content(std::string(std::istreambuf_iterator<char>(in), {}));

  Samples health_time;
  Samples info_time;
  Samples path_time;
  Samples content_time;
  Stages stages;
  for (int i = -kWarmUp; i < kRounds; ++i) {
    Samples ignored;
    (i < 0 ? ignored : health_time).Time(health);
    (i < 0 ? ignored : info_time).Time(info);
    (i < 0 ? ignored : path_time).Time([&] { stages.Add(Audit(client, by_path)); });
    (i < 0 ? ignored : content_time).Time([&] { Audit(client, by_content); });
  }
  const Load load = Measure(socket, daemon, kClients, seconds, by_path);
  std::cout << absl::StreamFormat(
      "{\"health\": %s, \"info\": %s, \"audit_path\": %s, \"audit_content\": %s, "
      "\"stages\": %s, \"clients\": %d, \"rate\": %.0f, \"cpu\": {\"daemon\": %.0f, "
      "\"launcher\": %.0f, \"workers\": %.0f, \"client\": %.0f}, \"daemon_switches\": %.1f}\n",
      health_time.Json(), info_time.Json(), path_time.Json(), content_time.Json(), stages.Json(),
      kClients, load.rate, load.cpu.daemon, load.cpu.launcher, load.cpu.workers, load.cpu.self,
      load.cpu.daemon_switches);
  return 0;
}

}  // namespace
}  // namespace loadlock

int main(int argc, char** argv) {
  double seconds = 0;
  if (argc != 4 || !absl::SimpleAtod(argv[3], &seconds)) {
    std::cerr << "bench_rpc SOCKET FILE SECONDS\n";
    return 2;
  }
  return loadlock::Run(argv[1], argv[2], seconds);
}
