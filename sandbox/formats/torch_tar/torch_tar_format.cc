#include "sandbox/formats/torch_tar/torch_tar_format.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/decoders/tar/tar.h"
#include "sandbox/formats/torch_tar/objects.h"

namespace loadlock::formats {
namespace {

using Result = std::optional<graph::Refusal>;

constexpr char kName[] = "torch-tar";
// As Python fills archives up.
constexpr size_t kRecord = 10240;
// The padding of the last member and a block of zeros.
constexpr size_t kLongestEnd = 1023;
constexpr std::string_view kStorages = "storages";
constexpr std::string_view kTensors = "tensors";
constexpr std::string_view kPickle = "pickle";
constexpr std::string_view kSysInfo = "sys_info";

Result In(const tar::Member& member, Result refusal) {
  if (refusal) refusal->member_path = graph::Quote(member.name);
  return refusal;
}

// Null if there is none.
const tar::Member* Find(const std::vector<tar::Member>& members, std::string_view name) {
  const auto found =
      std::find_if(members.begin(), members.end(),
                   [name](const tar::Member& member) { return member.name == name; });
  return found == members.end() ? nullptr : &*found;
}

Result Read(const Input& input, Output* output) {
  if (input.artifact.size() % kRecord != 0) {
    return graph::Refuse("TRUNCATED", "the tar archive is not a number of records of 10 KiB",
                         input.artifact.size());
  }
  std::vector<tar::Member> members;
  if (Result refusal = tar::Read(input.artifact, input.budget, &members)) return refusal;
  const uint64_t end =
      members.empty() ? 0 : members.back().data_offset + members.back().data.size();
  if (input.artifact.size() - end > kRecord + kLongestEnd) {
    return graph::Refuse("TRAILING_DATA", "zeros fill more than the last record of the archive",
                         end);
  }
  for (const tar::Member& member : members) {
    // torch looks for the very names.
    if (!member.literal) {
      return In(member, graph::Refuse("TAR_NAME", "torch does not find a member of such a name"));
    }
    if (member.name == kStorages || member.name == kTensors || member.name == kPickle ||
        member.name == kSysInfo) {
      continue;
    }
    return In(member, graph::Refuse("TRAILING_DATA",
                                    absl::StrCat("the torch file has a member that torch does not "
                                                 "write: '",
                                                 graph::Quote(member.name), "'")));
  }
  const tar::Member* const storages = Find(members, kStorages);
  const tar::Member* const tensors = Find(members, kTensors);
  const tar::Member* const object = Find(members, kPickle);
  if (storages == nullptr || tensors == nullptr || object == nullptr) {
    return graph::Refuse("MALFORMED", "the torch file lacks storages, tensors or pickle");
  }
  torch_tar::Objects objects(input, output->graph);
  if (Result refusal = objects.ReadStorages(*storages)) return In(*storages, std::move(refusal));
  if (Result refusal = objects.ReadTensors(*tensors)) return In(*tensors, std::move(refusal));
  pickle::ParseResult result =
      pickle::Parse({object->data, input.source, input.offset + object->data_offset},
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
  if (!tar::HasMagic(artifact)) return nullptr;
  // Two of the three make it torch's: where one is missing, it is no archive of models instead.
  const int members = static_cast<int>(tar::HasMember(artifact, kStorages)) +
                      static_cast<int>(tar::HasMember(artifact, kTensors)) +
                      static_cast<int>(tar::HasMember(artifact, kPickle));
  return members >= 2 ? kName : nullptr;
}

void ParseTorchTar(const Input& input, Output* output) {
  output->format = kName;
  if (Result refusal = Read(input, output)) output->refusals.push_back(*std::move(refusal));
}

}  // namespace loadlock::formats
