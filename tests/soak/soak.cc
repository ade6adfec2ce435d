// loadlock-soak SOCKET GOOD BAD REQUESTS SECONDS: small requests from four connections, until there
// were so many or the time is over. Prints one JSON object.
//
// Of ten requests six audit GOOD by its bytes, two audit BAD, one loads GOOD by its path and ends
// the lease, and one makes a new connection first. Every answer must be the right one.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "client/cpp/client.h"

namespace loadlock {
namespace {

constexpr int kConnections = 4;

void Require(bool good, const std::string& what) {
  if (good) return;
  std::cerr << "loadlock-soak: " << what << "\n";
  std::exit(1);
}

client::Client Connect(const std::string& socket) {
  absl::StatusOr<client::Client> client = client::Client::Connect(socket);
  Require(client.ok(), client.status().ToString());
  return *std::move(client);
}

v1::AuditModelRequest ContentOf(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  v1::AuditModelRequest request;
  request.set_content(std::string(std::istreambuf_iterator<char>(in), {}));
  Require(!request.content().empty(), path + " is empty");
  return request;
}

class Soak {
 public:
  Soak(std::string socket, std::string good, const std::string& bad, uint64_t requests,
       absl::Duration time)
      : socket_(std::move(socket)),
        good_path_(std::move(good)),
        good_(ContentOf(good_path_)),
        bad_(ContentOf(bad)),
        requests_(requests),
        end_(absl::Now() + time) {}

  int Run() {
    const absl::Time start = absl::Now();
    {
      std::vector<std::jthread> threads;
      threads.reserve(kConnections);
      for (int i = 0; i < kConnections; ++i) threads.emplace_back([this] { Work(); });
    }
    const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
    const uint64_t done = std::min(started_.load(), requests_);
    std::cout << absl::StreamFormat("{\"requests\": %u, \"seconds\": %.1f, \"rate\": %.0f}\n", done,
                                    seconds, static_cast<double>(done) / seconds);
    return 0;
  }

 private:
  void Work() {
    client::Client client = Connect(socket_);
    while (absl::Now() < end_) {
      const uint64_t number = started_.fetch_add(1);
      if (number >= requests_) return;
      if (number % 10 == 0) client = Connect(socket_);
      if (number % 10 == 1) {
        Load(client);
      } else if (number % 5 == 2) {
        Audit(client, bad_, v1::VERDICT_REFUSED);
      } else {
        Audit(client, good_, v1::VERDICT_ACCEPTED);
      }
    }
  }

  static void Audit(const client::Client& client, const v1::AuditModelRequest& request,
                    v1::Verdict wanted) {
    const auto answer = client.Audit(request);
    Require(answer.ok(), answer.status().ToString());
    Require(answer->report().verdict() == wanted, answer->report().ShortDebugString());
  }

  void Load(const client::Client& client) const {
    client::LoadOptions options;
    options.keep_lease = true;
    auto loaded = client.Load(good_path_, options);
    Require(loaded.ok(), loaded.status().ToString());
    auto* const model = std::get_if<client::Model>(&*loaded);
    Require(model != nullptr, "a good model is refused");
    const absl::Status ended = client.Unload(model);
    Require(ended.ok(), ended.ToString());
  }

  const std::string socket_;
  const std::string good_path_;
  const v1::AuditModelRequest good_;
  const v1::AuditModelRequest bad_;
  const uint64_t requests_;
  const absl::Time end_;
  std::atomic<uint64_t> started_{0};
};

}  // namespace
}  // namespace loadlock

int main(int argc, char** argv) {
  uint64_t requests = 0;
  double seconds = 0;
  if (argc != 6 || !absl::SimpleAtoi(argv[4], &requests) || !absl::SimpleAtod(argv[5], &seconds)) {
    std::cerr << "loadlock-soak SOCKET GOOD BAD REQUESTS SECONDS\n";
    return 2;
  }
  return loadlock::Soak(argv[1], argv[2], argv[3], requests, absl::Seconds(seconds)).Run();
}
