#include "sandbox/formats/skops/skops_format.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/formats/skops/members.h"
#include "sandbox/formats/skops/reader.h"
#include "sandbox/formats/skops/schema.h"

namespace loadlock::formats {
namespace {

constexpr std::string_view kSchema = "schema.json";

std::optional<graph::Refusal> Read(const zip::Archive& archive, const Input& input,
                                   Output* output) {
  // The writer puts it last; a member behind it was put there by another hand.
  if (archive.members().back().name != kSchema) {
    return graph::Refuse("MALFORMED", "schema.json is not the last member of the skops file");
  }
  skops::Members members;
  if (auto refusal = members.Load(archive, input.budget, input.decoded)) return refusal;
  skops::Schema schema;
  if (auto refusal = schema.Read(*members.Use(kSchema), input.budget)) return refusal;
  skops::Reader reader(schema, &members, input.decoded, input.budget, output->graph);
  const graph::NodeId root = reader.Read();
  if (root == graph::kNoNode) return std::move(reader.refusal());
  if (const std::string_view name = members.Unused(); !name.empty()) {
    graph::Refusal refusal =
        graph::Refuse("TRAILING_DATA", absl::StrCat("nothing in schema.json refers to the member '",
                                                    graph::Quote(name), "' of the skops file"));
    refusal.member_path = graph::Quote(name);
    return refusal;
  }
  output->root = root;
  return std::nullopt;
}

}  // namespace

bool IsSkops(const zip::Archive& archive) { return archive.Find(kSchema) != nullptr; }

void ParseSkops(const zip::Archive& archive, const Input& input, Output* output) {
  output->format = "skops";
  if (auto refusal = Read(archive, input, output)) output->refusals.push_back(*std::move(refusal));
}

}  // namespace loadlock::formats
