// skops files, protocols 0 to 2: a zip of schema.json, the tree of nodes, and the members that it
// refers to (.npy, .npz, .bin). https://skops.readthedocs.io/en/stable/persistence.html
//
// The tree becomes the same inert graph as a pickle of the same object, so that one policy and
// one verifier serve both. What skops reads over is refused: nodes of an id that was there before
// and that say something else, unknown fields, members that nothing refers to.
#ifndef LOADLOCK_SANDBOX_FORMATS_SKOPS_SKOPS_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_SKOPS_SKOPS_FORMAT_H_

#include "sandbox/decoders/zip/archive.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// Whether the members are those of a skops file: whoever reads it looks for schema.json.
bool IsSkops(const zip::Archive& archive);
void ParseSkops(const zip::Archive& archive, const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_SKOPS_SKOPS_FORMAT_H_
