// The wall, attacked from inside. Each act is stopped, and by the layer that claims it: with that
// layer taken away in a build for this test only, the act comes through, or hits the next layer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "sandbox/jail/syscall_policy.h"
#include "sandbox/jail/worker_exit.h"
#include "tests/escape/acts.h"
#include "tests/escape/lab.h"
#include "tests/escape/outside_world.h"

namespace loadlock::escape {
namespace {

using jail::Tier;
using ::testing::HasSubstr;

// The limit of descriptors hides what stands behind it, so it is off where that is asked.
constexpr unsigned kFilterAndLimits = jail::kLayerSeccomp | jail::kLayerLimits;
constexpr unsigned kAllLayers =
    jail::kLayerSeccomp | jail::kLayerLandlock | jail::kLayerLimits | jail::kLayerNoExecGain;

Result Try(Lab& lab, const OutsideWorld& world, const std::string& act) {
  world.Restore();
  return lab.Run(absl::StrCat("act ", act, "\n", world.outside().ToText()));
}

std::string Said(Tier tier, unsigned without_layers, const std::string& act) {
  const OutsideWorld world;
  const auto lab = Lab::Open(tier, {.layers = without_layers}, 1);
  EXPECT_NE(lab, nullptr);
  return lab == nullptr ? "" : Try(*lab, world, act).said;
}

class Escape : public ::testing::TestWithParam<Tier> {};

INSTANTIATE_TEST_SUITE_P(Tiers, Escape, ::testing::Values(Tier::kA, Tier::kB, Tier::kC),
                         [](const auto& tier) { return std::string(1, TierLetter(tier.param)); });

TEST_P(Escape, EveryActIsStoppedByTheFilterAndNamed) {
  const OutsideWorld world;
  const auto lab = Lab::Open(GetParam(), {});
  ASSERT_NE(lab, nullptr);
  for (const Act& act : AllActs()) {
    const Result result = Try(*lab, world, act.name);
    EXPECT_EQ(result.stopped_at(), act.call) << act.name << ": " << result.exit.Describe();
    EXPECT_EQ(result.said, "") << act.name;
  }
}

// The rule behind the list above: what is not allowed is stopped, whatever it is called.
TEST_P(Escape, EveryCallThatIsNotAllowedIsStoppedAndNamed) {
  const auto lab = Lab::Open(GetParam(), {});
  ASSERT_NE(lab, nullptr);
  std::set<int> allowed;
  for (const jail::AllowedCall& call : jail::AllowedCalls()) allowed.insert(call.number);
  // Kernels let these two pass every filter, since 6.14 and 6.18: they are how a traced function is
  // entered and left. From anywhere else the one is an illegal instruction, the other an error
  // (arch/x86/kernel/uprobes.c).
  constexpr int kUretprobe = 335;
  constexpr int kUprobe = 336;
  constexpr int kBeyondTheLast = 600;
  for (int number = 0; number < kBeyondTheLast; ++number) {
    if (allowed.count(number) != 0) continue;
    const Result result = lab->Run(absl::StrCat("act call ", number, "\n"));
    if (number == kUretprobe && result.outcome.kind == channel::ReadOutcome::Kind::kClosed) {
      EXPECT_EQ(result.exit.Describe(), "the worker was killed by SIGILL");
      continue;
    }
    if (number == kUprobe && result.outcome.kind == channel::ReadOutcome::Kind::kComplete) {
      EXPECT_EQ(result.said, "ENXIO");
      continue;
    }
    EXPECT_EQ(result.outcome.kind, channel::ReadOutcome::Kind::kViolation) << number;
    EXPECT_EQ(result.outcome.syscall_nr, static_cast<uint32_t>(number));
  }
}

TEST_P(Escape, WithoutTheFilterEveryActReachesTheKernel) {
  const OutsideWorld world;
  const auto lab = Lab::Open(GetParam(), {.layers = jail::kLayerSeccomp});
  ASSERT_NE(lab, nullptr);
  for (const Act& act : AllActs()) {
    const Result result = Try(*lab, world, act.name);
    EXPECT_EQ(result.stopped_at(), "") << act.name;
    EXPECT_NE(result.said, "") << act.name << ": " << result.exit.Describe();
    EXPECT_NE(result.said, "unknown act") << act.name;
  }
}

// The second layers: what stands behind the filter, and that nothing else does.
TEST(SecondLayer, LandlockKeepsFilesAndPortsAway) {
  for (const char* act : {"read a file by its path", "write a file by its path", "make a file",
                          "list the root folder", "delete a file", "cut a file",
                          "connect to a TCP port", "listen on a TCP port"}) {
    EXPECT_EQ(Said(Tier::kB, kFilterAndLimits, act), "EACCES") << act;
  }
  for (const char* act : {"connect to an abstract unix socket"}) {
    EXPECT_EQ(Said(Tier::kB, kFilterAndLimits, act), "EPERM") << act;
  }
  for (const char* act :
       {"read a file by its path", "write a file by its path", "make a file",
        "list the root folder", "delete a file", "cut a file", "connect to a TCP port",
        "listen on a TCP port", "connect to an abstract unix socket"}) {
    EXPECT_EQ(Said(Tier::kB, kFilterAndLimits | jail::kLayerLandlock, act), "done") << act;
  }
}

TEST(SecondLayer, NamespacesLeaveNothingToReach) {
  const std::map<std::string, std::string> expected = {
      {"read a file by its path", "ENOENT"},
      {"open its own memory in /proc", "ENOENT"},
      {"connect to a TCP port", "ENETUNREACH"},
      {"connect to a unix socket by its path", "ENOENT"},
      {"connect to an abstract unix socket", "ECONNREFUSED"},
      {"signal the daemon", "ESRCH"},
      {"trace the daemon", "ESRCH"},
      {"read the daemon's memory", "ESRCH"},
      {"take a descriptor of the daemon", "ESRCH"},
  };
  for (const auto& [act, outcome] : expected) {
    EXPECT_EQ(Said(Tier::kA, kFilterAndLimits | jail::kLayerLandlock, act), outcome) << act;
  }
  // At tier C there are none.
  for (const char* act :
       {"read a file by its path", "connect to a TCP port", "connect to a unix socket by its path",
        "connect to an abstract unix socket"}) {
    EXPECT_EQ(Said(Tier::kC, kFilterAndLimits, act), "done") << act;
  }
}

TEST(SecondLayer, LimitsAllowNoProcess) {
  for (const char* act : {"fork", "fork by clone3", "make a thread's memory sharer"}) {
    for (const Tier tier : {Tier::kA, Tier::kB, Tier::kC}) {
      EXPECT_EQ(Said(tier, jail::kLayerSeccomp, act), "EAGAIN") << act;
      EXPECT_EQ(Said(tier, jail::kLayerSeccomp | jail::kLayerLimits, act), "done") << act;
    }
  }
}

TEST(SecondLayer, LimitsAllowNoDescriptor) {
  for (const char* act : {"make a pair of sockets", "make a memory file", "watch files"}) {
    EXPECT_EQ(Said(Tier::kC, jail::kLayerSeccomp, act), "EMFILE") << act;
    EXPECT_EQ(Said(Tier::kC, kFilterAndLimits, act), "done") << act;
  }
}

TEST(SecondLayer, NoMemoryBecomesCode) {
  for (const char* act :
       {"map memory that is writable and executable", "make written memory executable"}) {
    EXPECT_EQ(Said(Tier::kC, jail::kLayerSeccomp, act), "EACCES") << act;
    EXPECT_EQ(Said(Tier::kC, jail::kLayerSeccomp | jail::kLayerNoExecGain, act), "done") << act;
  }
}

TEST(SecondLayer, NoDescriptorIsLeftOpen) {
  const OutsideWorld world;  // its sockets are open while the jail starts
  const auto lab = Lab::Open(Tier::kC, {.layers = kAllLayers}, 1);
  ASSERT_NE(lab, nullptr);
  EXPECT_EQ(Try(*lab, world, "use a descriptor that was left open").said, "EBADF");
}

std::vector<std::string> Samples() {
  std::vector<std::string> samples = {"act find its parent\n", "act last words of the C library\n",
                                      "act last words of Abseil\n"};
  for (const char* name : {"pickle__logistic", "joblib__arrays_protocol4", "joblib+zlib__arrays",
                           "joblib+xz__arrays", "npy__version1", "joblib+lz4__logistic"}) {
    std::ifstream file(absl::StrCat(LOADLOCK_TESTDATA, "/", name, ".bin"), std::ios::binary);
    samples.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    EXPECT_GT(samples.back().size(), 100u) << name;
  }
  // A list of half a million numbers: the heap grows by large blocks, which move.
  std::string large = "\x80\x04](";
  for (int i = 0; i < 500'000; ++i)
    absl::StrAppend(&large, "J", std::string(4, static_cast<char>(i)));
  samples.push_back(large + "e.");
  return samples;
}

// Everything that the sample jobs come to, to see whether it changes.
std::vector<std::string> Endings(Lab& lab, const std::vector<std::string>& samples) {
  std::vector<std::string> endings;
  for (const std::string& sample : samples) {
    const Result result = lab.Run(sample);
    endings.push_back(
        absl::StrCat(static_cast<int>(result.outcome.kind), " ", result.exit.Describe()));
  }
  return endings;
}

TEST(AllowList, HasNoCallThatNobodyUses) {
  const std::vector<std::string> samples = Samples();
  const auto whole = Lab::Open(Tier::kC, {});
  ASSERT_NE(whole, nullptr);
  const std::vector<std::string> expected = Endings(*whole, samples);
  const auto& calls = jail::AllowedCalls();
  for (size_t i = 0; i < calls.size(); ++i) {
    const auto lab = Lab::Open(Tier::kC, {.call = static_cast<int>(i)});
    if (lab == nullptr) continue;  // no worker comes up without it
    EXPECT_NE(Endings(*lab, samples), expected) << i << ": " << calls[i].reason;
  }
}

// The table in sandbox/ESCAPES.md. LOADLOCK_WRITE_ESCAPES=1 writes it anew.
std::string Row(const std::vector<std::string>& cells) {
  std::string row = "|";
  for (const std::string& cell : cells) absl::StrAppend(&row, " ", cell, " |");
  return row + "\n";
}

TEST(Table, IsThatOfTheActs) {
  std::ifstream file(LOADLOCK_ESCAPES);
  const std::string committed((std::istreambuf_iterator<char>(file)), {});
  if (std::getenv("LOADLOCK_WRITE_ESCAPES") == nullptr) {
    for (const Act& act : AllActs()) {
      EXPECT_THAT(committed, HasSubstr(absl::StrCat("| ", act.name, " | ", act.call, " |")));
    }
    return;
  }
  const OutsideWorld world;
  std::string table = Row({"act", "stopped by seccomp at", "behind it: tier A", "tier B", "tier C",
                           "C, every layer off"});
  absl::StrAppend(&table, "|---|---|---|---|---|---|\n");
  std::vector<std::unique_ptr<Lab>> labs;
  for (const Tier tier : {Tier::kA, Tier::kB, Tier::kC}) {
    labs.push_back(Lab::Open(tier, {.layers = kFilterAndLimits}, 1));
  }
  labs.push_back(Lab::Open(Tier::kC, {.layers = kAllLayers}, 1));
  for (const Act& act : AllActs()) {
    std::vector<std::string> cells = {act.name, act.call};
    for (const auto& lab : labs) cells.push_back(Try(*lab, world, act.name).said);
    absl::StrAppend(&table, Row(cells));
  }
  const size_t begin = committed.find("| act |");
  const size_t end = committed.find("\n\n", begin);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  std::ofstream(LOADLOCK_ESCAPES) << committed.substr(0, begin) << table
                                  << committed.substr(end + 1);
}

}  // namespace
}  // namespace loadlock::escape
