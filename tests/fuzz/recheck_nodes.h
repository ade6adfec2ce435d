// Nodes of a graph for recheck.cc, read by graph.proto's own table of letters.
#ifndef LOADLOCK_TESTS_FUZZ_RECHECK_NODES_H_
#define LOADLOCK_TESTS_FUZZ_RECHECK_NODES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "loadlock/v1/graph.pb.h"

namespace loadlock::fuzz {

inline constexpr uint32_t kAbsent = 0xFFFFFFFF;

// Key and value of a dict; kAbsent for a value that is no node.
struct Item {
  std::string key;
  uint32_t value = kAbsent;
};

// All must outlive it. Nothing but WhyUnfit may be called before that has found nothing.
class Nodes {
 public:
  Nodes(const v1::Graph& graph, std::string_view artifact, std::string_view decoded)
      : g_(graph), artifact_(artifact), decoded_(decoded) {}

  // Columns, operands or buffers that do not fit; empty if all do.
  std::string WhyUnfit();

  uint32_t size() const { return static_cast<uint32_t>(nodes_.size()); }
  const std::vector<uint32_t>& operator[](uint32_t id) const { return nodes_[id]; }
  v1::NodeKind Kind(uint32_t id) const { return g_.kinds(static_cast<int>(id)); }
  int64_t IntAt(uint32_t pool) const { return g_.ints(static_cast<int>(pool)); }
  const std::string& StringAt(uint32_t pool) const { return g_.strings(static_cast<int>(pool)); }
  // "node 3, NODE_KIND_LIST: what".
  std::string Where(uint32_t id, const std::string& what) const;

  std::string_view BytesOf(uint32_t buffer) const;
  // Bytes of one item: of "<f8" 8, of "<U3" 12.
  std::optional<uint64_t> ItemSize(uint32_t dtype) const;
  // "module.name" of a GLOBAL, empty for anything else.
  std::string NameOf(uint32_t node) const;
  // Keys and values of a dict whose keys are all str; nullopt for anything else.
  std::optional<std::vector<Item>> ItemsOf(uint32_t id) const;
  // Operands of a node that are nodes.
  std::vector<uint32_t> ChildrenOf(uint32_t id) const;

 private:
  bool Fits(char letter, uint32_t operand) const;
  // The letters of a node, as many as it has operands; nullopt if that cannot be.
  std::optional<std::string> LettersOf(uint32_t id) const;
  bool OperandsFit(uint32_t id) const;
  bool RunFits(uint32_t id) const;
  bool StorageFits(uint32_t id) const;
  bool ViewFits(uint32_t id, uint32_t rank, uint32_t first) const;
  bool BuffersFit() const;

  const v1::Graph& g_;
  std::string_view artifact_;
  std::string_view decoded_;
  std::vector<std::vector<uint32_t>> nodes_;
};

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_RECHECK_NODES_H_
