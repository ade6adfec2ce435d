#include "client/cli/gate.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/cli/gate_source.h"
#include "client/cli/gate_target.h"
#include "tests/support/temp_folder.h"

namespace loadlock::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

absl::Span<const uint8_t> Bytes(absl::string_view text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

class GateTest : public ::testing::Test {
 protected:
  std::string path(const std::string& name) const { return folder_.path() / name; }
  absl::StatusOr<GateTarget> Target(const std::set<std::string>& files) const {
    return GateTarget::Open(path("to"), files);
  }
  // What lies in a folder, relative and sorted.
  std::vector<std::string> In(const std::string& name) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path(name))) {
      found.push_back(entry.path().lexically_relative(path(name)).string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }

  support::TempFolder folder_;
};

TEST_F(GateTest, FillsAFolderAtOnce) {
  auto target = Target({"a", "sub/b"});
  ASSERT_TRUE(target.ok()) << target.status();
  ASSERT_TRUE(target->Stage("a", Bytes("one")).ok());
  ASSERT_TRUE(target->Stage("sub/b", Bytes("")).ok());
  EXPECT_FALSE(fs::exists(path("to/a")));
  ASSERT_TRUE(target->Commit().ok());
  EXPECT_EQ(folder_.Read("to/a"), "one");
  EXPECT_EQ(fs::file_size(path("to/sub/b")), 0U);
  struct stat info = {};
  ASSERT_EQ(stat(path("to/a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0644U);
}

TEST_F(GateTest, LeavesNothingOfWhatWasNotCommitted) {
  {
    auto target = Target({"a", "b"});
    ASSERT_TRUE(target.ok());
    ASSERT_TRUE(target->Stage("a", Bytes("one")).ok());
  }
  EXPECT_THAT(In("to"), IsEmpty());
}

TEST_F(GateTest, TakesBackWhatCannotBeWhole) {
  auto target = Target({"a", "b"});
  ASSERT_TRUE(target.ok());
  ASSERT_TRUE(target->Stage("a", Bytes("one")).ok());
  ASSERT_TRUE(target->Stage("b", Bytes("two")).ok());
  folder_.Write("to/b/in-the-way", "");
  EXPECT_FALSE(target->Commit().ok());
  EXPECT_FALSE(fs::exists(path("to/a")));
}

TEST_F(GateTest, ReplacesWhatAnEarlierOneLeft) {
  folder_.Write("to/a", "old and longer");
  folder_.Write("to/.loadlock-gate-abcdef/x", "unfinished");
  auto target = Target({"a"});
  ASSERT_TRUE(target.ok()) << target.status();
  ASSERT_TRUE(target->Stage("a", Bytes("new")).ok());
  ASSERT_TRUE(target->Commit().ok());
  EXPECT_EQ(folder_.Read("to/a"), "new");
  EXPECT_FALSE(fs::exists(path("to/.loadlock-gate-abcdef")));
}

TEST_F(GateTest, RefusesAFolderThatHoldsMore) {
  folder_.Write("to/a", "");
  folder_.Write("to/sub/model.pkl", "");
  EXPECT_THAT(std::string(Target({"a"}).status().message()), HasSubstr("holds sub/model.pkl"));
  fs::remove_all(path("to/sub"));
  fs::remove(path("to/a"));
  folder_.Write("elsewhere/x", "");
  fs::create_symlink(path("elsewhere"), path("to/sub"));
  EXPECT_THAT(std::string(Target({"sub/x"}).status().message()), HasSubstr("holds sub"));
  fs::remove(path("to/sub"));
  fs::create_symlink(path("elsewhere/x"), path("to/x"));
  EXPECT_THAT(std::string(Target({"x"}).status().message()), HasSubstr("holds x"));
}

TEST_F(GateTest, KnowsTheFilesOfItsSource) {
  folder_.Write("from/a", "");
  folder_.Write("from/sub/README.md", "");
  folder_.Write("out", "");
  fs::create_symlink(path("out"), path("from/link"));
  auto source = GateSource::Open("file://" + path("from"), {"*.md"});
  ASSERT_TRUE(source.ok()) << source.status();
  ASSERT_EQ(source->files().size(), 2U);
  EXPECT_EQ(source->files()[0].relative, "a");
  EXPECT_TRUE(source->Identify(source->files()[0]).ok());
  EXPECT_FALSE(source->files()[1].problem.ok()) << "a link";
  EXPECT_TRUE(absl::IsFailedPrecondition(source->Identify(source->files()[1]).status()));
  EXPECT_THAT(source->left_out(), ElementsAre(path("from/sub/README.md")));
  EXPECT_TRUE(absl::IsNotFound(GateSource::Open(path("from/sub"), {"*"}).status()));
  EXPECT_FALSE(GateSource::Open(path("missing"), {}).ok());
}

TEST_F(GateTest, SeesThatAFolderBecameALink) {
  folder_.Write("from/sub/a", "");
  folder_.Write("out/a", "");
  auto source = GateSource::Open(path("from"), {});
  ASSERT_TRUE(source.ok());
  const auto before = source->Identify(source->files()[0]);
  ASSERT_TRUE(before.ok());
  fs::rename(path("from/sub"), path("from/old"));
  fs::create_symlink(path("out"), path("from/sub"));
  EXPECT_TRUE(absl::IsFailedPrecondition(source->Identify(source->files()[0]).status()));
  fs::remove(path("from/sub"));
  folder_.Write("from/sub/a", "");
  const auto after = source->Identify(source->files()[0]);
  ASSERT_TRUE(after.ok());
  EXPECT_FALSE(*before == *after);
}

v1::Report Accepted(const std::string& format) {
  v1::Report report;
  report.set_verdict(v1::VERDICT_ACCEPTED);
  report.set_format(format);
  return report;
}

TEST_F(GateTest, HandsOnOnlyWhatLoadlockWouldNotChange) {
  for (const char* format : {"npy", "npz", "skops", "gguf", "safetensors+gzip"}) {
    EXPECT_FALSE(WhyNotAsIs(Accepted(format), false)) << format;
  }
  for (const char* format :
       {"pickle", "joblib+zlib", "torch", "torch-legacy", "torch-tar", "new"}) {
    EXPECT_EQ(WhyNotAsIs(Accepted(format), true)->rule_id(), "GATE_PICKLE") << format;
  }
  for (const char* format : {"xgboost-json", "xgboost-ubjson+gzip", "lightgbm+xz"}) {
    EXPECT_EQ(WhyNotAsIs(Accepted(format), true)->rule_id(), "GATE_REWRITTEN") << format;
  }
  for (const char* format : {"zip", "tar+gzip"}) {
    EXPECT_EQ(WhyNotAsIs(Accepted(format), true)->rule_id(), "GATE_ARCHIVE") << format;
  }
  v1::Report report = Accepted("npy");
  report.add_globals()->set_trust(v1::TRUST_NEW_DICT);
  EXPECT_EQ(WhyNotAsIs(report, true)->rule_id(), "GATE_PICKLE") << "an array of objects";
  report.set_format("skops");
  EXPECT_FALSE(WhyNotAsIs(report, false));
  v1::Report anew = report;
  anew.add_globals()->set_trust(v1::TRUST_BY_NAME_AND_PARAMS);
  EXPECT_EQ(WhyNotAsIs(anew, true)->rule_id(), "GATE_REPLACED");
  report.add_globals()->set_trust(v1::TRUST_REWRITTEN);
  EXPECT_EQ(WhyNotAsIs(report, true)->rule_id(), "GATE_REWRITTEN");
}

TEST_F(GateTest, HandsOnNoValueThatIsReplaced) {
  v1::Report report = Accepted("skops");
  v1::Finding* note = report.add_findings();
  note->set_rule_id("VALUE_FORCED");
  note->set_object_path("$.steps[0].n_jobs");
  EXPECT_THAT(WhyNotAsIs(report, false)->message(), HasSubstr("--keep-n-jobs"));
  EXPECT_FALSE(WhyNotAsIs(report, true));
  note->set_object_path("$.memory");
  EXPECT_EQ(WhyNotAsIs(report, true)->rule_id(), "GATE_REPLACED");
  note->set_rule_id("MORE_FINDINGS");
  EXPECT_EQ(WhyNotAsIs(report, true)->rule_id(), "GATE_REPLACED");
}

TEST_F(GateTest, TellsTheKubeletInOneShortLine) {
  const std::string file = folder_.Write("termination", std::string(9000, 'x'));
  ASSERT_TRUE(WriteTermination(file, "a\nb\x1b" + std::string(9000, 'y')).ok());
  const std::string text = folder_.Read("termination");
  EXPECT_LE(text.size(), 4096U);
  EXPECT_EQ(text.substr(0, 9), "a\\x0ab\\x1");
  EXPECT_FALSE(WriteTermination(path("no/such"), "x").ok());
  EXPECT_TRUE(WriteTermination("", "x").ok());
}

}  // namespace
}  // namespace loadlock::cli
