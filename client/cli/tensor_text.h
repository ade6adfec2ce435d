// What the nodes of torch look like in a tree.
#ifndef LOADLOCK_CLIENT_CLI_TENSOR_TEXT_H_
#define LOADLOCK_CLIENT_CLI_TENSOR_TEXT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/graph_columns.h"
#include "client/cpp/tensor.h"

namespace loadlock::cli {

// Storages, tensors of every kind, parameters, sizes and devices.
bool IsTensorKind(v1::NodeKind kind);

// Such a node in one line. Does not go on into further tensors than a parameter's: a broken graph
// may lead in circles.
std::string TensorText(const GraphColumns& graph, const client::TensorReader& reader,
                       uint32_t node);

// A part that is a node of its own.
struct TensorPart {
  absl::string_view label;
  uint32_t node;
  // The node is a dict of the attributes that are set.
  bool attributes = false;
};

std::vector<TensorPart> TensorParts(const GraphColumns& graph, uint32_t node);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_TENSOR_TEXT_H_
