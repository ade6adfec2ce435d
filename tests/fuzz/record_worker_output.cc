// record_worker_output ARTIFACT SEED: writes what an honest worker says to the artifact, as a seed
// of fuzz_worker_output.
#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "loadlock/v1/worker.pb.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/formats/testing.h"
#include "tests/fuzz/recorded.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

// What one parse gives; the same steps as in sandbox/worker/job.cc.
struct Parse {
  explicit Parse(const std::string& artifact)
      : file(memfd_create("decoded", MFD_CLOEXEC)),
        budget(formats::SmallBudget()),
        builder(&budget),
        decoded(file.get(), &budget) {
    Require(file.valid(), "memfd_create");
    output.graph = &builder;
    const bytes::Bytes bytes(reinterpret_cast<const uint8_t*>(artifact.data()), artifact.size());
    formats::Parse({bytes, &decoded, &budget}, &output);
    if (output.refusals.empty()) refusal = builder.Encode(output.root, &encoded);
    if (!output.refusals.empty()) refusal = output.refusals.front();
  }

  channel::UniqueFd file;
  bytes::Budget budget;
  graph::Builder builder;
  graph::DecodedFile decoded;
  formats::Output output;
  graph::Encoded encoded;
  std::optional<graph::Refusal> refusal;
};

std::string ResultOf(const Parse& parse) {
  v1::WorkerResult result;
  result.set_format(parse.output.format);
  for (const formats::GlobalUse& use : parse.output.globals) *result.add_globals() = use;
  result.set_graph_bytes(parse.encoded.graph.size());
  result.set_provenance_bytes(parse.encoded.provenance.size());
  result.set_decoded_size(parse.decoded.size());
  return result.SerializeAsString();
}

void AppendPackets(char type, std::string_view bytes, Recorded* recorded) {
  constexpr size_t kPayload = 65535;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(kPayload, bytes.size()))) {
    recorded->packets.push_back(std::string(1, type).append(bytes.substr(0, kPayload)));
  }
}

int Record(const char* from, const char* to) {
  std::ifstream in(from, std::ios::binary);
  const std::string artifact(std::istreambuf_iterator<char>(in), {});
  Parse parse(artifact);
  if (parse.refusal) {
    (void)std::fprintf(stderr, "%s: %s %s\n", from, parse.refusal->rule_id.c_str(),
                       parse.refusal->message.c_str());
    return 1;
  }
  const absl::Span<const uint8_t> decoded = parse.decoded.Map();
  Recorded recorded{
      .artifact = artifact, .decoded = std::string(decoded.begin(), decoded.end()), .packets = {}};
  AppendPackets('G', parse.encoded.graph, &recorded);
  AppendPackets('P', parse.encoded.provenance, &recorded);
  AppendPackets('R', ResultOf(parse), &recorded);
  recorded.packets.emplace_back("E");
  std::ofstream out(to, std::ios::binary);
  out << ToFile(recorded);
  return out.good() ? 0 : 1;
}

}  // namespace
}  // namespace loadlock::fuzz

int main(int argc, char** argv) {
  if (argc == 3) return loadlock::fuzz::Record(argv[1], argv[2]);
  (void)std::fprintf(stderr, "usage: %s ARTIFACT SEED\n", argv[0]);
  return 2;
}
