#include <string>

#include "absl/strings/str_cat.h"
#include "sandbox/formats/skops/reader.h"

namespace loadlock::formats::skops {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

// Takes one value that is no container: what json.dumps makes of a plain value.
class Scalar final : public json::Visitor {
 public:
  enum class Kind : uint8_t { kNone, kNull, kBool, kNumber, kString };

  bool OnNull(uint64_t) override { return kind = Kind::kNull, true; }
  bool OnBool(bool value, uint64_t) override { return kind = Kind::kBool, truth = value, true; }
  bool OnNumber(const json::Number& value, uint64_t) override {
    return kind = Kind::kNumber, number = value, true;
  }
  bool OnString(const json::String& value, uint64_t) override {
    return kind = Kind::kString, text = value.text, true;
  }
  bool OnKey(const json::String&, uint64_t) override { return false; }
  bool OnBeginArray(uint64_t) override { return false; }
  bool OnEndArray(uint64_t) override { return false; }
  bool OnBeginObject(uint64_t) override { return false; }
  bool OnEndObject(uint64_t) override { return false; }

  Kind kind = Kind::kNone;
  bool truth = false;
  json::Number number;
  std::string text;  // a copy: what is unescaped does not last
};

}  // namespace

// JSON in a JSON string.
NodeId Reader::FinishJson(const Place& place, absl::Span<const NodeId>) {
  std::string_view content;
  if (!Text(place.value, "content", &content)) return graph::kNoNode;
  const ValueId flag = d_.Find(place.value, "is_json");
  if (flag != json::kNoValue && !d_.Is(flag, Type::kTrue)) {
    return FailNode(flag, "MALFORMED", "the field is_json of a JsonNode is not true");
  }
  if (!budget_.ChargeHeap(content.size())) return graph::kNoNode;
  Scalar scalar;
  const json::Options options{.max_depth = 1, .allow_non_finite = true};
  const auto broken = json::Walk({reinterpret_cast<const uint8_t*>(content.data()), content.size()},
                                 options, &scalar);
  budget_.ReturnHeap(content.size());
  if (broken) {
    return FailNode(place.value, broken->rule_id == "TRUNCATED" ? "TRUNCATED" : "MALFORMED",
                    absl::StrCat("the content of a JsonNode is no JSON: ", broken->message));
  }
  switch (scalar.kind) {
    case Scalar::Kind::kNull:
      return b_.None();
    case Scalar::Kind::kBool:
      return b_.Bool(scalar.truth);
    case Scalar::Kind::kString:
      return Str(scalar.text);
    case Scalar::Kind::kNumber:
      if (scalar.number.kind == json::Number::Kind::kInt) return b_.Int(scalar.number.integer);
      if (scalar.number.kind == json::Number::Kind::kDouble) return b_.Float(scalar.number.real);
      return Integer(scalar.number.text);
    case Scalar::Kind::kNone:
      break;
  }
  return FailNode(place.value, "SCHEMA",
                  "a JsonNode holds a list or object, which skops writes as nodes of their own");
}

NodeId Reader::FinishSlice(const Place& place, absl::Span<const NodeId>) {
  ValueId content = json::kNoValue;
  if (!Field(place.value, "content", Type::kObject, &content)) return graph::kNoNode;
  if (d_.items(content).size() != 6) {
    return FailNode(content, "MALFORMED", "a slice has other fields than start, stop and step");
  }
  NodeId parts[3] = {};
  size_t count = 0;
  for (const std::string_view field : {"start", "stop", "step"}) {
    const ValueId part = d_.Find(content, field);
    if (d_.Is(part, Type::kInt)) {
      parts[count++] = b_.Int(d_.integer(part));
    } else if (d_.Is(part, Type::kNull)) {
      parts[count++] = b_.None();
    } else {
      return FailNode(content, "MALFORMED", "start, stop and step of a slice are no integers");
    }
  }
  return b_.Slice(parts[0], parts[1], parts[2]);
}

NodeId Reader::FinishBytes(const Place& place, absl::Span<const NodeId>) {
  std::string_view name;
  const graph::Buffer* content = File(place, ".bin", &name);
  return content == nullptr ? graph::kNoNode : b_.Bytes(*content);
}

NodeId Reader::FinishByteArray(const Place& place, absl::Span<const NodeId>) {
  std::string_view name;
  const graph::Buffer* content = File(place, ".bin", &name);
  return content == nullptr ? graph::kNoNode : b_.ByteArray(*content);
}

NodeId Reader::FinishName(const Place& place, absl::Span<const NodeId>) {
  return Name(place.module, place.cls);
}

// Protocol 0 keeps the name apart from the class, and skops audits and builds that name.
bool Reader::ExpandFunction(const Place& place) {
  const bool has_content = d_.Find(place.value, "content") != json::kNoValue;
  if (has_content == (schema_.protocol() == 0)) return true;
  return Malformed(place.value, "a FunctionNode names its function as another protocol does");
}

NodeId Reader::FinishFunction(const Place& place, absl::Span<const NodeId>) {
  if (schema_.protocol() > 0) return Name(place.module, place.cls);
  ValueId content = json::kNoValue;
  std::string_view module;
  std::string_view name;
  if (!Field(place.value, "content", Type::kObject, &content) ||
      !Text(content, "module_path", &module) || !Text(content, "function", &name)) {
    return graph::kNoNode;
  }
  if (module.empty() || name.empty() || d_.items(content).size() != 4) {
    return FailNode(content, "MALFORMED", "a FunctionNode has other fields than its name");
  }
  return Name(module, name);
}

}  // namespace loadlock::formats::skops
