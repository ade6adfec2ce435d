#include "server/verify/class_lines.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "server/verify/general_rules.h"

namespace loadlock::verify {
namespace {

// A person reviews the line; the whole must fit Finding.allow.
constexpr size_t kMaxLine = 512;

}  // namespace

ClassLines::ClassLines(const Scope& scope) : scope_(scope) {
  const View& view = scope.view();
  for (NodeId id = 0; id < view.size(); ++id) {
    if (view.kind(id) != v1::NODE_KIND_OBJECT || scope.EntryOfInstance(id) != nullptr) continue;
    Class& found = classes_[view.global_index(view.operands(id)[0])];
    if (!found.odd) Look(id, &found);
  }
}

void ClassLines::Look(NodeId object, Class* found) const {
  const absl::Span<const uint32_t> operands = scope_.view().operands(object);
  found->odd = true;
  for (const size_t part : {1, 3, 4}) {
    if (operands[part] != kAbsent && scope_.Length(Value::Node(operands[part])) != 0) return;
  }
  if (operands[2] != kAbsent) {
    const Mapping state(scope_.view(), Value::Node(operands[2]));
    if (!state.ok() || !state.str_keys()) return;
    if (scope_.topology().references[operands[2]] != 1) return;
    for (uint32_t i = 0; i < state.size(); ++i) {
      const absl::string_view key = state.str_key(i);
      const Value value = state.value(i);
      if (!KeyRuleBroken(key).empty() || !DemandOn(scope_, key, value).refused.empty()) return;
      const v1::ValueKind kind = scope_.KindOf(value);
      Kinds& kinds = found->keys[key];
      kinds.seen |= 1U << static_cast<uint32_t>(kind);
      kinds.holds_object = kinds.holds_object || kind == v1::VALUE_KIND_OBJECT ||
                           (value.is_node() && scope_.topology().holds_instance[value.index] != 0);
    }
  }
  found->odd = false;
}

std::string ClassLines::After(uint32_t global_index) const {
  const auto it = classes_.find(global_index);
  if (it == classes_.end() || it->second.odd) return "";
  const v1::Global& global = scope_.view().graph().globals(static_cast<int>(global_index));
  const policy::Schema native =
      policy::NativeSchema(absl::StrCat(global.module(), ".", global.name()));
  std::string line =
      native == policy::Schema::kNone
          ? "trust: TRUST_NEW_DICT"
          : absl::StrCat("trust: TRUST_REWRITTEN schema: \"", policy::Name(native), "\"");
  for (const auto& [key, kinds] : it->second.keys) {
    if (!kinds.holds_object) continue;
    // A kind without a name cannot be let in beside the objects.
    if ((kinds.seen & 1U) != 0 || line.size() > kMaxLine) return "";
    absl::StrAppend(&line, " state { key: \"", absl::Utf8SafeCEscape(key), "\"");
    const uint32_t let = kinds.seen | 1U << static_cast<uint32_t>(v1::VALUE_KIND_OBJECT);
    for (uint32_t kind = 1; kind < 32; ++kind) {
      if ((let >> kind & 1U) == 0) continue;
      absl::StrAppend(&line, " kinds: ", v1::ValueKind_Name(static_cast<v1::ValueKind>(kind)));
    }
    absl::StrAppend(&line, " }");
  }
  return line;
}

}  // namespace loadlock::verify
