#include "sandbox/formats/format.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/formats/registry.h"

namespace loadlock::formats {
namespace {

using graph::Refuse;

void DetectAndParse(const Input& input, Output* output) {
  if (input.artifact.empty()) {
    output->refusals.push_back(Refuse("UNKNOWN_FORMAT", "the file is empty"));
    return;
  }
  const Detection found = Detect(input.artifact);
  if (found.format != nullptr) {
    output->format = found.name;
    found.format->parse(input, output);
  } else if (found.name != nullptr) {
    output->refusals.push_back(
        Refuse("UNKNOWN_FORMAT", absl::StrCat("the content is valid as ", found.name, " and as ",
                                              found.other_name, ", so that readers differ on it")));
  } else {
    const auto* begin = reinterpret_cast<const char*>(input.artifact.data());
    output->refusals.push_back(
        Refuse("UNKNOWN_FORMAT",
               absl::StrCat("the content is none of the known formats; it begins with ",
                            graph::Quote({begin, std::min<size_t>(input.artifact.size(), 8)}))));
  }
}

void ListGlobals(const graph::Builder& builder, std::vector<GlobalUse>* out) {
  out->reserve(builder.globals().size());
  for (const graph::GlobalUse& use : builder.globals()) {
    GlobalUse& global = out->emplace_back();
    global.set_module(std::string(use.module));
    global.set_name(std::string(use.name));
    global.set_count(use.count);
    global.set_first_offset(use.first_offset);
    global.set_opcode(pickle::OpcodeName(use.first_opcode));
  }
}

}  // namespace

void Parse(const Input& input, Output* output) {
  // Containers throw when the allocator is out of memory, and no caller expects that.
  try {
    DetectAndParse(input, output);
    if (output->refusals.empty() && input.budget->exhausted() != bytes::Budget::Limit::kNone) {
      output->refusals.push_back(
          Refuse(input.budget->exhausted_rule(), "the artifact exceeds the budget of the request"));
    }
    ListGlobals(*output->graph, &output->globals);
  } catch (const std::exception& error) {
    output->refusals.push_back(
        Refuse("BUDGET_HEAP", absl::StrCat("the parser ran out of memory: ", error.what())));
  }
  if (!output->refusals.empty()) output->root = graph::kNoNode;
}

}  // namespace loadlock::formats
