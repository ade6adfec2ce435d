// Fault points of the daemon: a connection a stage, so that its threads do not wait for each other.
#include <unistd.h>

#include <cstdlib>

#include "sandbox/faults/fault_point.h"
#include "tests/faults/conversation.h"

namespace loadlock::faults {

void FaultPoint(Stage stage) {
  const char* const path = getenv("LOADLOCK_FAULTS");
  const int fd = path == nullptr ? -1 : Connect(path);
  if (fd < 0) return;
  Converse(fd, stage);
  close(fd);
}

}  // namespace loadlock::faults
