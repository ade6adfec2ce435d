#include "tests/escape/acts.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>

namespace loadlock::escape {

std::string Outside::ToText() const {
  std::ostringstream out;
  out << daemon << ' ' << tcp_port << ' ' << file << ' ' << unix_socket << ' ' << abstract_socket;
  return out.str();
}

Outside Outside::FromText(const std::string& text) {
  Outside outside;
  std::istringstream in(text);
  in >> outside.daemon >> outside.tcp_port >> outside.file >> outside.unix_socket >>
      outside.abstract_socket;
  return outside;
}

std::vector<Act> AllActs() {
  std::vector<Act> all;
  for (const auto acts : {FileActs(), NetworkActs(), ProcessActs(), MemoryActs(), KernelActs()}) {
    all.insert(all.end(), acts.begin(), acts.end());
  }
  return all;
}

long Call(long number, long a, long b, long c, long d, long e, long f) {
  const long result = syscall(number, a, b, c, d, e, f);
  return result < 0 ? -errno : result;
}

}  // namespace loadlock::escape
