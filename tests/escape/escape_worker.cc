// A worker under the lock-down of the real one, with the real job. An artifact that begins with
// "act " is not parsed: it names an act, and what it may aim at.
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <string>

#include "absl/base/internal/raw_logging.h"
#include "sandbox/jail/exit_codes.h"
#include "sandbox/jail/process.h"
#include "sandbox/worker/job.h"
#include "tests/escape/acts.h"

namespace loadlock::escape {
namespace {

constexpr char kMark[] = "act ";

std::string Read(int fd) {
  struct stat info;
  if (Call(SYS_fstat, fd, Address(&info)) != 0 || info.st_size == 0) return {};
  const auto size = static_cast<size_t>(info.st_size);
  void* const map = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (map == MAP_FAILED) return {};
  std::string text(static_cast<const char*>(map), size);
  munmap(map, size);
  return text;
}

std::string Describe(long result) {
  if (result >= 0) return "done";
  const char* const name = strerrorname_np(static_cast<int>(-result));
  return name == nullptr ? std::to_string(result) : name;
}

// What the C library and Abseil do when they find that they cannot go on.
void LastWords(const std::string& whose) {
  if (whose == "the C library") {
    // Freed twice. Through a volatile pointer, so that the compiler does not see it.
    void* volatile block = malloc(64);
    free(block);
    free(block);
  }
  ABSL_RAW_LOG(ERROR, "the last words of Abseil");
}

std::string Perform(const std::string& text) {
  const size_t name_end = text.find('\n');
  const std::string name = text.substr(sizeof(kMark) - 1, name_end - (sizeof(kMark) - 1));
  if (name.rfind("last words of ", 0) == 0) LastWords(name.substr(strlen("last words of ")));
  if (name.rfind("call ", 0) == 0) {
    return Describe(Call(std::strtol(name.c_str() + strlen("call "), nullptr, 10)));
  }
  const Outside outside = Outside::FromText(text.substr(name_end + 1));
  for (const Act& act : AllActs()) {
    if (name == act.name) return Describe(act.run(outside));
  }
  return "unknown act";
}

int Body(channel::ReceivedJob& job, channel::FrameWriter& writer) {
  const std::string text = Read(job.artifact.get());
  if (text.rfind(kMark, 0) != 0) return worker::RunJob(job, writer);
  return writer.Answer({}, {}, Perform(text)).ok() ? jail::kExitOk : jail::kExitChannel;
}

}  // namespace
}  // namespace loadlock::escape

int main(int argc, char** argv) {
  return loadlock::jail::ProcessMain(argc, argv, {&loadlock::escape::Body});
}
