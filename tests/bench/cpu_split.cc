#include "tests/bench/cpu_split.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace loadlock {
namespace {

// Fields of /proc/PID/stat after the name, which may hold spaces and brackets; see proc(5).
constexpr size_t kParent = 1;
constexpr size_t kOwnTicks = 11;       // utime, stime
constexpr size_t kChildrenTicks = 13;  // cutime, cstime

struct Stat {
  pid_t parent = 0;
  double own = 0;
  double children = 0;
};

std::string Read(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

double Micros(const std::vector<std::string>& fields, size_t first) {
  uint64_t user = 0, system = 0;
  if (!absl::SimpleAtoi(fields[first], &user) || !absl::SimpleAtoi(fields[first + 1], &system)) {
    return 0;
  }
  return static_cast<double>(user + system) * 1e6 / static_cast<double>(sysconf(_SC_CLK_TCK));
}

bool ReadStat(const std::string& process, Stat* stat) {
  const std::string text = Read(absl::StrCat("/proc/", process, "/stat"));
  const size_t name_end = text.rfind(") ");
  if (name_end == std::string::npos) return false;
  const std::vector<std::string> fields = absl::StrSplit(text.substr(name_end + 2), ' ');
  int32_t parent = 0;
  if (fields.size() <= kChildrenTicks + 1 || !absl::SimpleAtoi(fields[kParent], &parent)) {
    return false;
  }
  stat->parent = parent;
  stat->own = Micros(fields, kOwnTicks);
  stat->children = Micros(fields, kChildrenTicks);
  return true;
}

double Switches(pid_t process) {
  double sum = 0;
  std::error_code error;
  const std::string folder = absl::StrCat("/proc/", process, "/task");
  for (const auto& thread : std::filesystem::directory_iterator(folder, error)) {
    const std::string text = Read(thread.path() / "status");
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      uint64_t count = 0;
      if (absl::StrContains(line, "_ctxt_switches:") &&
          absl::SimpleAtoi(line.substr(line.find('\t') + 1), &count)) {
        sum += static_cast<double>(count);
      }
    }
  }
  return sum;
}

}  // namespace

CpuSplit CpuSplit::Now(pid_t daemon) {
  CpuSplit split;
  Stat own;
  if (ReadStat(absl::StrCat(daemon), &own)) split.daemon = own.own;
  split.daemon_switches = Switches(daemon);
  // The launcher is the daemon's child, and one process or two (sandbox/jail/launcher.h).
  std::vector<pid_t> parents = {daemon};
  for (int depth = 0; depth < 2; ++depth) {
    std::vector<pid_t> found;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
      int32_t pid = 0;
      Stat stat;
      const std::string name = entry.path().filename();
      if (!absl::SimpleAtoi(name, &pid) || !ReadStat(name, &stat)) continue;
      if (std::find(parents.begin(), parents.end(), stat.parent) == parents.end()) continue;
      found.push_back(pid);
      split.launcher += stat.own;
      split.workers += stat.children;
    }
    parents = found;
  }
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  split.self = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
               static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
  return split;
}

CpuSplit CpuSplit::operator-(const CpuSplit& earlier) const {
  return {daemon - earlier.daemon, launcher - earlier.launcher, workers - earlier.workers,
          self - earlier.self, daemon_switches - earlier.daemon_switches};
}

CpuSplit CpuSplit::operator/(double count) const {
  return {daemon / count, launcher / count, workers / count, self / count, daemon_switches / count};
}

}  // namespace loadlock
