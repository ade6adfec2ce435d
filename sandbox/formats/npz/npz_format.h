// .npz: what numpy.savez and savez_compressed write, a zip archive of .npy members.
#ifndef LOADLOCK_SANDBOX_FORMATS_NPZ_NPZ_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_NPZ_NPZ_FORMAT_H_

#include "sandbox/decoders/zip/archive.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// Every member's name ends in .npy.
bool IsNpz(const zip::Archive& archive);

// The root is a dict of arrays by the members' names without .npy, in the order of the archive.
// Arrays of stored members are ranges of the file. Each member is read as a .npy file is.
void ParseNpz(const zip::Archive& archive, const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_NPZ_NPZ_FORMAT_H_
