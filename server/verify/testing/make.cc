#include "server/verify/testing/make.h"

#include <cstdlib>
#include <iostream>
#include <memory>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace loadlock::verify::testing {

NodeId Draft::Node(v1::NodeKind kind, std::vector<uint32_t> operands) {
  graph_.add_kinds(kind);
  graph_.add_operand_counts(static_cast<uint32_t>(operands.size()));
  graph_.mutable_operands()->Add(operands.begin(), operands.end());
  return static_cast<NodeId>(graph_.kinds_size() - 1);
}

uint32_t Draft::Int(int64_t value) {
  graph_.add_ints(value);
  return static_cast<uint32_t>(graph_.ints_size() - 1);
}

uint32_t Draft::Ints(const std::vector<int64_t>& values) {
  const auto first = static_cast<uint32_t>(graph_.ints_size());
  graph_.mutable_ints()->Add(values.begin(), values.end());
  return first;
}

uint32_t Draft::Float(double value) {
  graph_.add_floats(value);
  return static_cast<uint32_t>(graph_.floats_size() - 1);
}

uint32_t Draft::String(absl::string_view text) {
  graph_.add_strings(text.data(), text.size());
  return static_cast<uint32_t>(graph_.strings_size() - 1);
}

uint32_t Draft::Blob(absl::string_view bytes) {
  graph_.add_blobs(bytes.data(), bytes.size());
  return static_cast<uint32_t>(graph_.blobs_size() - 1);
}

uint32_t Draft::Global(absl::string_view full_name) {
  const size_t dot = full_name.rfind('.');
  v1::Global* global = graph_.add_globals();
  global->set_module(std::string(full_name.substr(0, dot)));
  global->set_name(std::string(full_name.substr(dot + 1)));
  return static_cast<uint32_t>(graph_.globals_size() - 1);
}

uint32_t Draft::Buffer(absl::string_view bytes) {
  // Odd offsets: arrays of real files are not aligned.
  decoded_.push_back('\0');
  graph_.add_buffer_sources(v1::BUFFER_SOURCE_DECODED);
  graph_.add_buffer_offsets(decoded_.size());
  graph_.add_buffer_lengths(bytes.size());
  decoded_.append(bytes.data(), bytes.size());
  return static_cast<uint32_t>(graph_.buffer_sources_size() - 1);
}

namespace {

std::vector<uint32_t> MakeAll(const Makers& makers, Draft& draft) {
  std::vector<uint32_t> ids;
  for (const Maker& maker : makers) ids.push_back(maker(draft));
  return ids;
}

Maker Container(v1::NodeKind kind, Makers items) {
  return [kind, items = std::move(items)](Draft& draft) {
    return draft.Node(kind, MakeAll(items, draft));
  };
}

NodeId OrAbsent(const Maker& maker, Draft& draft) { return maker ? maker(draft) : kAbsent; }

}  // namespace

Maker None() {
  return [](Draft& draft) { return draft.Node(v1::NODE_KIND_NONE); };
}

Maker Bool(bool value) {
  return [value](Draft& draft) {
    return draft.Node(value ? v1::NODE_KIND_TRUE : v1::NODE_KIND_FALSE);
  };
}

Maker Int(int64_t value) {
  return [value](Draft& draft) { return draft.Node(v1::NODE_KIND_INT, {draft.Int(value)}); };
}

Maker Float(double value) {
  return [value](Draft& draft) { return draft.Node(v1::NODE_KIND_FLOAT, {draft.Float(value)}); };
}

Maker Str(std::string text) {
  return [text = std::move(text)](Draft& draft) {
    return draft.Node(v1::NODE_KIND_STR, {draft.String(text)});
  };
}

Maker Tuple(Makers items) { return Container(v1::NODE_KIND_TUPLE, std::move(items)); }
Maker List(Makers items) { return Container(v1::NODE_KIND_LIST, std::move(items)); }

Maker Dict(Attrs items) {
  return [items = std::move(items)](Draft& draft) {
    std::vector<uint32_t> operands;
    std::vector<uint32_t> values;
    for (const auto& [key, maker] : items) {
      values.push_back(maker(draft));
      operands.push_back(draft.String(key));
    }
    operands.insert(operands.end(), values.begin(), values.end());
    return draft.Node(v1::NODE_KIND_DICT_STR, operands);
  };
}

Maker Name(std::string full_name) {
  return [full_name = std::move(full_name)](Draft& draft) {
    return draft.Node(v1::NODE_KIND_GLOBAL, {draft.Global(full_name)});
  };
}

Maker Obj(std::string class_name, Attrs state) {
  return ObjWith(std::move(class_name), nullptr, Dict(std::move(state)));
}

Maker ObjWith(std::string class_name, Maker args, Maker state) {
  return [class_name = std::move(class_name), args = std::move(args),
          state = std::move(state)](Draft& draft) {
    const NodeId cls = Name(class_name)(draft);
    const NodeId arguments = OrAbsent(args, draft);
    const NodeId attributes = OrAbsent(state, draft);
    return draft.Node(v1::NODE_KIND_OBJECT, {cls, arguments, attributes, kAbsent, kAbsent});
  };
}

Maker Call(std::string callable, Makers args, Maker state) {
  return [callable = std::move(callable), args = std::move(args),
          state = std::move(state)](Draft& draft) {
    const NodeId callee = Name(callable)(draft);
    const NodeId arguments = Tuple(args)(draft);
    const NodeId attributes = OrAbsent(state, draft);
    return draft.Node(v1::NODE_KIND_CALL, {callee, arguments, attributes, kAbsent, kAbsent});
  };
}

Maker DType(std::string typestr) {
  return [typestr = std::move(typestr)](Draft& draft) {
    return draft.Node(v1::NODE_KIND_DTYPE, {draft.String(typestr)});
  };
}

Maker Raw(Maker dtype, std::vector<int64_t> shape, std::string bytes, bool fortran) {
  return [dtype = std::move(dtype), shape = std::move(shape), bytes = std::move(bytes),
          fortran](Draft& draft) {
    const NodeId type = dtype(draft);
    return draft.Node(v1::NODE_KIND_NDARRAY,
                      {type, draft.Buffer(bytes), fortran ? 1U : 0U,
                       static_cast<uint32_t>(shape.size()), draft.Ints(shape)});
  };
}

Maker Objects(std::vector<int64_t> shape, Makers items) {
  return [shape = std::move(shape), items = std::move(items)](Draft& draft) {
    const NodeId list = List(items)(draft);
    return draft.Node(v1::NODE_KIND_OBJECT_NDARRAY,
                      {list, 0, static_cast<uint32_t>(shape.size()), draft.Ints(shape)});
  };
}

Maker NumpyInt(int64_t value) {
  return [value](Draft& draft) {
    const NodeId type = DType("<i8")(draft);
    return draft.Node(v1::NODE_KIND_SCALAR, {type, draft.Blob(Bytes<int64_t>({value}))});
  };
}

Maker Zeros(std::vector<int64_t> shape) {
  const int64_t count =
      std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
  return Arr<double>(std::move(shape), std::vector<double>(static_cast<size_t>(count), 0.0));
}

Attrs With(Attrs attrs, const std::string& key, Maker value) {
  if (value) {
    attrs[key] = std::move(value);
  } else {
    attrs.erase(key);
  }
  return attrs;
}

const policy::PolicySet& Policies() {
  static const std::shared_ptr<const policy::PolicySet> set = [] {
    auto loaded = policy::PolicySet::Load(LOADLOCK_POLICY_DIR);
    if (!loaded.ok()) {
      std::cerr << loaded.status() << "\n";
      std::abort();
    }
    return *std::move(loaded);
  }();
  return *set;
}

absl::StatusOr<Verdict> VerifyDraft(Draft& draft, NodeId root, const policy::CompiledPolicy& policy,
                                    Caps caps) {
  draft.graph().set_root(root);
  const std::string graph = draft.graph().SerializeAsString();
  v1::Provenance origin;
  for (int i = 0; i < draft.graph().kinds_size(); ++i) {
    origin.add_node_offsets(uint64_t{100} + static_cast<uint64_t>(i));
    origin.add_node_opcodes('R');
  }
  const std::string provenance = origin.SerializeAsString();
  Input input;
  input.graph = graph;
  input.provenance = provenance;
  input.result.set_format("pickle");
  for (const v1::Global& global : draft.graph().globals()) {
    v1::GlobalUse* use = input.result.add_globals();
    use->set_module(global.module());
    use->set_name(global.name());
  }
  input.result.set_graph_bytes(graph.size());
  input.result.set_provenance_bytes(provenance.size());
  input.result.set_decoded_size(draft.decoded().size());
  // Exactly as large as its bytes, so that a sanitizer sees every byte beyond.
  const std::vector<uint8_t> decoded(draft.decoded().begin(), draft.decoded().end());
  input.buffers.decoded = decoded;
  input.policy = &policy;
  input.caps = caps;
  return Verify(input);
}

absl::StatusOr<Verdict> VerifyDraft(Draft& draft, NodeId root, absl::string_view policy) {
  return VerifyDraft(draft, root, *Policies().Find(policy));
}

absl::StatusOr<Verdict> VerifyMade(const Maker& root, absl::string_view policy) {
  Draft draft;
  const NodeId id = root(draft);
  return VerifyDraft(draft, id, policy);
}

std::string Outcome(const absl::StatusOr<Verdict>& verdict) {
  if (!verdict.ok()) return absl::StrCat("MALFORMED: ", verdict.status().message());
  if (verdict->report.verdict() == v1::VERDICT_ACCEPTED) return "ACCEPTED";
  for (const v1::Finding& finding : verdict->report.findings()) {
    if (finding.severity() == v1::SEVERITY_ERROR) {
      return absl::StrCat(finding.rule_id(), " ", finding.object_path(), ": ", finding.message());
    }
  }
  return "REFUSED without a reason";
}

std::string OutcomeOf(const Maker& root) { return Outcome(VerifyMade(root)); }

}  // namespace loadlock::verify::testing
