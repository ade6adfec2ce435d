// Which layers of the jail are off in this run: the program's own name says it, because a launcher
// has no arguments, no environment and no files. `...-without-N-M`: N is a mask of layers
// (sandbox/jail/layers.h), M the index of a line of the system call policy, or -1.
#include <sys/auxv.h>

#include <cstdlib>
#include <cstring>

#include "sandbox/jail/layers.h"

namespace loadlock::jail {
namespace {

struct Switches {
  unsigned layers = 0;
  int call = -1;
};

Switches Read() {
  Switches switches;
  const auto* const path = reinterpret_cast<const char*>(getauxval(AT_EXECFN));
  const char* const mark = path == nullptr ? nullptr : strstr(path, "-without-");
  if (mark == nullptr) return switches;
  char* end = nullptr;
  switches.layers = static_cast<unsigned>(strtoul(mark + strlen("-without-"), &end, 10));
  if (*end == '-') switches.call = static_cast<int>(strtol(end + 1, nullptr, 10));
  return switches;
}

}  // namespace

bool IsOff(Layer layer) { return (Read().layers & layer) != 0; }

bool IsCallOff(size_t index) { return Read().call == static_cast<int>(index); }

}  // namespace loadlock::jail
