#include "server/verify/names.h"

#include <algorithm>
#include <string>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "server/verify/class_lines.h"
#include "server/verify/dropped_names.h"
#include "server/verify/general_rules.h"
#include "server/verify/places.h"
#include "server/verify/schemas/schemas.h"

namespace loadlock::verify {
namespace {

// How one reference uses a name.
enum class Use { kClass, kCallee, kValue };

std::string Quoted(absl::string_view text) {
  return absl::StrCat("\"", absl::Utf8SafeCEscape(text), "\"");
}

std::string AllowLine(absl::string_view name, absl::string_view rest) {
  return absl::StrCat("entries { name: ", Quoted(name), " ", rest, " }");
}

// A dotted attribute is never looked up, so no line can allow it.
bool CanBeListed(absl::string_view attribute) {
  return attribute.find('.') == absl::string_view::npos;
}

// The trust lets the name be used like this.
bool Permits(const policy::CompiledEntry& entry, Use use) {
  switch (use) {
    case Use::kClass:
      return entry.trust() == v1::TRUST_NEW_DICT || entry.trust() == v1::TRUST_NEW_SETSTATE ||
             entry.trust() == v1::TRUST_BY_NAME_AND_PARAMS || entry.trust() == v1::TRUST_REWRITTEN;
    case Use::kCallee:
      // A lowered factory has become another kind of node; as a callee the worker did not
      // understand its arguments.
      return entry.trust() == v1::TRUST_FACTORY && entry.schema() != policy::Schema::kLowered;
    case Use::kValue:
      return entry.trust() == v1::TRUST_NAME;
  }
  return false;
}

class NameChecker {
 public:
  NameChecker(const Scope& scope, Findings* findings)
      : scope_(scope), findings_(findings), lines_(scope), places_(&scope) {}

  void Run() {
    const View& view = scope_.view();
    if (view.kind(view.root()) == v1::NODE_KIND_GLOBAL) CheckValue(view.root(), kAbsent, 0);
    for (NodeId id = 0; id < view.size(); ++id) {
      if (scope_.topology().dropped[id] != 0) continue;
      const Children children = view.children(id);
      for (uint32_t i = 0; i < children.count; ++i) {
        const NodeId child = children[i];
        if (child == kAbsent || view.kind(child) != v1::NODE_KIND_GLOBAL) continue;
        if (view.kind(id) == v1::NODE_KIND_OBJECT && i == 0) {
          CheckUse(child, id, Use::kClass);
        } else if (view.kind(id) == v1::NODE_KIND_CALL && i == 0) {
          CheckUse(child, id, Use::kCallee);
        } else {
          CheckValue(child, id, i);
        }
      }
    }
    CheckUnused();
  }

 private:
  // A name in the table that no node refers to: listed or not, it must be known.
  void CheckUnused() {
    std::vector<uint8_t> used(static_cast<size_t>(scope_.view().graph().globals_size()), 0);
    for (NodeId id = 0; id < scope_.view().size(); ++id) {
      if (scope_.view().kind(id) == v1::NODE_KIND_GLOBAL) used[scope_.view().global_index(id)] = 1;
    }
    for (size_t i = 0; i < used.size(); ++i) {
      const v1::Global& global = scope_.view().graph().globals(static_cast<int>(i));
      if (used[i] != 0 || scope_.policy().Find(global.module(), global.name()) != nullptr) continue;
      const std::string name = absl::StrCat(global.module(), ".", global.name());
      findings_->Error(scope_.view().root(),
                       {"NAME_NOT_LISTED",
                        absl::StrCat("the graph names ", Safe(name),
                                     ", which the policy does not list and nothing uses"),
                        "", name, ""});
    }
  }

  // The first finding of a name says enough.
  bool FirstTime(NodeId global, Use use) {
    return reported_.insert({scope_.view().global_index(global), use}).second;
  }

  void CheckUse(NodeId global, NodeId user, Use use) {
    const policy::CompiledEntry* entry = scope_.EntryOfGlobal(global);
    if (entry != nullptr && Permits(*entry, use)) return;
    if (!FirstTime(global, use)) return;
    const std::string name = scope_.view().FullName(global);
    const bool listable = CanBeListed(scope_.view().global(global).name());
    std::string allow;
    std::string message;
    if (use == Use::kClass) {
      message = absl::StrCat("an object of class ", Safe(name));
      const std::string rest = lines_.After(scope_.view().global_index(global));
      if (listable && !rest.empty()) allow = AllowLine(name, rest);
    } else {
      message = absl::StrCat("a call of ", Safe(name), ", for whose arguments loadlock has no ",
                             "schema: it never calls what an artifact names");
      if (listable) allow = AllowLine(name, "trust: TRUST_FACTORY");
    }
    if (entry == nullptr) {
      absl::StrAppend(&message, "; the policy does not list the name");
      absl::StrAppend(&message, MoreThanALine(use, allow));
    } else {
      absl::StrAppend(&message, "; the policy lists the name as ", v1::Trust_Name(entry->trust()),
                      " only");
      allow.clear();
    }
    findings_->Error(
        user, {entry == nullptr ? "NAME_NOT_LISTED" : "NAME_NOT_HERE", message, "", name, allow});
  }

  // Why the line that names it, or none, is not enough.
  static absl::string_view MoreThanALine(Use use, absl::string_view allow) {
    if (use == Use::kCallee)
      return allow.empty() ? "" : ", and a line for it alone does not suffice";
    return allow.empty() ? ", and no line alone suffices: it is not made of a plain dict" : "";
  }

  // A name at this key gets by the rules that the policy has for the class.
  bool RulesLetNameStand(const policy::CompiledEntry* user, absl::string_view key,
                         absl::string_view name) const {
    if (!KeyRuleBroken(key).empty()) return false;
    if (user == nullptr) return true;
    if (user->IsForbidden(key)) return false;
    for (const policy::CompiledRule* rule = user->FindRule(key); rule != nullptr;
         rule = rule->next) {
      const auto& classes = rule->proto->classes();
      if (!rule->AllowsKind(v1::VALUE_KIND_NAME) || !rule->one_of.empty()) return false;
      if (!classes.empty() && std::find(classes.begin(), classes.end(), name) == classes.end()) {
        return false;
      }
    }
    return true;
  }

  // Where a value stands.
  struct Place {
    // "package.Class.key" or "@SCHEMA"; empty if it is a place that no policy can name.
    std::string text;
    // The policy lets it stand there.
    bool allowed = false;
    // A line that lets it stand there would do: no schema and no rule of the class objects.
    bool open = false;
    // A rule of the attribute names exactly this.
    bool by_rule = false;
  };

  Place PlaceOf(NodeId global, NodeId parent, uint32_t index) {
    const View& view = scope_.view();
    const policy::CompiledEntry* entry = scope_.EntryOfGlobal(global);
    if (entry != nullptr && entry->MayStandAnywhere()) return {"*", true, false};
    if (parent == kAbsent) return {};
    const NodeId owner = places_.OwnerOf(parent);
    if (owner == kAbsent) return NestedPlaceOf(global, parent);
    // A state that is used a second time may stand anywhere.
    if (scope_.topology().references[parent] != 1) return {};
    if (view.kind(owner) == v1::NODE_KIND_CALL) return HeldBy(global, {owner, ""});
    const Mapping state(view, Value::Node(parent));
    if (!state.ok() || !state.str_keys()) return {};
    const bool pairs = view.kind(parent) != v1::NODE_KIND_DICT_STR;
    if (pairs && index % 2 == 0) return {};
    const absl::string_view key = state.str_key(pairs ? index / 2 : index);
    Place place = HeldBy(global, {owner, key});
    const policy::CompiledEntry* user = scope_.EntryOfInstance(owner);
    place.open = RulesLetNameStand(user, key, view.FullName(global));
    return place;
  }

  // In lists and dicts of attributes: every attribute must let it stand, and have a rule that lets
  // it be a container.
  Place NestedPlaceOf(NodeId global, NodeId parent) {
    const std::optional<std::vector<Holder>>& holders = places_.HoldersOf(parent);
    if (!holders || holders->empty()) return {};
    Place first = HeldBy(global, holders->front());
    for (const Holder& holder : *holders) {
      first.allowed = first.allowed && MayHoldNames(holder) && HeldBy(global, holder).allowed;
    }
    first.by_rule = false;
    return first;
  }

  // What a partial calls may stand where the partial does; its other names are keywords of it,
  // which its schema judges.
  bool MayBeCalledThere(NodeId global, NodeId partial) {
    const View& view = scope_.view();
    const Sequence args(view, Value::Node(view.operands(partial)[1]));
    const bool called = args.size() == 1 && view.Is(args[0], v1::NODE_KIND_GLOBAL) &&
                        view.global_index(args[0].index) == view.global_index(global);
    if (!called) return true;
    const policy::CompiledEntry* entry = scope_.EntryOfGlobal(global);
    const std::optional<std::vector<Holder>>& holders = places_.HoldersOf(partial);
    if (!holders || holders->empty()) return false;
    return std::all_of(holders->begin(), holders->end(), [&](const Holder& holder) {
      return view.kind(holder.owner) == v1::NODE_KIND_OBJECT &&
             entry->MayStandAt(view.FullName(view.operands(holder.owner)[0]), holder.key);
    });
  }

  bool MayHoldNames(const Holder& holder) const {
    if (scope_.view().kind(holder.owner) == v1::NODE_KIND_CALL) return true;
    const policy::CompiledEntry* user = scope_.EntryOfInstance(holder.owner);
    const policy::CompiledRule* rule = user == nullptr ? nullptr : user->FindRule(holder.key);
    return rule != nullptr && rule->kinds != 0 &&
           (rule->AllowsKind(v1::VALUE_KIND_LIST) || rule->AllowsKind(v1::VALUE_KIND_DICT));
  }

  Place HeldBy(NodeId global, const Holder& holder) {
    const View& view = scope_.view();
    const policy::CompiledEntry* entry = scope_.EntryOfGlobal(global);
    const policy::CompiledEntry* user = scope_.EntryOfInstance(holder.owner);
    if (view.kind(holder.owner) == v1::NODE_KIND_CALL) {
      if (user == nullptr || user->schema() == policy::Schema::kNone) return {};
      const absl::string_view schema = policy::Name(user->schema());
      const bool allowed =
          entry != nullptr && entry->MayStandInSchema(schema) &&
          (user->schema() != policy::Schema::kPartial || MayBeCalledThere(global, holder.owner));
      return {absl::StrCat("@", schema), allowed, false, false};
    }
    const std::string cls = view.FullName(view.operands(holder.owner)[0]);
    return {absl::StrCat(cls, ".", holder.key),
            entry != nullptr && entry->MayStandAt(cls, holder.key), false,
            NamesClass(user, holder.key, view.FullName(global))};
  }

  // The rule of the key lists this very class as a name: the splitter that a repeated one makes.
  static bool NamesClass(const policy::CompiledEntry* user, absl::string_view key,
                         absl::string_view name) {
    const policy::CompiledRule* rule = user == nullptr ? nullptr : user->FindRule(key);
    if (rule == nullptr || rule->kinds != 1U << static_cast<uint32_t>(v1::VALUE_KIND_NAME)) {
      return false;
    }
    const auto& classes = rule->proto->classes();
    return std::find(classes.begin(), classes.end(), name) != classes.end();
  }

  // The class that __pyx_unpickle_X takes is X, which later versions call: a factory as a value,
  // pinned to this one place by the schema (schemas/losses.cc).
  static bool IsOwnLoss(const policy::CompiledEntry* entry, absl::string_view place) {
    return entry != nullptr && entry->schema() == policy::Schema::kCyLoss &&
           place == "@PYX_UNPICKLE_LOSS";
  }

  // What a defaultdict makes for a missing key, always empty (schemas/containers.cc says which); as
  // callees the names are lowered, or containers themselves.
  static bool IsDefaultOfDict(const policy::CompiledEntry* entry, absl::string_view place) {
    return entry != nullptr && place == "@DEFAULTDICT" &&
           MakesEmptyValue(entry->module(), entry->attribute());
  }

  void CheckValue(NodeId global, NodeId parent, uint32_t index) {
    const policy::CompiledEntry* entry = scope_.EntryOfGlobal(global);
    const Place place = PlaceOf(global, parent, index);
    if (place.allowed && Permits(*entry, Use::kValue)) return;
    if (IsOwnLoss(entry, place.text) || IsDefaultOfDict(entry, place.text)) return;
    if (place.by_rule && entry != nullptr && entry->trust() == v1::TRUST_NEW_DICT) return;
    if (!FirstTime(global, Use::kValue)) return;
    const std::string name = scope_.view().FullName(global);
    std::string allow;
    // A second entry for a name may only narrow the first: a line helps where there is none.
    if (place.open && entry == nullptr && CanBeListed(scope_.view().global(global).name())) {
      allow = AllowLine(name, absl::StrCat("trust: TRUST_NAME at: ", Quoted(place.text)));
    }
    std::string message = absl::StrCat(Safe(name), " stands as a value ");
    absl::StrAppend(&message, place.text.empty()
                                  ? std::string("where no policy can let a name stand")
                                  : absl::StrCat("at ", Safe(place.text)));
    if (entry == nullptr) {
      absl::StrAppend(&message, "; the policy does not list the name",
                      allow.empty() ? ", and no line alone suffices there" : "");
    } else if (entry->trust() != v1::TRUST_NAME) {
      absl::StrAppend(&message, "; the policy lists it as ", v1::Trust_Name(entry->trust()),
                      ", which is never a value");
    } else {
      absl::StrAppend(&message, "; the policy lets it stand elsewhere only");
    }
    findings_->Error(
        parent == kAbsent ? global : parent,
        {entry == nullptr ? "NAME_NOT_LISTED" : "NAME_NOT_HERE", message, "", name, allow});
  }

  const Scope& scope_;
  Findings* findings_;
  ClassLines lines_;
  Places places_;
  absl::flat_hash_set<std::pair<uint32_t, Use>> reported_;
};

// `judged`: there is a graph, in which nothing uses the name. Without one nobody knows what for.
v1::Finding NotListed(const v1::GlobalUse& use, bool judged) {
  v1::Finding finding;
  const std::string name = absl::StrCat(use.module(), ".", use.name());
  finding.set_rule_id("NAME_NOT_LISTED");
  finding.set_severity(v1::SEVERITY_ERROR);
  finding.set_message(absl::StrCat(
      "the artifact refers to ", Safe(name), ", which the policy does not list; ",
      judged ? "nothing in the result uses it" : "it is refused before its use is known"));
  finding.set_name(Safe(name, 1024));
  finding.set_byte_offset(use.first_offset());
  finding.set_opcode(use.opcode());
  if (judged && CanBeListed(use.name())) {
    finding.set_allow(Safe(AllowLine(name, "trust: TRUST_NAME"), 2048));
  }
  return finding;
}

// Called or popped on the way: no library writes that.
v1::Finding NowhereInResult(const v1::GlobalUse& use) {
  v1::Finding finding = NotListed(use, false);
  finding.set_rule_id("NAME_NOT_HERE");
  finding.set_message(absl::StrCat("the artifact refers to ", finding.name(),
                                   ", which the policy lets stand where a library writes it only; "
                                   "nothing in the result uses it"));
  return finding;
}

}  // namespace

void ReportNames(const v1::WorkerResult& result, const policy::CompiledPolicy& policy,
                 const v1::Graph* graph, v1::Report* report, std::vector<v1::Finding>* findings) {
  absl::flat_hash_set<std::pair<absl::string_view, absl::string_view>> in_graph;
  if (graph != nullptr) {
    for (const v1::Global& global : graph->globals()) {
      in_graph.insert({global.module(), global.name()});
      // What the file wrote as getattr(class, name) stands there as "class.name".
      if (absl::StrContains(global.name(), '.')) in_graph.insert({"builtins", "getattr"});
    }
  }
  absl::flat_hash_set<std::pair<absl::string_view, absl::string_view>> told;
  for (const v1::GlobalUse& use : result.globals()) {
    told.insert({use.module(), use.name()});
    v1::GlobalUse* shown = report->add_globals();
    *shown = use;
    const policy::CompiledEntry* entry = policy.Find(use.module(), use.name());
    shown->set_trust(entry == nullptr ? v1::TRUST_UNSPECIFIED : entry->trust());
    if (entry == nullptr && !in_graph.contains({use.module(), use.name()})) {
      findings->push_back(NotListed(use, graph != nullptr));
    } else if (graph != nullptr && entry != nullptr && entry->StandsInResults() &&
               !in_graph.contains({use.module(), use.name()})) {
      findings->push_back(NowhereInResult(use));
    }
    shown->set_module(Safe(use.module(), 512));
    shown->set_name(Safe(use.name(), 512));
  }
  if (graph == nullptr) return;
  // A worker that keeps quiet about a name does not keep it out of the report.
  for (const v1::Global& global : graph->globals()) {
    if (!told.insert({global.module(), global.name()}).second) continue;
    v1::GlobalUse* shown = report->add_globals();
    shown->set_module(Safe(global.module(), 512));
    shown->set_name(Safe(global.name(), 512));
    shown->set_count(1);
    const policy::CompiledEntry* entry = policy.Find(global.module(), global.name());
    shown->set_trust(entry == nullptr ? v1::TRUST_UNSPECIFIED : entry->trust());
  }
}

void CheckNames(const Scope& scope, const StateEdges& edges, Findings* findings) {
  NameChecker(scope, findings).Run();
  CheckDroppedNames(scope, edges, findings);
}

}  // namespace loadlock::verify
