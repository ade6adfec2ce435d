#include "sandbox/decoders/boosters/record.h"

#include "sandbox/decoders/numpy/lowering.h"

namespace loadlock::boosters {

void Record::Put(std::string_view key, graph::NodeId value) {
  pairs_.push_back(target_.builder->Str(key));
  pairs_.push_back(value);
}

void Record::PutInt(std::string_view key, int64_t value) { Put(key, target_.builder->Int(value)); }

void Record::PutText(std::string_view key, std::string_view text) {
  Put(key, target_.builder->Str(target_.builder->Keep(text)));
}

bool Record::PutBytes(std::string_view key, std::string_view typestr, size_t count,
                      absl::Span<const uint8_t> raw) {
  uint64_t offset = 0;
  if (!numpy::AppendAligned(target_.decoded, raw, &offset)) return false;
  graph::ArrayInfo info;
  info.dtype = target_.builder->Dtype(typestr);
  info.buffer = target_.builder->AddBuffer(
      {.source = v1::BUFFER_SOURCE_DECODED, .offset = offset, .data = {}, .length = raw.size()});
  info.shape = {static_cast<int64_t>(count)};
  Put(key, target_.builder->Array(std::move(info)));
  return !target_.builder->exhausted();
}

graph::NodeId Record::Finish() {
  const graph::NodeId dict = target_.builder->Dict();
  target_.builder->Extend(dict, pairs_);
  return dict;
}

}  // namespace loadlock::boosters
