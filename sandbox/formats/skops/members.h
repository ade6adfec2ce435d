#ifndef LOADLOCK_SANDBOX_FORMATS_SKOPS_MEMBERS_H_
#define LOADLOCK_SANDBOX_FORMATS_SKOPS_MEMBERS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/zip/archive.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/refusal.h"
#include "sandbox/graph/values.h"

namespace loadlock::formats::skops {

// The members of a skops file, and those of the .npz archives among them.
class Members {
 public:
  // Extracts everything: once for all members, so that what is inflated is mapped once.
  [[nodiscard]] std::optional<graph::Refusal> Load(const zip::Archive& archive,
                                                   bytes::Budget* budget,
                                                   graph::DecodedFile* decoded);

  // Content of a member, which counts as used from now on; null if there is none.
  const graph::Buffer* Use(std::string_view name);
  // Whether two names are of the same content; both count as used.
  bool Same(std::string_view a, std::string_view b);
  // Content of a member of the archive in `npz`; null if there is none.
  const graph::Buffer* InNpz(std::string_view npz, std::string_view name) const;
  // Number of members in the archive in `npz`.
  size_t NpzSize(std::string_view npz) const;

  // Name of a member that was not used, empty if there is none.
  std::string_view Unused() const;

 private:
  struct Npz {
    zip::Archive archive;
    std::vector<graph::Buffer> contents;  // parallel to its members
  };

  const zip::Archive* archive_ = nullptr;
  std::vector<graph::Buffer> outer_;  // parallel to the archive's members
  std::vector<bool> used_;
  absl::flat_hash_map<std::string_view, std::unique_ptr<Npz>> npz_;
};

}  // namespace loadlock::formats::skops

#endif  // LOADLOCK_SANDBOX_FORMATS_SKOPS_MEMBERS_H_
