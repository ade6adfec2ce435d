// Memory: code that was not there at the start, and memory that others share.
#include <linux/futex.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <cstdint>

#include "tests/escape/acts.h"

namespace loadlock::escape {
namespace {

constexpr long kPage = 4096;
constexpr int kFresh = MAP_PRIVATE | MAP_ANONYMOUS;

long MakeExecutable(const Outside&) {
  const long page = Call(SYS_mmap, 0, kPage, PROT_READ | PROT_WRITE, kFresh, -1, 0);
  return page < 0 && page > -kPage ? page : Call(SYS_mprotect, page, kPage, PROT_READ | PROT_EXEC);
}

long Mapped(long result) { return result < 0 && result > -kPage ? result : 0; }

constexpr Act kActs[] = {
    {"map memory that is writable and executable", "mmap",
     [](const Outside&) {
       return Mapped(Call(SYS_mmap, 0, kPage, PROT_READ | PROT_WRITE | PROT_EXEC, kFresh, -1, 0));
     }},
    {"make written memory executable", "mprotect", MakeExecutable},
    {"map the decoded file as code", "mmap",
     [](const Outside&) {
       return Mapped(Call(SYS_mmap, 0, kPage, PROT_READ | PROT_EXEC, MAP_SHARED, 5, 0));
     }},
    {"make its own code writable", "mprotect",
     [](const Outside&) {
       const long code = reinterpret_cast<long>(&MakeExecutable) & ~(kPage - 1);
       return Call(SYS_mprotect, code, kPage, PROT_READ | PROT_WRITE | PROT_EXEC);
     }},
    {"make a memory file", "memfd_create",
     [](const Outside&) { return Call(SYS_memfd_create, Address("x"), 0); }},
    {"make System V shared memory", "shmget",
     [](const Outside&) { return Call(SYS_shmget, IPC_PRIVATE, kPage, IPC_CREAT | 0600); }},
    {"make a System V semaphore", "semget",
     [](const Outside&) { return Call(SYS_semget, IPC_PRIVATE, 1, IPC_CREAT | 0600); }},
    {"make a System V message queue", "msgget",
     [](const Outside&) { return Call(SYS_msgget, IPC_PRIVATE, IPC_CREAT | 0600); }},
    {"make a POSIX message queue", "mq_open",
     [](const Outside&) { return Call(SYS_mq_open, Address("loadlock-escape"), 0102, 0600, 0); }},
    {"wait on shared memory", "futex",
     [](const Outside&) {
       static uint32_t word = 1;
       return Call(SYS_futex, Address(&word), FUTEX_WAKE, 1, 0, 0, 0);
     }},
    {"lock memory", "mlockall", [](const Outside&) { return Call(SYS_mlockall, MCL_CURRENT); }},
};

}  // namespace

absl::Span<const Act> MemoryActs() { return kActs; }

}  // namespace loadlock::escape
