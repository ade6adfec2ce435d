// From a worker's bytes to a Graph whose columns agree with each other.
#ifndef LOADLOCK_SERVER_VERIFY_COLUMNS_H_
#define LOADLOCK_SERVER_VERIFY_COLUMNS_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "server/verify/verify.h"

namespace loadlock::verify {

// Parses and checks what needs no look at a node's kind: known fields only, number of nodes,
// strings and names within the caps, parallel columns of equal length, operands in all,
// buffers inside their bytes. INVALID_ARGUMENT: malformed.
absl::StatusOr<v1::Graph> DecodeGraph(absl::string_view bytes, const Buffers& buffers,
                                      const Caps& caps);

// Both columns have one element a node. INVALID_ARGUMENT: malformed.
absl::StatusOr<v1::Provenance> DecodeProvenance(absl::string_view bytes, int nodes);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_COLUMNS_H_
