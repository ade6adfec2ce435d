// The registered formats and the choice between them.
#ifndef LOADLOCK_SANDBOX_FORMATS_REGISTRY_H_
#define LOADLOCK_SANDBOX_FORMATS_REGISTRY_H_

#include "absl/types/span.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

struct Format {
  // Null if the content is not of this format, else the name to speak of it. Checks the whole
  // of what is fixed in a header, not a magic byte: a safetensors file may begin with any byte.
  const char* (*identify)(bytes::Bytes artifact);
  // Parses what `identify` accepted: sets format, and root or refusals.
  void (*parse)(const Input& input, Output* output);
  // A grammar without a header, tried only if no other format identifies the content.
  bool last_resort = false;
};

absl::Span<const Format> Registry();

// What the content is.
struct Detection {
  // Null if nothing fits or two formats do.
  const Format* format = nullptr;
  const char* name = nullptr;
  // Set if two formats fit: then two readers would read two things.
  const char* other_name = nullptr;
};

Detection Detect(bytes::Bytes artifact);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_REGISTRY_H_
