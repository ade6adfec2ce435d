#include "server/observe/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/temp_folder.h"

namespace loadlock::observe {
namespace {

using ::testing::HasSubstr;

class AuditLogTest : public ::testing::Test {
 protected:
  std::string path() const { return folder_.path() / "audit.log"; }
  std::unique_ptr<AuditLog> Open() const {
    absl::StatusOr<std::unique_ptr<AuditLog>> log = AuditLog::Open({.file = path()});
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }
  std::string Refusal() const {
    return std::string(AuditLog::Open({.file = path()}).status().message());
  }

  support::TempFolder folder_;
};

// Files that this process may write end at `bytes`, as if the disk were full.
class SmallFiles {
 public:
  explicit SmallFiles(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~SmallFiles() { setrlimit(RLIMIT_FSIZE, &before_); }

 private:
  rlimit before_ = {};
};

TEST_F(AuditLogTest, AppendsLinesToAFileOfItsOwn) {
  ASSERT_TRUE(Open()->Append("one").ok());
  ASSERT_EQ(chmod(path().c_str(), 0644), 0);
  ASSERT_TRUE(Open()->Append("two").ok());
  EXPECT_EQ(folder_.Read("audit.log"), "one\ntwo\n");
  struct stat info = {};
  ASSERT_EQ(stat(path().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777U, 0600U);
}

TEST_F(AuditLogTest, SyncsWhereAsked) {
  auto log = AuditLog::Open({.file = path(), .sync = true});
  ASSERT_TRUE(log.ok());
  EXPECT_TRUE((*log)->Append("one").ok());
  EXPECT_EQ(folder_.Read("audit.log"), "one\n");
}

TEST_F(AuditLogTest, LinesOfThreadsDoNotMix) {
  const auto log = Open();
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&log, i] {
      for (int k = 0; k < 200; ++k) {
        EXPECT_TRUE(log->Append(std::string(300, static_cast<char>('a' + i))).ok());
        if (k % 50 == 0) {
          EXPECT_TRUE(log->Reopen().ok());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::istringstream lines(folder_.Read("audit.log"));
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) {
    EXPECT_EQ(line.size(), 300U);
    EXPECT_EQ(std::set<char>(line.begin(), line.end()).size(), 1U);
  }
  EXPECT_EQ(count, 1600);
}

TEST_F(AuditLogTest, ReopensWhatWasRenamed) {
  const auto log = Open();
  ASSERT_TRUE(log->Append("one").ok());
  std::filesystem::rename(path(), path() + ".1");
  ASSERT_TRUE(log->Append("two").ok());
  ASSERT_TRUE(log->Reopen().ok());
  ASSERT_TRUE(log->Append("three").ok());
  EXPECT_EQ(folder_.Read("audit.log.1"), "one\ntwo\n");
  EXPECT_EQ(folder_.Read("audit.log"), "three\n");
}

TEST_F(AuditLogTest, KeepsTheOldOneIfTheNewCannotBeOpened) {
  const auto log = Open();
  std::filesystem::rename(path(), path() + ".1");
  std::filesystem::create_directory(path());
  EXPECT_FALSE(log->Reopen().ok());
  EXPECT_TRUE(log->Append("still").ok());
  EXPECT_EQ(folder_.Read("audit.log.1"), "still\n");
}

TEST_F(AuditLogTest, LeavesNoHalfLineWhereThereIsNoRoom) {
  ASSERT_NE(signal(SIGXFSZ, SIG_IGN), SIG_ERR);
  const auto log = Open();
  ASSERT_TRUE(log->Append("0123456789").ok());
  {
    const SmallFiles full(16);
    const absl::Status status = log->Append("0123456789");
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_EQ(folder_.Read("audit.log"), "0123456789\n");
    EXPECT_TRUE(log->Append("abcd").ok()) << "a line that fits";
    EXPECT_THAT(std::string(log->Append("x").message()), HasSubstr("audit log: "));
  }
  EXPECT_TRUE(log->Append("room again").ok());
  EXPECT_EQ(folder_.Read("audit.log"), "0123456789\nabcd\nroom again\n");
}

TEST_F(AuditLogTest, BeginsALineAfterAPieceOfOne) {
  folder_.Write("audit.log", "whole\n{\"half\":");
  const auto log = Open();
  ASSERT_TRUE(log->Append("next").ok());
  ASSERT_TRUE(log->Append("more").ok());
  EXPECT_EQ(folder_.Read("audit.log"), "whole\n{\"half\":\nnext\nmore\n");
}

TEST_F(AuditLogTest, OpensRegularFilesOfItsOwnAlone) {
  const std::string other = folder_.Write("other", "keep\n");
  std::filesystem::create_symlink(other, path());
  EXPECT_THAT(Refusal(), HasSubstr("audit.log: Too many levels of symbolic links"));
  std::filesystem::remove(path());
  ASSERT_EQ(mkfifo(path().c_str(), 0600), 0);
  EXPECT_THAT(Refusal(), HasSubstr("is not a regular file"));
  std::filesystem::remove(path());
  std::filesystem::create_directory(path());
  EXPECT_THAT(Refusal(), HasSubstr("Is a directory"));
  EXPECT_THAT(std::string(AuditLog::Open({.file = "/dev/full"}).status().message()),
              HasSubstr("is not a regular file"));
  EXPECT_EQ(folder_.Read("other"), "keep\n");
}

TEST_F(AuditLogTest, RefusesTheFileOfAnotherUser) {
  // Only root can make one; others cannot open root's.
  const std::string theirs = geteuid() == 0 ? path() : "/etc/hostname";
  if (geteuid() == 0) {
    folder_.Write("audit.log", "");
    ASSERT_EQ(chown(theirs.c_str(), 12345, 12345), 0);
  }
  EXPECT_TRUE(absl::IsPermissionDenied(AuditLog::Open({.file = theirs}).status()));
}

}  // namespace
}  // namespace loadlock::observe
