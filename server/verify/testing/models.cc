#include "server/verify/testing/models.h"

namespace loadlock::verify::testing {
namespace {

struct Field {
  std::string name;
  std::string type;
};

Maker NodeType(const TreeSpec& spec) {
  return [spec](Draft& draft) {
    std::vector<Field> fields = {{"left_child", spec.left_type},
                                 {"right_child", "<i8"},
                                 {"feature", "<i8"},
                                 {"threshold", "<f8"},
                                 {"impurity", "<f8"},
                                 {"n_node_samples", "<i8"},
                                 {"weighted_n_node_samples", "<f8"}};
    if (spec.node_size == 64) fields.push_back({"missing_go_to_left", "|u1"});
    if (*spec.last_field != 0) fields.back().name = spec.last_field;
    std::vector<uint32_t> operands = {draft.Int(static_cast<int64_t>(spec.node_size))};
    for (size_t i = 0; i < fields.size(); ++i) {
      const NodeId type = DType(fields[i].type)(draft);
      operands.push_back(draft.String(fields[i].name));
      operands.push_back(type);
      operands.push_back(draft.Int(static_cast<int64_t>(8 * i)));
    }
    return draft.Node(v1::NODE_KIND_DTYPE_RECORD, operands);
  };
}

std::string Nodes(const TreeSpec& spec) {
  std::string bytes(spec.left.size() * spec.node_size, '\0');
  for (size_t i = 0; i < spec.left.size(); ++i) {
    char* node = bytes.data() + i * spec.node_size;
    std::memcpy(node, &spec.left[i], 8);
    std::memcpy(node + 8, &spec.right[i], 8);
    std::memcpy(node + 16, &spec.feature[i], 8);
  }
  return bytes;
}

}  // namespace

Maker MakeTree(const TreeSpec& spec) {
  const auto count = static_cast<int64_t>(spec.left.size());
  Attrs state = {{"max_depth", Int(spec.max_depth)},
                 {"node_count", Int(spec.node_count)},
                 {"nodes", Raw(NodeType(spec), {count}, Nodes(spec))},
                 {"values", Zeros(spec.values_shape)}};
  return Call("sklearn.tree._tree.Tree",
              {Int(spec.n_features), Vec<int64_t>(spec.n_classes), Int(spec.n_outputs)},
              Dict(state));
}

Attrs TreeOwner(const TreeSpec& spec) {
  return {{"tree_", MakeTree(spec)},
          {"n_features_in_", Int(spec.n_features)},
          {"n_outputs_", Int(spec.n_outputs)}};
}

Maker RegressionTree(const TreeSpec& spec) {
  return Obj("sklearn.tree._classes.DecisionTreeRegressor", TreeOwner(spec));
}

}  // namespace loadlock::verify::testing
