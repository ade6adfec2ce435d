#include "sandbox/decoders/pickle/torch_legacy.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"

namespace loadlock::pickle {
namespace {

using bytes::Bytes;
using graph::Kind;
using graph::NodeId;

constexpr uint8_t kMagic[] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
constexpr int64_t kVersion = 1001;

// Entries of the tables below, and of the map that finds them.
constexpr uint64_t kHeapPerStorage = 160;

// The storages that the object's ids name. Their data come behind the pickles.
class Storages : public torch::PersistentIds {
 public:
  struct Root {
    NodeId node = graph::kNoNode;
    const torch::Dtype* dtype = nullptr;
    uint64_t elements = 0;
    bool has_data = false;
    graph::Buffer data = {};
  };
  // A part of a root that was a storage of its own.
  struct View {
    NodeId node = graph::kNoNode;
    uint32_t root = 0;
    uint64_t offset = 0;
    uint64_t elements = 0;
  };

  Storages(graph::Builder* builder, bytes::Budget* budget) : b_(*builder), budget_(*budget) {}

  NodeId Load(NodeId id, torch::Failure* failure) override {
    if (b_.kind(id) == Kind::kTuple && !b_.edges(id).empty() &&
        b_.kind(b_.edges(id)[0]) == Kind::kStr && b_.text(b_.edges(id)[0]) == "module") {
      return LoadModule(id, failure);
    }
    torch::StorageId storage;
    if (!torch::ReadStorageId(b_, id, /*with_view=*/true, &storage, failure)) {
      return graph::kNoNode;
    }
    uint32_t root = 0;
    if (!FindRoot(storage, &root, failure)) return graph::kNoNode;
    if (b_.kind(storage.view) == Kind::kNone) return NodeOf(root, *storage.dtype);
    return LoadView(storage, root, failure);
  }

  Root* Find(std::string_view key) {
    const auto it = index_.find(key);
    return it == index_.end() || it->second.is_view ? nullptr : &roots_[it->second.index];
  }
  const std::vector<Root>& roots() const { return roots_; }

  // Gives the storages their bytes, when all roots have their data.
  void SetBuffers() {
    for (const Root& root : roots_) b_.SetStorageBuffer(root.node, root.data);
    for (const View& view : views_) {
      const Root& root = roots_[view.root];
      const uint64_t start = view.offset * root.dtype->item_size;
      const uint64_t length = view.elements * root.dtype->item_size;
      b_.SetStorageBuffer(view.node, {root.data.source, root.data.offset + start,
                                      root.data.data.subspan(start, length), length});
    }
  }

 private:
  struct Place {
    bool is_view;
    uint32_t index;
  };

  static NodeId Fail(const char* rule, std::string message, torch::Failure* failure) {
    *failure = {rule, std::move(message)};
    return graph::kNoNode;
  }

  // ('module', class, file, source): the class, by its name alone. The source is of no use but for
  // a warning.
  NodeId LoadModule(NodeId id, torch::Failure* failure) {
    const absl::Span<const NodeId> parts = b_.edges(id);
    const auto text_or_none = [&](size_t i) {
      return b_.kind(parts[i]) == Kind::kStr || b_.kind(parts[i]) == Kind::kNone;
    };
    if (parts.size() == 4 && b_.kind(parts[1]) == Kind::kGlobal && text_or_none(2) &&
        text_or_none(3)) {
      return parts[1];
    }
    return Fail("SCHEMA", "the persistent id of a class is not (class, file, source)", failure);
  }

  bool FindRoot(const torch::StorageId& id, uint32_t* root, torch::Failure* failure) {
    if (!budget_.ChargeHeap(kHeapPerStorage)) {
      Fail("BUDGET_HEAP", "the file has more storages than there is memory for", failure);
      return false;
    }
    const auto [it, fresh] =
        index_.try_emplace(id.key, Place{false, static_cast<uint32_t>(roots_.size())});
    *root = it->second.index;
    if (fresh) {
      roots_.push_back({NewStorage(*id.dtype, id.elements), id.dtype, id.elements});
      return true;
    }
    if (!it->second.is_view) {
      const Root& known = roots_[*root];
      const bool same =
          known.elements == id.elements && (known.dtype == id.dtype || known.elements == 0);
      if (same) return true;
    }
    Fail("SCHEMA", "two storages of different types or sizes have one key", failure);
    return false;
  }

  NodeId NewStorage(const torch::Dtype& dtype, uint64_t elements) {
    return b_.Storage({.type = dtype.name,
                       .buffer = graph::StorageInfo::kNoBuffer,
                       .elements = elements,
                       .item_size = dtype.item_size});
  }

  // A storage without elements has the type that each id gives it: then it is one more part.
  NodeId NodeOf(uint32_t root, const torch::Dtype& dtype) {
    if (roots_[root].dtype == &dtype) return roots_[root].node;
    const NodeId node = NewStorage(dtype, 0);
    views_.push_back({node, root, 0, 0});
    return node;
  }

  NodeId LoadView(const torch::StorageId& id, uint32_t root, torch::Failure* failure) {
    const auto is_int = [&](NodeId node) {
      return b_.kind(node) == Kind::kInt && b_.int_value(node) >= 0;
    };
    if (b_.kind(id.view) != Kind::kTuple || b_.edges(id.view).size() != 3) {
      return Fail("SCHEMA", "the view of a storage is not (key, offset, size)", failure);
    }
    const absl::Span<const NodeId> parts = b_.edges(id.view);
    if (b_.kind(parts[0]) != Kind::kStr || b_.text(parts[0]).empty() ||
        b_.text(parts[0]).size() > torch::kMaxKey || !is_int(parts[1]) || !is_int(parts[2])) {
      return Fail("SCHEMA", "the view of a storage is not (key, offset, size)", failure);
    }
    View view = {graph::kNoNode, root, static_cast<uint64_t>(b_.int_value(parts[1])),
                 static_cast<uint64_t>(b_.int_value(parts[2]))};
    if (view.offset > id.elements || view.elements > id.elements - view.offset) {
      return Fail("ARRAY_BOUNDS", "the view of a storage reaches beyond its end", failure);
    }
    if (roots_[root].dtype != id.dtype || !budget_.ChargeHeap(kHeapPerStorage)) {
      return Fail("SCHEMA", "the view of a storage has another type than the storage", failure);
    }
    const auto [it, fresh] =
        index_.try_emplace(b_.text(parts[0]), Place{true, static_cast<uint32_t>(views_.size())});
    if (!fresh) {
      const View* known = it->second.is_view ? &views_[it->second.index] : nullptr;
      if (known != nullptr && known->root == root && known->offset == view.offset &&
          known->elements == view.elements) {
        return known->node;
      }
      return Fail("SCHEMA", "two views of storages have one key", failure);
    }
    view.node = NewStorage(*id.dtype, view.elements);
    views_.push_back(view);
    return view.node;
  }

  graph::Builder& b_;
  bytes::Budget& budget_;
  std::vector<Root> roots_;
  std::vector<View> views_;
  absl::flat_hash_map<std::string_view, Place> index_;
};

class Reader {
 public:
  Reader(const graph::Buffer& file, const LegacyOptions& options, graph::DecodedFile* decoded,
         bytes::Budget* budget, graph::Builder* builder)
      : file_(file),
        options_(options),
        decoded_(*decoded),
        budget_(*budget),
        b_(*builder),
        storages_(builder, budget),
        in_(file.data, options.base) {}

  ParseResult Run() {
    if (Read()) return {root_, std::nullopt, in_.position()};
    return {graph::kNoNode, std::move(refusal_), 0};
  }

 private:
  bool Fail(const char* rule, std::string message) {
    refusal_ = graph::Refuse(rule, std::move(message), in_.offset());
    return false;
  }

  bool ReadPickle(torch::PersistentIds* persistent, NodeId* root) {
    const Stream stream{in_.rest(), file_.source, file_.offset + in_.position()};
    ParseResult result = Parse(
        stream,
        {.persistent = persistent, .prefix = true, .base = in_.offset(), .nested = options_.nested},
        decoded_, budget_, b_);
    refusal_ = std::move(result.refusal);
    *root = result.root;
    return !refusal_ && in_.Skip(result.size);
  }

  uint64_t UsesOfNames() const {
    uint64_t uses = 0;
    for (const graph::GlobalUse& use : b_.globals()) uses += use.count;
    return uses;
  }

  // A value of no more than literals: what a scanner that stops after the first pickle, or looks at
  // the object alone, does not see.
  bool ReadLiteral(NodeId* root) {
    const uint64_t before = UsesOfNames();
    const uint64_t at = in_.offset();
    if (!ReadPickle(nullptr, root)) return false;
    if (UsesOfNames() == before) return true;
    Fail("MALFORMED", "a pickle of a torch file that holds numbers and text refers to a name");
    refusal_->byte_offset = at;
    return false;
  }

  bool Read() {
    NodeId magic = graph::kNoNode;
    NodeId version = graph::kNoNode;
    NodeId system = graph::kNoNode;
    if (!ReadLiteral(&magic)) return false;
    if (b_.kind(magic) != Kind::kBigInt ||
        !std::equal(std::begin(kMagic), std::end(kMagic), b_.big_int(magic).begin(),
                    b_.big_int(magic).end())) {
      return Fail("MALFORMED", "the first pickle of a torch file is not its magic number");
    }
    if (!ReadLiteral(&version)) return false;
    if (b_.kind(version) != Kind::kInt || b_.int_value(version) != kVersion) {
      return Fail("MALFORMED", "the version of a torch file is not 1001");
    }
    if (!ReadLiteral(&system)) return false;
    if (b_.kind(system) != Kind::kDict) {
      return Fail("MALFORMED", "the system description of a torch file is no dict");
    }
    NodeId keys = graph::kNoNode;
    if (!ReadPickle(&storages_, &root_) || !ReadLiteral(&keys)) return false;
    if (b_.kind(keys) != Kind::kList) {
      return Fail("MALFORMED", "the keys of a torch file are no list");
    }
    const size_t count = b_.edges(keys).size();
    for (size_t i = 0; i < count; ++i) {
      if (!ReadStorage(b_.edges(keys)[i])) return false;
    }
    if (count != storages_.roots().size()) {
      return Fail("MALFORMED", absl::StrCat("a torch file has the data of ", count, " of its ",
                                            storages_.roots().size(),
                                            " storages; torch would show old memory for the rest"));
    }
    if (!in_.AtEnd()) {
      return Fail("TRAILING_DATA", absl::StrCat(in_.remaining(),
                                                " bytes stand after the last storage of a torch "
                                                "file"));
    }
    storages_.SetBuffers();
    return true;
  }

  bool ReadStorage(NodeId key) {
    Storages::Root* const root =
        b_.kind(key) == Kind::kStr ? storages_.Find(b_.text(key)) : nullptr;
    if (root == nullptr) {
      return Fail("MALFORMED", "a torch file lists the key of a storage that nothing refers to");
    }
    if (std::exchange(root->has_data, true)) {
      return Fail("MALFORMED", "a torch file lists the key of a storage twice");
    }
    uint64_t count = 0;
    graph::Buffer& data = root->data;
    data.source = file_.source;
    if (!in_.ReadLe64(&count)) return Fail("TRUNCATED", "the file ends before a storage");
    if (count != root->elements) {
      return Fail("ARRAY_BOUNDS",
                  absl::StrCat("a storage has ", count, " elements in the file, and ",
                               root->elements, " where it is referred to"));
    }
    data.offset = file_.offset + in_.position();
    data.length = root->elements * root->dtype->item_size;
    if (!in_.Read(data.length, &data.data)) {
      return Fail("TRUNCATED", "the file ends inside a storage");
    }
    if (file_.source == v1::BUFFER_SOURCE_UNSPECIFIED) {
      data.source = v1::BUFFER_SOURCE_DECODED;
      if (!numpy::AppendAligned(&decoded_, data.data, &data.offset)) {
        return Fail("BUDGET_DECODED", "decoded data cannot be written");
      }
    }
    return true;
  }

  const graph::Buffer& file_;
  const LegacyOptions options_;
  graph::DecodedFile& decoded_;
  bytes::Budget& budget_;
  graph::Builder& b_;
  Storages storages_;
  bytes::Cursor in_;
  NodeId root_ = graph::kNoNode;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace

bool IsTorchLegacy(Bytes file) {
  constexpr uint8_t kProto = 0x80;
  constexpr uint8_t kFrame = 0x95;
  constexpr uint8_t kLong1 = 0x8A;
  constexpr uint64_t kFramed = sizeof(kMagic) + 3;
  bytes::Cursor in(file);
  uint8_t proto = 0;
  uint8_t version = 0;
  uint8_t opcode = 0;
  uint8_t size = 0;
  uint64_t frame = kFramed;
  Bytes magic;
  if (!in.ReadU8(&proto) || proto != kProto || !in.ReadU8(&version) || version < 2 || version > 5 ||
      !in.ReadU8(&opcode)) {
    return false;
  }
  if (opcode == kFrame && (!in.ReadLe64(&frame) || !in.ReadU8(&opcode))) return false;
  return frame == kFramed && opcode == kLong1 && in.ReadU8(&size) && size == sizeof(kMagic) &&
         in.Read(size, &magic) &&
         std::equal(magic.begin(), magic.end(), std::begin(kMagic), std::end(kMagic)) &&
         in.ReadU8(&opcode) && opcode == '.';
}

ParseResult ParseTorchLegacy(const graph::Buffer& file, const LegacyOptions& options,
                             graph::DecodedFile& decoded, bytes::Budget& budget,
                             graph::Builder& builder) {
  return Reader(file, options, &decoded, &budget, &builder).Run();
}

}  // namespace loadlock::pickle
