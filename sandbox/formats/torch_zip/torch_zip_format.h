// torch.save since 1.6: a zip archive of stored members, all in one folder.
//
//   data.pkl                       the object; its persistent ids are ('storage', class, key,
//                                  location, elements)
//   data/KEY                       the elements of a storage
//   version or .data/version       1 to 10
//   byteorder                      "little" (also if it is missing) or "big"
//   .format_version, .storage_alignment, .data/serialization_id
//
// torch takes the folder of the first member, the first of two members, a member in other case, a
// member whose checksum is wrong, and with mmap the compressed bytes of a deflated one; other
// readers do not (decoders/zip refuses what it can see of that). torch/serialization.py, _load;
// caffe2/serialize/inline_container.cc.
#ifndef LOADLOCK_SANDBOX_FORMATS_TORCH_ZIP_TORCH_ZIP_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_TORCH_ZIP_TORCH_ZIP_FORMAT_H_

#include "sandbox/decoders/zip/archive.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

bool IsTorchZip(const zip::Archive& archive);
// Storages are ranges of the artifact; in a big-endian file they are decoded. Every member must be
// one of those above, and every storage one that the object refers to.
void ParseTorchZip(const zip::Archive& archive, const Input& input, Output* output);

// What torch writes beside: code, which is refused by name.
bool IsTorchScript(const zip::Archive& archive);
bool IsTorchExport(const zip::Archive& archive);
bool IsTorchPackage(const zip::Archive& archive);
bool IsTorchServe(const zip::Archive& archive);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_TORCH_ZIP_TORCH_ZIP_FORMAT_H_
