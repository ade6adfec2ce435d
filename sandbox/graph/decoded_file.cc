#include "sandbox/graph/decoded_file.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace loadlock::graph {

DecodedFile::~DecodedFile() {
  for (const Mapping& mapping : mappings_) munmap(mapping.address, mapping.size);
}

bool DecodedFile::Append(absl::Span<const uint8_t> data) {
  if (!budget_->ChargeDecoded(data.size())) return false;
  while (!data.empty()) {
    const ssize_t written = pwrite(fd_, data.data(), data.size(), static_cast<off_t>(size_));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) {
      error_ = written == 0 ? ENOSPC : errno;
      return false;
    }
    size_ += static_cast<uint64_t>(written);
    data.remove_prefix(static_cast<size_t>(written));
  }
  return true;
}

bool DecodedFile::Align(uint64_t alignment) {
  constexpr uint8_t kZeros[64] = {};
  uint64_t padding = (alignment - size_ % alignment) % alignment;
  while (padding > 0) {
    const uint64_t step = std::min<uint64_t>(padding, sizeof(kZeros));
    if (!Append(absl::MakeConstSpan(kZeros, step))) return false;
    padding -= step;
  }
  return true;
}

absl::Span<const uint8_t> DecodedFile::Map() {
  if (size_ == 0) return {};
  if (mappings_.empty() || mappings_.back().size != size_) {
    void* address = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd_, 0);
    if (address == MAP_FAILED) {
      error_ = errno;
      return {};
    }
    mappings_.push_back({address, size_});
  }
  return {static_cast<const uint8_t*>(mappings_.back().address), size_};
}

}  // namespace loadlock::graph
