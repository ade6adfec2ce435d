#include "sandbox/formats/bundle/bundle.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/tar/tar.h"
#include "sandbox/decoders/zip/unpack.h"
#include "sandbox/formats/registry.h"
#include "sandbox/formats/torch_tar/torch_tar_format.h"

namespace loadlock::formats {
namespace {

// More models than anybody puts into one file. Each costs a detection.
constexpr size_t kMaxBundle = 10'000;
// A report has room for a hundred findings.
constexpr size_t kMaxNotes = 12;

void Refuse(graph::Refusal refusal, Output* output) {
  output->refusals.push_back(std::move(refusal));
}

// Offsets count from the begin of the member. Its place in the dict of the bundle is not named: the
// member's name is.
void SetMember(std::string_view member, graph::Refusal* refusal) {
  const std::string name = graph::Quote(member);
  refusal->member_path =
      refusal->member_path.empty() ? name : absl::StrCat(name, "/", refusal->member_path);
}

// The member's graph, or kNoNode and refusals.
graph::NodeId ParseMember(const char* kind, const BundleMember& member, const Input& input,
                          Output* output) {
  Input part = input;
  part.artifact = member.content.data;
  part.source = member.content.source;
  part.offset = member.content.offset;
  Output parsed;
  parsed.graph = output->graph;
  if (part.artifact.empty()) {
    parsed.refusals.push_back(graph::Refuse("UNKNOWN_FORMAT", "the member is empty"));
  } else {
    ParsePart(part, Place::kMember, absl::StrCat("a member of the ", kind, " archive"), &parsed);
  }
  for (graph::Refusal& refusal : parsed.refusals) {
    SetMember(member.name, &refusal);
    Refuse(std::move(refusal), output);
  }
  for (graph::Refusal& note : parsed.notes) {
    if (output->notes.size() == kMaxNotes) break;
    SetMember(member.name, &note);
    output->notes.push_back(std::move(note));
  }
  return parsed.root;
}

}  // namespace

void ParseBundle(const char* kind, absl::Span<const BundleMember> members, const Input& input,
                 Output* output) {
  output->format = kind;
  if (members.empty() || members.size() > kMaxBundle) {
    return Refuse(graph::Refuse("UNKNOWN_FORMAT",
                                absl::StrCat("the ", kind, " archive holds ", members.size(),
                                             " files; from 1 to ", kMaxBundle, " models are read")),
                  output);
  }
  graph::Builder& builder = *output->graph;
  const graph::NodeId root = builder.Dict();
  for (const BundleMember& member : members) {
    const graph::NodeId model = ParseMember(kind, member, input, output);
    if (!output->refusals.empty()) return;
    builder.SetOrigin(member.offset, 0);
    builder.Extend(root, {builder.Str(builder.Keep(member.name)), model});
    if (builder.exhausted()) {
      return Refuse(
          graph::Refuse(input.budget->exhausted_rule(),
                        absl::StrCat("the ", kind, " archive exceeds the budget"), member.offset),
          output);
    }
  }
  output->root = root;
}

void ParseZipBundle(const zip::Archive& archive, const Input& input, Output* output) {
  output->format = "zip";
  std::vector<graph::Buffer> contents;
  if (auto refusal = zip::ExtractAll(archive, input.budget, input.decoded, &contents)) {
    return Refuse(*std::move(refusal), output);
  }
  if (auto refusal = zip::MapContents(input.decoded, &contents)) {
    return Refuse(*std::move(refusal), output);
  }
  std::vector<BundleMember> members;
  for (size_t i = 0; i < contents.size(); ++i) {
    const zip::Member& member = archive.members()[i];
    members.push_back({member.name, contents[i], member.offset});
  }
  ParseBundle("zip", members, input, output);
}

const char* IdentifyTar(bytes::Bytes artifact) {
  return tar::HasMagic(artifact) && IdentifyTorchTar(artifact) == nullptr ? "tar" : nullptr;
}

void ParseTar(const Input& input, Output* output) {
  output->format = "tar";
  std::vector<tar::Member> files;
  if (auto refusal = tar::Read(input.artifact, input.budget, &files)) {
    return Refuse(*std::move(refusal), output);
  }
  std::vector<BundleMember> members;
  members.reserve(files.size());
  for (const tar::Member& file : files) {
    members.push_back({file.name, input.Range(file.data_offset, file.data.size()), file.offset});
  }
  ParseBundle("tar", members, input, output);
}

}  // namespace loadlock::formats
