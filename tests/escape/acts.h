// What a parser that was taken over might try, one act each.
#ifndef LOADLOCK_TESTS_ESCAPE_ACTS_H_
#define LOADLOCK_TESTS_ESCAPE_ACTS_H_

#include <string>
#include <vector>

#include "absl/types/span.h"

namespace loadlock::escape {

// What there is to reach outside, made by the test.
struct Outside {
  int daemon = 0;    // a process of the same user as the daemon
  int tcp_port = 0;  // somebody listens on it, at 127.0.0.1
  std::string file;  // anybody may read and write it
  std::string unix_socket;
  std::string abstract_socket;  // without its leading zero

  std::string ToText() const;
  static Outside FromText(const std::string& text);
};

struct Act {
  const char* name;
  // The system call that the filter stops, as libseccomp names it.
  const char* call;
  // What the kernel says: 0 or more if the act was done, else -errno.
  long (*run)(const Outside& outside);
};

// By what they reach for.
absl::Span<const Act> FileActs();
absl::Span<const Act> NetworkActs();
absl::Span<const Act> ProcessActs();
absl::Span<const Act> MemoryActs();
absl::Span<const Act> KernelActs();
std::vector<Act> AllActs();

// The raw call, so that no C library stands between: its result, or -errno.
long Call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0);

template <typename T>
long Address(const T* object) {
  return reinterpret_cast<long>(object);
}

}  // namespace loadlock::escape

#endif  // LOADLOCK_TESTS_ESCAPE_ACTS_H_
