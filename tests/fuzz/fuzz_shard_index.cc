// Indexes of safetensors files: what is accepted names files of the index's own folder only.
#include "loadlock/v1/graph.pb.h"
#include "sandbox/formats/safetensors/index.h"
#include "tests/fuzz/parser_target.h"
#include "tests/fuzz/refusals.h"
#include "tests/fuzz/target.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  bytes::Budget budget(formats::SmallBudget());
  graph::Builder builder(&budget);
  formats::Output output;
  output.graph = &builder;
  formats::Input input;
  input.artifact = {data, size};
  input.budget = &budget;
  formats::ParseSafetensorsIndex(input, &output);
  for (const auto& refusal : output.refusals) fuzz::CheckRefusal(refusal, size);
  fuzz::Require(output.refusals.empty() == (output.root != graph::kNoNode), "a root or a refusal");
  if (!output.refusals.empty()) return 0;
  for (const auto& note : output.notes) fuzz::CheckRefusal(note, size);
  const auto files = builder.edges(builder.edges(output.root)[1]);
  for (size_t i = 1; i < files.size(); i += 2) {
    const std::string_view file = builder.text(files[i]);
    fuzz::Require(file.ends_with(".safetensors") && file.find('/') == file.npos &&
                      file.find('\\') == file.npos && file.find('\0') == file.npos,
                  "a file is one of the folder");
  }
  return 0;
}
