// An archive that is no format of models itself, of members that are models: each is read by its
// own content, as if it were the file.
#ifndef LOADLOCK_SANDBOX_FORMATS_BUNDLE_BUNDLE_H_
#define LOADLOCK_SANDBOX_FORMATS_BUNDLE_BUNDLE_H_

#include <cstdint>
#include <string_view>

#include "absl/types/span.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/decoders/zip/archive.h"
#include "sandbox/formats/format.h"
#include "sandbox/graph/values.h"

namespace loadlock::formats {

// A zip archive of no other format. Names escape nowhere and stand once (decoders/zip).
void ParseZipBundle(const zip::Archive& archive, const Input& input, Output* output);

// "tar" if the file begins with a header whose checksum holds, and is not torch's.
const char* IdentifyTar(bytes::Bytes artifact);
// The same for tar (decoders/tar).
void ParseTar(const Input& input, Output* output);

// One member and what it holds; `data` must be set.
struct BundleMember {
  std::string_view name;
  graph::Buffer content;
  // Of its header, for the origin of its name.
  uint64_t offset = 0;
};

// The root is a dict of the members' graphs by their names, in the order of the archive. `kind` is
// the format's name. One member that is no model is enough to refuse; so is one that is an archive
// or compressed itself, or none at all.
void ParseBundle(const char* kind, absl::Span<const BundleMember> members, const Input& input,
                 Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_BUNDLE_BUNDLE_H_
