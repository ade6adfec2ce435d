#include "server/verify/state_rules.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/verify/general_rules.h"

namespace loadlock::verify {
namespace {

using policy::CompiledRule;
using policy::Literal;

bool Equals(const Scope& scope, Value value, const Literal& literal) {
  if (std::holds_alternative<std::monostate>(literal)) return scope.view().IsNone(value);
  if (const bool* truth = std::get_if<bool>(&literal)) {
    return scope.KindOf(value) == v1::VALUE_KIND_BOOL && scope.Bool(value) == *truth;
  }
  if (const int64_t* integer = std::get_if<int64_t>(&literal)) return scope.Int(value) == *integer;
  if (const double* number = std::get_if<double>(&literal)) return scope.Number(value) == *number;
  const auto text = scope.view().Str(value);
  return text && *text == std::get<std::string>(literal);
}

bool DtypeMatches(const DType& dtype, absl::string_view pattern) {
  if (pattern.empty() || dtype.kind != pattern[0]) return false;
  const absl::string_view size = pattern.substr(1);
  if (size == "*") return true;
  uint32_t number = 0;
  if (!absl::SimpleAtoi(size, &number)) return false;
  return dtype.itemsize == (dtype.kind == 'U' ? number * 4 : number);
}

// The length that a token of ArrayRule.shape stands for; nullopt if its attribute is missing.
std::optional<int64_t> Dimension(const Scope& scope, const Instance& object,
                                 absl::string_view token) {
  int64_t number = 0;
  if (absl::SimpleAtoi(token, &number)) return number;
  const bool length = absl::StartsWith(token, "len(");
  if (length) token = token.substr(4, token.size() - 5);
  const std::optional<Value> value = object.Get(token);
  if (!value) return std::nullopt;
  if (!length) return scope.Int(*value);
  const std::optional<uint64_t> size = scope.Length(*value);
  if (!size) return std::nullopt;
  return static_cast<int64_t>(*size);
}

// Numbers, or instances of the rule's classes: such cannot be called.
bool HoldsNoMethod(const CompiledRule& rule) {
  const auto bit = [](v1::ValueKind kind) { return 1U << static_cast<uint32_t>(kind); };
  const uint32_t numbers = bit(v1::VALUE_KIND_INT) | bit(v1::VALUE_KIND_FLOAT);
  const uint32_t objects = rule.proto->classes().empty() ? 0 : bit(v1::VALUE_KIND_OBJECT);
  return rule.kinds != 0 && (rule.kinds & ~(numbers | objects)) == 0;
}

}  // namespace

StateChecker::StateChecker(const Scope* scope, Findings* findings, std::vector<Edit>* edits)
    : scope_(*scope), findings_(findings), edits_(edits) {
  for (const v1::Global& global : scope_.view().graph().globals()) {
    const policy::CompiledEntry* entry = scope_.policy().Find(global.module(), global.name());
    has_bags_ = has_bags_ || (entry != nullptr && entry->schema() == policy::Schema::kNamespace);
  }
}

bool StateChecker::Refuse(const Instance& object, absl::string_view rule_id, absl::string_view key,
                          std::string message) {
  findings_->Error(object.node, {rule_id, std::move(message), key, object.entry->name(), ""});
  return false;
}

bool StateChecker::Check(const Instance& object) {
  if (!CheckShape(object)) return false;
  absl::flat_hash_set<absl::string_view> seen;
  bool ok = true;
  for (uint32_t i = 0; i < object.state.size(); ++i) {
    if (!seen.insert(object.state.str_key(i)).second) {
      ok = Refuse(object, "STATE_RULE", object.state.str_key(i), "a key of the state stands twice");
      continue;
    }
    ok = CheckKey(object, i) && ok;
  }
  return CheckRequired(object) && ok;
}

void StateChecker::Drop(const Instance& object) {
  if (!object.state.str_keys()) return;
  for (uint32_t i = 0; i < object.state.size(); ++i) {
    const absl::string_view key = object.state.str_key(i);
    const CompiledRule* rule = object.entry->FindRule(key);
    if (rule != nullptr && rule->proto->drop()) Force(object, key, i, std::nullopt);
  }
}

// What NEW_DICT means: no arguments, no items, one dict of its own with str keys.
bool StateChecker::CheckShape(const Instance& object) {
  const absl::Span<const uint32_t> operands = scope_.view().operands(object.node);
  if (operands[1] != kAbsent && scope_.Length(Value::Node(operands[1])) != 0) {
    return Refuse(object, "STATE_RULE", "",
                  "the class is made with arguments; the policy allows none");
  }
  for (const size_t items : {3, 4}) {
    if (operands[items] != kAbsent) {
      return Refuse(object, "STATE_RULE", "", "the object has items; its class is no container");
    }
  }
  if (operands[2] == kAbsent) return true;
  if (!object.state.ok() || object.state.ordered()) {
    return Refuse(object, "STATE_RULE", "", "the state of the object is no plain dict");
  }
  if (!object.state.str_keys()) {
    return Refuse(object, "KEY_NOT_STR", "", "a key of the object's state is no str");
  }
  // What a forced value changes must belong to this object alone.
  if (scope_.topology().references[operands[2]] != 1) {
    return Refuse(object, "STATE_RULE", "", "the state of the object is used a second time");
  }
  return true;
}

bool StateChecker::CheckKey(const Instance& object, uint32_t index) {
  const absl::string_view key = object.state.str_key(index);
  const CompiledRule* rule = object.entry->FindRule(key);
  if (rule != nullptr && rule->proto->drop()) {
    Force(object, key, index, std::nullopt);
    return true;
  }
  const absl::string_view broken = KeyRuleBroken(key);
  // Classes that are no estimators may have data by the name of an estimator's method.
  if (!broken.empty() && !(IsMethodName(key) && rule != nullptr && HoldsNoMethod(*rule))) {
    return Refuse(
        object, broken, key,
        absl::StrCat("state key '", Safe(key), "' is never allowed: ",
                     broken == "DUNDER_KEY" ? "Python gives such names a meaning of their own"
                                            : "it hides an attribute of the class"));
  }
  if (object.entry->IsForbidden(key)) {
    return Refuse(
        object, "SHADOWS_CLASS_ATTRIBUTE", key,
        absl::StrCat("state key '", Safe(key), "' hides an attribute of ", object.entry->name()));
  }
  return CheckValue(object, key, index);
}

void StateChecker::Force(const Instance& object, absl::string_view key, uint32_t index,
                         std::optional<Literal> value) {
  findings_->Info(object.node, {"VALUE_FORCED",
                                absl::StrCat("'", Safe(key), "' is ",
                                             value ? "replaced" : "left out", " at loading"),
                                key, object.entry->name(), ""});
  edits_->push_back({scope_.view().operands(object.node)[2], index, std::move(value)});
}

bool StateChecker::CheckValue(const Instance& object, absl::string_view key, uint32_t index) {
  const Value value = object.state.value(index);
  const CompiledRule* rule = object.entry->FindRule(key);
  Demand demand = DemandOn(scope_, key, value);
  // A TargetEncoder of numbers has no classes; nothing can be looked up in None.
  const bool nothing = key == "classes_" && scope_.view().IsNone(value) && rule != nullptr &&
                       rule->kinds != 0 && rule->AllowsKind(v1::VALUE_KIND_NONE);
  if (!demand.refused.empty() && !nothing) {
    return Refuse(object, "STATE_RULE", key, demand.refused);
  }
  if (demand.forced) {
    Force(object, key, index, std::move(demand.forced));
    return true;
  }
  for (const CompiledRule* each = rule; each != nullptr; each = each->next) {
    if (each->force && !Equals(scope_, value, *each->force)) {
      Force(object, key, index, each->force);
      return true;
    }
    if (each->clamp) {
      const std::optional<double> number = scope_.Number(value);
      if (number && (*number < each->proto->min() || *number > each->proto->max())) {
        const double kept = *number < each->proto->min() ? each->proto->min() : each->proto->max();
        const bool whole = scope_.Int(value).has_value();
        Force(object, key, index, whole ? Literal(static_cast<int64_t>(kept)) : Literal(kept));
        return true;
      }
    }
    std::string why = WhyNot(object, *each, value);
    if (!why.empty()) {
      return Refuse(object, "STATE_RULE", key, absl::StrCat("'", Safe(key), "': ", why));
    }
  }
  return CheckInstances(object, rule, key, value);
}

std::string StateChecker::WhyNotOneOf(const CompiledRule& rule, Value value) const {
  if (rule.one_of.empty() ||
      std::any_of(rule.one_of.begin(), rule.one_of.end(),
                  [&](const Literal& literal) { return Equals(scope_, value, literal); })) {
    return "";
  }
  const auto text = scope_.view().Str(value);
  return text ? absl::StrCat("'", Safe(*text), "' is none of the allowed values")
              : "none of the allowed values";
}

std::string StateChecker::WhyNotInBounds(const CompiledRule& rule, Value value) const {
  const v1::ValueKind kind = scope_.KindOf(value);
  if (kind != v1::VALUE_KIND_INT && kind != v1::VALUE_KIND_FLOAT) return "";
  const bool bounded = rule.proto->has_min() || rule.proto->has_max();
  const std::optional<double> number = scope_.Number(value);
  // Written so that NaN and integers of more than 64 bits fail.
  if (bounded && !(number && (!rule.proto->has_min() || *number >= rule.proto->min()) &&
                   (!rule.proto->has_max() || *number <= rule.proto->max()))) {
    return "the number is out of bounds";
  }
  return "";
}

std::string StateChecker::WhyNot(const Instance& object, const CompiledRule& rule, Value value) {
  const v1::ValueKind kind = scope_.KindOf(value);
  if (!rule.AllowsKind(kind)) return "a value of this kind is not allowed here";
  std::string why = WhyNotOneOf(rule, value);
  if (why.empty()) why = WhyNotInBounds(rule, value);
  // What is said of a value holds for each element of a sequence that the rule allows.
  const Sequence elements(scope_.view(), value);
  const bool bounded = rule.proto->has_min() || rule.proto->has_max();
  if (elements.ok() && rule.kinds != 0 && (bounded || !rule.one_of.empty())) {
    why.clear();
    for (uint32_t i = 0; i < elements.size() && why.empty(); ++i) {
      why = WhyNotOneOf(rule, elements[i]);
      if (why.empty()) why = WhyNotInBounds(rule, elements[i]);
      if (bounded && !scope_.Number(elements[i])) why = "an element is no number";
      if (!scope_.view().Spend(1)) return "it is shared by too many attributes";
    }
  }
  if (!why.empty()) return why;
  if (kind == v1::VALUE_KIND_ARRAY && rule.proto->has_array()) {
    why = WhyNotArray(object, rule.proto->array(), value);
    if (!why.empty()) return why;
  }
  if (!rule.proto->classes().empty()) return WhyNotClasses(rule, value);
  return "";
}

std::string StateChecker::WhyNotArray(const Instance& object, const v1::ArrayRule& rule,
                                      Value value) const {
  const std::optional<Array> array = scope_.ArrayOf(value);
  if (!array) return "no array";
  if (!rule.dtypes().empty() &&
      std::none_of(rule.dtypes().begin(), rule.dtypes().end(), [&](const std::string& pattern) {
        return DtypeMatches(array->dtype, pattern);
      })) {
    return "dtype of the array";
  }
  if (rule.c_order() && !array->c_order()) return "the array is not in C order";
  if (rule.shape().empty()) return "";
  if (array->rank() != static_cast<size_t>(rule.shape_size())) return "number of dimensions";
  for (int i = 0; i < rule.shape_size(); ++i) {
    const std::string& token = rule.shape(i);
    if (token == "*") continue;
    const std::optional<int64_t> wanted = Dimension(scope_, object, token);
    if (!wanted) return absl::StrCat("the array's shape depends on ", token, ", which is missing");
    if (array->shape[static_cast<size_t>(i)] != *wanted) {
      return absl::StrCat("dimension ", i, " of the array is not ", token);
    }
  }
  return "";
}

// Every instance and name directly in the value or in containers below it.
std::string StateChecker::WhyNotClasses(const CompiledRule& rule, Value value) {
  if (!value.is_node()) return "";
  const auto& classes = rule.proto->classes();
  std::vector<NodeId> stack = {value.index};
  absl::flat_hash_set<NodeId> seen = {value.index};
  while (!stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    const v1::NodeKind kind = scope_.view().kind(id);
    const bool instance = kind == v1::NODE_KIND_OBJECT || kind == v1::NODE_KIND_CALL;
    if (instance || kind == v1::NODE_KIND_GLOBAL) {
      const std::string name =
          scope_.view().FullName(instance ? scope_.view().operands(id)[0] : id);
      if (std::find(classes.begin(), classes.end(), name) == classes.end()) {
        return absl::StrCat(Safe(name), " is not allowed here");
      }
      continue;
    }
    if (scope_.topology().holds_instance[id] == 0) continue;
    const Children children = scope_.view().children(id);
    // Many attributes may share it, and it is walked for each of them.
    if (!scope_.view().Spend(1 + children.count)) return "it is shared by too many attributes";
    for (uint32_t i = 0; i < children.count; ++i) {
      if (children[i] != kAbsent && seen.insert(children[i]).second) stack.push_back(children[i]);
    }
  }
  return "";
}

bool StateChecker::ListsBag(const CompiledRule& rule) const {
  const auto& classes = rule.proto->classes();
  return std::any_of(classes.begin(), classes.end(), [this](absl::string_view name) {
    const size_t dot = name.rfind('.');
    const policy::CompiledEntry* entry =
        dot == absl::string_view::npos
            ? nullptr
            : scope_.policy().Find(name.substr(0, dot), name.substr(dot + 1));
    return entry != nullptr && entry->schema() == policy::Schema::kNamespace;
  });
}

bool StateChecker::HoldsBag(Value value) const {
  std::vector<NodeId> stack = {value.index};
  absl::flat_hash_set<NodeId> seen = {value.index};
  while (has_bags_ && !stack.empty()) {
    const NodeId id = stack.back();
    stack.pop_back();
    if (scope_.CallOf(Value::Node(id), policy::Schema::kNamespace)) return true;
    // An object's own state is asked by its rules; a Bunch and its like have none.
    const std::optional<Instance> inner = scope_.InstanceOf(Value::Node(id));
    if (inner && inner->entry->trust() != v1::TRUST_BY_NAME_AND_PARAMS) continue;
    const Children children = scope_.view().children(id);
    if (!scope_.view().Spend(1 + children.count)) return true;
    for (uint32_t i = 0; i < children.count; ++i) {
      if (children[i] != kAbsent && seen.insert(children[i]).second) stack.push_back(children[i]);
    }
  }
  return false;
}

// An instance may stand only where a rule of the class speaks of one.
bool StateChecker::CheckInstances(const Instance& object, const CompiledRule* rule,
                                  absl::string_view key, Value value) {
  if (!value.is_node()) return true;
  const bool instance = scope_.KindOf(value) == v1::VALUE_KIND_OBJECT ||
                        scope_.topology().holds_instance[value.index] != 0;
  if (!instance) return true;
  bool named = false;
  for (const CompiledRule* each = rule; each != nullptr; each = each->next) {
    const bool speaks = each->kinds != 0 ? each->AllowsKind(v1::VALUE_KIND_OBJECT)
                                         : !each->proto->classes().empty();
    if (!speaks) rule = nullptr;
    named = named || ListsBag(*each);
  }
  if (rule != nullptr && !named && HoldsBag(value)) {
    return Refuse(object, "STATE_RULE", key,
                  absl::StrCat("'", Safe(key),
                               "' holds a namespace, whose attributes would be taken "
                               "for those of a listed class"));
  }
  if (rule != nullptr) return true;
  return Refuse(object, "STATE_RULE", key,
                absl::StrCat("'", Safe(key), "' holds an object; the policy allows none there"));
}

bool StateChecker::CheckRequired(const Instance& object) {
  bool ok = true;
  for (const CompiledRule& rule : object.entry->rules()) {
    if (rule.proto->required() && !object.Has(rule.proto->key())) {
      ok = Refuse(object, "STATE_RULE", rule.proto->key(), "a required attribute is missing");
    }
  }
  return ok;
}

}  // namespace loadlock::verify
