// GGUF files: an input is what follows the magic.
#include "loadlock/v1/graph.pb.h"
#include "sandbox/formats/gguf/gguf_format.h"
#include "sandbox/formats/testing.h"
#include "tests/fuzz/parser_target.h"
#include "tests/fuzz/refusals.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  constexpr std::string_view kMagic = "GGUF";
  const bool whole = formats::IdentifyGguf({data, size}) != nullptr;
  formats::Blob file;
  if (!whole) file = formats::ToBlob(kMagic);
  file.insert(file.end(), data, data + size);
  formats::Parsed parsed(file);
  fuzz::Require(parsed.format() == "gguf", "the magic decides");
  for (const auto& refusal : parsed.output().refusals) fuzz::CheckRefusal(refusal, file.size());
  for (const auto& note : parsed.output().notes) fuzz::CheckRefusal(note, file.size());
  if (!parsed.rule().empty()) return 0;
  // The version's low half is zero in big-endian order; numbers are swapped then.
  constexpr size_t kVersion = 4;
  const bool big = file[kVersion] == 0 && file[kVersion + 1] == 0;
  fuzz::Require(big || parsed.decoded().size() == 0, "nothing is decoded of little-endian files");
  // Each array begins at a multiple of 64 bytes.
  fuzz::Require(parsed.decoded().size() <= 64 * file.size(), "what is decoded is swapped alone");
  fuzz::CheckEncoded(parsed.encoded(), file, parsed.DecodedBytes());
  v1::Graph graph;
  fuzz::Require(graph.ParseFromString(parsed.encoded().graph), "it is the message it should be");
  uint64_t covered = 0;
  for (int i = 0; i < graph.buffer_lengths_size(); ++i) covered += graph.buffer_lengths(i);
  fuzz::Require(covered <= file.size(), "no byte is in two arrays");
  return 0;
}
