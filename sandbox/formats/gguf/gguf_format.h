// GGUF versions 2 and 3, little-endian (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md):
//
//   "GGUF" u32 version, u64 tensors, u64 pairs; pairs of key and typed value; for each tensor its
//   name, u32 rank, u64 dimensions (the fastest first), u32 type, u64 offset; then, from a multiple
//   of general.alignment on, the tensors one behind the other, each at such a multiple
//
// Stricter than its reference reader, which takes offsets that are not aligned or overlap, rank 0
// and 10, sizes of 0, strings that are longer than the file and bytes behind the end.
#ifndef LOADLOCK_SANDBOX_FORMATS_GGUF_GGUF_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_GGUF_GGUF_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "gguf" by the magic, whatever the version.
const char* IdentifyGguf(bytes::Bytes artifact);

// The root is {"metadata": {key: value}, "tensors": {name: tensor}}. Arrays of numbers in the
// metadata are ndarrays. A tensor whose type numpy has is an ndarray, C order, of the dimensions in
// numpy's order (the fastest last); one of bfloat16 is a TENSOR of that shape. Every other, all of
// them quantised, is
//   {"type": ggml's name of it, "shape": a tuple of the elements by dimension in numpy's order,
//    "data": an ndarray of uint8 whose last dimension counts bytes instead of elements}.
// Chat templates, which are programs in Jinja, are values like others and reported in
// Output::notes.
void ParseGguf(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_GGUF_GGUF_FORMAT_H_
