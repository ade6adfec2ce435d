// A vetted graph as an indented tree.
#ifndef LOADLOCK_CLIENT_CLI_TREE_H_
#define LOADLOCK_CLIENT_CLI_TREE_H_

#include <cstddef>
#include <string>
#include <vector>

#include "client/cli/text.h"
#include "loadlock/v1/graph.pb.h"

namespace loadlock::cli {

struct TreeLimits {
  // Levels below the root.
  size_t depth = 6;
  // Entries of one container.
  size_t width = 24;
  // Lines in all: depth and width alone would allow billions.
  size_t lines = 5000;
};

// One line of a tree, depth first. All text is escaped but for `name`.
struct TreeRow {
  size_t depth = 0;
  // "coef_", "[3]"; empty for the root.
  std::string label;
  // The value, or its type and size; empty for a row that only says what is left out.
  std::string text;
  // "(shown above)", "... 12 more below"; empty if all of it is shown.
  std::string note;
  // The name that the node refers to, as a policy lists it; empty for a plain value.
  std::string name;
};

// What is left out is counted ("... 12 more"); a container that stands at several places, or within
// itself, is shown once.
std::vector<TreeRow> TreeRows(const v1::Graph& graph, const TreeLimits& limits);

// One line a row.
std::string RenderRow(const TreeRow& row, const Style& style);
std::string RenderTree(const v1::Graph& graph, const TreeLimits& limits, const Style& style);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_TREE_H_
