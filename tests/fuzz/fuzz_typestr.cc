// The two readers of numpy's typestrs against each other: what the worker writes into a graph the
// daemon must read, with the same meaning, or a good file is refused as a broken worker's output;
// what the daemon reads must be the one spelling that the worker writes.
#include <optional>
#include <string_view>
#include <vector>

#include "sandbox/decoders/numpy/dtype.h"
#include "server/verify/dtype.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

void CheckCanonical(const numpy::Dtype& dtype) {
  const std::optional<numpy::Dtype> again = numpy::ParseTypestr(dtype.typestr);
  Require(again.has_value() && again->typestr == dtype.typestr && again->kind == dtype.kind &&
              again->order == dtype.order && again->itemsize == dtype.itemsize,
          "the canonical form means the same");
  const std::optional<verify::DType> daemon = verify::ParseTypestr(dtype.typestr);
  Require(daemon.has_value(), "the daemon reads what the worker writes");
  Require(daemon->kind == dtype.kind && daemon->order == dtype.order &&
              daemon->itemsize == (dtype.kind == 'O' ? 0 : dtype.itemsize),
          "and understands it alike");
}

void CheckTypestr(std::string_view text) {
  const std::optional<numpy::Dtype> worker = numpy::ParseTypestr(text);
  const std::optional<verify::DType> daemon =
      verify::ParseTypestr(absl::string_view(text.data(), text.size()));
  if (worker.has_value()) CheckCanonical(*worker);
  if (!daemon.has_value()) return;
  // Long doubles are in no file that the worker reads.
  const bool wide = (daemon->kind == 'f' && daemon->itemsize == 16) ||
                    (daemon->kind == 'c' && daemon->itemsize == 32);
  Require(worker.has_value() != wide, "the worker reads what the daemon accepts");
  Require(wide || worker->typestr == text, "the daemon accepts the canonical form alone");
}

// Plain arithmetic, wide enough for any prefix of the product that still fits.
std::optional<uint64_t> SlowArrayBytes(const std::vector<int64_t>& shape, uint64_t itemsize) {
  if (shape.size() > numpy::kMaxRank) return std::nullopt;
  unsigned __int128 total = itemsize == 0 ? 1 : itemsize;
  bool empty = itemsize == 0;
  for (const int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    empty = empty || dim == 0;
    if (dim == 0) continue;
    total *= static_cast<uint64_t>(dim);
    if (total > UINT64_MAX) return std::nullopt;
  }
  if (total > INT64_MAX) return std::nullopt;
  return empty ? 0 : static_cast<uint64_t>(total);
}

void CheckArrayBytes(Input input) {
  const uint64_t itemsize = input.Number<uint32_t>();
  std::vector<int64_t> shape;
  while (!input.empty() && shape.size() <= numpy::kMaxRank) {
    // Mostly small, or nothing would ever fit.
    const uint8_t shift = input.Below(64);
    shape.push_back(static_cast<int64_t>(input.Number<uint64_t>() >> shift));
  }
  Require(numpy::ArrayBytes(shape, itemsize) == SlowArrayBytes(shape, itemsize),
          "sizes of arrays are exact or refused");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const std::string_view text = fuzz::AsText(data, size);
  fuzz::CheckTypestr(text);
  if (!text.empty()) fuzz::CheckArrayBytes(fuzz::Input(text.substr(1)));
  return 0;
}
