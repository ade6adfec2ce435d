#ifndef LOADLOCK_SANDBOX_DECODERS_NPY_NPY_H_
#define LOADLOCK_SANDBOX_DECODERS_NPY_NPY_H_

#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"

namespace loadlock::npy {

// Parses one .npy file that must be the whole stream: an NDARRAY whose buffer is the data where
// it lies. An array of objects is a pickle behind the header; it must be of one array of
// objects of the shape that the header states, and gives its OBJECT_NDARRAY.
// Refuses: MALFORMED, TRUNCATED, TRAILING_DATA, DTYPE, ARRAY_BOUNDS, what the pickle is refused
// for, and the budget's rules.
pickle::ParseResult Parse(const pickle::Stream& stream, graph::DecodedFile& decoded,
                          bytes::Budget& budget, graph::Builder& builder);

}  // namespace loadlock::npy

#endif  // LOADLOCK_SANDBOX_DECODERS_NPY_NPY_H_
