#include "sandbox/formats/skops/members.h"

#include <algorithm>
#include <utility>

#include "sandbox/decoders/zip/unpack.h"

namespace loadlock::formats::skops {
namespace {

using Result = std::optional<graph::Refusal>;

}  // namespace

Result Members::Load(const zip::Archive& archive, bytes::Budget* budget,
                     graph::DecodedFile* decoded) {
  archive_ = &archive;
  used_.assign(archive.members().size(), false);
  if (Result refusal = zip::ExtractAll(archive, budget, decoded, &outer_)) return refusal;
  if (Result refusal = zip::MapContents(decoded, &outer_)) return refusal;
  for (size_t i = 0; i < outer_.size(); ++i) {
    const std::string_view name = archive.members()[i].name;
    if (!name.ends_with(".npz")) continue;
    auto npz = std::make_unique<Npz>();
    Result refusal = npz->archive.Open(outer_[i], budget);
    if (!refusal) refusal = zip::ExtractAll(npz->archive, budget, decoded, &npz->contents);
    if (refusal) {
      refusal->member_path = graph::Quote(name);
      return refusal;
    }
    npz_.emplace(name, std::move(npz));
  }
  for (auto& [name, npz] : npz_) {
    if (Result refusal = zip::MapContents(decoded, &npz->contents)) return refusal;
  }
  return std::nullopt;
}

const graph::Buffer* Members::Use(std::string_view name) {
  const zip::Member* member = archive_->Find(name);
  if (member == nullptr) return nullptr;
  const auto index = static_cast<size_t>(member - archive_->members().data());
  used_[index] = true;
  return &outer_[index];
}

bool Members::Same(std::string_view a, std::string_view b) {
  const graph::Buffer* first = Use(a);
  const graph::Buffer* second = Use(b);
  if (first == nullptr || second == nullptr) return false;
  return first == second || std::equal(first->data.begin(), first->data.end(), second->data.begin(),
                                       second->data.end());
}

const graph::Buffer* Members::InNpz(std::string_view npz, std::string_view name) const {
  const auto it = npz_.find(npz);
  if (it == npz_.end()) return nullptr;
  const zip::Archive& archive = it->second->archive;
  const zip::Member* member = archive.Find(name);
  if (member == nullptr) return nullptr;
  return &it->second->contents[static_cast<size_t>(member - archive.members().data())];
}

size_t Members::NpzSize(std::string_view npz) const {
  const auto it = npz_.find(npz);
  return it == npz_.end() ? 0 : it->second->archive.members().size();
}

std::string_view Members::Unused() const {
  const auto it = std::find(used_.begin(), used_.end(), false);
  return it == used_.end() ? std::string_view()
                           : archive_->members()[static_cast<size_t>(it - used_.begin())].name;
}

}  // namespace loadlock::formats::skops
