// Mutations of one graph, field by field.
#ifndef LOADLOCK_TESTS_FUZZ_MUTATE_GRAPH_H_
#define LOADLOCK_TESTS_FUZZ_MUTATE_GRAPH_H_

#include <string>

#include "loadlock/v1/graph.pb.h"
#include "tests/fuzz/dice.h"

namespace loadlock::fuzz {

// Texts that mean something to the verifier: dtypes, attributes, generators, methods.
std::string TellingText(Dice* dice);

// Changes one thing: a kind, an operand, an element of a pool, a range, a column.
void MutateGraph(v1::Graph* graph, Dice* dice);

// Appends another graph and hangs it below a new root; then something of each may point into the
// other. The buffers of `other` must be where it says.
void SpliceGraphs(v1::Graph* graph, const v1::Graph& other, Dice* dice);

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_MUTATE_GRAPH_H_
