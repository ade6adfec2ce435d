// The worker's pickle machine in this process: bench_pickle FILE... [--benchmark_...].
// For each file the parse alone, and the parse with the encoding of the graph.
#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/types/span.h"
#include "sandbox/decoders/pickle/parse.h"

namespace loadlock::pickle {
namespace {

// A file, mapped as the worker maps its artifact.
absl::Span<const uint8_t> MapFile(const char* path) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status {};
  if (fd < 0 || fstat(fd, &status) != 0 || status.st_size == 0) return {};
  const auto size = static_cast<size_t>(status.st_size);
  void* data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
  close(fd);
  if (data == MAP_FAILED) return {};
  return {static_cast<const uint8_t*>(data), size};
}

void ParseStream(benchmark::State& state, absl::Span<const uint8_t> stream, bool encode) {
  const int fd = memfd_create("decoded", MFD_CLOEXEC);
  for (auto iteration : state) {
    bytes::Budget budget{bytes::BudgetLimits()};
    graph::DecodedFile decoded(fd, &budget);
    graph::Builder builder(&budget);
    const ParseResult result = Parse({.bytes = stream}, {}, decoded, budget, builder);
    if (result.refusal) {
      state.SkipWithError(result.refusal->message.c_str());
      break;
    }
    graph::Encoded encoded;
    if (encode && builder.Encode(result.root, &encoded)) {
      state.SkipWithError("the graph is refused");
      break;
    }
    benchmark::DoNotOptimize(encoded.graph.data());
  }
  close(fd);
}

}  // namespace
}  // namespace loadlock::pickle

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  for (int i = 1; i < argc; ++i) {
    const absl::Span<const uint8_t> stream = loadlock::pickle::MapFile(argv[i]);
    if (stream.empty()) {
      std::perror(argv[i]);
      return 1;
    }
    const std::string path = argv[i];
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const bool encode : {false, true}) {
      benchmark::RegisterBenchmark((name + (encode ? "/parse+encode" : "/parse")).c_str(),
                                   [stream, encode](benchmark::State& state) {
                                     loadlock::pickle::ParseStream(state, stream, encode);
                                   })
          ->Unit(benchmark::kMicrosecond);
    }
  }
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
