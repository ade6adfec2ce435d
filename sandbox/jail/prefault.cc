#include "sandbox/jail/prefault.h"

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <memory>

// The linker's names for the bounds of this executable's code.
extern "C" {
extern const char __executable_start;
extern const char etext;
}

namespace loadlock::jail {
namespace {

// Newer than the headers of Debian 12.
constexpr int kMadvPopulateRead = 22;
constexpr int kMadvPopulateWrite = 23;

constexpr uintptr_t kPage = 4096;
// What the parse of a small model takes from the heap.
constexpr size_t kHeap = 16 * kPage;

void Populate(uintptr_t begin, uintptr_t end, int how) {
  begin = (begin + kPage - 1) & ~(kPage - 1);
  end &= ~(kPage - 1);
  // madvise changes nothing that its caller could see, except the time that the first access takes.
  if (begin < end) (void)madvise(reinterpret_cast<void*>(begin), end - begin, how);
}

}  // namespace

void Prefault() {
  Populate(reinterpret_cast<uintptr_t>(&__executable_start), reinterpret_cast<uintptr_t>(&etext),
           kMadvPopulateRead);
  // Goes back to the heap, which keeps it mapped and hands it out again.
  const auto block = std::make_unique_for_overwrite<char[]>(kHeap);
  const auto begin = reinterpret_cast<uintptr_t>(block.get());
  Populate(begin, begin + kHeap, kMadvPopulateWrite);
}

}  // namespace loadlock::jail
