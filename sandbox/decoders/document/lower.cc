#include "sandbox/decoders/document/lower.h"

#include <string_view>
#include <vector>

namespace loadlock::document {
namespace {

graph::NodeId Leaf(const Document& document, Index index, graph::Builder* builder) {
  switch (document.type(index)) {
    case Type::kNull:
      return builder->None();
    case Type::kFalse:
    case Type::kTrue:
      return builder->Bool(document.Is(index, Type::kTrue));
    case Type::kText:
      return builder->Str(builder->Keep(document.Text(index)));
    case Type::kNumber: {
      if (document.Text(index).find_first_of(".eE") == std::string_view::npos) {
        const auto integer = document.Int(index);
        return integer ? builder->Int(*integer) : graph::kNoNode;
      }
      const auto number = document.Double(index);
      return number ? builder->Float(*number) : graph::kNoNode;
    }
    default:
      return graph::kNoNode;
  }
}

}  // namespace

// Members stand behind their array, so that going backwards finds them made.
graph::NodeId LowerPlain(const Document& document, graph::Builder* builder) {
  std::vector<graph::NodeId> nodes(document.size(), graph::kNoNode);
  for (Index i = document.size(); i-- > 0;) {
    if (!document.Is(i, Type::kArray)) {
      nodes[i] = Leaf(document, i, builder);
      if (nodes[i] == graph::kNoNode) return graph::kNoNode;
      continue;
    }
    std::vector<graph::NodeId> members;
    for (Index j = document.First(i); j < document.at(i).end; j = document.Next(j)) {
      members.push_back(nodes[j]);
    }
    nodes[i] = builder->List();
    builder->Extend(nodes[i], members);
  }
  return nodes[0];
}

}  // namespace loadlock::document
