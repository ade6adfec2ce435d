#include "server/store/output_cache.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <unistd.h>

#include <array>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/store/sha256.h"
#include "server/store/state_folder.h"

namespace loadlock::store {
namespace {

// The file: its MAC, three lengths (u64, little endian), three messages without gaps.
constexpr size_t kMacBytes = 32;
constexpr size_t kHeadBytes = kMacBytes + 3 * sizeof(uint64_t);
// One model must not drive out all the others; nor may what waits to be written fill the memory.
constexpr uint64_t kLargestPart = 4;
constexpr size_t kMostWaiting = 16;

void AppendLe64(uint64_t value, std::string* out) {
  for (int i = 0; i < 8; ++i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint64_t ReadLe64(absl::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < 8; ++i) value |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return value;
}

// Of the name, so that no entry can stand for another, and of all behind the MAC.
std::string MacOf(const std::string& key, const std::string& name, absl::string_view body) {
  const std::string text = absl::StrCat(name, body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  const auto* const data = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), data, text.size(), mac.data(),
           &size) == nullptr ||
      size != kMacBytes) {
    return "";
  }
  return {mac.begin(), mac.begin() + kMacBytes};
}

bool Equal(absl::string_view a, absl::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// nullopt unless the lengths are those of what follows.
std::optional<Output> Split(absl::string_view body) {
  std::array<uint64_t, 3> sizes{};
  for (uint64_t& size : sizes) {
    size = ReadLe64(body);
    body.remove_prefix(sizeof(size));
  }
  Output output;
  for (const auto& [size, part] :
       {std::pair{sizes[0], &output.graph}, std::pair{sizes[1], &output.provenance},
        std::pair{sizes[2], &output.result}}) {
    if (size > body.size()) return std::nullopt;
    *part = std::string(body.substr(0, size));
    body.remove_prefix(size);
  }
  if (!body.empty()) return std::nullopt;
  return output;
}

}  // namespace

absl::StatusOr<std::unique_ptr<OutputFiles>> OutputFiles::Open(channel::UniqueFd folder,
                                                               const Options& options,
                                                               Background* background) {
  std::unique_ptr<OutputFiles> out(new OutputFiles(std::move(folder), options, background));
  absl::StatusOr<std::vector<ListedFile>> files = ListAndClean(out->folder_.get());
  if (!files.ok()) return files.status();
  const std::lock_guard lock(out->mutex_);
  for (const ListedFile& file : *files) out->Insert(file.name, file.id.size);
  return out;
}

// What is still to be done holds this.
OutputFiles::~OutputFiles() { background_->AwaitIdle(); }

std::string OutputFiles::NameOf(const std::string& sha256) const {
  const std::string text = absl::StrCat("loadlock output 1\n", sha256, "\n", options_.scope);
  Sha256 hash;
  hash.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  absl::StatusOr<std::string> name = hash.FinishHex();
  return name.ok() ? *std::move(name) : "";
}

void OutputFiles::Insert(const std::string& name, uint64_t size) {
  Remove(name);
  while (bytes_ + size > options_.max_bytes && !order_.empty()) {
    const std::string oldest = order_.back();
    unlinkat(folder_.get(), oldest.c_str(), 0);
    Remove(oldest);
  }
  order_.push_front(name);
  entries_[name] = Entry{size, order_.begin()};
  bytes_ += size;
}

void OutputFiles::Remove(const std::string& name) {
  const auto entry = entries_.find(name);
  if (entry == entries_.end()) return;
  bytes_ -= entry->second.size;
  order_.erase(entry->second.use);
  entries_.erase(entry);
}

std::optional<Output> OutputFiles::Find(const std::string& sha256) {
  const std::string name = NameOf(sha256);
  uint64_t size = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(name);
    if (entry == entries_.end()) return std::nullopt;
    order_.splice(order_.begin(), order_, entry->second.use);
    size = entry->second.size;
  }
  const absl::StatusOr<std::string> file = ReadFile(folder_.get(), name, size);
  if (file.ok() && file->size() >= kHeadBytes) {
    const absl::string_view mac = absl::string_view(*file).substr(0, kMacBytes);
    const absl::string_view body = absl::string_view(*file).substr(kMacBytes);
    if (Equal(mac, MacOf(options_.key, name, body))) {
      std::optional<Output> output = Split(body);
      if (output) return output;
    }
  }
  const std::lock_guard lock(mutex_);
  unlinkat(folder_.get(), name.c_str(), 0);
  Remove(name);
  return std::nullopt;
}

void OutputFiles::Keep(const std::string& sha256, Output output) {
  const uint64_t size =
      kHeadBytes + output.graph.size() + output.provenance.size() + output.result.size();
  std::string name = NameOf(sha256);
  if (name.empty() || size > options_.max_bytes / kLargestPart) return;
  if (background_->waiting() >= kMostWaiting) return;
  auto shared = std::make_shared<const Output>(std::move(output));
  background_->Do([this, name = std::move(name), shared] { Write(name, *shared); });
}

void OutputFiles::Write(const std::string& name, const Output& output) {
  std::string body;
  for (const std::string* part : {&output.graph, &output.provenance, &output.result}) {
    AppendLe64(part->size(), &body);
  }
  absl::StrAppend(&body, output.graph, output.provenance, output.result);
  const std::string mac = MacOf(options_.key, name, body);
  if (mac.empty()) return;
  // An entry that could not be written is one that is not there.
  if (!WriteFile(folder_.get(), name, absl::StrCat(mac, body)).ok()) return;
  const std::lock_guard lock(mutex_);
  Insert(name, kMacBytes + body.size());
}

}  // namespace loadlock::store
