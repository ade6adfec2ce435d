#include "client/cli/graph_columns.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/cli/text.h"

namespace loadlock::cli {
namespace {

constexpr size_t kMaxText = 80;

}  // namespace

GraphColumns::GraphColumns(const v1::Graph& graph) : graph_(graph) {
  const int nodes = std::min(graph.kinds_size(), graph.operand_counts_size());
  offsets_.reserve(static_cast<size_t>(nodes));
  uint64_t offset = 0;
  for (int i = 0; i < nodes; ++i) {
    offsets_.push_back(offset);
    offset += graph.operand_counts(i);
  }
}

v1::NodeKind GraphColumns::Kind(uint32_t node) const {
  return node < size() ? graph_.kinds(static_cast<int>(node)) : v1::NODE_KIND_UNSPECIFIED;
}

size_t GraphColumns::OperandCount(uint32_t node) const {
  return node < size() ? graph_.operand_counts(static_cast<int>(node)) : 0;
}

uint32_t GraphColumns::Operand(uint32_t node, size_t index) const {
  if (index >= OperandCount(node)) return kNoNode;
  const uint64_t place = offsets_[node] + index;
  if (place >= static_cast<uint64_t>(graph_.operands_size())) return kNoNode;
  return graph_.operands(static_cast<int>(place));
}

std::string GraphColumns::String(uint32_t index) const {
  if (index >= static_cast<uint32_t>(graph_.strings_size())) return kBroken;
  return Printable(graph_.strings(static_cast<int>(index)), kMaxText);
}

std::string GraphColumns::Int(uint32_t index) const {
  if (index >= static_cast<uint32_t>(graph_.ints_size())) return kBroken;
  return absl::StrCat(graph_.ints(static_cast<int>(index)));
}

std::string GraphColumns::Float(uint32_t index) const {
  if (index >= static_cast<uint32_t>(graph_.floats_size())) return kBroken;
  // As Python shows it: what looks like an int gets its point.
  std::string text = absl::StrCat(graph_.floats(static_cast<int>(index)));
  if (text.find_first_not_of("-0123456789") == std::string::npos) text += ".0";
  return text;
}

std::string GraphColumns::Blob(uint32_t index) const {
  if (index >= static_cast<uint32_t>(graph_.blobs_size())) return kBroken;
  const std::string& blob = graph_.blobs(static_cast<int>(index));
  constexpr size_t kShown = 16;
  return absl::StrCat(HumanBytes(blob.size()), " 0x",
                      absl::BytesToHexString(blob.substr(0, kShown)),
                      blob.size() > kShown ? "..." : "");
}

std::string GraphColumns::Global(uint32_t index) const {
  if (index >= static_cast<uint32_t>(graph_.globals_size())) return kBroken;
  const v1::Global& global = graph_.globals(static_cast<int>(index));
  return Printable(absl::StrCat(global.module(), ".", global.name()), kMaxText);
}

std::string GraphColumns::BufferSize(uint32_t index) const {
  if (index >= static_cast<uint32_t>(graph_.buffer_lengths_size())) return kBroken;
  return HumanBytes(graph_.buffer_lengths(static_cast<int>(index)));
}

// "(rows, columns)"; the rank stands at operand `rank_place`, the first dimension behind it.
std::string GraphColumns::Shape(uint32_t node, size_t rank_place) const {
  const uint32_t rank = Operand(node, rank_place);
  constexpr uint32_t kMaxRank = 64;
  if (rank > kMaxRank) return kBroken;
  std::string out = "(";
  for (uint32_t i = 0; i < rank; ++i) {
    absl::StrAppend(&out, i == 0 ? "" : ", ", Int(Operand(node, rank_place + 1) + i));
  }
  return out + (rank == 1 ? ",)" : ")");
}

}  // namespace loadlock::cli
