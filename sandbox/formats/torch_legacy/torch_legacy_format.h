// A file of torch.save before 1.6, or with _use_new_zipfile_serialization=False: the grammar stands
// in sandbox/decoders/pickle/torch_legacy.h, because storages in plain pickles are such files too.
#ifndef LOADLOCK_SANDBOX_FORMATS_TORCH_LEGACY_TORCH_LEGACY_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_TORCH_LEGACY_TORCH_LEGACY_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "torch-legacy" if the first pickle is the magic number.
const char* IdentifyTorchLegacy(bytes::Bytes artifact);
void ParseTorchLegacy(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_TORCH_LEGACY_TORCH_LEGACY_FORMAT_H_
