// How formats that are refused by name begin. Each function looks at a bounded part of the file.
#ifndef LOADLOCK_SANDBOX_FORMATS_UNSUPPORTED_HEADS_H_
#define LOADLOCK_SANDBOX_FORMATS_UNSUPPORTED_HEADS_H_

#include <string_view>

#include "sandbox/bytes/cursor.h"

namespace loadlock::formats {

bool Begins(bytes::Bytes artifact, std::string_view magic);

// heads.cc: binary formats.
bool IsHdf5(bytes::Bytes artifact);
bool IsOnnx(bytes::Bytes artifact);
bool IsSavedModel(bytes::Bytes artifact);
bool IsCoreMl(bytes::Bytes artifact);
bool IsTflite(bytes::Bytes artifact);
bool Is7z(bytes::Bytes artifact);
bool IsRar(bytes::Bytes artifact);
bool IsCatboost(bytes::Bytes artifact);
bool IsOldJoblib(bytes::Bytes artifact);
bool IsOldXgboost(bytes::Bytes artifact);
bool IsOldGgml(bytes::Bytes artifact);
bool IsR(bytes::Bytes artifact);
bool IsPyc(bytes::Bytes artifact);
bool IsParquet(bytes::Bytes artifact);
bool IsArrow(bytes::Bytes artifact);
bool IsMatlab(bytes::Bytes artifact);
bool IsJava(bytes::Bytes artifact);
bool IsExecutable(bytes::Bytes artifact);

// text_heads.cc: formats that are text.
bool IsPmml(bytes::Bytes artifact);
bool IsXml(bytes::Bytes artifact);
bool IsHtml(bytes::Bytes artifact);
bool IsLfsPointer(bytes::Bytes artifact);
bool IsPythonSource(bytes::Bytes artifact);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_UNSUPPORTED_HEADS_H_
