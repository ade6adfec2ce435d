// Replays seeds and mutations of them through a fuzz target, so that targets never rot and each
// build tries some thousands of broken files. The mutations are the same in every run.
//
//   fuzz_NAME FOLDER [PREFIX [MUTATIONS [SEED]]]   seeds of FOLDER whose names begin with PREFIX,
//                                                  each with so many mutations (0, the default: as
//                                                  many as end within seconds)
//   fuzz_NAME FILE                                 one file as it is, for looking into a finding
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using Blob = std::vector<uint8_t>;

// Four times the largest seed, for inputs that grow.
constexpr size_t kMaxInput = size_t{64} << 10;

// The input ends at an unmapped page: a read beyond it ends the process in every build.
class GuardedCopy {
 public:
  explicit GuardedCopy(const Blob& data) : size_(data.size()) {
    const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    const size_t usable = (size_ + page - 1) / page * page;
    mapped_ = usable + page;
    void* base = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Require(base != MAP_FAILED, "mmap of the input");
    base_ = static_cast<uint8_t*>(base);
    data_ = base_ + (usable - size_);
    std::copy(data.begin(), data.end(), data_);
    Require(mprotect(base_ + usable, page, PROT_NONE) == 0, "mprotect of the guard page");
  }
  GuardedCopy(const GuardedCopy&) = delete;
  GuardedCopy& operator=(const GuardedCopy&) = delete;
  ~GuardedCopy() { munmap(base_, mapped_); }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }

 private:
  size_t size_;
  size_t mapped_ = 0;
  uint8_t* base_ = nullptr;
  uint8_t* data_ = nullptr;
};

void RunOne(const Blob& data) {
  const GuardedCopy copy(data);
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

Blob ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  Require(static_cast<bool>(in), path.c_str());
  return Blob(std::istreambuf_iterator<char>(in), {});
}

std::vector<Blob> ReadSeeds(const std::filesystem::path& folder, const std::string& prefix) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.ends_with(".bin") && name.starts_with(prefix)) paths.push_back(entry.path());
  }
  Require(!paths.empty(), "there are seeds");
  std::sort(paths.begin(), paths.end());
  std::vector<Blob> seeds;
  seeds.reserve(paths.size());
  for (const auto& path : paths) seeds.push_back(ReadFile(path));
  return seeds;
}

// One to four small damages: what truncation, bad memory and a simple attacker do.
Blob Mutate(Blob data, const Blob& other, std::mt19937* random) {
  constexpr uint8_t kTelling[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '.', '(', 'R', 'b', 'c', '\n'};
  const auto below = [&](size_t limit) { return limit == 0 ? 0 : (*random)() % limit; };
  const size_t damages = 1 + below(4);
  for (size_t i = 0; i < damages && !data.empty(); ++i) {
    const auto at = data.begin() + static_cast<ptrdiff_t>(below(data.size()));
    switch (below(6)) {
      case 0:
        *at = static_cast<uint8_t>(*at ^ 1u << below(8));
        break;
      case 1:
        *at = kTelling[below(sizeof(kTelling))];
        break;
      case 2: {
        const auto length = std::min<ptrdiff_t>(data.end() - at, static_cast<ptrdiff_t>(below(8)));
        data.erase(at, at + length);
        break;
      }
      case 3:
        data.insert(at, kTelling[below(sizeof(kTelling))]);
        break;
      case 4: {  // a piece of another file
        const size_t from = below(other.size());
        const size_t length = std::min(other.size() - from, below(32) + 1);
        const auto begin = other.begin() + static_cast<ptrdiff_t>(from);
        data.insert(at, begin, begin + static_cast<ptrdiff_t>(length));
        break;
      }
      default: {  // a length or count of all ones
        const size_t room = std::min<size_t>(static_cast<size_t>(data.end() - at), 4);
        std::fill_n(at, room, uint8_t{0xff});
      }
    }
  }
  return data;
}

// As libFuzzer does it: the target's own mutations, now and then two inputs crossed, and now and
// then a blind damage.
Blob MutateByTarget(Blob data, const Blob& other, std::mt19937* random) {
  if ((*random)() % 16 == 0) return Mutate(std::move(data), other, random);
  Blob out(kMaxInput);
  if (LLVMFuzzerCustomCrossOver != nullptr && (*random)() % 8 == 0) {
    out.resize(LLVMFuzzerCustomCrossOver(data.data(), data.size(), other.data(), other.size(),
                                         out.data(), out.size(),
                                         static_cast<unsigned>((*random)())));
    return out;
  }
  std::copy(data.begin(), data.end(), out.begin());
  out.resize(LLVMFuzzerCustomMutator(out.data(), data.size(), out.size(),
                                     static_cast<unsigned>((*random)())));
  return out;
}

struct Amount {
  size_t mutations = 1000;  // of each seed
  unsigned seed = 1;
};

// Mutations of all seeds together, unless a number was asked for: a large corpus must not make a
// unit test long.
constexpr size_t kMutationsInAll = 50'000;

int Replay(const std::filesystem::path& folder, const std::string& prefix, Amount amount) {
  const std::vector<Blob> seeds = ReadSeeds(folder, prefix);
  if (amount.mutations == 0) {
    amount.mutations = std::min(Amount().mutations, kMutationsInAll / seeds.size() + 1);
  }
  std::mt19937 random(amount.seed);
  size_t inputs = 0;
  for (const Blob& seed : seeds) {
    RunOne(seed);
    for (size_t i = 0; i < amount.mutations; ++i) {
      const Blob& other = seeds[random() % seeds.size()];
      RunOne(LLVMFuzzerCustomMutator != nullptr ? MutateByTarget(seed, other, &random)
                                                : Mutate(seed, other, &random));
      ++inputs;
    }
    ++inputs;
  }
  RunOne({});
  std::printf("%zu seeds, %zu inputs\n", seeds.size(), inputs + 1);
  return 0;
}

}  // namespace
}  // namespace loadlock::fuzz

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  if (args.empty() || args.size() > 4) {
    (void)std::fprintf(stderr, "usage: %s FOLDER [PREFIX [MUTATIONS [SEED]]] | FILE\n", argv[0]);
    return 2;
  }
  if (std::filesystem::is_directory(args[0])) {
    loadlock::fuzz::Amount amount{.mutations = 0};
    if (args.size() > 2) amount.mutations = std::stoul(args[2]);
    if (args.size() > 3) amount.seed = static_cast<unsigned>(std::stoul(args[3]));
    return loadlock::fuzz::Replay(args[0], args.size() > 1 ? args[1] : "", amount);
  }
  loadlock::fuzz::RunOne(loadlock::fuzz::ReadFile(args[0]));
  return 0;
}
