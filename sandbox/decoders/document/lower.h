#ifndef LOADLOCK_SANDBOX_DECODERS_DOCUMENT_LOWER_H_
#define LOADLOCK_SANDBOX_DECODERS_DOCUMENT_LOWER_H_

#include "sandbox/decoders/document/document.h"
#include "sandbox/graph/builder.h"

namespace loadlock::document {

// A document of scalars and arrays as graph nodes: None, bools, ints, floats, strs, lists. kNoNode
// if it holds an object, a typed array or a number that is neither a 64-bit integer nor finite.
// The document's bytes must outlive the builder.
graph::NodeId LowerPlain(const Document& document, graph::Builder* builder);

}  // namespace loadlock::document

#endif  // LOADLOCK_SANDBOX_DECODERS_DOCUMENT_LOWER_H_
