// numpy's .npy: one array, the whole file.
#ifndef LOADLOCK_SANDBOX_FORMATS_NPY_NPY_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_NPY_NPY_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

const char* IdentifyNpy(bytes::Bytes artifact);
void ParseNpy(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_NPY_NPY_FORMAT_H_
