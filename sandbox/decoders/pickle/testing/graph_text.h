#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_TESTING_GRAPH_TEXT_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_TESTING_GRAPH_TEXT_H_

#include <string>

#include "absl/types/span.h"
#include "loadlock/v1/graph.pb.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/pickle/parse.h"

namespace loadlock::pickle::testing {

// One line of text that says what an encoded graph means, whatever way it was packed:
//   None True False Ellipsis  12 (int)  f3ff0000000000000 (bits)  'text'  y616263 (bytes)
//   [..] (..) {k: v, ..} set{..} frozenset{..} (members sorted)  odict{..}
//   <module.name>  new(<cls>, args){state=.., list=.., dict=..}  call(..){..}
//   storage(type, elements, hex|meta)  tensor(storage, dtype, flags, offset (sizes) (strides))
//   sparse(layout, flags, sizes, parts ..)  quantized(storage, dtype, view, scale.., zero point..)
//   parameter(tensor, requires_grad, state)  attributes(tensor, state)  statedict{k: v; metadata}
//   array(dtype, C|F, shape, hex of the data)  objarray(shape, [..])  scalar(dtype, hex)
// A mutable value is numbered where it is first seen, #0=[..], and is #0 from then on.
// `artifact` and `decoded` are what buffers are ranges of.
std::string GraphText(const v1::Graph& graph, absl::Span<const uint8_t> artifact,
                      absl::Span<const uint8_t> decoded);

struct Outcome {
  bool accepted = false;
  std::string text;  // GraphText, or "RULE: message @offset OPCODE"
  std::string rule;
  v1::Graph graph;
  graph::Refusal refusal;
};

// Parses and encodes one pickle, with a decoded file of its own.
Outcome ParseToText(absl::Span<const uint8_t> pickle, bool joblib_arrays,
                    const bytes::BudgetLimits& limits = {});

}  // namespace loadlock::pickle::testing

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_TESTING_GRAPH_TEXT_H_
