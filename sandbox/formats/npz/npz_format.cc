#include "sandbox/formats/npz/npz_format.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "sandbox/decoders/npy/npy.h"
#include "sandbox/decoders/zip/unpack.h"

namespace loadlock::formats {
namespace {

constexpr std::string_view kSuffix = ".npy";

std::optional<graph::Refusal> Read(const zip::Archive& archive, const Input& input,
                                   Output* output) {
  graph::Builder& builder = *output->graph;
  std::vector<graph::Buffer> contents;
  if (auto refusal = zip::ExtractAll(archive, input.budget, input.decoded, &contents)) {
    return refusal;
  }
  if (auto refusal = zip::MapContents(input.decoded, &contents)) return refusal;
  const graph::NodeId root = builder.Dict();
  for (size_t i = 0; i < contents.size(); ++i) {
    const std::string_view member = archive.members()[i].name;
    const graph::Buffer& content = contents[i];
    pickle::ParseResult array = npy::Parse({content.data, content.source, content.offset},
                                           *input.decoded, *input.budget, builder);
    if (array.refusal) {
      array.refusal->member_path = graph::Quote(member);
      // Offsets in the member, not in what it lies in.
      auto& offset = array.refusal->byte_offset;
      if (offset && *offset >= content.offset) *offset -= content.offset;
      return std::move(array.refusal);
    }
    builder.SetOrigin(archive.members()[i].offset, 0);
    const graph::NodeId name = builder.Str(member.substr(0, member.size() - kSuffix.size()));
    builder.Extend(root, {name, array.root});
    if (builder.exhausted()) {
      return graph::Refuse(input.budget->exhausted_rule(), "the archive exceeds the budget",
                           archive.members()[i].offset);
    }
  }
  output->root = root;
  return std::nullopt;
}

}  // namespace

bool IsNpz(const zip::Archive& archive) {
  return std::all_of(archive.members().begin(), archive.members().end(),
                     [](const zip::Member& member) { return member.name.ends_with(kSuffix); });
}

void ParseNpz(const zip::Archive& archive, const Input& input, Output* output) {
  output->format = "npz";
  if (auto refusal = Read(archive, input, output)) output->refusals.push_back(*std::move(refusal));
}

}  // namespace loadlock::formats
