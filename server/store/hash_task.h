// Hashes bytes in a thread of its own while the caller gets the next ones.
#ifndef LOADLOCK_SERVER_STORE_HASH_TASK_H_
#define LOADLOCK_SERVER_STORE_HASH_TASK_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace loadlock::store {

// A few pieces of memory go round: the caller fills one while the thread hashes those before it.
// They are read while they are still in a cache, which mapping the copy again would not give.
class HashTask {
 public:
  HashTask();
  // Stops at the next piece if it is not done.
  ~HashTask();
  HashTask(const HashTask&) = delete;
  HashTask& operator=(const HashTask&) = delete;

  // Memory for the next bytes, kPieceBytes long; waits until there is some. It is the caller's to
  // fill until Submit, and to read until the next call of Next.
  absl::Span<uint8_t> Next();
  // The first `size` bytes of what Next gave come next in what is hashed.
  void Submit(size_t size);
  // No more bytes will come.
  void Close();

  // After Close: waits for the digest, lower-case hex.
  absl::StatusOr<std::string> Wait();
  bool Done() const;
  // Time spent hashing, without waiting for bytes. After Wait.
  absl::Duration elapsed() const;

 private:
  // Enough that neither side waits for the other's wake-up; small enough to stay in the cache.
  static constexpr size_t kPieces = 8;
  static constexpr size_t kPieceBytes = size_t{128} << 10;

  void Run();
  // Waits for the next piece, and says on which processor the caller was last. Returns false at the
  // end, or if the task was stopped.
  bool Take(absl::Span<const uint8_t>* piece, int* processor);
  uint8_t* Place(uint64_t piece) { return &memory_[piece % kPieces * kPieceBytes]; }

  const std::unique_ptr<uint8_t[]> memory_;
  mutable std::mutex mutex_;  // Guards what follows, but for the thread.
  std::condition_variable changed_;
  uint64_t submitted_ = 0;  // Pieces.
  uint64_t hashed_ = 0;     // Pieces.
  size_t sizes_[kPieces] = {};
  int processor_ = -1;  // Of the last Submit.
  bool closed_ = false;
  bool stop_ = false;
  bool done_ = false;
  absl::StatusOr<std::string> digest_ = std::string();
  absl::Duration elapsed_;
  std::thread thread_;  // Last: starts when everything else is there.
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_HASH_TASK_H_
