#include "sandbox/formats/torch_tar/torch_tar_format.h"

#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/decoders/tar/archive.h"
#include "sandbox/formats/torch_tar/objects.h"

namespace loadlock::formats {
namespace {

using Result = std::optional<graph::Refusal>;

constexpr char kName[] = "torch-tar";
constexpr std::string_view kStorages = "storages";
constexpr std::string_view kTensors = "tensors";
constexpr std::string_view kPickle = "pickle";
constexpr std::string_view kSysInfo = "sys_info";

Result In(const tar::Member& member, Result refusal) {
  if (refusal) refusal->member_path = graph::Quote(member.name);
  return refusal;
}

Result Read(const Input& input, Output* output) {
  tar::Archive archive;
  if (Result refusal = archive.Open(input.artifact, input.budget)) return refusal;
  for (const tar::Member& member : archive.members()) {
    if (member.name == kStorages || member.name == kTensors || member.name == kPickle ||
        member.name == kSysInfo) {
      continue;
    }
    return In(member, graph::Refuse("TRAILING_DATA",
                                    absl::StrCat("the torch file has a member that torch does not "
                                                 "write: '",
                                                 graph::Quote(member.name), "'")));
  }
  const tar::Member* const storages = archive.Find(kStorages);
  const tar::Member* const tensors = archive.Find(kTensors);
  const tar::Member* const object = archive.Find(kPickle);
  if (storages == nullptr || tensors == nullptr || object == nullptr) {
    return graph::Refuse("MALFORMED", "the torch file lacks storages, tensors or pickle");
  }
  torch_tar::Objects objects(input, output->graph);
  if (Result refusal = objects.ReadStorages(*storages)) return In(*storages, std::move(refusal));
  if (Result refusal = objects.ReadTensors(*tensors)) return In(*tensors, std::move(refusal));
  pickle::ParseResult result =
      pickle::Parse({object->data, v1::BUFFER_SOURCE_ARTIFACT, object->offset},
                    {.persistent = &objects}, *input.decoded, *input.budget, *output->graph);
  if (result.refusal) return In(*object, std::move(result.refusal));
  if (!objects.AllUsed()) {
    return graph::Refuse("TRAILING_DATA",
                         "the torch file has a storage or a tensor that nothing refers to");
  }
  output->root = result.root;
  return std::nullopt;
}

}  // namespace

const char* IdentifyTorchTar(bytes::Bytes artifact) {
  const bool torch = tar::IsTar(artifact) && tar::HasMember(artifact, kStorages) &&
                     tar::HasMember(artifact, kTensors) && tar::HasMember(artifact, kPickle);
  return torch ? kName : nullptr;
}

void ParseTorchTar(const Input& input, Output* output) {
  output->format = kName;
  if (Result refusal = Read(input, output)) output->refusals.push_back(*std::move(refusal));
}

}  // namespace loadlock::formats
