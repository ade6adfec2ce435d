#include "sandbox/formats/pickle/pickle_format.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/joblib.h"
#include "sandbox/decoders/pickle/torch_legacy.h"

namespace loadlock::formats {
namespace {

constexpr uint8_t kProto = 0x80;
constexpr uint8_t kHighestProtocol = 5;

bool IsOpcode(uint8_t byte) {
  const char* name = pickle::OpcodeName(byte);
  return name != nullptr && *name != '\0';
}

bool UsesJoblibArrays(const graph::Builder& builder) {
  return std::any_of(builder.globals().begin(), builder.globals().end(), [](const auto& use) {
    return pickle::IsArrayWrapper(use) || pickle::WhyWrapperIsNotRead(use) != nullptr;
  });
}

// What a file that is no pickle fails with when it is read as one.
bool IsGrammarError(std::string_view rule) {
  return rule == "MALFORMED" || rule == "TRUNCATED" || rule == "TRAILING_DATA" ||
         rule == "STACK_UNDERFLOW" || rule == "MEMO_MISSING" || rule == "FORBIDDEN_OPCODE";
}

// A refusal says where in the artifact, not in what the artifact is a part of.
void ParseWhole(const Input& input, Output* output) {
  ParsePickleStream({input.artifact, input.source, input.offset}, input, output);
  if (!output->refusals.empty()) input.MakeRelative(&output->refusals.front());
}

}  // namespace

const char* IdentifyPickle(bytes::Bytes artifact) {
  if (artifact.size() < 3 || artifact[0] != kProto || artifact[1] > kHighestProtocol ||
      !IsOpcode(artifact[2]) || pickle::IsTorchLegacy(artifact)) {
    return nullptr;
  }
  return "pickle";
}

void ParsePickleStream(const pickle::Stream& stream, const Input& input, Output* output) {
  pickle::Options options;
  options.joblib_arrays = true;
  auto result = pickle::Parse(stream, options, *input.decoded, *input.budget, *output->graph);
  output->format = UsesJoblibArrays(*output->graph) ? "joblib" : "pickle";
  if (result.refusal) {
    output->refusals.push_back(*std::move(result.refusal));
  } else {
    output->root = result.root;
  }
}

void ParsePickle(const Input& input, Output* output) { ParseWhole(input, output); }

const char* IdentifyHeaderlessPickle(bytes::Bytes artifact) {
  return !artifact.empty() && IsOpcode(artifact[0]) ? "pickle" : nullptr;
}

void ParseHeaderlessPickle(const Input& input, Output* output) {
  ParseWhole(input, output);
  if (output->refusals.empty()) return;
  graph::Refusal& refusal = output->refusals.front();
  // A file that names something is a pickle, whatever else is wrong with it.
  if (!output->graph->globals().empty() || !IsGrammarError(refusal.rule_id)) return;
  refusal.message = absl::StrCat(
      "the content is none of the known formats; read as a pickle without a header it fails: ",
      refusal.message);
  refusal.rule_id = "UNKNOWN_FORMAT";
  output->format.clear();
}

}  // namespace loadlock::formats
