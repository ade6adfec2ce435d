// What workers said of artifacts that were vetted before, on disk.
//
// Not verdicts: what is read back is verified once more, against the artifact's bytes and the
// policy of whoever asks, as if a worker had just said it. So whoever could write here could do no
// more than a worker that was taken over, and one entry serves all policies. A MAC, whose key only
// this folder has, keeps out what is damaged, was moved or comes from elsewhere.
#ifndef LOADLOCK_SERVER_STORE_OUTPUT_CACHE_H_
#define LOADLOCK_SERVER_STORE_OUTPUT_CACHE_H_

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sandbox/channel/unique_fd.h"
#include "server/store/background.h"

namespace loadlock::store {

// As channel::WorkerOutput: serialized messages.
struct Output {
  std::string graph;
  std::string provenance;
  std::string result;
};

// Thread safe. A cache that several machines share would implement this, with a MAC whose key they
// share.
class OutputCache {
 public:
  virtual ~OutputCache() = default;
  // `sha256` is the artifact's. nullopt if there is none that is whole.
  virtual std::optional<Output> Find(const std::string& sha256) = 0;
  // Only what was verified; without decoded data. May keep nothing.
  virtual void Keep(const std::string& sha256, Output output) = 0;
};

// One file each, complete before it has its name.
class OutputFiles : public OutputCache {
 public:
  struct Options {
    // What else the output depends on: the worker's program, its tier, the limits.
    std::string scope;
    std::string key;  // Of the MAC.
    uint64_t max_bytes = 0;
  };
  // `folder` is a subfolder of StateFolder; `background` must outlive this.
  static absl::StatusOr<std::unique_ptr<OutputFiles>> Open(channel::UniqueFd folder,
                                                           const Options& options,
                                                           Background* background);
  ~OutputFiles() override;

  std::optional<Output> Find(const std::string& sha256) override;
  void Keep(const std::string& sha256, Output output) override;

 private:
  struct Entry {
    uint64_t size = 0;
    std::list<std::string>::iterator use;
  };

  OutputFiles(channel::UniqueFd folder, const Options& options, Background* background)
      : folder_(std::move(folder)), options_(options), background_(background) {}
  std::string NameOf(const std::string& sha256) const;
  void Write(const std::string& name, const Output& output);
  // With mutex_ held.
  void Insert(const std::string& name, uint64_t size);
  void Remove(const std::string& name);

  const channel::UniqueFd folder_;
  const Options options_;
  Background* const background_;
  std::mutex mutex_;  // Guards what follows.
  absl::flat_hash_map<std::string, Entry> entries_;
  std::list<std::string> order_;  // The most recently used first.
  uint64_t bytes_ = 0;
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_OUTPUT_CACHE_H_
