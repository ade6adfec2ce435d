// Reads a Graph without trusting it: every index is checked.
#ifndef LOADLOCK_CLIENT_CLI_GRAPH_VIEW_H_
#define LOADLOCK_CLIENT_CLI_GRAPH_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "loadlock/v1/graph.pb.h"

namespace loadlock::cli {

// A place that another node stands at: "coef_ = ", "[3] = ", or a plain text without a node.
struct Child {
  static constexpr uint32_t kNoNode = 0xFFFFFFFF;
  std::string label;
  uint32_t node = kNoNode;
};

class GraphView {
 public:
  // `graph` must outlive this.
  explicit GraphView(const v1::Graph& graph);

  uint32_t root() const { return graph_.root(); }
  size_t size() const { return offsets_.size(); }

  // The node in one line: its value, or its type and size. All text is escaped and cut.
  std::string Describe(uint32_t node) const;

  // How many entries a container or object has.
  uint64_t ChildCount(uint32_t node) const;
  // The first `limit` of them.
  std::vector<Child> Children(uint32_t node, size_t limit) const;

 private:
  v1::NodeKind Kind(uint32_t node) const;
  // Operand `index` of `node`, kNoNode if there is none.
  uint32_t Operand(uint32_t node, size_t index) const;
  size_t OperandCount(uint32_t node) const;

  std::string String(uint32_t index) const;
  std::string Int(uint32_t index) const;
  std::string Float(uint32_t index) const;
  std::string Blob(uint32_t index) const;
  std::string Global(uint32_t index) const;
  std::string BufferSize(uint32_t index) const;
  std::string Run(uint32_t node) const;
  std::string Shape(uint32_t node, size_t rank_place) const;
  std::string DictRun(uint32_t node) const;
  std::string Named(uint32_t node) const;
  std::string DescribeScalar(uint32_t node) const;
  std::string DescribeArray(uint32_t node) const;
  std::string DtypeOf(uint32_t node) const;
  std::string Key(uint32_t node) const;
  // Counts or collects: the entries of a dict, or the parts of an object.
  void AddDict(uint32_t node, size_t limit, std::vector<Child>* out) const;
  void AddObject(uint32_t node, size_t limit, std::vector<Child>* out) const;
  bool IsDict(uint32_t node) const;

  const v1::Graph& graph_;
  // First operand of each node.
  std::vector<uint64_t> offsets_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_GRAPH_VIEW_H_
