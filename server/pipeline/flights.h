// Requests that ask the same at the same time share the answer.
#ifndef LOADLOCK_SERVER_PIPELINE_FLIGHTS_H_
#define LOADLOCK_SERVER_PIPELINE_FLIGHTS_H_

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace loadlock::pipeline {

// Thread safe.
template <typename Value>
class Flights {
 public:
  using Shared = std::shared_ptr<const Value>;

  // What `make` gives, or what it gave to somebody who began with the same key and is not done yet.
  // Whoever waits for another asks `patience` now and then, and leaves with its status. An error is
  // its maker's own (a deadline, a cancelled call, a share of a budget): those who waited for it
  // make the value themselves, one after the other, until one has it. `shared`: somebody else made
  // it.
  absl::StatusOr<Shared> Do(const std::string& key,
                            absl::FunctionRef<absl::StatusOr<Shared>()> make,
                            absl::FunctionRef<absl::Status()> patience, bool* shared) {
    *shared = false;
    std::unique_lock lock(mutex_);
    while (true) {
      const auto [found, is_new] = flights_.try_emplace(key);
      if (is_new) break;
      if (found->second == nullptr) found->second = std::make_shared<Flight>();
      const std::shared_ptr<Flight> flight = found->second;
      while (!flight->done) {
        flight->landed.wait_for(lock, kAsk);
        if (flight->done) break;
        if (absl::Status status = patience(); !status.ok()) return status;
      }
      *shared = flight->value != nullptr;
      if (*shared) return flight->value;
    }
    lock.unlock();
    absl::StatusOr<Shared> value = make();
    lock.lock();
    const auto own = flights_.find(key);
    const std::shared_ptr<Flight> flight = std::move(own->second);
    flights_.erase(own);
    if (flight == nullptr) return value;  // Nobody waits.
    flight->done = true;
    if (value.ok()) flight->value = *value;
    flight->landed.notify_all();
    return value;
  }

 private:
  // How soon one that waits notices that its caller has gone.
  static constexpr std::chrono::milliseconds kAsk{20};

  struct Flight {
    std::condition_variable landed;
    bool done = false;
    Shared value;  // Null if it failed.
  };

  std::mutex mutex_;  // Guards what follows, and the flights.
  // Null as long as nobody waits.
  absl::flat_hash_map<std::string, std::shared_ptr<Flight>> flights_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_FLIGHTS_H_
