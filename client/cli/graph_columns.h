// Columns of a Graph by checked index: what is not there reads as "(broken)".
#ifndef LOADLOCK_CLIENT_CLI_GRAPH_COLUMNS_H_
#define LOADLOCK_CLIENT_CLI_GRAPH_COLUMNS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loadlock/v1/graph.pb.h"

namespace loadlock::cli {

inline constexpr char kBroken[] = "(broken)";

class GraphColumns {
 public:
  static constexpr uint32_t kNoNode = 0xFFFFFFFF;

  // `graph` must outlive this.
  explicit GraphColumns(const v1::Graph& graph);

  const v1::Graph& graph() const { return graph_; }
  size_t size() const { return offsets_.size(); }

  v1::NodeKind Kind(uint32_t node) const;
  // Operand `index` of `node`, kNoNode if there is none.
  uint32_t Operand(uint32_t node, size_t index) const;
  size_t OperandCount(uint32_t node) const;

  // Elements of the pools as text, escaped and cut.
  std::string String(uint32_t index) const;
  std::string Int(uint32_t index) const;
  std::string Float(uint32_t index) const;
  std::string Blob(uint32_t index) const;
  std::string Global(uint32_t index) const;
  std::string BufferSize(uint32_t index) const;
  // "(rows, columns)"; the rank stands at operand `rank_place`, the first dimension behind it.
  std::string Shape(uint32_t node, size_t rank_place) const;

 private:
  const v1::Graph& graph_;
  // First operand of each node.
  std::vector<uint64_t> offsets_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_GRAPH_COLUMNS_H_
