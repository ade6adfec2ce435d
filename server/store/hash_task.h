// Hashes a memory file in a thread of its own while it is still being filled.
#ifndef LOADLOCK_SERVER_STORE_HASH_TASK_H_
#define LOADLOCK_SERVER_STORE_HASH_TASK_H_

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::store {

class HashTask {
 public:
  // `fd` is the task's own descriptor of the memory file. Bytes that were announced may not change
  // any more.
  explicit HashTask(channel::UniqueFd fd);
  // Stops at the next window if it is not done.
  ~HashTask();
  HashTask(const HashTask&) = delete;
  HashTask& operator=(const HashTask&) = delete;

  // The first `bytes` bytes are final. Grows from call to call.
  void Announce(uint64_t bytes);
  // No more bytes will come.
  void Close();

  // After Close: waits for the digest, lower-case hex.
  absl::StatusOr<std::string> Wait();
  bool Done() const;
  // Time spent hashing, without waiting for bytes. After Wait.
  absl::Duration elapsed() const;

 private:
  void Run();
  // Waits for bytes beyond `from`. Returns up to where to hash; `from` means the end.
  uint64_t NextEnd(uint64_t from, bool* stop);

  const channel::UniqueFd fd_;
  mutable std::mutex mutex_;  // Guards what follows, but for the thread.
  std::condition_variable changed_;
  uint64_t available_ = 0;
  bool closed_ = false;
  bool stop_ = false;
  bool done_ = false;
  absl::StatusOr<std::string> digest_ = std::string();
  absl::Duration elapsed_;
  std::thread thread_;  // Last: starts when everything else is there.
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_HASH_TASK_H_
