#include "sandbox/formats/skops/reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace loadlock::formats::skops {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

// graph.proto: modules and attributes have at most 512 bytes.
constexpr size_t kMaxName = 512;
// Each object has one node, its state another.
constexpr size_t kFramesPerLevel = 2;
constexpr size_t kSpareFrames = 8;

bool InList(std::string_view words, std::string_view word) {
  for (size_t begin = 0; begin <= words.size();) {
    const size_t end = std::min(words.find(' ', begin), words.size());
    if (words.substr(begin, end - begin) == word) return true;
    begin = end + 1;
  }
  return false;
}

// The root has two fields more.
bool IsRootField(std::string_view field) {
  return field == "protocol" || field == "_skops_version";
}

bool IsCommonField(std::string_view field) {
  return field == "__class__" || field == "__module__" || field == "__loader__" ||
         field == "__id__";
}

bool IsSuffixed(std::string_view name, std::string_view suffix) {
  if (!name.ends_with(suffix) || name.size() == suffix.size()) return false;
  name.remove_suffix(suffix.size());
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-';
  });
}

// Whether identity can be seen: a list that is there twice is one list.
bool HasIdentity(graph::Kind kind) {
  switch (kind) {
    case graph::Kind::kNone:
    case graph::Kind::kTrue:
    case graph::Kind::kFalse:
    case graph::Kind::kInt:
    case graph::Kind::kBigInt:
    case graph::Kind::kFloat:
    case graph::Kind::kStr:
      return false;
    default:
      return true;
  }
}

}  // namespace

bool Reader::Fail(ValueId value, const char* rule, std::string message) {
  if (!refusal_) refusal_ = schema_.RefuseAt(value, rule, std::move(message));
  return false;
}

bool Reader::Field(ValueId object, std::string_view field, Type type, ValueId* out) {
  if (!d_.Is(object, Type::kObject)) return Malformed(object, "a node is not an object");
  *out = d_.Find(object, field);
  if (d_.Is(*out, type)) return true;
  if (*out == json::kNoValue) {
    return Malformed(object, absl::StrCat("a node lacks its field ", std::string(field)));
  }
  return Malformed(*out,
                   absl::StrCat("the field ", std::string(field), " of a node is ",
                                json::TypeName(d_.type(*out)), " and not ", json::TypeName(type)));
}

bool Reader::Text(ValueId object, std::string_view field, std::string_view* out) {
  ValueId value = json::kNoValue;
  if (!Field(object, field, Type::kString, &value)) return false;
  *out = d_.text(value);
  return true;
}

bool Reader::Child(ValueId node) {
  if (!budget_.ChargeHeap(sizeof(ValueId) + sizeof(NodeId))) return false;
  todo_.push_back(node);
  return true;
}

bool Reader::ChildField(ValueId object, std::string_view field) {
  ValueId node = json::kNoValue;
  return Field(object, field, Type::kObject, &node) && Child(node);
}

const graph::Buffer* Reader::File(const Place& place, std::string_view suffix,
                                  std::string_view* name) {
  if (!Text(place.value, "file", name)) return nullptr;
  if (!IsSuffixed(*name, suffix)) {
    Malformed(place.value,
              absl::StrCat("the member '", graph::Quote(*name),
                           "' is not one of this kind of node (", std::string(suffix), ")"));
    return nullptr;
  }
  const graph::Buffer* content = members_.Use(*name);
  if (content == nullptr) {
    Fail(place.value, "TRUNCATED",
         absl::StrCat("the skops file lacks its member '", graph::Quote(*name), "'"));
  }
  return content;
}

bool Reader::ReadId(ValueId value, int64_t* out) {
  *out = 0;
  const ValueId id = d_.Find(value, "__id__");
  if (id == json::kNoValue) return true;
  if (!d_.Is(id, Type::kInt) || d_.integer(id) < 0) {
    return Malformed(id, "the __id__ of a node is not a number of 64 bits from 0");
  }
  *out = d_.integer(id);
  return true;
}

bool Reader::CheckFields(const Place& place, const Kind& kind) {
  const auto items = d_.items(place.value);
  for (size_t i = 0; i < items.size(); i += 2) {
    const std::string_view field = d_.text(items[i]);
    if (IsCommonField(field) || InList(kind.fields, field)) continue;
    if (place.value == schema_.root() && IsRootField(field)) continue;
    return Malformed(items[i], absl::StrCat("a ", std::string(kind.loader), " has the field '",
                                            graph::Quote(field), "', which is not known"));
  }
  if (kind.only.empty()) return true;
  const std::string name = absl::StrCat(std::string(place.module), ".", std::string(place.cls));
  if (name == kind.only) return true;
  return Fail(place.value, "SCHEMA",
              absl::StrCat("a ", std::string(kind.loader), " says that it is of class ",
                           graph::Quote(name), " and only makes ", std::string(kind.only)));
}

bool Reader::ReadPlace(ValueId value, Place* out, const Kind** kind) {
  out->value = value;
  std::string_view loader;
  if (!Text(value, "__loader__", &loader) || !Text(value, "__class__", &out->cls) ||
      !Text(value, "__module__", &out->module)) {
    return false;
  }
  if (out->cls.empty() || out->module.empty() || out->cls.size() > kMaxName ||
      out->module.size() > kMaxName) {
    return Fail(value, "UNSAFE_NAME_OPERAND",
                "the module or class of a node is empty or longer than 512 bytes");
  }
  *kind = FindKind(loader);
  if (*kind == nullptr) {
    return Fail(value, "UNKNOWN_FORMAT",
                absl::StrCat("the kind of node '", graph::Quote(loader), "' is not known"));
  }
  return CheckFields(*out, **kind);
}

// skops takes the node that had the id first and reads no more of this one.
bool Reader::Recall(ValueId value, const Seen& seen) {
  if (seen.open) return Malformed(value, "a node lies inside of the node that has its __id__");
  if (!schema_.Same(seen.value, value, &members_, &budget_)) {
    return Malformed(value,
                     "two nodes have the same __id__ and not the same content, so that readers "
                     "differ on which is meant");
  }
  if (seen.node == graph::kNoNode) return true;
  if (HasIdentity(b_.kind(seen.node))) b_.Mark(seen.node, graph::kFlagShared);
  results_.push_back(seen.node);
  return true;
}

bool Reader::Enter(ValueId value) {
  int64_t id = 0;
  if (!d_.Is(value, Type::kObject)) {
    return Malformed(
        value, absl::StrCat("a node is ", json::TypeName(d_.type(value)), " and not an object"));
  }
  if (!ReadId(value, &id)) return false;
  if (const auto it = memo_.find(id); id != 0 && it != memo_.end()) {
    const Seen seen = it->second;
    if (!Recall(value, seen)) return false;
    if (seen.node != graph::kNoNode) return true;
  }
  if (stack_.size() >= kFramesPerLevel * budget_.max_depth() + kSpareFrames) {
    return Fail(value, "BUDGET_DEPTH", "the nodes are nested deeper than the request allows");
  }
  Frame frame{};
  if (!ReadPlace(value, &frame.place, &frame.kind) || !budget_.ChargeHeap(sizeof(Frame) + 64)) {
    return false;
  }
  frame.id = id;
  frame.first_child = todo_.size();
  frame.next = todo_.size();
  frame.first_result = results_.size();
  if (id != 0) memo_[id] = {value, graph::kNoNode, true};
  if (!(this->*frame.kind->expand)(frame.place)) return false;
  frame.end = todo_.size();
  stack_.push_back(frame);
  return true;
}

bool Reader::Leave() {
  const Frame frame = stack_.back();
  b_.SetOrigin(d_.offset(frame.place.value), 0);
  const std::vector<NodeId> children(results_.begin() + static_cast<ptrdiff_t>(frame.first_result),
                                     results_.end());
  const NodeId node = (this->*frame.kind->finish)(frame.place, children);
  if (node == graph::kNoNode || b_.exhausted()) return false;
  stack_.pop_back();
  todo_.resize(frame.first_child);
  results_.resize(frame.first_result);
  results_.push_back(node);
  if (frame.id != 0) memo_[frame.id] = {frame.place.value, node, false};
  return true;
}

NodeId Reader::Read() {
  bool good = Enter(schema_.root());
  while (good && !stack_.empty()) {
    Frame& top = stack_.back();
    if (top.next == top.end) {
      good = Leave();
    } else {
      const ValueId child = todo_[top.next++];
      good = Enter(child);
    }
  }
  if (good) return results_.back();
  if (!refusal_) {
    refusal_ = graph::Refuse(budget_.exhausted_rule(), "the skops file exceeds the budget");
    refusal_->member_path = "schema.json";
  }
  return graph::kNoNode;
}

}  // namespace loadlock::formats::skops
