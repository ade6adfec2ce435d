// What the daemon keeps from one request for the next.
#ifndef LOADLOCK_SERVER_PIPELINE_MEMORY_H_
#define LOADLOCK_SERVER_PIPELINE_MEMORY_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "server/config/settings.h"
#include "server/pipeline/flights.h"
#include "server/pipeline/verdicts.h"
#include "server/store/background.h"
#include "server/store/blob_store.h"
#include "server/store/known_files.h"
#include "server/store/output_cache.h"
#include "server/store/state_folder.h"

namespace loadlock::pipeline {

// A file's bytes, copied, and their digest.
struct Taken {
  std::shared_ptr<const store::Artifact> artifact;
  std::string sha256;
};

// Thread safe.
class Memory {
 public:
  // `roots`: whoever may call may load whatever lies under them, and no copy of anything else is
  // kept; a folder of other roots is emptied. `tier` and the program at `worker_path` decide what a
  // worker says, beside the limits. Errors as store::StateFolder.
  static absl::StatusOr<std::unique_ptr<Memory>> Open(const config::Settings& settings,
                                                      const std::string& tier);

  bool ToFile(uint64_t size) const { return size >= min_file_bytes_; }
  store::BlobStore& blobs() { return *blobs_; }
  store::KnownFiles& files() { return files_; }
  store::OutputCache& outputs() { return *outputs_; }
  Verdicts& verdicts() { return verdicts_; }
  // Of copies that are being made, by what is copied; and of verdicts that are being found.
  Flights<Taken>& copies() { return copies_; }
  Flights<Verdict>& parses() { return parses_; }

  void Count(bool cached) { (cached ? cached_ : new_).fetch_add(1, std::memory_order_relaxed); }
  uint64_t cached() const { return cached_.load(std::memory_order_relaxed); }
  uint64_t fresh() const { return new_.load(std::memory_order_relaxed); }
  // Until all that was answered is on the disk.
  void AwaitDisk() { background_.AwaitIdle(); }

 private:
  Memory(store::StateFolder folder, const config::StoreSettings& settings)
      : folder_(std::move(folder)),
        min_file_bytes_(settings.min_file_bytes),
        verdicts_(settings.max_memory_bytes) {}

  const store::StateFolder folder_;
  const uint64_t min_file_bytes_;
  store::Background background_;
  std::unique_ptr<store::BlobStore> blobs_;
  std::unique_ptr<store::OutputCache> outputs_;
  store::KnownFiles files_;
  Verdicts verdicts_;
  Flights<Taken> copies_;
  Flights<Verdict> parses_;
  std::atomic<uint64_t> cached_{0};
  std::atomic<uint64_t> new_{0};
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_MEMORY_H_
