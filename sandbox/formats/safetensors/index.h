// model.safetensors.index.json: which file of the same folder each tensor of a model is in.
#ifndef LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_INDEX_H_
#define LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_INDEX_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "safetensors-index" if it is a text that begins an object and has a "weight_map".
const char* IdentifySafetensorsIndex(bytes::Bytes artifact);

// The root is {"weight_map": {tensor: file}}, every file a plain name that ends in .safetensors: no
// folder, so that nothing outside of the index's own can be meant. The files are not read; a note
// says so.
void ParseSafetensorsIndex(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_SAFETENSORS_INDEX_H_
