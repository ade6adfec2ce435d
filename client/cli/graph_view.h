// Reads a Graph without trusting it: every index is checked.
#ifndef LOADLOCK_CLIENT_CLI_GRAPH_VIEW_H_
#define LOADLOCK_CLIENT_CLI_GRAPH_VIEW_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "client/cli/graph_columns.h"
#include "client/cpp/tensor.h"
#include "loadlock/v1/graph.pb.h"

namespace loadlock::cli {

// A place that another node stands at: "coef_ = ", "[3] = ", or a plain text without a node.
struct Child {
  static constexpr uint32_t kNoNode = GraphColumns::kNoNode;
  std::string label;
  uint32_t node = kNoNode;
};

class GraphView : private GraphColumns {
 public:
  // `graph` must outlive this.
  explicit GraphView(const v1::Graph& graph) : GraphColumns(graph), tensors_(graph) {}

  uint32_t root() const { return graph().root(); }
  using GraphColumns::size;

  // The node in one line: its value, or its type and size. All text is escaped and cut.
  std::string Describe(uint32_t node) const;

  // "module.attribute" of an object's class, a call's function, or a name itself, as it is in the
  // graph, not escaped; empty for other nodes.
  std::string NameOf(uint32_t node) const;

  // How many entries a container or object has.
  uint64_t ChildCount(uint32_t node) const;
  // The first `limit` of them.
  std::vector<Child> Children(uint32_t node, size_t limit) const;

 private:
  std::string Run(uint32_t node) const;
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

  // The parts of a tensor that are nodes, and the attributes that are set on it.
  void AddTensor(uint32_t node, size_t limit, std::vector<Child>* out) const;

  client::TensorReader tensors_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_GRAPH_VIEW_H_
