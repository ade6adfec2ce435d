// The content of every member of an archive.
#ifndef LOADLOCK_SANDBOX_DECODERS_ZIP_UNPACK_H_
#define LOADLOCK_SANDBOX_DECODERS_ZIP_UNPACK_H_

#include <optional>
#include <vector>

#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/zip/archive.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/refusal.h"
#include "sandbox/graph/values.h"

namespace loadlock::zip {

// Extracts every member; `contents` become parallel to archive.members(). Those that were inflated
// have no `data` before MapContents. Refuses what Archive::Extract refuses.
[[nodiscard]] std::optional<graph::Refusal> ExtractAll(const Archive& archive,
                                                       bytes::Budget* budget,
                                                       graph::DecodedFile* decoded,
                                                       std::vector<graph::Buffer>* contents);

// Gives `data` to those that were inflated. Once for all archives that go to one file, because
// what is appended later is not in the map. BUDGET_HEAP if the file cannot be mapped.
[[nodiscard]] std::optional<graph::Refusal> MapContents(graph::DecodedFile* decoded,
                                                        std::vector<graph::Buffer>* contents);

}  // namespace loadlock::zip

#endif  // LOADLOCK_SANDBOX_DECODERS_ZIP_UNPACK_H_
