// The registered formats and the choice between them.
#ifndef LOADLOCK_SANDBOX_FORMATS_REGISTRY_H_
#define LOADLOCK_SANDBOX_FORMATS_REGISTRY_H_

#include <string_view>

#include "absl/types/span.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// In this order; formats of a later kind are asked only if none of an earlier one fits.
enum class Claim {
  // It reads the content, and there must be no other that does.
  kReads,
  // It only has a name for it.
  kNames,
  // A grammar without a header.
  kLastResort,
};

// Where content of a format may lie; each may stand where those before it do. Bounds the nesting: a
// member of an archive in a compressed file is the deepest that there is.
enum class Place {
  kFile,
  // Also as what a compressed file holds.
  kStream,
  // Also as a member of an archive.
  kMember,
};

struct Format {
  // Null if the content is not of this format, else the name to speak of it. Checks the whole
  // of what is fixed in a header, not a magic byte: a safetensors file may begin with any byte.
  const char* (*identify)(bytes::Bytes artifact);
  // Parses what `identify` accepted: sets root or refusals, and format, if that is another than the
  // name, which the caller has put there.
  void (*parse)(const Input& input, Output* output);
  // Which content it may claim.
  Claim claim = Claim::kReads;
  // Above kFile only if its parser goes by Input::source and Input::offset, and at kMember only if
  // it makes no Input of parts of its own.
  Place place = Place::kFile;
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

// Parses what lies at `place` by its own content, or refuses what may not lie there. `where` is the
// thing that holds it, for messages: "the gzip stream". Sets all of `output`.
void ParsePart(const Input& input, Place place, std::string_view where, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_REGISTRY_H_
