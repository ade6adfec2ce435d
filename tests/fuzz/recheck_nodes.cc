#include "tests/fuzz/recheck_nodes.h"

#include <algorithm>
#include <cstdlib>
#include <map>

namespace loadlock::fuzz {
namespace {

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
      {v1::NODE_KIND_TENSOR, "ns##i"},
      {v1::NODE_KIND_QUANTIZED_TENSOR, "ns#ifi"},
      {v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR, "ns#inni"},
      {v1::NODE_KIND_PARAMETER, "n#?"},
      {v1::NODE_KIND_TENSOR_WITH_STATE, "nn"},
      {v1::NODE_KIND_TORCH_SIZE, "##"},
      {v1::NODE_KIND_TORCH_DEVICE, "s#"},
  };
  return letters;
}

// True if `count` elements from `first` on are in a pool.
bool Within(uint64_t first, uint64_t count, int pool) {
  return first + count <= static_cast<uint64_t>(pool);
}

}  // namespace

std::string Nodes::WhyUnfit() {
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
  return BuffersFit() ? "" : "buffers";
}

std::string Nodes::Where(uint32_t id, const std::string& what) const {
  return "node " + std::to_string(id) + ", " + v1::NodeKind_Name(Kind(id)) + ": " + what;
}

bool Nodes::Fits(char letter, uint32_t operand) const {
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

std::optional<std::string> Nodes::LettersOf(uint32_t id) const {
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
  if (Kind(id) == v1::NODE_KIND_STORAGE) {
    if (count != 3) return std::nullopt;
    return nodes_[id][1] == kAbsent ? "s#i" : "sui";
  }
  if (Kind(id) == v1::NODE_KIND_SPARSE_TENSOR) {
    if (count < 6) return std::nullopt;
    return "s###" + std::string(count - 4, 'n');
  }
  if (Kind(id) == v1::NODE_KIND_STATE_DICT) {
    if (count % 2 != 1) return std::nullopt;
    return std::string(count, 'n');
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
  const bool array = Kind(id) == v1::NODE_KIND_NDARRAY || Kind(id) == v1::NODE_KIND_OBJECT_NDARRAY;
  const bool shape = letters.back() == 'i' && array;
  if (letters.size() != count) return std::nullopt;
  if (run || shape) {
    std::replace_if(
        letters.begin(), letters.end(), [](char c) { return c == 'i' || c == 's' || c == 'f'; },
        '#');
  }
  return letters;
}

bool Nodes::OperandsFit(uint32_t id) const {
  const std::optional<std::string> letters = LettersOf(id);
  if (!letters) return false;
  for (size_t i = 0; i < letters->size(); ++i) {
    if (!Fits((*letters)[i], nodes_[id][i])) return false;
  }
  return RunFits(id);
}

bool Nodes::RunFits(uint32_t id) const {
  const std::vector<uint32_t>& o = nodes_[id];
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
    case v1::NODE_KIND_TENSOR:
      return o[2] <= 7 && ViewFits(id, o[3], o[4]);
    case v1::NODE_KIND_QUANTIZED_TENSOR:
    case v1::NODE_KIND_CHANNEL_QUANTIZED_TENSOR:
      return ViewFits(id, o[2], o[3]);
    case v1::NODE_KIND_SPARSE_TENSOR:
      return o[1] <= 9 && o[2] <= 64 && Within(o[3], o[2], g_.ints_size());
    case v1::NODE_KIND_TORCH_SIZE:
      return o[1] <= 64 && Within(o[0], o[1], g_.ints_size());
    case v1::NODE_KIND_STORAGE:
      return StorageFits(id);
    default:
      return true;
  }
}

// A byte an element at least; tighter is the daemon's proof.
bool Nodes::StorageFits(uint32_t id) const {
  const int64_t elements = IntAt(nodes_[id][2]);
  if (nodes_[id][1] == kAbsent) return elements >= 0;
  const uint64_t bytes = g_.buffer_lengths(static_cast<int>(nodes_[id][1]));
  const auto count = static_cast<uint64_t>(elements);
  return elements >= 0 && (count == 0 ? bytes == 0 : bytes >= count && bytes % count == 0);
}

// Counted the slow way: 128 bits do not overflow with 64 dimensions of products of 63.
bool Nodes::ViewFits(uint32_t id, uint32_t rank, uint32_t first) const {
  const uint32_t storage = nodes_[id][0];
  if (rank > 64 || !Within(first, 1 + 2 * uint64_t{rank}, g_.ints_size()) ||
      Kind(storage) != v1::NODE_KIND_STORAGE) {
    return false;
  }
  unsigned __int128 last = static_cast<uint64_t>(IntAt(first));
  bool empty = false;
  for (uint32_t i = 0; i < rank; ++i) {
    const int64_t size = IntAt(first + 1 + i);
    const int64_t stride = IntAt(first + 1 + rank + i);
    if (size < 0 || stride < 0) return false;
    empty = empty || size == 0;
    if (size > 0) {
      last += static_cast<unsigned __int128>(static_cast<uint64_t>(size - 1)) *
              static_cast<uint64_t>(stride);
    }
  }
  if (IntAt(first) < 0) return false;
  const bool same = StringAt(nodes_[id][1]) == StringAt(nodes_[storage][0]);
  const bool meta = nodes_[storage][1] == kAbsent;
  const uint64_t limit = same || meta ? static_cast<uint64_t>(IntAt(nodes_[storage][2]))
                                      : g_.buffer_lengths(static_cast<int>(nodes_[storage][1]));
  return empty || last < limit;
}

bool Nodes::BuffersFit() const {
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

std::string_view Nodes::BytesOf(uint32_t buffer) const {
  const int i = static_cast<int>(buffer);
  const bool from_artifact = g_.buffer_sources(i) == v1::BUFFER_SOURCE_ARTIFACT;
  return (from_artifact ? artifact_ : decoded_).substr(g_.buffer_offsets(i), g_.buffer_lengths(i));
}

std::optional<uint64_t> Nodes::ItemSize(uint32_t dtype) const {
  if (Kind(dtype) == v1::NODE_KIND_DTYPE_RECORD) {
    return static_cast<uint64_t>(IntAt(nodes_[dtype][0]));
  }
  if (Kind(dtype) != v1::NODE_KIND_DTYPE) return std::nullopt;
  const std::string& text = StringAt(nodes_[dtype][0]);
  if (text.size() < 3 || text[1] == 'O') return std::nullopt;
  const uint64_t size = std::strtoull(text.c_str() + 2, nullptr, 10);
  return text[1] == 'U' ? 4 * size : size;
}

std::string Nodes::NameOf(uint32_t node) const {
  if (Kind(node) != v1::NODE_KIND_GLOBAL) return "";
  const v1::Global& global = g_.globals(static_cast<int>(nodes_[node][0]));
  return global.module() + "." + global.name();
}

std::optional<std::vector<Item>> Nodes::ItemsOf(uint32_t id) const {
  const std::vector<uint32_t>& o = nodes_[id];
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

std::vector<uint32_t> Nodes::ChildrenOf(uint32_t id) const {
  std::vector<uint32_t> children;
  const std::string letters = *LettersOf(id);
  for (size_t i = 0; i < letters.size(); ++i) {
    const bool node = letters[i] == 'n' || letters[i] == '?';
    if (node && nodes_[id][i] != kAbsent) children.push_back(nodes_[id][i]);
  }
  return children;
}

}  // namespace loadlock::fuzz
