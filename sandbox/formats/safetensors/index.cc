#include "sandbox/formats/safetensors/index.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "sandbox/decoders/archive/name.h"
#include "sandbox/decoders/json/document.h"

namespace loadlock::formats {
namespace {

using graph::NodeId;
using json::Type;
using json::ValueId;

// The index, one of its objects, a value in that.
constexpr uint32_t kMaxDepth = 4;
// The largest models have some 200. Each is a request of its own.
constexpr size_t kMaxShards = 1000;
// As for a safetensors file.
constexpr size_t kMaxTensorName = 4096;
constexpr std::string_view kSuffix = ".safetensors";

std::string_view AsText(bytes::Bytes raw) {
  return {reinterpret_cast<const char*>(raw.data()), raw.size()};
}

const char* ShardProblem(std::string_view name) {
  if (const char* why = archive::NameProblem(name, archive::Encoding::kUtf8)) return why;
  if (name.find('/') != name.npos) return "it names a folder";
  if (name.size() == kSuffix.size() || !name.ends_with(kSuffix)) {
    return "it does not end in .safetensors";
  }
  return nullptr;
}

class IndexReader {
 public:
  IndexReader(const Input& input, Output* output)
      : input_(input), output_(*output), builder_(*output->graph) {}

  std::optional<graph::Refusal> Read() {
    if (auto refusal = doc_.Parse(input_.artifact, {.max_depth = kMaxDepth},
                                  json::Duplicates::kRefuse, input_.budget)) {
      return refusal;
    }
    if (!doc_.Is(doc_.root(), Type::kObject)) return At(doc_.root(), "the index is no object");
    const absl::Span<const ValueId> members = doc_.items(doc_.root());
    for (size_t i = 0; i < members.size(); i += 2) {
      const std::string_view key = doc_.text(members[i]);
      if (key != "weight_map" && key != "metadata") {
        return At(members[i], "the index has another member than weight_map and metadata");
      }
    }
    const ValueId map = doc_.Find(doc_.root(), "weight_map");
    if (!doc_.Is(map, Type::kObject)) {
      return At(doc_.root(), "the index has no object weight_map");
    }
    const NodeId files = builder_.Dict();
    if (auto refusal = ReadMap(map, files)) return refusal;
    const NodeId root = builder_.Dict();
    builder_.Extend(root, {builder_.Str("weight_map"), files});
    output_.root = root;
    output_.notes.push_back(graph::Refuse(
        "SHARDED", absl::StrCat("an index of ", shards_.size(),
                                " other files, which are not vetted with it: each is when it is "
                                "loaded")));
    return std::nullopt;
  }

 private:
  graph::Refusal At(ValueId value, std::string message, std::string_view rule = "MALFORMED") const {
    return graph::Refuse(rule, std::move(message), doc_.offset(value));
  }

  std::optional<graph::Refusal> ReadMap(ValueId map, NodeId files) {
    const absl::Span<const ValueId> members = doc_.items(map);
    for (size_t i = 0; i < members.size(); i += 2) {
      const std::string_view tensor = doc_.text(members[i]);
      const ValueId file = members[i + 1];
      if (tensor.size() > kMaxTensorName) {
        return At(members[i], "the name of a tensor is longer than 4096 bytes");
      }
      if (!doc_.Is(file, Type::kString)) return At(file, "the file of a tensor is no string");
      const std::string_view shard = doc_.text(file);
      if (const char* why = ShardProblem(shard)) {
        return At(file, absl::StrCat("the file name '", graph::Quote(shard), "' is refused: ", why),
                  "SHARD_NAME");
      }
      // A few names stand in many entries.
      if (shards_.insert(shard).second && shards_.size() > kMaxShards) {
        return At(file, absl::StrCat("the index names more than ", kMaxShards, " files"),
                  "SHARD_NAME");
      }
      builder_.SetOrigin(doc_.offset(members[i]), 0);
      builder_.Extend(files,
                      {builder_.Str(builder_.Keep(tensor)), builder_.Str(builder_.Keep(shard))});
      if (builder_.exhausted()) {
        return At(file, "the index costs more than the request may use",
                  input_.budget->exhausted_rule());
      }
    }
    return std::nullopt;
  }

  const Input& input_;
  Output& output_;
  graph::Builder& builder_;
  json::Document doc_;
  absl::flat_hash_set<std::string_view> shards_;
};

}  // namespace

const char* IdentifySafetensorsIndex(bytes::Bytes artifact) {
  const std::string_view text = AsText(artifact);
  const size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == text.npos || text[begin] != '{') return nullptr;
  return text.find("\"weight_map\"") != text.npos ? "safetensors-index" : nullptr;
}

void ParseSafetensorsIndex(const Input& input, Output* output) {
  output->format = "safetensors-index";
  if (auto refusal = IndexReader(input, output).Read()) {
    output->refusals.push_back(*std::move(refusal));
    output->notes.clear();
  }
}

}  // namespace loadlock::formats
