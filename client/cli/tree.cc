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

}  // namespace

std::vector<TreeRow> TreeRows(const v1::Graph& graph, const TreeLimits& limits) {
  const GraphView view(graph);
  std::vector<bool> shown(view.size(), false);
  std::vector<Pending> waiting = {{{"", view.root()}, 0}};
  std::vector<TreeRow> rows;
  while (!waiting.empty()) {
    if (rows.size() == limits.lines) {
      rows.push_back({0, "", "", absl::StrCat("... cut after ", limits.lines, " lines"), ""});
      return rows;
    }
    const Pending pending = std::move(waiting.back());
    waiting.pop_back();
    const uint32_t node = pending.child.node;
    if (node == Child::kNoNode) {
      rows.push_back({pending.depth, "", "", pending.child.label, ""});
      continue;
    }
    TreeRow row{pending.depth, pending.child.label, view.Describe(node), "", view.NameOf(node)};
    const uint64_t count = view.ChildCount(node);
    const bool again = count > 0 && shown[node];
    const bool deep = count > 0 && pending.depth >= limits.depth;
    if (again) {
      row.note = "(shown above)";
    } else if (deep) {
      row.note = absl::StrCat("... ", count, " more below");
    }
    rows.push_back(std::move(row));
    if (count == 0 || again || deep) continue;
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
  return rows;
}

std::string RenderRow(const TreeRow& row, const Style& style) {
  const std::string indent(2 * row.depth, ' ');
  if (row.text.empty()) return absl::StrCat(style.Faint(absl::StrCat(indent, row.note)), "\n");
  return absl::StrCat(indent, row.label, row.label.empty() ? "" : ": ", row.text,
                      row.note.empty() ? "" : style.Faint(absl::StrCat("  ", row.note)), "\n");
}

std::string RenderTree(const v1::Graph& graph, const TreeLimits& limits, const Style& style) {
  std::string out;
  for (const TreeRow& row : TreeRows(graph, limits)) absl::StrAppend(&out, RenderRow(row, style));
  return out;
}

}  // namespace loadlock::cli
