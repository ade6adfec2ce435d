// What a lying worker can do, one name each. The artifact "HOSTILE <name>\n" asks for it; the
// expected answers of the daemon stand in expectations.py.
#ifndef LOADLOCK_TESTS_HOSTILE_SCENARIO_H_
#define LOADLOCK_TESTS_HOSTILE_SCENARIO_H_

#include <cstddef>
#include <span>
#include <string_view>

#include "sandbox/channel/worker_end.h"
#include "tests/hostile/output.h"

namespace loadlock::hostile {

// All that a locked-down worker has.
struct Stage {
  channel::ReceivedJob& job;
  channel::FrameWriter& writer;
};

// Returns the exit code of the process.
struct Act {
  std::string_view name;
  int (*perform)(Stage& stage);
};

// An honest output with one thing wrong; it is sent in honest frames, with sizes that are right
// unless the lie is about them.
struct Lie {
  std::string_view name;
  void (*tell)(Output& output);
};

// frames.cc: kinds, order, number and sizes of packets, and when the channel closes.
std::span<const Act> FrameActs();
// decoded.cc: the memory file, before and after the end frame.
std::span<const Act> DecodedActs();
// process.cc: how a process waits, dies and lies about it.
std::span<const Act> ProcessActs();
// results.cc: the WorkerResult and the Provenance.
std::span<const Lie> ResultLies();
// columns.cc: the graph's columns, pools and operands.
std::span<const Lie> ColumnLies();
// names.cc: names that the policy lacks, or lists for something else.
std::span<const Lie> NameLies();
// models.cc: states and arrays that fitted models cannot have.
std::span<const Lie> ModelLies();
// boosters.cc: records of native models that the libraries must never be handed.
std::span<const Lie> BoosterLies();
// tensors.cc: views, indices, attributes and modules of torch that reach beyond what is theirs.
std::span<const Lie> TensorLies();
// work.cc: small graphs that would take a careless checker for ever.
std::span<const Lie> WorkLies();

}  // namespace loadlock::hostile

#endif  // LOADLOCK_TESTS_HOSTILE_SCENARIO_H_
