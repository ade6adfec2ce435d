#include "sandbox/formats/skops/schema.h"

#include <bit>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace loadlock::formats::skops {
namespace {

using json::Type;
using json::ValueId;

// The newest protocol, of skops 0.16.
constexpr int64_t kMaxProtocol = 2;
// Each object has at most two levels of JSON for one of the graph: its node, and what is in it.
constexpr uint32_t kLevelsPerNode = 3;
constexpr uint32_t kSpareLevels = 8;
constexpr size_t kMaxPath = 200;

}  // namespace

std::optional<graph::Refusal> Schema::Read(const graph::Buffer& text, bytes::Budget* budget) {
  const json::Options options{.max_depth = kLevelsPerNode * budget->max_depth() + kSpareLevels};
  auto refusal = document_.Parse(text.data, options, json::Duplicates::kRefuse, budget);
  if (refusal) {
    refusal->member_path = "schema.json";
    return refusal;
  }
  if (!document_.Is(root(), Type::kObject)) {
    return RefuseAt(root(), "MALFORMED", "schema.json does not hold an object");
  }
  const ValueId protocol = document_.Find(root(), "protocol");
  if (!document_.Is(protocol, Type::kInt) || document_.integer(protocol) < 0) {
    return RefuseAt(root(), "MALFORMED",
                    "schema.json states no protocol, or one that is no number");
  }
  if (document_.integer(protocol) > kMaxProtocol) {
    return RefuseAt(protocol, "UNKNOWN_FORMAT",
                    absl::StrCat("the skops file is of protocol ", document_.integer(protocol),
                                 "; 0 to 2 are known"));
  }
  const ValueId version = document_.Find(root(), "_skops_version");
  if (version != json::kNoValue && !document_.Is(version, Type::kString)) {
    return RefuseAt(version, "MALFORMED", "the version of skops is no string");
  }
  protocol_ = static_cast<int>(document_.integer(protocol));
  return std::nullopt;
}

std::string Schema::Path(ValueId value) const {
  std::string path;
  ValueId at = root();
  const uint64_t target = document_.offset(value);
  while (at != value && path.size() < 4 * kMaxPath) {
    const bool object = document_.Is(at, Type::kObject);
    if (!object && !document_.Is(at, Type::kArray)) break;
    const auto items = document_.items(at);
    const size_t stride = object ? 2 : 1;
    size_t next = items.size();
    for (size_t i = 0; i < items.size(); i += stride) {
      if (document_.offset(items[i]) > target) break;
      next = i;
    }
    if (next == items.size()) break;
    if (object) {
      absl::StrAppend(&path, ".", graph::Quote(document_.text(items[next]), 40));
    } else {
      absl::StrAppend(&path, "[", next, "]");
    }
    at = items[next + stride - 1];
  }
  if (path.size() <= kMaxPath) return path;
  return absl::StrCat("...", path.substr(path.size() - kMaxPath));
}

graph::Refusal Schema::RefuseAt(ValueId value, const char* rule, std::string message) const {
  graph::Refusal refusal = graph::Refuse(rule, std::move(message), document_.offset(value));
  refusal.member_path = "schema.json";
  refusal.object_path = Path(value);
  return refusal;
}

bool Schema::SameScalar(ValueId a, ValueId b) const {
  switch (document_.type(a)) {
    case Type::kInt:
      return document_.integer(a) == document_.integer(b);
    case Type::kDouble:
      return std::bit_cast<uint64_t>(document_.real(a)) ==
             std::bit_cast<uint64_t>(document_.real(b));
    case Type::kBigInt:
    case Type::kString:
      return document_.text(a) == document_.text(b);
    default:
      return true;
  }
}

bool Schema::Same(ValueId first, ValueId second, Members* members, bytes::Budget* budget) const {
  std::vector<std::pair<ValueId, ValueId>> waiting = {{first, second}};
  const json::Document& d = document_;
  while (!waiting.empty()) {
    const auto [a, b] = waiting.back();
    waiting.pop_back();
    if (!budget->ChargeWork(1) || d.type(a) != d.type(b) || !SameScalar(a, b)) return false;
    const bool object = d.Is(a, Type::kObject);
    if (!object && !d.Is(a, Type::kArray)) continue;
    const auto left = d.items(a);
    const auto right = d.items(b);
    if (left.size() != right.size()) return false;
    for (size_t i = 0; i < left.size(); ++i) {
      if (object && i % 2 == 1) {
        const std::string_view key = d.text(left[i - 1]);
        if (key == "__id__" && d.Is(left[i], Type::kInt) && d.Is(right[i], Type::kInt)) continue;
        if (key == "file" && d.Is(left[i], Type::kString) && d.Is(right[i], Type::kString)) {
          if (!members->Same(d.text(left[i]), d.text(right[i]))) return false;
          continue;
        }
      }
      waiting.emplace_back(left[i], right[i]);
    }
  }
  return true;
}

}  // namespace loadlock::formats::skops
