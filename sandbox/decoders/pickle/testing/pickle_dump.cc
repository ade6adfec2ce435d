// Prints what a pickle means, or why it is refused; exit code 0, 1.
//   pickle_dump [--joblib] FILE
//   pickle_dump [--joblib] --batch    many pickles on stdin, each behind its length as a 32-bit
//                                     little-endian number; one line of output each
//   pickle_dump [--joblib] --time N FILE    parses and encodes N times, prints the best
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/types/span.h"
#include "sandbox/decoders/pickle/testing/graph_text.h"

namespace {

using loadlock::pickle::testing::ParseToText;

absl::Span<const uint8_t> AsBytes(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

int Batch(bool joblib) {
  std::string pickle;
  uint32_t size = 0;
  while (std::fread(&size, sizeof(size), 1, stdin) == 1) {
    pickle.resize(size);
    if (size > 0 && std::fread(pickle.data(), size, 1, stdin) != 1) return 2;
    const auto outcome = ParseToText(AsBytes(pickle), joblib);
    std::cout << (outcome.accepted ? "OK " : "NO ") << outcome.text << "\n";
  }
  return 0;
}

int Time(const std::string& pickle, bool joblib, int rounds) {
  using Clock = std::chrono::steady_clock;
  double best_parse = 1e9;
  double best_encode = 1e9;
  size_t nodes = 0;
  size_t bytes = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto start = Clock::now();
    loadlock::bytes::Budget budget(loadlock::bytes::BudgetLimits{});
    loadlock::graph::DecodedFile decoded(-1, &budget);
    loadlock::graph::Builder builder(&budget);
    const auto result = loadlock::pickle::Parse(
        {.bytes = AsBytes(pickle)}, {.joblib_arrays = joblib}, decoded, budget, builder);
    const auto parsed = Clock::now();
    if (result.refusal.has_value()) return 1;
    loadlock::graph::Encoded encoded;
    if (builder.Encode(result.root, &encoded).has_value()) return 1;
    const auto end = Clock::now();
    best_parse = std::min(best_parse, std::chrono::duration<double>(parsed - start).count());
    best_encode = std::min(best_encode, std::chrono::duration<double>(end - parsed).count());
    nodes = encoded.nodes;
    bytes = encoded.graph.size() + encoded.provenance.size();
  }
  std::printf("parse %.1f us, encode %.1f us, %zu nodes, %zu bytes\n", best_parse * 1e6,
              best_encode * 1e6, nodes, bytes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> args(argv + 1, argv + argc);
  const bool joblib = !args.empty() && args[0] == "--joblib";
  if (joblib) args.erase(args.begin());
  if (args.size() == 1 && args[0] == "--batch") return Batch(joblib);
  int times = 0;
  const bool timed = args.size() == 3 && args[0] == "--time" && absl::SimpleAtoi(args[1], &times);
  if (args.size() != 1 && !timed) {
    std::cerr << "usage: pickle_dump [--joblib] (FILE | --batch | --time N FILE)\n";
    return 2;
  }
  std::ifstream file(args.back(), std::ios::binary);
  if (!file) {
    std::cerr << args.back() << ": cannot be read\n";
    return 2;
  }
  const std::string pickle{std::istreambuf_iterator<char>(file), {}};
  if (timed) return Time(pickle, joblib, times);
  const auto outcome = ParseToText(AsBytes(pickle), joblib);
  std::cout << outcome.text << "\n";
  return outcome.accepted ? 0 : 1;
}
