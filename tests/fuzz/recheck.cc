#include "tests/fuzz/recheck.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <vector>

namespace loadlock::fuzz {
namespace {

constexpr uint32_t kAbsent = 0xFFFFFFFF;

// Letters of graph.proto; the last of a text that ends in '*' repeats.
const std::map<int, std::string>& Letters() {
  static const std::map<int, std::string> letters = {
      {v1::NODE_KIND_NONE, ""},
      {v1::NODE_KIND_TRUE, ""},
      {v1::NODE_KIND_FALSE, ""},
      {v1::NODE_KIND_ELLIPSIS, ""},
      {v1::NODE_KIND_NOT_IMPLEMENTED, ""},
      {v1::NODE_KIND_INT, "i"},
      {v1::NODE_KIND_BIG_INT, "b"},
      {v1::NODE_KIND_FLOAT, "f"},
      {v1::NODE_KIND_COMPLEX, "ff"},
      {v1::NODE_KIND_STR, "s"},
      {v1::NODE_KIND_BYTES, "b"},
      {v1::NODE_KIND_BYTEARRAY, "b"},
      {v1::NODE_KIND_BYTES_BUFFER, "u"},
      {v1::NODE_KIND_BYTEARRAY_BUFFER, "u"},
      {v1::NODE_KIND_LIST, "n*"},
      {v1::NODE_KIND_TUPLE, "n*"},
      {v1::NODE_KIND_SET, "n*"},
      {v1::NODE_KIND_FROZENSET, "n*"},
      {v1::NODE_KIND_DICT, "n*"},
      {v1::NODE_KIND_ORDERED_DICT, "n*"},
      {v1::NODE_KIND_LIST_INT, "##"},
      {v1::NODE_KIND_LIST_FLOAT, "##"},
      {v1::NODE_KIND_LIST_STR, "##"},
      {v1::NODE_KIND_TUPLE_INT, "##"},
      {v1::NODE_KIND_TUPLE_FLOAT, "##"},
      {v1::NODE_KIND_TUPLE_STR, "##"},
      {v1::NODE_KIND_DICT_STR_INT, "si#"},
      {v1::NODE_KIND_DICT_STR_FLOAT, "sf#"},
      {v1::NODE_KIND_SLICE, "nnn"},
      {v1::NODE_KIND_RANGE, "nnn"},
      {v1::NODE_KIND_GLOBAL, "g"},
      {v1::NODE_KIND_OBJECT, "n????"},
      {v1::NODE_KIND_CALL, "nn???"},
      {v1::NODE_KIND_DTYPE, "s"},
      {v1::NODE_KIND_NDARRAY, "nu##i"},
      {v1::NODE_KIND_OBJECT_NDARRAY, "n##i"},
      {v1::NODE_KIND_SCALAR, "nb"},
      {v1::NODE_KIND_BIT_GENERATOR, "sn"},
      {v1::NODE_KIND_RANDOM_STATE, "n#f"},
      {v1::NODE_KIND_GENERATOR, "n"},
  };
  return letters;
}

class Recheck {
 public:
  Recheck(const v1::Graph& graph, std::string_view artifact, std::string_view decoded,
          const Entries& entries)
      : g_(graph), artifact_(artifact), decoded_(decoded), entries_(entries) {}

  std::string Run() {
    if (g_.operand_counts_size() != g_.kinds_size()) return "columns of nodes";
    int at = 0;
    for (const uint32_t count : g_.operand_counts()) {
      if (count > static_cast<uint32_t>(g_.operands_size() - at)) return "operand counts";
      nodes_.emplace_back(g_.operands().begin() + at, g_.operands().begin() + at + count);
      at += static_cast<int>(count);
    }
    if (at != g_.operands_size() || g_.root() >= nodes_.size()) return "operands or root";
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      if (!OperandsFit(id)) return Where(id, "operands");
    }
    if (!BuffersFit()) return "buffers";
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      std::string why = WhyNotNode(id);
      if (!why.empty()) return Where(id, why);
    }
    std::string why = WhyNotNames();
    return why.empty() ? WhyNotCycles() : why;
  }

 private:
  using Operands = std::vector<uint32_t>;

  std::string Where(uint32_t id, const std::string& what) const {
    return "node " + std::to_string(id) + ", " + v1::NodeKind_Name(Kind(id)) + ": " + what;
  }
  v1::NodeKind Kind(uint32_t id) const { return g_.kinds(static_cast<int>(id)); }
  int64_t IntAt(uint32_t pool) const { return g_.ints(static_cast<int>(pool)); }
  const std::string& StringAt(uint32_t pool) const { return g_.strings(static_cast<int>(pool)); }

  // True if `count` elements from `first` on are in a pool.
  static bool Within(uint64_t first, uint64_t count, int pool) {
    return first + count <= static_cast<uint64_t>(pool);
  }

  bool Fits(char letter, uint32_t operand) const {
    switch (letter) {
      case 'n':
        return operand < nodes_.size();
      case '?':
        return operand == kAbsent || operand < nodes_.size();
      case 's':
        return Within(operand, 1, g_.strings_size());
      case 'i':
        return Within(operand, 1, g_.ints_size());
      case 'f':
        return Within(operand, 1, g_.floats_size());
      case 'b':
        return Within(operand, 1, g_.blobs_size());
      case 'g':
        return Within(operand, 1, g_.globals_size());
      case 'u':
        return Within(operand, 1, g_.buffer_lengths_size());
      default:
        return letter == '#';
    }
  }

  // The letters of a node, as many as it has operands; nullopt if that cannot be.
  std::optional<std::string> LettersOf(uint32_t id) const {
    const size_t count = nodes_[id].size();
    if (Kind(id) == v1::NODE_KIND_DICT_STR) {
      if (count % 2 != 0) return std::nullopt;
      return std::string(count / 2, 's') + std::string(count / 2, 'n');
    }
    if (Kind(id) == v1::NODE_KIND_DTYPE_RECORD) {
      if (count % 3 != 1) return std::nullopt;
      std::string letters = "i";
      for (size_t i = 0; i < count / 3; ++i) letters += "sni";
      return letters;
    }
    const auto found = Letters().find(Kind(id));
    if (found == Letters().end()) return std::nullopt;
    if (found->second == "n*") {
      const bool pairs = Kind(id) == v1::NODE_KIND_DICT || Kind(id) == v1::NODE_KIND_ORDERED_DICT;
      return pairs && count % 2 != 0 ? std::nullopt
                                     : std::optional<std::string>(std::string(count, 'n'));
    }
    // What comes first in an empty run need not be there.
    std::string letters = found->second;
    const bool run = letters.back() == '#' && letters.size() == 3;
    const bool shape = letters.back() == 'i' && letters.size() >= 4;
    if (letters.size() != count) return std::nullopt;
    if (run || shape)
      std::replace_if(
          letters.begin(), letters.end(), [](char c) { return c == 'i' || c == 's' || c == 'f'; },
          '#');
    return letters;
  }

  bool OperandsFit(uint32_t id) const {
    const std::optional<std::string> letters = LettersOf(id);
    if (!letters) return false;
    for (size_t i = 0; i < letters->size(); ++i) {
      if (!Fits((*letters)[i], nodes_[id][i])) return false;
    }
    return RunFits(id);
  }

  bool RunFits(uint32_t id) const {
    const Operands& o = nodes_[id];
    switch (Kind(id)) {
      case v1::NODE_KIND_LIST_INT:
      case v1::NODE_KIND_TUPLE_INT:
        return Within(o[0], o[1], g_.ints_size());
      case v1::NODE_KIND_LIST_FLOAT:
      case v1::NODE_KIND_TUPLE_FLOAT:
        return Within(o[0], o[1], g_.floats_size());
      case v1::NODE_KIND_LIST_STR:
      case v1::NODE_KIND_TUPLE_STR:
        return Within(o[0], o[1], g_.strings_size());
      case v1::NODE_KIND_DICT_STR_INT:
        return Within(o[0], o[2], g_.strings_size()) && Within(o[1], o[2], g_.ints_size());
      case v1::NODE_KIND_DICT_STR_FLOAT:
        return Within(o[0], o[2], g_.strings_size()) && Within(o[1], o[2], g_.floats_size());
      case v1::NODE_KIND_NDARRAY:
        return o[2] <= 1 && o[3] <= 64 && Within(o[4], o[3], g_.ints_size());
      case v1::NODE_KIND_OBJECT_NDARRAY:
        return o[1] <= 1 && o[2] <= 64 && Within(o[3], o[2], g_.ints_size());
      default:
        return true;
    }
  }

  bool BuffersFit() const {
    const int count = g_.buffer_sources_size();
    if (g_.buffer_offsets_size() != count || g_.buffer_lengths_size() != count) return false;
    for (int i = 0; i < count; ++i) {
      const bool from_artifact = g_.buffer_sources(i) == v1::BUFFER_SOURCE_ARTIFACT;
      if (!from_artifact && g_.buffer_sources(i) != v1::BUFFER_SOURCE_DECODED) return false;
      const auto end = static_cast<unsigned __int128>(g_.buffer_offsets(i)) + g_.buffer_lengths(i);
      if (end > (from_artifact ? artifact_ : decoded_).size()) return false;
    }
    return true;
  }

  std::string_view BytesOf(uint32_t buffer) const {
    const int i = static_cast<int>(buffer);
    const bool from_artifact = g_.buffer_sources(i) == v1::BUFFER_SOURCE_ARTIFACT;
    return (from_artifact ? artifact_ : decoded_)
        .substr(g_.buffer_offsets(i), g_.buffer_lengths(i));
  }

  // Bytes of one item: of "<f8" 8, of "<U3" 12.
  std::optional<uint64_t> ItemSize(uint32_t dtype) const {
    if (Kind(dtype) == v1::NODE_KIND_DTYPE_RECORD) {
      return static_cast<uint64_t>(IntAt(nodes_[dtype][0]));
    }
    if (Kind(dtype) != v1::NODE_KIND_DTYPE) return std::nullopt;
    const std::string& text = StringAt(nodes_[dtype][0]);
    if (text.size() < 3 || text[1] == 'O') return std::nullopt;
    const uint64_t size = std::strtoull(text.c_str() + 2, nullptr, 10);
    return text[1] == 'U' ? 4 * size : size;
  }

  std::string WhyNotNode(uint32_t id) const {
    const Operands& o = nodes_[id];
    switch (Kind(id)) {
      case v1::NODE_KIND_NDARRAY: {
        const std::optional<uint64_t> item = ItemSize(o[0]);
        if (!item) return "dtype";
        unsigned __int128 bytes = *item;
        for (uint32_t i = 0; i < o[3]; ++i) {
          if (IntAt(o[4] + i) < 0) return "negative dimension";
          if (bytes != 0) bytes *= static_cast<uint64_t>(IntAt(o[4] + i));
          if (bytes >> 64 != 0) return "size of the array";
        }
        return bytes == BytesOf(o[1]).size() ? "" : "length of the array";
      }
      case v1::NODE_KIND_OBJECT:
        return WhyNotState(id);
      case v1::NODE_KIND_CALL:
        return NameOf(o[0]) == "sklearn.tree._tree.Tree" ? WhyNotTree(id) : "";
      default:
        return "";
    }
  }

  std::string NameOf(uint32_t node) const {
    if (Kind(node) != v1::NODE_KIND_GLOBAL) return "";
    const v1::Global& global = g_.globals(static_cast<int>(nodes_[node][0]));
    return global.module() + "." + global.name();
  }

  struct Item {
    std::string key;
    // kAbsent for a value that is no node.
    uint32_t value;
  };

  // Keys and values of a dict whose keys are all str; nullopt for anything else.
  std::optional<std::vector<Item>> ItemsOf(uint32_t id) const {
    const Operands& o = nodes_[id];
    std::vector<Item> items;
    switch (Kind(id)) {
      case v1::NODE_KIND_DICT_STR:
        for (size_t i = 0; i < o.size() / 2; ++i) {
          items.push_back({StringAt(o[i]), o[o.size() / 2 + i]});
        }
        return items;
      case v1::NODE_KIND_DICT:
      case v1::NODE_KIND_ORDERED_DICT:
        for (size_t i = 0; i < o.size(); i += 2) {
          if (Kind(o[i]) != v1::NODE_KIND_STR) return std::nullopt;
          items.push_back({StringAt(nodes_[o[i]][0]), o[i + 1]});
        }
        return items;
      case v1::NODE_KIND_DICT_STR_INT:
      case v1::NODE_KIND_DICT_STR_FLOAT:
        for (uint32_t i = 0; i < o[2]; ++i) items.push_back({StringAt(o[0] + i), kAbsent});
        return items;
      default:
        return std::nullopt;
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
    const auto items = ItemsOf(state);
    if (!items) return "a key of the state is no str";
    std::set<std::string> keys;
    for (const Item& item : *items) {
      if (item.key.rfind("__", 0) == 0) return "reserved key " + item.key;
      if (!keys.insert(item.key).second) return "key twice: " + item.key;
    }
    const std::string name = NameOf(nodes_[id][0]);
    const bool csr = name.rfind("scipy.sparse.", 0) == 0 && name.find(".csr_") != std::string::npos;
    return csr ? WhyNotCsr(*items) : "";
  }

  // Integers of an "<i4" or "<i8" vector; nullopt for anything else.
  std::optional<std::vector<int64_t>> Integers(uint32_t node) const {
    if (node == kAbsent || Kind(node) != v1::NODE_KIND_NDARRAY) return std::nullopt;
    const uint32_t dtype = nodes_[node][0];
    if (Kind(dtype) != v1::NODE_KIND_DTYPE) return std::nullopt;
    const std::string& text = StringAt(nodes_[dtype][0]);
    if (text != "<i4" && text != "<i8") return std::nullopt;
    const std::string_view bytes = BytesOf(nodes_[node][1]);
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
    const Operands& o = nodes_[node];
    const v1::NodeKind kind = Kind(node);
    if ((kind == v1::NODE_KIND_TUPLE_INT || kind == v1::NODE_KIND_LIST_INT) && o[1] == 2) {
      return std::make_pair(IntAt(o[0]), IntAt(o[0] + 1));
    }
    if ((kind != v1::NODE_KIND_TUPLE && kind != v1::NODE_KIND_LIST) || o.size() != 2 ||
        Kind(o[0]) != v1::NODE_KIND_INT || Kind(o[1]) != v1::NODE_KIND_INT) {
      return std::nullopt;
    }
    return std::make_pair(IntAt(nodes_[o[0]][0]), IntAt(nodes_[o[1]][0]));
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
    const auto state = nodes_[call][2] == kAbsent ? std::nullopt : ItemsOf(nodes_[call][2]);
    const uint32_t nodes = state ? At(*state, "nodes") : kAbsent;
    if (nodes == kAbsent || Kind(nodes) != v1::NODE_KIND_NDARRAY) return "a tree without nodes";
    const std::optional<uint64_t> size = ItemSize(nodes_[nodes][0]);
    const std::string_view bytes = BytesOf(nodes_[nodes][1]);
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

  // Operands of a node that are nodes.
  std::vector<uint32_t> ChildrenOf(uint32_t id) const {
    std::vector<uint32_t> children;
    const std::string letters = *LettersOf(id);
    for (size_t i = 0; i < letters.size(); ++i) {
      const bool node = letters[i] == 'n' || letters[i] == '?';
      if (node && nodes_[id][i] != kAbsent) children.push_back(nodes_[id][i]);
    }
    return children;
  }

  const v1::Entry* EntryOf(uint32_t node) const {
    const auto found = entries_.find(NameOf(node));
    return found == entries_.end() ? nullptr : found->second;
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
    if (Kind(owner) == v1::NODE_KIND_CALL) {
      const bool own_loss =
          entry.schema() == "CY_LOSS" && user != nullptr && user->schema() == "PYX_UNPICKLE_LOSS";
      if (own_loss) return "";
      if (entry.trust() != v1::TRUST_NAME) return "a name that is no value";
      return user != nullptr && MayStand(entry, {"@" + user->schema()}) ? "" : "an argument";
    }
    if (entry.trust() != v1::TRUST_NAME) return "a name that is no value";
    const std::optional<std::vector<Item>> items = ItemsOf(holder);
    if (!items) return "a holder that is no state";
    for (const Item& item : *items) {
      if (item.value != name) continue;
      if (!MayStand(entry, {item.key, NameOf(nodes_[owner][0]) + "." + item.key})) {
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
    if (Kind(g_.root()) == v1::NODE_KIND_GLOBAL) return "a name as the root";
    // State dicts and argument tuples by their owners.
    std::map<uint32_t, uint32_t> owners;
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      if (Kind(id) == v1::NODE_KIND_OBJECT) owners[nodes_[id][2]] = id;
      if (Kind(id) == v1::NODE_KIND_CALL) owners[nodes_[id][1]] = id;
    }
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      const bool instance = Kind(id) == v1::NODE_KIND_OBJECT || Kind(id) == v1::NODE_KIND_CALL;
      if (instance && !UseFits(id)) return Where(id, "use of " + NameOf(nodes_[id][0]));
      const std::vector<uint32_t> children = ChildrenOf(id);
      for (size_t i = instance ? 1 : 0; i < children.size(); ++i) {
        if (Kind(children[i]) != v1::NODE_KIND_GLOBAL) continue;
        if (!owners.contains(id)) return Where(id, NameOf(children[i]) + " as a value");
        const std::string why = WhyNotValue(children[i], id, owners.at(id));
        if (!why.empty()) return Where(id, NameOf(children[i]) + ": " + why);
      }
    }
    return "";
  }

  bool UseFits(uint32_t id) const {
    const v1::Entry* entry = EntryOf(nodes_[id][0]);
    if (entry == nullptr) return false;
    if (Kind(id) == v1::NODE_KIND_CALL) {
      return entry->trust() == v1::TRUST_FACTORY && !entry->schema().empty() &&
             entry->schema() != "LOWERED";
    }
    return entry->trust() == v1::TRUST_NEW_DICT || entry->trust() == v1::TRUST_NEW_SETSTATE ||
           entry->trust() == v1::TRUST_BY_NAME_AND_PARAMS;
  }

  bool Reaches(uint32_t from, uint32_t to) const {
    std::vector<uint8_t> seen(nodes_.size(), 0);
    std::vector<uint32_t> stack = ChildrenOf(from);
    while (!stack.empty()) {
      const uint32_t id = stack.back();
      stack.pop_back();
      if (id == to) return true;
      if (seen[id]++ != 0) continue;
      for (const uint32_t child : ChildrenOf(id)) stack.push_back(child);
    }
    return false;
  }

  // Only a node with a child that does not stand before it can close a cycle.
  std::string WhyNotCycles() const {
    bool ordered = true;
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      for (const uint32_t child : ChildrenOf(id)) ordered = ordered && child < id;
    }
    if (ordered) return "";
    for (uint32_t id = 0; id < nodes_.size(); ++id) {
      const v1::NodeKind kind = Kind(id);
      const bool may = kind == v1::NODE_KIND_LIST || kind == v1::NODE_KIND_DICT ||
                       kind == v1::NODE_KIND_DICT_STR || kind == v1::NODE_KIND_ORDERED_DICT;
      if (!may && Reaches(id, id)) return Where(id, "it holds itself");
    }
    return "";
  }

  const v1::Graph& g_;
  std::string_view artifact_;
  std::string_view decoded_;
  const Entries& entries_;
  std::vector<Operands> nodes_;
};

}  // namespace

Entries EntriesOf(const v1::Policy& composed) {
  Entries entries;
  for (const v1::Entry& entry : composed.entries()) entries[entry.name()] = &entry;
  return entries;
}

std::string WhyUnsound(const v1::Graph& graph, std::string_view artifact, std::string_view decoded,
                       const Entries& entries) {
  return Recheck(graph, artifact, decoded, entries).Run();
}

}  // namespace loadlock::fuzz
