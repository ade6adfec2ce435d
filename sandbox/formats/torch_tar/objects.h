#ifndef LOADLOCK_SANDBOX_FORMATS_TORCH_TAR_OBJECTS_H_
#define LOADLOCK_SANDBOX_FORMATS_TORCH_TAR_OBJECTS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "sandbox/bytes/cursor.h"
#include "sandbox/decoders/tar/tar.h"
#include "sandbox/decoders/torch/persistent.h"
#include "sandbox/formats/format.h"
#include "sandbox/graph/builder.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::formats::torch_tar {

// The storages and tensors of a torch file of 0.1, by their ids.
class Objects : public torch::PersistentIds {
 public:
  Objects(const Input& input, graph::Builder* builder) : input_(input), b_(*builder) {}

  // One of them first, then the other; each is the whole of its member. Offsets of refusals are in
  // the member.
  [[nodiscard]] std::optional<graph::Refusal> ReadStorages(const tar::Member& member);
  [[nodiscard]] std::optional<graph::Refusal> ReadTensors(const tar::Member& member);

  graph::NodeId Load(graph::NodeId id, torch::Failure* failure) override;

  // True if something refers to each of them.
  bool AllUsed() const;

 private:
  struct Object {
    graph::NodeId node = graph::kNoNode;
    graph::Buffer data = {};  // of a storage
    bool used = false;
  };

  void Begin(const tar::Member& member);
  bool Fail(const char* rule, std::string message);
  // A pickle without ids whose root is of this kind. A TUPLE has `items` items.
  bool ReadPickle(graph::Kind kind, size_t items, graph::NodeId* root);
  bool ReadCount(uint64_t* count);
  bool ReadStorage();
  bool ReadViews();
  bool ReadView(graph::NodeId view);
  bool ReadTensor();
  bool ReadGeometry(std::vector<int64_t>* geometry);
  bool AtEnd();
  // The storage of an INT; null with a refusal if there is none.
  Object* FindStorage(graph::NodeId id);
  bool Add(graph::NodeId id, Object object);

  const Input& input_;
  graph::Builder& b_;
  bytes::Cursor in_;
  uint64_t member_offset_ = 0;
  absl::flat_hash_map<int64_t, Object> objects_;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace loadlock::formats::torch_tar

#endif  // LOADLOCK_SANDBOX_FORMATS_TORCH_TAR_OBJECTS_H_
