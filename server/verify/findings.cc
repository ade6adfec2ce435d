#include "server/verify/findings.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/observe/text.h"

namespace loadlock::verify {
namespace {

// A person reads the first few; a hostile graph could make one a node.
constexpr size_t kMaxFindings = 100;
// The limits of finding.proto.
constexpr size_t kMaxMessage = 1024;
constexpr size_t kMaxName = 1024;
// Deep nesting makes long paths; the tail says what matters.
constexpr size_t kMaxPathSteps = 64;
constexpr size_t kMaxKeyBytes = 64;

std::string Subscript(const View& view, Value key) {
  if (const auto text = view.Str(key)) return absl::StrCat("['", Safe(*text, kMaxKeyBytes), "']");
  if (key.in == Value::In::kNode && view.kind(key.index) == v1::NODE_KIND_INT) {
    return absl::StrCat("[", view.integer(view.operands(key.index)[0]), "]");
  }
  return "[?]";
}

std::string InstanceStep(uint32_t place) {
  switch (place) {
    case 0:
      return "<class>";
    case 1:
      return "<args>";
    default:
      // State and items: their own step says the key or the index.
      return "";
  }
}

// The key of the child at `place` of a dict.
Value KeyAt(const View& view, NodeId dict, uint32_t place) {
  const absl::Span<const uint32_t> operands = view.operands(dict);
  if (view.kind(dict) == v1::NODE_KIND_DICT_STR) return {Value::In::kStrings, operands[place]};
  return Value::Node(operands[place - place % 2]);
}

// One step of a path: to the child at `place` of `parent`, itself reached as an object's state if
// `attributes`.
std::string Step(const View& view, NodeId parent, uint32_t place, bool attributes) {
  switch (view.kind(parent)) {
    case v1::NODE_KIND_LIST:
    case v1::NODE_KIND_TUPLE:
      return absl::StrCat("[", place, "]");
    case v1::NODE_KIND_SET:
    case v1::NODE_KIND_FROZENSET:
      return "{}";
    case v1::NODE_KIND_DICT:
    case v1::NODE_KIND_ORDERED_DICT:
    case v1::NODE_KIND_DICT_STR: {
      const bool pairs = view.kind(parent) != v1::NODE_KIND_DICT_STR;
      if (pairs && place % 2 == 0) return "<key>";
      const Value key = KeyAt(view, parent, place);
      const auto text = view.Str(key);
      if (attributes && text) return absl::StrCat(".", Safe(*text, kMaxKeyBytes));
      return Subscript(view, key);
    }
    case v1::NODE_KIND_STATE_DICT:
      if (place == 0) return "<metadata>";
      return place % 2 == 1 ? "<key>"
                            : Subscript(view, Value::Node(view.operands(parent)[place - 1]));
    case v1::NODE_KIND_OBJECT:
    case v1::NODE_KIND_CALL:
      return InstanceStep(place);
    case v1::NODE_KIND_PARAMETER:
    case v1::NODE_KIND_TENSOR_WITH_STATE:
      return place == 1 ? "<state>" : "";
    case v1::NODE_KIND_SPARSE_TENSOR:
      return absl::StrCat("<part ", place, ">");
    case v1::NODE_KIND_NDARRAY:
    case v1::NODE_KIND_SCALAR:
      return "<dtype>";
    case v1::NODE_KIND_DTYPE_RECORD:
      return absl::StrCat("<field ", place, ">");
    default:
      return "";
  }
}

// `path` is `outer` or lies in it.
bool LiesIn(absl::string_view path, absl::string_view outer) {
  if (!absl::ConsumePrefix(&path, outer)) return false;
  return path.empty() || absl::StrContains(".[<{", path[0]);
}

// The line would list the name, and yet what stands at that place would not do: a rule of the
// class around it, or the schema of a call, says so in a finding of its own.
bool IsUseless(const v1::Finding& offer, const std::vector<v1::Finding>& findings) {
  return std::any_of(findings.begin(), findings.end(), [&](const v1::Finding& each) {
    const bool rule = each.rule_id() == "STATE_RULE" || each.rule_id() == "SCHEMA";
    return rule && each.object_path() != "$" && LiesIn(offer.object_path(), each.object_path());
  });
}

}  // namespace

std::string Safe(absl::string_view text, size_t max_bytes) {
  return observe::Printable(text, max_bytes);
}

void Findings::FindParents() {
  parents_.assign(view_->size(), kAbsent);
  places_.assign(view_->size(), 0);
  std::vector<NodeId> queue = {view_->root()};
  parents_[view_->root()] = view_->root();
  for (size_t head = 0; head < queue.size(); ++head) {
    const NodeId id = queue[head];
    const Children children = view_->children(id);
    for (uint32_t i = 0; i < children.count; ++i) {
      const NodeId child = children[i];
      if (child == kAbsent || parents_[child] != kAbsent) continue;
      parents_[child] = id;
      places_[child] = i;
      queue.push_back(child);
    }
  }
}

std::string Findings::PathOf(NodeId node) {
  if (parents_.empty()) FindParents();
  std::vector<std::string> steps;
  bool dropped = false;
  for (NodeId id = node; id != view_->root() && parents_[id] != kAbsent; id = parents_[id]) {
    const NodeId parent = parents_[id];
    // The way may be as long as the graph has nodes; nobody reads more.
    dropped = steps.size() == kMaxPathSteps;
    if (dropped) break;
    const NodeId owner = parents_[parent];
    const bool attributes = owner != kAbsent && parent != view_->root() &&
                            view_->kind(owner) == v1::NODE_KIND_OBJECT &&
                            view_->operands(owner)[2] == parent;
    steps.push_back(Step(*view_, parent, places_[id], attributes));
  }
  std::string path = dropped ? "$..." : "$";
  for (auto step = steps.rbegin(); step != steps.rend(); ++step) absl::StrAppend(&path, *step);
  return path;
}

void Findings::Add(v1::Severity severity, NodeId at, const Reason& reason) {
  refused_ = refused_ || severity == v1::SEVERITY_ERROR;
  if (findings_.size() == kMaxFindings) {
    ++left_out_;
    // A reason to refuse goes before a note.
    const auto note = std::find_if(findings_.begin(), findings_.end(), [](const v1::Finding& each) {
      return each.severity() != v1::SEVERITY_ERROR;
    });
    if (severity != v1::SEVERITY_ERROR || note == findings_.end()) return;
    findings_.erase(note);
  }
  v1::Finding finding;
  finding.set_rule_id(reason.rule_id.data(), reason.rule_id.size());
  finding.set_severity(severity);
  finding.set_message(Safe(reason.message, kMaxMessage));
  finding.set_name(Safe(reason.name, kMaxName));
  finding.set_allow(Safe(reason.allow, kMaxMessage + kMaxName));
  std::string path = PathOf(at);
  if (!reason.key.empty()) absl::StrAppend(&path, ".", Safe(reason.key, kMaxKeyBytes));
  finding.set_object_path(std::move(path));
  if (static_cast<uint32_t>(provenance_->node_offsets_size()) > at) {
    finding.set_byte_offset(provenance_->node_offsets(static_cast<int>(at)));
    const absl::string_view opcode = OpcodeName(provenance_->node_opcodes(static_cast<int>(at)));
    finding.set_opcode(opcode.data(), opcode.size());
  }
  findings_.push_back(std::move(finding));
}

void Findings::WithdrawUselessLines() {
  for (v1::Finding& finding : findings_) {
    // A call's line is known not to be enough; its message says so.
    if (finding.allow().empty() || absl::StrContains(finding.allow(), "TRUST_FACTORY")) continue;
    if (!IsUseless(finding, findings_)) continue;
    finding.clear_allow();
    finding.set_message(absl::StrCat(finding.message(), ", and no line alone suffices there"));
  }
}

std::vector<v1::Finding> Findings::Take() {
  WithdrawUselessLines();
  if (left_out_ > 0) {
    v1::Finding more;
    more.set_rule_id("MORE_FINDINGS");
    more.set_severity(v1::SEVERITY_INFO);
    more.set_message(absl::StrCat(left_out_, " more findings were left out"));
    findings_.push_back(std::move(more));
  }
  return std::move(findings_);
}

}  // namespace loadlock::verify
