// The header of a safetensors file: an input is how many bytes of data follow, then the header, so
// that no mutation is lost on the length before it.
#include "loadlock/v1/graph.pb.h"
#include "sandbox/formats/safetensors/safetensors_format.h"
#include "sandbox/formats/testing.h"
#include "tests/fuzz/refusals.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  if (size == 0) return 0;
  const size_t header = size - 1;
  formats::Blob file;
  for (int i = 0; i < 8; ++i) file.push_back(static_cast<uint8_t>(header >> (8 * i)));
  file.insert(file.end(), data + 1, data + size);
  file.resize(file.size() + data[0], 1);
  const bool known = formats::IdentifySafetensors(file) != nullptr;
  const formats::Parsed parsed(file);
  for (const auto& refusal : parsed.output().refusals) fuzz::CheckRefusal(refusal, file.size());
  if (!parsed.rule().empty()) return 0;
  // The length's low bytes may make it another format as well; that is refused.
  fuzz::Require(!known || parsed.format() == "safetensors", "one file is of one format");
  if (parsed.format() != "safetensors") return 0;
  v1::Graph graph;
  fuzz::Require(graph.ParseFromString(parsed.encoded().graph), "it is the message it should be");
  uint64_t covered = 0;
  for (int i = 0; i < graph.buffer_lengths_size(); ++i) {
    fuzz::Require(graph.buffer_offsets(i) >= 8 + header, "data comes after the header");
    covered += graph.buffer_lengths(i);
  }
  fuzz::Require(covered == data[0], "tensors cover the data, each byte once");
  return 0;
}
