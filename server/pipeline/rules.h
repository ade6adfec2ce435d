// What may be opened and what may be in it: replaced as one while requests run.
#ifndef LOADLOCK_SERVER_PIPELINE_RULES_H_
#define LOADLOCK_SERVER_PIPELINE_RULES_H_

#include <memory>
#include <mutex>
#include <utility>

#include "server/policy/origins.h"
#include "server/policy/policy.h"
#include "server/store/roots.h"

namespace loadlock::pipeline {

struct Rules {
  store::Roots roots;
  std::shared_ptr<const policy::PolicySet> policies;  // Never null.
  std::unique_ptr<const policy::Origins> origins;     // Of `policies`; null in tests alone.
};

// Thread safe.
class CurrentRules {
 public:
  explicit CurrentRules(Rules rules) : rules_(std::make_shared<const Rules>(std::move(rules))) {}

  // A request asks once and holds the answer to its end, so that one that runs keeps the rules it
  // started with.
  std::shared_ptr<const Rules> Get() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return rules_;
  }

  void Replace(Rules rules) {
    auto next = std::make_shared<const Rules>(std::move(rules));
    const std::lock_guard<std::mutex> lock(mutex_);
    rules_.swap(next);
  }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Rules> rules_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_RULES_H_
