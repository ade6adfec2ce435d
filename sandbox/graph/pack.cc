#include "sandbox/graph/pack.h"

#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "sandbox/graph/encoder.h"
#include "sandbox/graph/key.h"

namespace loadlock::graph {
namespace {

// Packing copies a value into a run: right only if nothing can tell the copy from the original.
bool Packable(const Builder& builder, NodeId node, Kind kind) {
  if (builder.kind(node) != kind) return false;
  if (kind != Kind::kStr) return true;
  return !builder.Has(node, kFlagShared) || builder.text(node).size() <= kShortString;
}

v1::NodeKind PackedRunKind(Kind container, Kind element) {
  const bool list = container == Kind::kList;
  switch (element) {
    case Kind::kInt:
      return list ? v1::NODE_KIND_LIST_INT : v1::NODE_KIND_TUPLE_INT;
    case Kind::kFloat:
      return list ? v1::NODE_KIND_LIST_FLOAT : v1::NODE_KIND_TUPLE_FLOAT;
    default:
      return list ? v1::NODE_KIND_LIST_STR : v1::NODE_KIND_TUPLE_STR;
  }
}

bool IsPool(Kind kind) { return kind == Kind::kInt || kind == Kind::kFloat || kind == Kind::kStr; }

}  // namespace

bool AllStrKeys(const Builder& builder, NodeId dict) {
  const absl::Span<const NodeId> edges = builder.edges(dict);
  for (size_t i = 0; i < edges.size(); i += 2) {
    if (builder.kind(edges[i]) != Kind::kStr) return false;
  }
  return true;
}

// Writes a LIST or TUPLE of only ints, only floats or only strs as one node. False if it is not
// one, and then nothing was written; true also if it was refused.
bool Encoder::PackRun(NodeId node) {
  const absl::Span<const NodeId> edges = b_.edges(node);
  if (edges.empty()) return false;
  const Kind element = b_.kind(edges[0]);
  if (!IsPool(element)) return false;
  for (const NodeId edge : edges) {
    if (!Packable(b_, edge, element)) return false;
  }
  size_t first = 0;
  switch (element) {
    case Kind::kInt:
      first = c_.ints.size();
      for (const NodeId edge : edges) c_.ints.push_back(b_.int_value(edge));
      break;
    case Kind::kFloat:
      first = c_.floats.size();
      for (const NodeId edge : edges) c_.floats.push_back(b_.float_value(edge));
      break;
    default:
      first = strings_.strings().size();
      strings_.Reserve(edges.size());
      for (const NodeId edge : edges) strings_.Append(b_.text(edge));
      // Two bytes of stream (a memo read) put a short string here once more.
      if (!budget_->ChargeHeap(edges.size() * (kShortString + sizeof(std::string_view)))) {
        Refuse(node, "BUDGET_HEAP", "a run of strings needs more memory than the request may use");
        return true;
      }
      break;
  }
  Begin(node, PackedRunKind(b_.kind(node), element), 2, 1);
  Operand(static_cast<uint32_t>(first));
  Operand(static_cast<uint32_t>(edges.size()));
  return true;
}

// Writes a dict of str to int or to float as one node. False if it is not one, and then nothing
// was written; true also if it was refused.
bool Encoder::PackDict(NodeId node) {
  const absl::Span<const NodeId> edges = b_.edges(node);
  if (edges.size() < 2 * kMinPackedDict) return false;
  const Kind value_kind = b_.kind(edges[1]);
  if (value_kind != Kind::kInt && value_kind != Kind::kFloat) return false;
  for (size_t i = 0; i < edges.size(); i += 2) {
    if (!Packable(b_, edges[i], Kind::kStr) || b_.kind(edges[i + 1]) != value_kind) return false;
  }
  distinct_.Begin(edges.size() / 2);
  strings_.Reserve(edges.size() / 2);
  const size_t first_key = strings_.strings().size();
  for (size_t i = 0; i < edges.size(); i += 2) {
    const std::string_view key = b_.text(edges[i]);
    if (!distinct_.Add(strings_.strings(), strings_.Append(key))) {
      Refuse(edges[i], "MALFORMED", absl::StrCat("a dict has the key '", Quote(key), "' twice"));
      return true;
    }
  }
  const bool ints = value_kind == Kind::kInt;
  const size_t first_value = ints ? c_.ints.size() : c_.floats.size();
  for (size_t i = 1; i < edges.size(); i += 2) {
    if (ints) {
      c_.ints.push_back(b_.int_value(edges[i]));
    } else {
      c_.floats.push_back(b_.float_value(edges[i]));
    }
  }
  Begin(node, ints ? v1::NODE_KIND_DICT_STR_INT : v1::NODE_KIND_DICT_STR_FLOAT, 3, 1);
  Operand(static_cast<uint32_t>(first_key));
  Operand(static_cast<uint32_t>(first_value));
  Operand(static_cast<uint32_t>(edges.size() / 2));
  return true;
}

// Interns the keys: attribute names come back in every object. A key seen twice in one dict
// has the serial of that dict already.
bool Encoder::CheckStrKeys(NodeId node) {
  const absl::Span<const NodeId> edges = b_.edges(node);
  ++dict_serial_;
  for (size_t i = 0; i < edges.size(); i += 2) {
    Slot& slot = slots_[edges[i]];
    const size_t size = b_.text(edges[i]).size();
    if (slot.aux == 0 || size > kShortString) {
      // A long key is hashed again for each dict that it is in.
      if (!budget_->ChargeWork(size / 16)) {
        return Refuse(edges[i], "BUDGET_NODES", "keys are costlier than the request may be");
      }
      slot.aux = 1 + strings_.Intern(b_.text(edges[i]));
    }
    const uint32_t index = slot.aux - 1;
    if (index >= key_seen_.size()) key_seen_.resize(index + 1 + index / 2);
    if (key_seen_[index] == dict_serial_) {
      return Refuse(edges[i], "MALFORMED",
                    absl::StrCat("a dict has the key '", Quote(b_.text(edges[i])), "' twice"));
    }
    key_seen_[index] = dict_serial_;
  }
  return true;
}

bool Encoder::CheckOtherKeys(NodeId node, size_t first, size_t stride) {
  const absl::Span<const NodeId> edges = b_.edges(node).subspan(first);
  absl::flat_hash_set<std::string> seen;
  seen.reserve(edges.size() / stride);
  for (size_t i = 0; i < edges.size(); i += stride) {
    std::string form;
    if (!AppendKey(b_, edges[i], &form)) {
      return Refuse(edges[i], "SCHEMA",
                    "a dict key or set member is not a plain value whose equality is known");
    }
    // A form costs the attacker two bytes (a memo read) whatever its length.
    if (!budget_->ChargeWork(1 + form.size() / 16) || !budget_->ChargeHeap(form.size() + 40)) {
      return Refuse(edges[i], budget_->exhausted_rule(),
                    "keys are costlier than the request may be");
    }
    if (!seen.insert(std::move(form)).second) {
      return Refuse(edges[i], "MALFORMED", "a dict or set has two equal keys or members");
    }
  }
  return true;
}

}  // namespace loadlock::graph
