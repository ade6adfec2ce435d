#ifndef LOADLOCK_SANDBOX_FORMATS_TORCH_ZIP_MEMBERS_H_
#define LOADLOCK_SANDBOX_FORMATS_TORCH_ZIP_MEMBERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/bytes/budget.h"
#include "sandbox/decoders/torch/persistent.h"
#include "sandbox/decoders/zip/archive.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/decoded_file.h"
#include "sandbox/graph/refusal.h"
#include "sandbox/graph/values.h"

namespace loadlock::formats::torch_zip {

// The members of a torch file, by what they are for.
class Members {
 public:
  // Proves that all members are stored, have their checksums, lie in one folder and are known, and
  // reads those that say how the file is written.
  [[nodiscard]] std::optional<graph::Refusal> Open(const zip::Archive& archive,
                                                   bytes::Budget* budget);

  const zip::Member& pickle() const { return *pickle_; }
  bool big_endian() const { return big_endian_; }
  // The member of a storage; null if there is none. *index is its place among all members.
  const zip::Member* FindStorage(std::string_view key, size_t* index);
  bool IsStorage(const zip::Member& member) const;

 private:
  using Result = std::optional<graph::Refusal>;

  Result CheckMember(const zip::Member& member, bytes::Budget* budget) const;
  Result ReadVersion();
  Result ReadByteOrder();
  Result ReadNumbers() const;
  const zip::Member* Find(std::string_view name) const;

  const zip::Archive* archive_ = nullptr;
  std::string folder_;  // with its slash
  std::string name_;    // of the storage that was looked for last
  const zip::Member* pickle_ = nullptr;
  bool big_endian_ = false;
};

// The storages of a torch file by its pickle's ids.
class Storages : public torch::PersistentIds {
 public:
  // All must outlive it.
  Storages(Members* members, const zip::Archive& archive, bytes::Budget* budget,
           graph::DecodedFile* decoded, graph::Builder* builder);

  graph::NodeId Load(graph::NodeId id, torch::Failure* failure) override;

  // A storage that no id refers to; null if there is none.
  const zip::Member* Unused() const;

 private:
  // By the place of its member. The number of elements follows from the size of the member.
  struct Entry {
    graph::NodeId node = graph::kNoNode;
    const torch::Dtype* dtype = nullptr;
  };

  graph::NodeId New(const torch::StorageId& id, const zip::Member& member, torch::Failure* failure);

  Members& members_;
  const zip::Archive& archive_;
  graph::DecodedFile& decoded_;
  graph::Builder& b_;
  std::vector<Entry> entries_;
};

}  // namespace loadlock::formats::torch_zip

#endif  // LOADLOCK_SANDBOX_FORMATS_TORCH_ZIP_MEMBERS_H_
