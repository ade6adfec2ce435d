// A second opinion on accepted graphs, written from graph.proto and the policy's text alone: it
// shares no code with server/verify, prefers plain loops to speed, and knows less.
#ifndef LOADLOCK_TESTS_FUZZ_RECHECK_H_
#define LOADLOCK_TESTS_FUZZ_RECHECK_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/policy.pb.h"

namespace loadlock::fuzz {

// Entries of a composed policy by their full names, with all places of the sets that they name.
using Entries = std::map<std::string, v1::Entry, std::less<>>;
Entries EntriesOf(const v1::Policy& composed);

// What is wrong with a graph that was accepted; empty if nothing is. Every operand is in range,
// every array is exactly as long as its buffer, every name is listed for the use that is made of it
// and for its place, no state key is reserved or doubled, only lists and dicts hold themselves, and
// what the native code of trees and sparse matrices follows stays inside.
std::string WhyUnsound(const v1::Graph& graph, std::string_view artifact, std::string_view decoded,
                       const Entries& entries);

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_RECHECK_H_
