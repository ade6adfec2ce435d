#include "sandbox/formats/torch_zip/torch_zip_format.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/formats/torch_zip/members.h"

namespace loadlock::formats {
namespace {

template <typename Matches>
bool HasMember(const zip::Archive& archive, Matches matches) {
  return std::any_of(archive.members().begin(), archive.members().end(),
                     [&](const zip::Member& member) { return matches(member.name); });
}

bool HasSuffix(const zip::Archive& archive, std::string_view suffix) {
  return HasMember(archive, [suffix](std::string_view name) { return name.ends_with(suffix); });
}

bool HasPart(const zip::Archive& archive, std::string_view part) {
  return HasMember(
      archive, [part](std::string_view name) { return name.find(part) != std::string_view::npos; });
}

std::optional<graph::Refusal> Read(const zip::Archive& archive, const Input& input,
                                   Output* output) {
  torch_zip::Members members;
  if (auto refusal = members.Open(archive, input.budget)) return refusal;
  torch_zip::Storages storages(&members, archive, input.budget, input.decoded, output->graph);
  const zip::Member& member = members.pickle();
  const graph::Buffer stored = archive.Stored(member);
  const pickle::Stream stream{stored.data, stored.source, stored.offset};
  pickle::ParseResult result = pickle::Parse(stream, {.persistent = &storages}, *input.decoded,
                                             *input.budget, *output->graph);
  if (result.refusal) {
    result.refusal->member_path = graph::Quote(member.name);
    return std::move(result.refusal);
  }
  if (const zip::Member* unused = storages.Unused()) {
    graph::Refusal refusal =
        graph::Refuse("TRAILING_DATA",
                      absl::StrCat("nothing in data.pkl refers to the member '",
                                   graph::Quote(unused->name), "' of the torch file"),
                      unused->data_offset);
    refusal.member_path = graph::Quote(unused->name);
    return refusal;
  }
  output->root = result.root;
  return std::nullopt;
}

}  // namespace

bool IsTorchZip(const zip::Archive& archive) { return HasSuffix(archive, "/data.pkl"); }

bool IsTorchScript(const zip::Archive& archive) {
  return HasSuffix(archive, "/constants.pkl") || HasPart(archive, "/code/__torch__");
}

bool IsTorchExport(const zip::Archive& archive) {
  return HasSuffix(archive, "serialized_exported_program.json") ||
         HasSuffix(archive, "/archive_format") || HasSuffix(archive, "/models/model.json");
}

bool IsTorchPackage(const zip::Archive& archive) {
  return HasSuffix(archive, "/.data/extern_modules") || HasSuffix(archive, "/.data/python_version");
}

bool IsTorchServe(const zip::Archive& archive) {
  return archive.Find("MAR-INF/MANIFEST.json") != nullptr;
}

void ParseTorchZip(const zip::Archive& archive, const Input& input, Output* output) {
  output->format = "torch";
  if (auto refusal = Read(archive, input, output)) output->refusals.push_back(*std::move(refusal));
}

}  // namespace loadlock::formats
