// safetensors (https://huggingface.co/docs/safetensors/index#format): u64 length, a JSON object of
// that length, then the tensors' bytes. Stricter than its reference reader, which takes a name
// twice, unknown fields of an entry, a null for the metadata and space before the header.
#ifndef LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_SAFETENSORS_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_SAFETENSORS_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "safetensors" if there are a length and a JSON object of that length, all of it looked at: the
// length's low byte may be the magic byte of anything else.
const char* IdentifySafetensors(bytes::Bytes artifact);

// The root is a dict of arrays by their names, in the order of the header: ndarrays, and TENSORs of
// the types that torch has and numpy has not (bfloat16, float8, two float4 an item). Each array is
// a range of the file; together they cover all of it, with no gap and no overlap.
void ParseSafetensors(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_SAFETENSORS_FORMAT_H_
