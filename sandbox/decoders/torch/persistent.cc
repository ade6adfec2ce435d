#include "sandbox/decoders/torch/persistent.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/torch/strided.h"

namespace loadlock::torch {
namespace {

using graph::Kind;

constexpr size_t kMaxLocation = 64;

// "cpu", "cuda:0", "privateuseone:1".
bool IsLocation(std::string_view text) {
  return !text.empty() && text.size() <= kMaxLocation &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == ':' || c == '_';
         });
}

bool Fail(const char* rule, std::string message, Failure* failure) {
  *failure = {rule, std::move(message)};
  return false;
}

bool ReadClass(const graph::Builder& builder, graph::NodeId node, StorageId* out,
               Failure* failure) {
  if (builder.kind(node) != Kind::kGlobal) {
    return Fail("SCHEMA", "the class of a storage is not a name", failure);
  }
  const graph::GlobalUse& use = builder.global(node);
  out->dtype = FindStorageDtype(use.module, use.name);
  if (out->dtype != nullptr) return true;
  return Fail("DTYPE",
              absl::StrCat("storages of ", graph::Quote(use.module), ".", graph::Quote(use.name),
                           " are not read"),
              failure);
}

}  // namespace

bool ReadStorageId(const graph::Builder& builder, graph::NodeId id, bool with_view, StorageId* out,
                   Failure* failure) {
  const size_t items = with_view ? 6 : 5;
  if (builder.kind(id) != Kind::kTuple || builder.edges(id).size() != items) {
    return Fail("SCHEMA", absl::StrCat("a persistent id is not a tuple of ", items), failure);
  }
  const absl::Span<const graph::NodeId> parts = builder.edges(id);
  const auto is_text = [&](size_t i) { return builder.kind(parts[i]) == Kind::kStr; };
  if (!is_text(0) || builder.text(parts[0]) != "storage") {
    return Fail("SCHEMA", "a persistent id is not of a storage", failure);
  }
  if (!ReadClass(builder, parts[1], out, failure)) return false;
  if (!is_text(2) || builder.text(parts[2]).empty() || builder.text(parts[2]).size() > kMaxKey) {
    return Fail("SCHEMA", "the key of a storage is not a text of at most 64 bytes", failure);
  }
  out->key = builder.text(parts[2]);
  if (!is_text(3) || !IsLocation(builder.text(parts[3]))) {
    return Fail("SCHEMA", "the location of a storage is not one", failure);
  }
  if (builder.text(parts[3]).substr(0, 4) == "meta") {
    return Fail("SCHEMA", "a storage of the meta device has no data that could stand in a file",
                failure);
  }
  if (builder.kind(parts[4]) != Kind::kInt || builder.int_value(parts[4]) < 0) {
    return Fail("ARRAY_BOUNDS", "the size of a storage is not an int from 0 to 2^63 - 1", failure);
  }
  out->elements = static_cast<uint64_t>(builder.int_value(parts[4]));
  if (!TotalBytes(out->elements, out->dtype->item_size, &out->bytes)) {
    return Fail("ARRAY_BOUNDS", "a storage has more elements than any memory", failure);
  }
  out->view = with_view ? parts[5] : graph::kNoNode;
  return true;
}

}  // namespace loadlock::torch
