// Owner of one file descriptor: closes it exactly once.
#ifndef LOADLOCK_SANDBOX_CHANNEL_UNIQUE_FD_H_
#define LOADLOCK_SANDBOX_CHANNEL_UNIQUE_FD_H_

#include <unistd.h>

#include <utility>

namespace loadlock::channel {

class UniqueFd {
 public:
  UniqueFd() = default;
  // Takes over `fd`; a negative number owns nothing.
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(other.Release()) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    if (this != &other) Reset(other.Release());
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { Reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

  // Gives the descriptor away; the caller closes it.
  [[nodiscard]] int Release() { return std::exchange(fd_, -1); }
  void Reset(int fd = -1) {
    // Linux frees the number even when close fails, so it is never tried twice.
    if (fd_ >= 0) close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

}  // namespace loadlock::channel

#endif  // LOADLOCK_SANDBOX_CHANNEL_UNIQUE_FD_H_
