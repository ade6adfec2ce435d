// A vetted graph as an indented tree.
#ifndef LOADLOCK_CLIENT_CLI_TREE_H_
#define LOADLOCK_CLIENT_CLI_TREE_H_

#include <cstddef>
#include <string>

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

// One line a node. What is left out is counted ("... 12 more"); a container that stands at
// several places, or within itself, is shown once. Text is escaped.
std::string RenderTree(const v1::Graph& graph, const TreeLimits& limits, const Style& style);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_TREE_H_
