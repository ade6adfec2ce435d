#include "server/pipeline/verdicts.h"

#include <vector>

namespace loadlock::pipeline {
namespace {

// One model must not drive out all the others.
constexpr uint64_t kLargestPart = 2;
// What a verdict takes beside what is counted.
constexpr uint64_t kEntryBytes = 512;

}  // namespace

uint64_t Verdict::bytes_held() const {
  const uint64_t artifact_bytes = artifact_in_memory ? report.size() : 0;
  return artifact_bytes + report.decoded_size() +
         (graph == nullptr ? 0 : graph->graph().ByteSizeLong());
}

SharedVerdict Verdicts::Find(const std::string& sha256, const std::string& policy_digest) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(Key(sha256, policy_digest));
  if (found == entries_.end()) return nullptr;
  order_.splice(order_.begin(), order_, found->second.use);
  return found->second.verdict;
}

void Verdicts::Remember(const SharedVerdict& verdict) {
  if (!verdict->lasting) return;
  auto kept = std::make_shared<Verdict>(*verdict);
  if (!kept->artifact_in_memory) kept->artifact = nullptr;
  uint64_t bytes = kEntryBytes + kept->report.SpaceUsedLong();
  if (kept->graph != nullptr) bytes += kept->graph->graph().SpaceUsedLong();
  if (kept->artifact != nullptr) bytes += kept->report.size();
  if (kept->decoded != nullptr) bytes += kept->report.decoded_size();
  if (bytes > max_bytes_ / kLargestPart) return;
  const Key key(kept->report.sha256(), kept->report.policy_digest());
  std::vector<SharedVerdict> freed;  // Outside of the lock.
  const std::lock_guard lock(mutex_);
  const auto remove = [&](const Key& which) {
    const auto entry = entries_.find(which);
    if (entry == entries_.end()) return;
    bytes_ -= entry->second.bytes;
    freed.push_back(std::move(entry->second.verdict));
    order_.erase(entry->second.use);
    entries_.erase(entry);
  };
  remove(key);
  while (bytes_ + bytes > max_bytes_) remove(Key(order_.back()));
  order_.push_front(key);
  entries_[key] = Entry{std::move(kept), bytes, order_.begin()};
  bytes_ += bytes;
}

}  // namespace loadlock::pipeline
