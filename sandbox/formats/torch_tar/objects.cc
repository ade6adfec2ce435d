#include "sandbox/formats/torch_tar/objects.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/decoders/torch/dtype.h"
#include "sandbox/decoders/torch/strided.h"

namespace loadlock::formats::torch_tar {
namespace {

using graph::Kind;
using graph::NodeId;
using Result = std::optional<graph::Refusal>;

// An entry of the map, and what its pickle leaves behind.
constexpr uint64_t kHeapPerObject = 160;
constexpr size_t kMaxDigits = 19;

// A decimal number from 0 on, as str() writes it.
bool ParseId(std::string_view text, int64_t* id) {
  if (text.empty() || text.size() > kMaxDigits || (text[0] == '0' && text.size() > 1)) return false;
  uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<uint64_t>(c - '0');
  }
  *id = static_cast<int64_t>(value);
  return *id >= 0;
}

}  // namespace

void Objects::Begin(const tar::Member& member) {
  in_ = bytes::Cursor(member.data);
  member_offset_ = input_.offset + member.data_offset;
}

bool Objects::Fail(const char* rule, std::string message) {
  refusal_ = graph::Refuse(rule, std::move(message), in_.offset());
  return false;
}

bool Objects::ReadPickle(Kind kind, size_t items, NodeId* root) {
  const uint64_t at = in_.offset();
  const pickle::Stream stream{in_.rest(), input_.source, member_offset_ + in_.position()};
  pickle::ParseResult result =
      pickle::Parse(stream, {.prefix = true, .base = at}, *input_.decoded, *input_.budget, b_);
  refusal_ = std::move(result.refusal);
  if (refusal_ || !in_.Skip(result.size)) return false;
  *root = result.root;
  if (b_.kind(*root) == kind && (kind != Kind::kTuple || b_.edges(*root).size() == items)) {
    return true;
  }
  Fail("MALFORMED", "a pickle of the torch file holds something else than torch writes there");
  refusal_->byte_offset = at;
  return false;
}

bool Objects::ReadCount(uint64_t* count) {
  NodeId root = graph::kNoNode;
  if (!ReadPickle(Kind::kInt, 0, &root)) return false;
  // Each object takes bytes, so that a count that cannot be true costs nothing.
  if (b_.int_value(root) < 0) return Fail("MALFORMED", "a count of the torch file is negative");
  *count = static_cast<uint64_t>(b_.int_value(root));
  return true;
}

bool Objects::Add(NodeId id, Object object) {
  if (!input_.budget->ChargeHeap(kHeapPerObject)) {
    return Fail("BUDGET_HEAP", "the torch file has more objects than there is memory for");
  }
  if (b_.kind(id) != Kind::kInt || b_.int_value(id) < 0) {
    return Fail("MALFORMED", "the id of a storage or tensor is not an int from 0 on");
  }
  if (objects_.emplace(b_.int_value(id), std::move(object)).second) return true;
  return Fail("MALFORMED", "two storages or tensors have one id");
}

Objects::Object* Objects::FindStorage(NodeId id) {
  const auto it = b_.kind(id) == Kind::kInt ? objects_.find(b_.int_value(id)) : objects_.end();
  if (it == objects_.end() || b_.kind(it->second.node) != Kind::kStorage) {
    Fail("MALFORMED", "there is no storage of an id");
    return nullptr;
  }
  it->second.used = true;
  return &it->second;
}

bool Objects::ReadStorage() {
  NodeId root = graph::kNoNode;
  if (!ReadPickle(Kind::kTuple, 3, &root)) return false;
  const NodeId id = b_.edges(root)[0];
  const NodeId location = b_.edges(root)[1];
  const NodeId cls = b_.edges(root)[2];
  const torch::Dtype* dtype =
      b_.kind(cls) == Kind::kGlobal
          ? torch::FindStorageDtype(b_.global(cls).module, b_.global(cls).name)
          : nullptr;
  if (dtype == nullptr || dtype->kind == torch::DtypeClass::kQuantized) {
    return Fail("DTYPE", "the class of a storage is not one that is read");
  }
  if (b_.kind(location) != Kind::kStr || b_.text(location).starts_with("meta")) {
    return Fail("SCHEMA", "the location of a storage is not one");
  }
  uint64_t elements = 0;
  uint64_t size = 0;
  if (!in_.ReadLe64(&elements)) return Fail("TRUNCATED", "the member ends before a storage");
  if (!torch::TotalBytes(elements, dtype->item_size, &size) || size > in_.remaining()) {
    return Fail("TRUNCATED", "the member ends inside a storage");
  }
  Object object;
  object.data = {input_.source, member_offset_ + in_.position(), {}, size};
  (void)in_.Read(size, &object.data.data);
  object.node = b_.Storage({.type = dtype->name,
                            .buffer = b_.AddBuffer(object.data),
                            .elements = elements,
                            .item_size = dtype->item_size});
  return Add(id, std::move(object));
}

// (id, id of the storage that it is a part of, offset, elements)
bool Objects::ReadView(NodeId view) {
  if (b_.kind(view) != Kind::kTuple || b_.edges(view).size() != 4) {
    return Fail("MALFORMED", "a view of a storage is not a tuple of four");
  }
  const std::vector<NodeId> parts(b_.edges(view).begin(), b_.edges(view).end());
  const Object* const root = FindStorage(parts[1]);
  if (root == nullptr) return false;
  const graph::StorageInfo storage = b_.storage(root->node);
  const auto number = [&](NodeId node) {
    return b_.kind(node) == Kind::kInt ? static_cast<uint64_t>(b_.int_value(node)) : UINT64_MAX;
  };
  const uint64_t offset = number(parts[2]);
  const uint64_t elements = number(parts[3]);
  if (offset > storage.elements || elements > storage.elements - offset) {
    return Fail("ARRAY_BOUNDS", "a view of a storage reaches beyond its end");
  }
  Object object;
  object.data = root->data;
  object.data.offset += offset * storage.item_size;
  object.data.length = elements * storage.item_size;
  object.data.data = root->data.data.subspan(offset * storage.item_size, object.data.length);
  object.node = b_.Storage({.type = storage.type,
                            .buffer = b_.AddBuffer(object.data),
                            .elements = elements,
                            .item_size = storage.item_size});
  return Add(parts[0], std::move(object));
}

bool Objects::ReadViews() {
  NodeId root = graph::kNoNode;
  if (!ReadPickle(Kind::kList, 0, &root)) return false;
  const size_t count = b_.edges(root).size();
  for (size_t i = 0; i < count; ++i) {
    if (!ReadView(b_.edges(root)[i])) return false;
  }
  return true;
}

bool Objects::AtEnd() {
  return in_.AtEnd() || Fail("TRAILING_DATA", absl::StrCat(in_.remaining(),
                                                           " bytes stand at the end of a member "
                                                           "of the torch file"));
}

Result Objects::ReadStorages(const tar::Member& member) {
  Begin(member);
  uint64_t count = 0;
  if (!ReadCount(&count)) return std::move(refusal_);
  for (uint64_t i = 0; i < count; ++i) {
    if (!ReadStorage()) return std::move(refusal_);
  }
  if (!ReadViews() || !AtEnd()) return std::move(refusal_);
  return std::nullopt;
}

bool Objects::ReadGeometry(std::vector<int64_t>* geometry) {
  uint32_t rank = 0;
  if (!in_.ReadLe32(&rank) || !in_.Skip(4)) {
    return Fail("TRUNCATED", "the member ends before the sizes of a tensor");
  }
  if (rank > torch::kMaxRank) return Fail("ARRAY_BOUNDS", "a tensor has more than 64 dimensions");
  geometry->assign(1 + 2 * rank, 0);
  for (size_t i = 1; i <= geometry->size(); ++i) {
    // The offset comes last.
    uint64_t value = 0;
    if (!in_.ReadLe64(&value)) return Fail("TRUNCATED", "the member ends inside a tensor");
    (*geometry)[i % geometry->size()] = static_cast<int64_t>(value);
  }
  return true;
}

bool Objects::ReadTensor() {
  NodeId root = graph::kNoNode;
  if (!ReadPickle(Kind::kTuple, 3, &root)) return false;
  const NodeId id = b_.edges(root)[0];
  const NodeId storage_id = b_.edges(root)[1];
  const NodeId cls = b_.edges(root)[2];
  if (b_.kind(cls) != Kind::kGlobal || !b_.global(cls).module.starts_with("torch") ||
      !b_.global(cls).name.ends_with("Tensor")) {
    return Fail("SCHEMA", "the class of a tensor is not torch's");
  }
  const Object* const storage = FindStorage(storage_id);
  std::vector<int64_t> geometry;
  if (storage == nullptr || !ReadGeometry(&geometry)) return false;
  const graph::StorageInfo info = b_.storage(storage->node);
  torch::Extent extent;
  const uint64_t bytes = info.elements * info.item_size;
  if (const char* why = torch::ViewProblem(geometry, info.item_size, bytes, &extent)) {
    return Fail("ARRAY_BOUNDS", absl::StrCat("a tensor: ", why));
  }
  if (extent.logical_bytes > bytes && !input_.budget->ChargeDecoded(extent.logical_bytes - bytes)) {
    return Fail("BUDGET_DECODED", "a tensor repeats its elements more than the request may use");
  }
  graph::TensorInfo tensor;
  tensor.parts[0] = storage->node;
  tensor.part_count = 1;
  tensor.rank = static_cast<uint8_t>(geometry.size() / 2);
  tensor.type = info.type;
  Object object;
  object.node = b_.Tensor(Kind::kTensor, tensor, geometry);
  return Add(id, std::move(object));
}

Result Objects::ReadTensors(const tar::Member& member) {
  Begin(member);
  uint64_t count = 0;
  if (!ReadCount(&count)) return std::move(refusal_);
  for (uint64_t i = 0; i < count; ++i) {
    if (!ReadTensor()) return std::move(refusal_);
  }
  if (!AtEnd()) return std::move(refusal_);
  return std::nullopt;
}

// A number, as an int or as text, or (class, file, source): the class, by its name alone.
NodeId Objects::Load(NodeId id, torch::Failure* failure) {
  if (b_.kind(id) == Kind::kTuple && b_.edges(id).size() == 3 &&
      b_.kind(b_.edges(id)[0]) == Kind::kGlobal) {
    return b_.edges(id)[0];
  }
  int64_t number = -1;
  if (b_.kind(id) == Kind::kInt) number = b_.int_value(id);
  if (b_.kind(id) == Kind::kStr && !ParseId(b_.text(id), &number)) number = -1;
  const auto it = objects_.find(number);
  if (it == objects_.end()) {
    *failure = {"MALFORMED", "there is no storage or tensor of a persistent id"};
    return graph::kNoNode;
  }
  it->second.used = true;
  return it->second.node;
}

bool Objects::AllUsed() const {
  return std::all_of(objects_.begin(), objects_.end(),
                     [](const auto& entry) { return entry.second.used; });
}

}  // namespace loadlock::formats::torch_tar
