#include "tests/fuzz/recheck.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

#include "tests/fuzz/recheck_nodes.h"

namespace loadlock::fuzz {
namespace {

class Recheck {
 public:
  Recheck(const v1::Graph& graph, std::string_view artifact, std::string_view decoded,
          const Entries& entries)
      : g_(graph), nodes_(graph, artifact, decoded), entries_(entries) {}

  std::string Run() {
    std::string why = nodes_.WhyUnfit();
    if (!why.empty()) return why;
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      why = WhyNotNode(id);
      if (!why.empty()) return nodes_.Where(id, why);
    }
    why = WhyNotNames();
    return why.empty() ? WhyNotCycles() : why;
  }

 private:
  std::string WhyNotNode(uint32_t id) const {
    const std::vector<uint32_t>& o = nodes_[id];
    switch (nodes_.Kind(id)) {
      case v1::NODE_KIND_NDARRAY: {
        const std::optional<uint64_t> item = nodes_.ItemSize(o[0]);
        if (!item) return "dtype";
        unsigned __int128 bytes = *item;
        for (uint32_t i = 0; i < o[3]; ++i) {
          if (nodes_.IntAt(o[4] + i) < 0) return "negative dimension";
          if (bytes != 0) bytes *= static_cast<uint64_t>(nodes_.IntAt(o[4] + i));
          if (bytes >> 64 != 0) return "size of the array";
        }
        return bytes == nodes_.BytesOf(o[1]).size() ? "" : "length of the array";
      }
      case v1::NODE_KIND_OBJECT:
        return WhyNotState(id);
      case v1::NODE_KIND_CALL:
        return nodes_.NameOf(o[0]) == "sklearn.tree._tree.Tree" ? WhyNotTree(id) : "";
      default:
        return "";
    }
  }

  // The node at a key of a state; kAbsent if there is none.
  uint32_t At(const std::vector<Item>& items, std::string_view key) const {
    for (const Item& item : items) {
      if (item.key == key) return item.value;
    }
    return kAbsent;
  }

  std::string WhyNotState(uint32_t id) const {
    const uint32_t state = nodes_[id][2];
    if (state == kAbsent) return "";
    const auto items = nodes_.ItemsOf(state);
    if (!items) return "a key of the state is no str";
    std::set<std::string> keys;
    for (const Item& item : *items) {
      if (item.key.rfind("__", 0) == 0) return "reserved key " + item.key;
      if (!keys.insert(item.key).second) return "key twice: " + item.key;
    }
    const std::string name = nodes_.NameOf(nodes_[id][0]);
    const bool csr = name.rfind("scipy.sparse.", 0) == 0 && name.find(".csr_") != std::string::npos;
    return csr ? WhyNotCsr(*items) : "";
  }

  // Integers of an "<i4" or "<i8" vector; nullopt for anything else.
  std::optional<std::vector<int64_t>> Integers(uint32_t node) const {
    if (node == kAbsent || nodes_.Kind(node) != v1::NODE_KIND_NDARRAY) return std::nullopt;
    const uint32_t dtype = nodes_[node][0];
    if (nodes_.Kind(dtype) != v1::NODE_KIND_DTYPE) return std::nullopt;
    const std::string& text = nodes_.StringAt(nodes_[dtype][0]);
    if (text != "<i4" && text != "<i8") return std::nullopt;
    const std::string_view bytes = nodes_.BytesOf(nodes_[node][1]);
    const size_t size = text == "<i4" ? 4 : 8;
    std::vector<int64_t> values;
    for (size_t at = 0; at + size <= bytes.size(); at += size) {
      int32_t narrow = 0;
      int64_t wide = 0;
      std::memcpy(size == 4 ? static_cast<void*>(&narrow) : &wide, bytes.data() + at, size);
      values.push_back(size == 4 ? narrow : wide);
    }
    return values;
  }

  std::optional<std::pair<int64_t, int64_t>> TwoInts(uint32_t node) const {
    if (node == kAbsent) return std::nullopt;
    const std::vector<uint32_t>& o = nodes_[node];
    const v1::NodeKind kind = nodes_.Kind(node);
    if ((kind == v1::NODE_KIND_TUPLE_INT || kind == v1::NODE_KIND_LIST_INT) && o[1] == 2) {
      return std::make_pair(nodes_.IntAt(o[0]), nodes_.IntAt(o[0] + 1));
    }
    if ((kind != v1::NODE_KIND_TUPLE && kind != v1::NODE_KIND_LIST) || o.size() != 2 ||
        nodes_.Kind(o[0]) != v1::NODE_KIND_INT || nodes_.Kind(o[1]) != v1::NODE_KIND_INT) {
      return std::nullopt;
    }
    return std::make_pair(nodes_.IntAt(nodes_[o[0]][0]), nodes_.IntAt(nodes_[o[1]][0]));
  }

  // What the native loops over a csr matrix follow. A shape of other kinds of number is not read.
  std::string WhyNotCsr(const std::vector<Item>& items) const {
    const auto shape = TwoInts(At(items, "_shape"));
    const auto pointers = Integers(At(items, "indptr"));
    const auto indices = Integers(At(items, "indices"));
    if (!pointers || !indices) return "a csr matrix without index arrays";
    if (shape && static_cast<uint64_t>(shape->first) + 1 != pointers->size()) return "rows";
    for (size_t i = 0; i < pointers->size(); ++i) {
      const int64_t last = i == 0 ? 0 : (*pointers)[i - 1];
      if ((*pointers)[i] < last || (i == 0 && (*pointers)[i] != 0)) return "indptr";
    }
    if (pointers->back() != static_cast<int64_t>(indices->size())) return "end of indptr";
    for (const int64_t index : *indices) {
      if (index < 0 || (shape && index >= shape->second)) return "a column";
    }
    return "";
  }

  // Children of a tree's nodes come after them and are there.
  std::string WhyNotTree(uint32_t call) const {
    const auto state = nodes_[call][2] == kAbsent ? std::nullopt : nodes_.ItemsOf(nodes_[call][2]);
    const uint32_t nodes = state ? At(*state, "nodes") : kAbsent;
    if (nodes == kAbsent || nodes_.Kind(nodes) != v1::NODE_KIND_NDARRAY)
      return "a tree without nodes";
    const std::optional<uint64_t> size = nodes_.ItemSize(nodes_[nodes][0]);
    const std::string_view bytes = nodes_.BytesOf(nodes_[nodes][1]);
    if (!size || *size < 56 || bytes.empty()) return "the nodes of a tree";
    const auto count = static_cast<int64_t>(bytes.size() / *size);
    for (int64_t i = 0; i < count; ++i) {
      int64_t fields[3];
      std::memcpy(fields, bytes.data() + static_cast<uint64_t>(i) * *size, sizeof(fields));
      if (fields[0] == -1 && fields[1] == -1) continue;
      for (const int64_t child : {fields[0], fields[1]}) {
        if (child <= i || child >= count) return "a child of node " + std::to_string(i);
      }
      if (fields[2] < 0) return "a feature";
    }
    return "";
  }

  const v1::Entry* EntryOf(uint32_t node) const {
    const auto found = entries_.find(nodes_.NameOf(node));
    return found == entries_.end() ? nullptr : &found->second;
  }

  static bool MayStand(const v1::Entry& entry, std::initializer_list<std::string> places) {
    return std::any_of(places.begin(), places.end(), [&](const std::string& place) {
      return std::find(entry.at().begin(), entry.at().end(), place) != entry.at().end();
    });
  }

  // Why a name may not be a value of `holder`, a dict or tuple that belongs to `owner`.
  std::string WhyNotValue(uint32_t name, uint32_t holder, uint32_t owner) const {
    const v1::Entry& entry = *EntryOf(name);
    const v1::Entry* user = EntryOf(nodes_[owner][0]);
    if (nodes_.Kind(owner) == v1::NODE_KIND_CALL) {
      const bool own_loss =
          entry.schema() == "CY_LOSS" && user != nullptr && user->schema() == "PYX_UNPICKLE_LOSS";
      if (own_loss) return "";
      if (entry.trust() != v1::TRUST_NAME) return "a name that is no value";
      return user != nullptr && MayStand(entry, {"@" + user->schema()}) ? "" : "an argument";
    }
    if (entry.trust() != v1::TRUST_NAME) return "a name that is no value";
    const std::optional<std::vector<Item>> items = nodes_.ItemsOf(holder);
    if (!items) return "a holder that is no state";
    for (const Item& item : *items) {
      if (item.value != name) continue;
      if (!MayStand(entry, {item.key, nodes_.NameOf(nodes_[owner][0]) + "." + item.key})) {
        return "key " + item.key;
      }
    }
    return "";
  }

  std::string WhyNotNames() const {
    for (const v1::Global& global : g_.globals()) {
      if (!entries_.contains(global.module() + "." + global.name()) ||
          global.name().find('.') != std::string::npos) {
        return "not listed: " + global.module() + "." + global.name();
      }
    }
    if (nodes_.Kind(g_.root()) == v1::NODE_KIND_GLOBAL) return "a name as the root";
    // State dicts and argument tuples by their owners.
    std::map<uint32_t, uint32_t> owners;
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      if (nodes_.Kind(id) == v1::NODE_KIND_OBJECT) owners[nodes_[id][2]] = id;
      if (nodes_.Kind(id) == v1::NODE_KIND_CALL) owners[nodes_[id][1]] = id;
    }
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      const bool instance =
          nodes_.Kind(id) == v1::NODE_KIND_OBJECT || nodes_.Kind(id) == v1::NODE_KIND_CALL;
      if (instance && !UseFits(id))
        return nodes_.Where(id, "use of " + nodes_.NameOf(nodes_[id][0]));
      const std::vector<uint32_t> children = nodes_.ChildrenOf(id);
      for (size_t i = instance ? 1 : 0; i < children.size(); ++i) {
        if (nodes_.Kind(children[i]) != v1::NODE_KIND_GLOBAL) continue;
        if (!owners.contains(id))
          return nodes_.Where(id, nodes_.NameOf(children[i]) + " as a value");
        const std::string why = WhyNotValue(children[i], id, owners.at(id));
        if (!why.empty()) return nodes_.Where(id, nodes_.NameOf(children[i]) + ": " + why);
      }
    }
    return "";
  }

  bool UseFits(uint32_t id) const {
    const v1::Entry* entry = EntryOf(nodes_[id][0]);
    if (entry == nullptr) return false;
    if (nodes_.Kind(id) == v1::NODE_KIND_CALL) {
      return entry->trust() == v1::TRUST_FACTORY && !entry->schema().empty() &&
             entry->schema() != "LOWERED";
    }
    return entry->trust() == v1::TRUST_NEW_DICT || entry->trust() == v1::TRUST_NEW_SETSTATE ||
           entry->trust() == v1::TRUST_BY_NAME_AND_PARAMS;
  }

  bool Reaches(uint32_t from, uint32_t to) const {
    std::vector<uint8_t> seen(nodes_.size(), 0);
    std::vector<uint32_t> stack = nodes_.ChildrenOf(from);
    while (!stack.empty()) {
      const uint32_t id = stack.back();
      stack.pop_back();
      if (id == to) return true;
      if (seen[id]++ != 0) continue;
      for (const uint32_t child : nodes_.ChildrenOf(id)) stack.push_back(child);
    }
    return false;
  }

  // Only a node with a child that does not stand before it can close a cycle.
  std::string WhyNotCycles() const {
    bool ordered = true;
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      for (const uint32_t child : nodes_.ChildrenOf(id)) ordered = ordered && child < id;
    }
    if (ordered) return "";
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      const v1::NodeKind kind = nodes_.Kind(id);
      const bool may = kind == v1::NODE_KIND_LIST || kind == v1::NODE_KIND_DICT ||
                       kind == v1::NODE_KIND_DICT_STR || kind == v1::NODE_KIND_ORDERED_DICT;
      if (!may && Reaches(id, id)) return nodes_.Where(id, "it holds itself");
    }
    return "";
  }

  const v1::Graph& g_;
  Nodes nodes_;
  const Entries& entries_;
};

}  // namespace

Entries EntriesOf(const v1::Policy& composed) {
  Entries entries;
  for (const v1::Entry& entry : composed.entries()) {
    v1::Entry& listed = entries[entry.name()] = entry;
    for (const v1::AttributeSet& set : composed.attribute_sets()) {
      const auto& at = entry.at();
      if (std::find(at.begin(), at.end(), "$" + set.name()) == at.end()) continue;
      listed.mutable_at()->MergeFrom(set.keys());
    }
  }
  return entries;
}

std::string WhyUnsound(const v1::Graph& graph, std::string_view artifact, std::string_view decoded,
                       const Entries& entries) {
  return Recheck(graph, artifact, decoded, entries).Run();
}

}  // namespace loadlock::fuzz
