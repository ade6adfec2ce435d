#include "server/pipeline/memory.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/store/sha256.h"

namespace loadlock::pipeline {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;

absl::StatusOr<std::string> DigestOf(const std::string& path) {
  const channel::UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) return absl::ErrnoToStatus(errno, path);
  store::Sha256 hash;
  std::vector<uint8_t> buffer(kReadBytes);
  while (true) {
    const ssize_t got = read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return absl::ErrnoToStatus(errno, path);
    if (got == 0) return hash.FinishHex();
    hash.Update(absl::MakeConstSpan(buffer).first(static_cast<size_t>(got)));
  }
}

// All that what a worker says depends on but the artifact, and the verifier that said of it that it
// is well-formed. No version that somebody could forget to raise.
absl::StatusOr<std::string> ScopeOfOutputs(const config::Settings& settings,
                                           const std::string& tier) {
  const absl::StatusOr<std::string> worker = DigestOf(settings.worker_path);
  if (!worker.ok()) return worker.status();
  const absl::StatusOr<std::string> daemon = DigestOf("/proc/self/exe");
  if (!daemon.ok()) return daemon.status();
  const config::LimitSettings& limits = settings.limits;
  return absl::StrJoin(
      {*worker, *daemon, tier, absl::StrCat(limits.max_nodes), absl::StrCat(limits.max_heap_bytes),
       absl::StrCat(limits.max_decoded_bytes), absl::StrCat(limits.max_depth)},
      "\n");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Memory>> Memory::Open(const config::Settings& settings,
                                                     const std::string& tier) {
  std::vector<std::string> roots = settings.roots;
  std::sort(roots.begin(), roots.end());
  absl::StatusOr<store::StateFolder> folder = store::StateFolder::Open(
      settings.store.state_dir, absl::StrJoin(roots, absl::string_view("\0", 1)));
  if (!folder.ok()) return folder.status();
  std::unique_ptr<Memory> memory(new Memory(*std::move(folder), settings.store));
  absl::StatusOr<channel::UniqueFd> blobs = memory->folder_.Subfolder("blobs");
  if (!blobs.ok()) return blobs.status();
  absl::StatusOr<std::unique_ptr<store::BlobStore>> store =
      store::BlobStore::Open(*std::move(blobs), settings.store.max_bytes, &memory->background_);
  if (!store.ok()) return store.status();
  memory->blobs_ = *std::move(store);
  absl::StatusOr<channel::UniqueFd> outputs = memory->folder_.Subfolder("outputs");
  if (!outputs.ok()) return outputs.status();
  absl::StatusOr<std::string> key = memory->folder_.Key();
  if (!key.ok()) return key.status();
  absl::StatusOr<std::string> scope = ScopeOfOutputs(settings, tier);
  if (!scope.ok()) return scope.status();
  absl::StatusOr<std::unique_ptr<store::OutputFiles>> files =
      store::OutputFiles::Open(*std::move(outputs),
                               {.scope = *std::move(scope),
                                .key = *std::move(key),
                                .max_bytes = settings.store.max_output_bytes},
                               &memory->background_);
  if (!files.ok()) return files.status();
  memory->outputs_ = *std::move(files);
  return memory;
}

}  // namespace loadlock::pipeline
