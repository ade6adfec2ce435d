#include "client/cli/tree.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/graph_view.h"

namespace loadlock::cli {
namespace {

struct Pending {
  Child child;
  size_t depth;
};

std::string Line(const Pending& pending, absl::string_view text) {
  const absl::string_view label = pending.child.label;
  return absl::StrCat(std::string(2 * pending.depth, ' '), label, label.empty() ? "" : ": ", text);
}

}  // namespace

std::string RenderTree(const v1::Graph& graph, const TreeLimits& limits, const Style& style) {
  const GraphView view(graph);
  std::vector<bool> shown(view.size(), false);
  std::vector<Pending> waiting = {{{"", view.root()}, 0}};
  std::string out;
  size_t lines = 0;
  while (!waiting.empty()) {
    if (lines++ == limits.lines) {
      return absl::StrCat(out, style.Faint(absl::StrCat("... cut after ", limits.lines, " lines")),
                          "\n");
    }
    const Pending pending = std::move(waiting.back());
    waiting.pop_back();
    const uint32_t node = pending.child.node;
    if (node == Child::kNoNode) {
      absl::StrAppend(&out, style.Faint(Line({{"", node}, pending.depth}, pending.child.label)),
                      "\n");
      continue;
    }
    absl::StrAppend(&out, Line(pending, view.Describe(node)));
    const uint64_t count = view.ChildCount(node);
    if (count > 0 && shown[node]) {
      absl::StrAppend(&out, style.Faint("  (shown above)"), "\n");
      continue;
    }
    if (count > 0 && pending.depth >= limits.depth) {
      absl::StrAppend(&out, style.Faint(absl::StrCat("  ... ", count, " more below")), "\n");
      continue;
    }
    absl::StrAppend(&out, "\n");
    if (count == 0) continue;
    shown[node] = true;
    std::vector<Child> children = view.Children(node, limits.width);
    if (children.size() < count) {
      waiting.push_back({{absl::StrCat("... ", count - children.size(), " more"), Child::kNoNode},
                         pending.depth + 1});
    }
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      waiting.push_back({std::move(*child), pending.depth + 1});
    }
  }
  return out;
}

}  // namespace loadlock::cli
