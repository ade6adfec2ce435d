// loadlock-worker: the launcher of workers, and each of them (sandbox/jail/process.h).
#include "sandbox/jail/process.h"
#include "sandbox/worker/job.h"

int main(int argc, char** argv) {
  return loadlock::jail::ProcessMain(argc, argv,
                                     {&loadlock::worker::RunJob, &loadlock::worker::WarmUp});
}
