// torch.save of 0.1: a tar archive of four members.
//
//   storages  pickle of a count; for each a pickle of (id, location, class), i64 elements, the
//             elements; then a pickle of a list of (id, id of another storage, offset, elements)
//   tensors   pickle of a count; for each a pickle of (id, id of its storage, class), i32 rank,
//             4 bytes of no meaning, i64 sizes, i64 strides, i64 offset
//   pickle    the object; its persistent ids are those numbers, or (class, file, source)
//   sys_info  which no reader looks at
//
// All little-endian (torch/serialization.py, legacy_load).
#ifndef LOADLOCK_SANDBOX_FORMATS_TORCH_TAR_TORCH_TAR_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_TORCH_TAR_TORCH_TAR_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// "torch-tar" if there are members storages, tensors and pickle in a tar archive.
const char* IdentifyTorchTar(bytes::Bytes artifact);
void ParseTorchTar(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_TORCH_TAR_TORCH_TAR_FORMAT_H_
