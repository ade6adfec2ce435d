#include "server/policy/entry.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "server/policy/names.h"

namespace loadlock::policy {
namespace {

absl::Status Wrong(const v1::Entry& entry, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("entry \"", entry.name(), "\": ", what));
}

absl::Status Wrong(const v1::Entry& entry, const v1::StateRule& rule, absl::string_view what) {
  return Wrong(entry, absl::StrCat("state rule \"", rule.key(), "\": ", what));
}

// For names without behaviour: torch's dtypes, layouts, memory formats and quantization schemes,
// which cannot be called. No policy says it of others.
constexpr absl::string_view kAnywhere = "*";
// A rule for every key of a state that has none of its own.
constexpr absl::string_view kAnyKey = "*";
constexpr absl::string_view kInert[] = {
    "bfloat16",
    "bool",
    "complex128",
    "complex32",
    "complex64",
    "float16",
    "float32",
    "float64",
    "float4_e2m1fn_x2",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
    "int16",
    "float8_e8m0fnu",
    "int32",
    "int64",
    "int8",
    "uint16",
    "uint32",
    "uint64",
    "uint8",
    "qint8",
    "quint8",
    "qint32",
    "strided",
    "per_tensor_affine",
    "per_channel_affine",
    "sparse_coo",
    "sparse_csr",
    "sparse_csc",
    "sparse_bsr",
    "sparse_bsc",
    "jagged",
    "_mkldnn",
    "contiguous_format",
    "channels_last",
    "channels_last_3d",
    "preserve_format",
};

bool IsInert(absl::string_view name) {
  // The one missing value of pandas, by the names of its versions.
  if (name == "pandas.NA" || name == "pandas._libs.missing.NA") return true;
  return absl::ConsumePrefix(&name, "torch.") &&
         std::find(std::begin(kInert), std::end(kInert), name) != std::end(kInert);
}

absl::Status CheckPlace(const v1::Entry& entry, absl::string_view at) {
  if (absl::StartsWith(at, "@")) {
    if (!ParseSchema(at.substr(1))) {
      return Wrong(entry, absl::StrCat("at \"", at, "\" names no schema"));
    }
  } else if (!IsIdentifier(at) && !IsDottedName(at)) {
    return Wrong(entry, absl::StrCat("at \"", at, "\" is no key, class key, @SCHEMA or $SET"));
  }
  return absl::OkStatus();
}

// The place must say where a name may stand, so that it is never allowed everywhere.
absl::Status CheckPlaces(const v1::Entry& entry, const AttributeSets& sets) {
  if (!entry.at().empty() && entry.trust() != v1::TRUST_NAME) {
    return Wrong(entry, "only a TRUST_NAME may have places (at)");
  }
  for (const std::string& at : entry.at()) {
    if (at == kAnywhere && IsInert(entry.name())) continue;
    if (!absl::StartsWith(at, "$")) {
      if (absl::Status status = CheckPlace(entry, at); !status.ok()) return status;
      continue;
    }
    const auto set = sets.find(absl::string_view(at).substr(1));
    if (set == sets.end()) return Wrong(entry, absl::StrCat("at \"", at, "\" names no set"));
    for (const absl::string_view place : *set->second) {
      if (absl::Status status = CheckPlace(entry, place); !status.ok()) return status;
    }
  }
  return absl::OkStatus();
}

// Schemas of objects that the client builds by their public constructor.
bool IsByName(Schema schema) {
  switch (schema) {
    case Schema::kSparse:
    case Schema::kBSpline:
    case Schema::kDistribution:
    case Schema::kFrozenDistribution:
    case Schema::kImputerTriplet:
    case Schema::kBunch:
    case Schema::kInterp1d:
    case Schema::kKdTree:
    case Schema::kUuid:
    case Schema::kChainMap:
    case Schema::kSeries:
    case Schema::kNamedTuple:
      return true;
    default:
      return false;
  }
}

// What an entry without a state may say of one: that attributes are left out.
bool OnlyDrops(const v1::Entry& entry) {
  for (const v1::StateRule& rule : entry.state()) {
    if (!rule.drop()) return false;
  }
  return entry.trust() == v1::TRUST_BY_NAME_AND_PARAMS;
}

absl::StatusOr<Schema> CheckSchema(const v1::Entry& entry) {
  const bool factory = entry.trust() == v1::TRUST_FACTORY;
  const bool by_name = entry.trust() == v1::TRUST_BY_NAME_AND_PARAMS;
  const Schema native = NativeSchema(entry.name());
  if (entry.trust() == v1::TRUST_REWRITTEN) {
    const std::optional<Schema> schema = ParseSchema(entry.schema());
    if (native == Schema::kNone || schema != native) {
      return Wrong(entry, "no native format of this name and schema can be written anew");
    }
    return native;
  }
  if (native != Schema::kNone && entry.trust() != v1::TRUST_NAME) {
    return Wrong(entry,
                 "the class holds a model in its library's own format: TRUST_REWRITTEN only");
  }
  if (!factory && !by_name) {
    if (!entry.schema().empty()) return Wrong(entry, "this trust takes no schema");
    return Schema::kNone;
  }
  const std::optional<Schema> schema = ParseSchema(entry.schema());
  if (!schema) {
    return Wrong(entry, entry.schema().empty()
                            ? std::string("this trust needs a schema")
                            : absl::StrCat("schema \"", entry.schema(), "\" does not exist"));
  }
  if (IsByName(*schema) != by_name) {
    return Wrong(entry, absl::StrCat("schema \"", entry.schema(), "\" does not fit this trust"));
  }
  return *schema;
}

bool IsShapeToken(absl::string_view token) {
  uint64_t number = 0;
  if (token == "*" || IsIdentifier(token) || absl::SimpleAtoi(token, &number)) return true;
  return absl::ConsumePrefix(&token, "len(") && absl::ConsumeSuffix(&token, ")") &&
         IsIdentifier(token);
}

absl::Status CheckRule(const v1::Entry& entry, const v1::StateRule& rule) {
  if (rule.key() != kAnyKey && !IsIdentifier(rule.key()))
    return Wrong(entry, rule, "the key is no identifier");
  if (absl::StartsWith(rule.key(), "__"))
    return Wrong(entry, rule, "dunder keys are never allowed");
  if (rule.drop() && rule.required()) return Wrong(entry, rule, "required and dropped");
  if (rule.has_min() && rule.has_max() && rule.min() > rule.max()) {
    return Wrong(entry, rule, "min is above max");
  }
  for (const int kind : rule.kinds()) {
    if (!v1::ValueKind_IsValid(kind) || kind == v1::VALUE_KIND_UNSPECIFIED) {
      return Wrong(entry, rule, "unknown kind");
    }
  }
  for (const std::string& token : rule.array().shape()) {
    if (!IsShapeToken(token)) {
      return Wrong(entry, rule, absl::StrCat("shape \"", token, "\" is not understood"));
    }
  }
  for (const std::string& name : rule.classes()) {
    if (!IsDottedName(name)) return Wrong(entry, rule, absl::StrCat("class \"", name, "\""));
  }
  return absl::OkStatus();
}

absl::StatusOr<CompiledRule> CompileRule(const v1::Entry& entry, const v1::StateRule& rule) {
  if (absl::Status status = CheckRule(entry, rule); !status.ok()) return status;
  CompiledRule compiled;
  compiled.proto = &rule;
  for (const int kind : rule.kinds()) compiled.kinds |= 1U << static_cast<uint32_t>(kind);
  for (const std::string& text : rule.one_of()) {
    std::optional<Literal> literal = ParseLiteral(text);
    if (!literal) return Wrong(entry, rule, absl::StrCat("one_of ", text, " is no literal"));
    compiled.one_of.push_back(*std::move(literal));
  }
  if (rule.force() == "clamp") {
    if (!rule.has_min() || !rule.has_max()) return Wrong(entry, rule, "clamp needs min and max");
    compiled.clamp = true;
  } else if (rule.force() == "back") {
    compiled.back = true;
  } else if (!rule.force().empty()) {
    compiled.force = ParseLiteral(rule.force());
    if (!compiled.force) return Wrong(entry, rule, "force is no literal");
  }
  return compiled;
}

absl::Status CheckTrust(const v1::Entry& entry) {
  if (!IsDottedName(entry.name())) return Wrong(entry, "the name is not \"package.attribute\"");
  if (!v1::Trust_IsValid(entry.trust()) || entry.trust() == v1::TRUST_UNSPECIFIED) {
    return Wrong(entry, "trust is missing");
  }
  const bool has_state = entry.trust() == v1::TRUST_NEW_DICT ||
                         entry.trust() == v1::TRUST_NEW_SETSTATE ||
                         entry.trust() == v1::TRUST_REWRITTEN;
  const bool states = !entry.state().empty() && !OnlyDrops(entry);
  if (!has_state && (!entry.invariants().empty() || states || !entry.forbidden().empty())) {
    return Wrong(entry, "only TRUST_NEW_DICT, TRUST_NEW_SETSTATE and TRUST_REWRITTEN have a state");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<const CompiledEntry>> CompiledEntry::Compile(
    const v1::Entry& entry, const AttributeSets& sets) {
  if (absl::Status status = CheckTrust(entry); !status.ok()) return status;
  if (absl::Status status = CheckPlaces(entry, sets); !status.ok()) return status;
  absl::StatusOr<Schema> schema = CheckSchema(entry);
  if (!schema.ok()) return schema.status();

  std::unique_ptr<CompiledEntry> compiled(new CompiledEntry());
  compiled->proto_ = &entry;
  compiled->schema_ = *schema;
  const absl::string_view name = entry.name();
  const size_t dot = name.rfind('.');
  compiled->module_ = name.substr(0, dot);
  compiled->attribute_ = name.substr(dot + 1);
  for (const absl::string_view at : entry.at()) {
    if (absl::StartsWith(at, "$")) {
      compiled->at_sets_.push_back(sets.find(at.substr(1))->second.get());
    } else {
      compiled->at_.insert(at);
    }
  }
  for (const std::string& text : entry.invariants()) {
    const std::optional<Invariant> invariant = ParseInvariant(text);
    if (!invariant) return Wrong(entry, absl::StrCat("invariant \"", text, "\" does not exist"));
    compiled->invariants_.push_back(*invariant);
  }
  for (const std::string& set : entry.forbidden()) {
    const auto it = sets.find(set);
    if (it == sets.end()) {
      return Wrong(entry, absl::StrCat("attribute set \"", set, "\" does not exist"));
    }
    compiled->forbidden_.push_back(it->second.get());
  }
  compiled->rules_.reserve(static_cast<size_t>(entry.state_size()));
  for (const v1::StateRule& rule : entry.state()) {
    absl::StatusOr<CompiledRule> made = CompileRule(entry, rule);
    if (!made.ok()) return made.status();
    compiled->rules_.push_back(*std::move(made));
    CompiledRule& stored = compiled->rules_.back();
    const CompiledRule*& first = compiled->rule_index_[stored.proto->key()];
    stored.next = std::exchange(first, &stored);
  }
  return compiled;
}

const CompiledRule* CompiledEntry::FindRule(absl::string_view key) const {
  auto it = rule_index_.find(key);
  if (it == rule_index_.end()) it = rule_index_.find(kAnyKey);
  return it == rule_index_.end() ? nullptr : it->second;
}

bool CompiledEntry::IsForbidden(absl::string_view key) const {
  for (const auto* set : forbidden_) {
    if (set->contains(key)) return true;
  }
  return false;
}

bool CompiledEntry::HasPlace(absl::string_view place) const {
  return at_.contains(place) ||
         std::any_of(at_sets_.begin(), at_sets_.end(),
                     [place](const auto* set) { return set->contains(place); });
}

template <typename Test>
bool CompiledEntry::AnyPlace(Test test) const {
  return std::any_of(at_.begin(), at_.end(), test) ||
         std::any_of(at_sets_.begin(), at_sets_.end(), [&test](const auto* set) {
           return std::any_of(set->begin(), set->end(), test);
         });
}

bool CompiledEntry::MayStandAt(absl::string_view class_name, absl::string_view key) const {
  // A key of an artifact may hold dots; no attribute does.
  if (key.find('.') != absl::string_view::npos) return false;
  if (HasPlace(key)) return true;
  return AnyPlace([class_name, key](absl::string_view at) {
    // "package.module.Class.key", compared in place: this runs for every class parameter.
    return at.size() == class_name.size() + 1 + key.size() && absl::StartsWith(at, class_name) &&
           at[class_name.size()] == '.' && absl::EndsWith(at, key);
  });
}

bool CompiledEntry::MayStandAnywhere() const {
  return trust() == v1::TRUST_NAME && at_.contains(kAnywhere);
}

bool CompiledEntry::StandsInResults() const {
  if (trust() == v1::TRUST_FACTORY) {
    // A generator's seed sequence is left out of its node, and numpy.record is a dtype's argument.
    return schema() != Schema::kLowered && schema() != Schema::kSeedSequence &&
           schema() != Schema::kRecords;
  }
  if (trust() != v1::TRUST_NAME) return true;
  const auto elsewhere = [](absl::string_view at) { return !absl::StrContains(at, "."); };
  return proto_->at_size() > 0 && !AnyPlace(elsewhere);
}

bool CompiledEntry::MayStandInSchema(absl::string_view schema) const {
  return AnyPlace([schema](absl::string_view at) {
    return absl::StartsWith(at, "@") && at.substr(1) == schema;
  });
}

}  // namespace loadlock::policy
