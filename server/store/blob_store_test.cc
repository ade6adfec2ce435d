#include "server/store/blob_store.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "server/observe/error.h"
#include "server/store/artifact.h"
#include "server/store/known_files.h"
#include "server/store/output_cache.h"
#include "server/store/sha256.h"
#include "tests/support/temp_folder.h"

namespace loadlock::store {
namespace {

namespace fs = std::filesystem;

std::string HashOf(const std::string& bytes) {
  Sha256 hash;
  hash.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  return *hash.FinishHex();
}

std::string Text(int fd, uint64_t size) {
  std::string text(size, '\0');
  EXPECT_EQ(pread(fd, text.data(), size, 0), static_cast<ssize_t>(size));
  return text;
}

class BlobStoreTest : public ::testing::Test {
 protected:
  void SetUp() override { Start(); }
  void TearDown() override { Stop(); }

  void Start(uint64_t max_bytes = 1000, const std::string& scope = "roots") {
    auto folder = StateFolder::Open(state_, scope);
    ASSERT_TRUE(folder.ok()) << folder.status();
    folder_.emplace(*std::move(folder));
    auto store = BlobStore::Open(*folder_->Subfolder("blobs"), max_bytes, &background_);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }
  void Stop() {
    store_.reset();
    folder_.reset();
  }
  void Restart(uint64_t max_bytes = 1000) {
    Stop();
    Start(max_bytes);
  }

  absl::StatusOr<Artifact> Take(const std::string& bytes) {
    const std::string path = temp_.Write("source", bytes);
    const channel::UniqueFd fd(open(path.c_str(), O_RDONLY));
    absl::StatusOr<Artifact> taken = TakeFileToStore(fd.get(), bytes.size(), store_.get());
    if (!taken.ok()) return taken;
    EXPECT_EQ(*taken->Sha256(), HashOf(bytes));
    if (absl::Status status = taken->Keep(); !status.ok()) return status;
    return taken;
  }
  std::string FileOf(const std::string& bytes) const { return state_ + "/blobs/" + HashOf(bytes); }
  bool Has(const std::string& bytes) { return store_->Find(HashOf(bytes)).ok(); }
  size_t FilesOnDisk() const {
    const fs::directory_iterator files(state_ + "/blobs");
    return static_cast<size_t>(std::distance(begin(files), end(files)));
  }
  // As somebody with the daemon's rights could.
  void Overwrite(const std::string& path, const std::string& bytes) {
    ASSERT_EQ(chmod(path.c_str(), 0600), 0);
    const channel::UniqueFd fd(open(path.c_str(), O_WRONLY));
    ASSERT_EQ(pwrite(fd.get(), bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    ASSERT_EQ(chmod(path.c_str(), 0400), 0);
  }

  const support::TempFolder temp_;
  const std::string state_ = temp_.path() / "state";
  Background background_;
  std::optional<StateFolder> folder_;
  std::unique_ptr<BlobStore> store_;
};

TEST_F(BlobStoreTest, KeepsAndFinds) {
  const absl::StatusOr<Artifact> taken = Take("abc");
  ASSERT_TRUE(taken.ok()) << taken.status();
  EXPECT_FALSE(taken->in_memory());
  // At once, and the same when it has its name.
  EXPECT_TRUE(Has("abc"));
  background_.AwaitIdle();
  const auto blob = store_->Find(HashOf("abc"));
  ASSERT_TRUE(blob.ok()) << blob.status();
  EXPECT_EQ(Text((*blob)->fd.get(), 3), "abc");
  EXPECT_EQ(Text((*taken->fd()).get(), 3), "abc");
  EXPECT_TRUE(absl::IsNotFound(store_->Find(HashOf("abcd")).status()));
  EXPECT_TRUE(store_->Has(HashOf("abc"), 3));
  EXPECT_FALSE(store_->Has(HashOf("abc"), 4));
}

TEST_F(BlobStoreTest, NobodyMayWrite) {
  const absl::StatusOr<Artifact> taken = Take("abc");
  background_.AwaitIdle();
  struct stat info {};
  ASSERT_EQ(stat(FileOf("abc").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & ALLPERMS, 0400U);
  EXPECT_EQ(info.st_uid, geteuid());
  ASSERT_EQ(stat(state_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & ALLPERMS, 0700U);
  ASSERT_EQ(stat((state_ + "/blobs").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & ALLPERMS, 0700U);
  const int fd = (*taken->fd()).get();
  EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_LT(write(fd, "x", 1), 0);
  EXPECT_LT(ftruncate(fd, 0), 0);
}

TEST_F(BlobStoreTest, OutlivesTheProcess) {
  ASSERT_TRUE(Take("abc").ok());
  Restart();
  EXPECT_EQ(store_->use().bytes, 3U);
  EXPECT_TRUE(Has("abc"));
}

TEST_F(BlobStoreTest, WithoutKeepNothingIsLeft) {
  const std::string path = temp_.Write("source", "abc");
  const channel::UniqueFd fd(open(path.c_str(), O_RDONLY));
  {
    auto taken = TakeFileToStore(fd.get(), 3, store_.get());
    ASSERT_TRUE(taken.ok());
    EXPECT_EQ(store_->use().bytes, 3U);
  }
  EXPECT_EQ(store_->use().bytes, 0U);
  EXPECT_EQ(FilesOnDisk(), 0U);
  EXPECT_TRUE(absl::IsAborted(TakeFileToStore(fd.get(), 4, store_.get()).status()));
  EXPECT_TRUE(absl::IsCancelled(
      TakeFileToStore(fd.get(), 3, store_.get(), [] { return absl::CancelledError(); }).status()));
  EXPECT_EQ(store_->use().bytes, 0U);
  EXPECT_EQ(FilesOnDisk(), 0U);
}

TEST_F(BlobStoreTest, WhatAnotherProcessChangedIsNotBelieved) {
  ASSERT_TRUE(Take("abc").ok());
  Stop();
  Overwrite(FileOf("abc"), "abd");
  Start();
  EXPECT_FALSE(Has("abc"));
  EXPECT_FALSE(Has("abd"));
  EXPECT_FALSE(fs::exists(FileOf("abc")));
  EXPECT_EQ(store_->use().bytes, 0U);
}

TEST_F(BlobStoreTest, AChangeWhileItRunsIsSeen) {
  ASSERT_TRUE(Take("abc").ok());
  background_.AwaitIdle();
  EXPECT_TRUE(Has("abc"));
  Overwrite(FileOf("abc"), "abd");
  EXPECT_FALSE(Has("abc"));
  // Another file by the same name, with the right bytes, is read and believed.
  ASSERT_TRUE(Take("xyz").ok());
  background_.AwaitIdle();
  fs::remove(FileOf("xyz"));
  EXPECT_FALSE(Has("xyz"));
  EXPECT_EQ(store_->use().files, 0U);
}

TEST_F(BlobStoreTest, ATruncatedFileIsDropped) {
  ASSERT_TRUE(Take("abc").ok());
  Stop();
  ASSERT_EQ(truncate(FileOf("abc").c_str(), 2), 0);
  Start();
  EXPECT_FALSE(Has("abc"));
  EXPECT_EQ(FilesOnDisk(), 0U);
}

TEST_F(BlobStoreTest, WhatDoesNotBelongThereIsRemoved) {
  ASSERT_TRUE(Take("abc").ok());
  Stop();
  temp_.Write("state/blobs/new-7", "half");
  temp_.Write("state/blobs/readme", "text");
  const std::string planted = temp_.Write("state/blobs/" + HashOf("evil"), "evil");  // 0644
  ASSERT_EQ(symlink("/etc/passwd", FileOf("link").c_str()), 0);
  Start();
  EXPECT_FALSE(fs::exists(planted));
  EXPECT_FALSE(Has("link"));
  EXPECT_TRUE(Has("abc"));
  EXPECT_EQ(FilesOnDisk(), 1U);
}

TEST_F(BlobStoreTest, TheLeastRecentlyUsedGoesFirst) {
  Restart(10);
  ASSERT_TRUE(Take("aaaa").ok());
  ASSERT_TRUE(Take("bbbb").ok());
  EXPECT_TRUE(Has("aaaa"));
  ASSERT_TRUE(Take("cccc").ok());
  EXPECT_TRUE(Has("aaaa"));
  EXPECT_FALSE(Has("bbbb"));
  store_->Demote(HashOf("cccc"));
  ASSERT_TRUE(Take("dddd").ok());
  EXPECT_TRUE(Has("aaaa"));
  EXPECT_FALSE(Has("cccc"));
  EXPECT_EQ(store_->use().bytes, 8U);
  background_.AwaitIdle();
  EXPECT_EQ(FilesOnDisk(), 2U);
}

TEST_F(BlobStoreTest, WhatIsHeldStays) {
  Restart(10);
  const absl::StatusOr<Artifact> a = Take("aaaa");
  absl::StatusOr<Artifact> b = Take("bbbb");
  ASSERT_TRUE(a.ok() && b.ok());
  const absl::Status full = Take("cccc").status();
  EXPECT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(observe::ReasonOf(full), "LIMIT_REACHED");
  EXPECT_EQ(store_->use().bytes, 8U);
  background_.AwaitIdle();
  EXPECT_EQ(FilesOnDisk(), 2U);
  // What would never fit removes nothing.
  b = absl::CancelledError();
  EXPECT_TRUE(absl::IsResourceExhausted(Take("ccccccc").status()));
  EXPECT_TRUE(Has("bbbb"));
  ASSERT_TRUE(Take("cccc").ok());
  EXPECT_TRUE(Has("aaaa"));
  EXPECT_FALSE(Has("bbbb"));
}

TEST_F(BlobStoreTest, TheSameTwiceIsOneFile) {
  const absl::StatusOr<Artifact> first = Take("abc");
  const absl::StatusOr<Artifact> second = Take("abc");
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ((*first->fd()).get(), (*second->fd()).get());
  EXPECT_EQ(store_->use().bytes, 3U);
  background_.AwaitIdle();
  EXPECT_EQ(FilesOnDisk(), 1U);
}

TEST_F(BlobStoreTest, ASmallerQuotaHoldsFromTheStart) {
  ASSERT_TRUE(Take("aaaa").ok());
  ASSERT_TRUE(Take("bbbb").ok());
  Restart(5);
  EXPECT_LE(store_->use().bytes, 5U);
  EXPECT_EQ(FilesOnDisk(), 1U);
}

TEST_F(BlobStoreTest, OtherRootsFindNothing) {
  ASSERT_TRUE(Take("abc").ok());
  Stop();
  Start(1000, "other roots");
  EXPECT_FALSE(Has("abc"));
  EXPECT_EQ(FilesOnDisk(), 0U);
}

TEST_F(BlobStoreTest, TheFolderIsOneDaemonsAlone) {
  EXPECT_TRUE(absl::IsUnavailable(StateFolder::Open(state_, "roots").status()));
  Stop();
  ASSERT_EQ(chmod(state_.c_str(), 0750), 0);
  EXPECT_TRUE(absl::IsFailedPrecondition(StateFolder::Open(state_, "roots").status()));
  ASSERT_EQ(chmod(state_.c_str(), 0700), 0);
  ASSERT_EQ(chmod((state_ + "/blobs").c_str(), 0777), 0);
  const absl::StatusOr<StateFolder> folder = StateFolder::Open(state_, "roots");
  ASSERT_TRUE(folder.ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(folder->Subfolder("blobs").status()));
  const std::string link = temp_.path() / "link";
  ASSERT_EQ(symlink(state_.c_str(), link.c_str()), 0);
  EXPECT_FALSE(StateFolder::Open(link, "roots").ok());
}

TEST_F(BlobStoreTest, KeysAreOfTheFolder) {
  const std::string key = *folder_->Key();
  EXPECT_EQ(key.size(), 32U);
  EXPECT_EQ(*folder_->Key(), key);
  Restart();
  EXPECT_EQ(*folder_->Key(), key);
}

class OutputsTest : public BlobStoreTest {
 protected:
  std::unique_ptr<OutputFiles> Outputs(const std::string& scope = "worker",
                                       uint64_t max_bytes = 4096) {
    return *OutputFiles::Open(*folder_->Subfolder("outputs"),
                              {.scope = scope, .key = *folder_->Key(), .max_bytes = max_bytes},
                              &background_);
  }
  std::vector<fs::path> Files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(state_ + "/outputs")) files.push_back(entry);
    return files;
  }
};

TEST_F(OutputsTest, KeepsAndFinds) {
  {
    const auto outputs = Outputs();
    outputs->Keep("sha", {"graph", "", "result"});
    background_.AwaitIdle();
    const auto found = outputs->Find("sha");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->graph, "graph");
    EXPECT_EQ(found->provenance, "");
    EXPECT_EQ(found->result, "result");
    EXPECT_FALSE(outputs->Find("other"));
  }
  EXPECT_TRUE(Outputs()->Find("sha"));
  EXPECT_FALSE(Outputs("another worker")->Find("sha"));
}

TEST_F(OutputsTest, EveryChangedByteIsSeen) {
  Outputs()->Keep("sha", {"graph", "provenance", "result"});
  ASSERT_EQ(Files().size(), 1U);
  const fs::path file = Files()[0];
  const std::string whole = temp_.Read("state/outputs/" + file.filename().string());
  for (size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] ^= 1;
    fs::remove(file);
    temp_.Write("state/outputs/" + file.filename().string(), changed);
    ASSERT_EQ(chmod(file.c_str(), 0400), 0);
    EXPECT_FALSE(Outputs()->Find("sha")) << i;
    EXPECT_FALSE(fs::exists(file)) << i;
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    temp_.Write("state/outputs/" + file.filename().string(), whole.substr(0, i));
    ASSERT_EQ(chmod(file.c_str(), 0400), 0);
    EXPECT_FALSE(Outputs()->Find("sha")) << i;
  }
  temp_.Write("state/outputs/" + file.filename().string(), whole);
  ASSERT_EQ(chmod(file.c_str(), 0400), 0);
  EXPECT_TRUE(Outputs()->Find("sha"));
}

TEST_F(OutputsTest, OneCannotStandForAnother) {
  Outputs()->Keep("a", {"graph of a", "", ""});
  const fs::path a = Files()[0];
  Outputs()->Keep("b", {"graph of b", "", ""});
  ASSERT_EQ(Files().size(), 2U);
  const fs::path b = Files()[0] == a ? Files()[1] : Files()[0];
  fs::rename(a, b);
  EXPECT_FALSE(Outputs()->Find("b"));
}

TEST_F(OutputsTest, TheirBytesAreBounded) {
  const auto outputs = Outputs("worker", 1000);
  outputs->Keep("large", {std::string(500, 'x'), "", ""});
  for (int i = 0; i < 20; ++i) {
    outputs->Keep(std::to_string(i), {std::string(100, 'x'), "", ""});
    background_.AwaitIdle();
  }
  EXPECT_FALSE(outputs->Find("large"));
  EXPECT_FALSE(outputs->Find("0"));
  EXPECT_TRUE(outputs->Find("19"));
  uint64_t bytes = 0;
  for (const fs::path& file : Files()) bytes += fs::file_size(file);
  EXPECT_LE(bytes, 1000U);
}

TEST_F(BlobStoreTest, FilesAreKnownByTheirTimes) {
  const std::string path = temp_.Write("file", "abc");
  const channel::UniqueFd fd(open(path.c_str(), O_RDONLY));
  // Just made: it could be changed again within the same tick.
  EXPECT_FALSE(SettledIdentity(fd.get()));
  sleep(3);
  const auto id = SettledIdentity(fd.get());
  ASSERT_TRUE(id);
  KnownFiles files;
  EXPECT_FALSE(files.Find(*id));
  files.Learn(fd.get(), *id, HashOf("abc"));
  EXPECT_EQ(files.Find(*id), HashOf("abc"));
  // The same size and, by somebody's will, the same time of modification.
  const fs::file_time_type before = fs::last_write_time(path);
  std::ofstream(path) << "xyz";
  fs::last_write_time(path, before);
  const auto changed = IdentityOf(fd.get());
  ASSERT_TRUE(changed.ok());
  EXPECT_EQ(changed->modified, id->modified);
  EXPECT_EQ(changed->size, id->size);
  EXPECT_FALSE(files.Find(*changed));
  // A file that changed while it was read is not learnt.
  files.Learn(fd.get(), *id, HashOf("abc"));
  EXPECT_FALSE(files.Find(*id));
}

}  // namespace
}  // namespace loadlock::store
