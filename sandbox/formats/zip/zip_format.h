// What lies in a zip archive, its members decide; a format in a zip is one line in the table of
// zip_format.cc.
#ifndef LOADLOCK_SANDBOX_FORMATS_ZIP_ZIP_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_ZIP_ZIP_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

const char* IdentifyZip(bytes::Bytes artifact);
void ParseZip(const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_ZIP_ZIP_FORMAT_H_
