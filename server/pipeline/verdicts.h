// Verdicts, and those that are remembered.
#ifndef LOADLOCK_SERVER_PIPELINE_VERDICTS_H_
#define LOADLOCK_SERVER_PIPELINE_VERDICTS_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "loadlock/v1/report.pb.h"
#include "server/store/artifact.h"
#include "server/verify/verify.h"

namespace loadlock::pipeline {

// What was found out about some bytes, whoever asked. Immutable once it is shared.
struct Verdict {
  // Without what is the request's own: path, request_id, timing.
  v1::Report report;
  // Present exactly if the verdict is ACCEPTED, as are the descriptors; `decoded` only if something
  // was decoded.
  std::shared_ptr<const verify::VerifiedGraph> graph;
  store::SharedFd artifact;
  store::SharedFd decoded;
  bool artifact_in_memory = true;
  // The same would be found again: it depends on the bytes, the policy, the worker and the limits
  // alone, and not on how long something took or what else the machine did.
  bool lasting = false;

  bool accepted() const { return report.verdict() == v1::VERDICT_ACCEPTED; }
  // What it holds of what Gate counts.
  uint64_t bytes_held() const;
};

using SharedVerdict = std::shared_ptr<const Verdict>;

// Those of the last requests, in memory. A file of the store is not held for it: the file may be
// removed and the verdict stays. Thread safe.
class Verdicts {
 public:
  // Memory that all together may take.
  explicit Verdicts(uint64_t max_bytes) : max_bytes_(max_bytes) {}

  // Null if there is none. Without `artifact` if that is not in memory.
  SharedVerdict Find(const std::string& sha256, const std::string& policy_digest);
  // Only what is lasting.
  void Remember(const SharedVerdict& verdict);

 private:
  using Key = std::pair<std::string, std::string>;
  struct Entry {
    SharedVerdict verdict;
    uint64_t bytes = 0;
    std::list<Key>::iterator use;
  };

  const uint64_t max_bytes_;
  std::mutex mutex_;  // Guards what follows.
  absl::flat_hash_map<Key, Entry> entries_;
  std::list<Key> order_;  // The most recently used first.
  uint64_t bytes_ = 0;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_VERDICTS_H_
