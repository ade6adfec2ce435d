#ifndef LOADLOCK_SANDBOX_GRAPH_DECODED_FILE_H_
#define LOADLOCK_SANDBOX_GRAPH_DECODED_FILE_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "sandbox/bytes/budget.h"

namespace loadlock::graph {

// Append-only writer over the decoded memfd: data that had to be decompressed or decoded and
// that buffers then point into (BUFFER_SOURCE_DECODED). Written by pwrite64 alone, so that a
// worker needs no writable shared mapping. Neither owns nor closes the descriptor.
class DecodedFile {
 public:
  // `budget` bounds what is written and must outlive this. A negative fd is a file that
  // refuses every append of at least one byte.
  DecodedFile(int fd, bytes::Budget* budget) : fd_(fd), budget_(budget) {}
  ~DecodedFile();
  DecodedFile(const DecodedFile&) = delete;
  DecodedFile& operator=(const DecodedFile&) = delete;

  // Appends all of `data`. False if the budget does not allow it (then the budget is
  // exhausted) or the kernel does not (then error() is its errno).
  [[nodiscard]] bool Append(absl::Span<const uint8_t> data);

  // Fills with zeros until size() is a multiple of `alignment` (a power of two), so that
  // arrays that follow need no copy at the client.
  [[nodiscard]] bool Align(uint64_t alignment);

  // Bytes written.
  uint64_t size() const { return size_; }
  int error() const { return error_; }

  // Everything written so far, mapped read-only; stays valid and unchanged for as long as this
  // object lives, whatever is appended later. Empty if nothing was written; a null span of
  // size 0 and error() set if the kernel refuses.
  absl::Span<const uint8_t> Map();

 private:
  struct Mapping {
    void* address;
    uint64_t size;
  };

  int fd_;
  bytes::Budget* budget_;
  uint64_t size_ = 0;
  int error_ = 0;
  std::vector<Mapping> mappings_;
};

}  // namespace loadlock::graph

#endif  // LOADLOCK_SANDBOX_GRAPH_DECODED_FILE_H_
