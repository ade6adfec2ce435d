#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <thread>

#include "server/observe/error.h"
#include "server/store/artifact.h"
#include "server/store/memfd.h"
#include "server/store/roots.h"
#include "server/store/sha256.h"
#include "tests/support/temp_folder.h"

namespace loadlock::store {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;

// Of "abc", FIPS 180-2.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string HashOf(const std::string& bytes) {
  Sha256 hash;
  hash.Update(absl::MakeConstSpan(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
  return *hash.FinishHex();
}

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 13);
  return bytes;
}

class StoreTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::create_directories(dir_ + "/root/sub");
    std::filesystem::create_directories(dir_ + "/root-not");
    Write("root/model", "abc");
    Write("root/sub/deep", "abc");
    Write("secret", "secret");
    Write("root-not/model", "abc");
    absl::StatusOr<Roots> roots = Roots::Open({dir_ + "/root/"});
    ASSERT_TRUE(roots.ok()) << roots.status();
    roots_ = *std::move(roots);
  }

  void Write(const std::string& name, const std::string& text) { folder_.Write(name, text); }
  void Link(const std::string& target, const std::string& name) {
    ASSERT_EQ(symlink(target.c_str(), (dir_ + "/" + name).c_str()), 0);
  }
  absl::Status Open(const std::string& name) const {
    return roots_.OpenFile(dir_ + "/" + name).status();
  }

  const support::TempFolder folder_;
  const std::string dir_ = folder_.path();
  Roots roots_;
};

TEST_F(StoreTest, OpensWhatLiesUnderTheRoot) {
  EXPECT_TRUE(Open("root/model").ok());
  EXPECT_TRUE(Open("root/sub/deep").ok());
  EXPECT_TRUE(Open("root//model").ok());
  EXPECT_TRUE(Open("root/sub/../model").ok());
  Link("sub/deep", "root/inside");
  EXPECT_TRUE(Open("root/inside").ok());
}

TEST_F(StoreTest, RefusesWhatLeadsOut) {
  EXPECT_EQ(Open("secret").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Open("root-not/model").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Open("root/../secret").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Open("root/sub/../../secret").code(), StatusCode::kPermissionDenied);
  Link("../secret", "root/relative");
  EXPECT_EQ(Open("root/relative").code(), StatusCode::kPermissionDenied);
  Link(dir_ + "/secret", "root/absolute");
  EXPECT_EQ(Open("root/absolute").code(), StatusCode::kPermissionDenied);
  Link(dir_, "root/folder");
  EXPECT_EQ(Open("root/folder/secret").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(observe::ReasonOf(Open("root/absolute")), "OUTSIDE_ROOTS");
}

TEST_F(StoreTest, ARootThatIsReplacedStaysTheOldOne) {
  std::filesystem::rename(dir_ + "/root", dir_ + "/moved");
  std::filesystem::create_directory(dir_ + "/root");
  Write("root/new", "abc");
  EXPECT_EQ(Open("root/new").code(), StatusCode::kNotFound);
  EXPECT_TRUE(Open("root/model").ok());
}

TEST_F(StoreTest, RefusesMagicLinks) {
  const absl::StatusOr<Roots> everything = Roots::Open({"/"});
  ASSERT_TRUE(everything.ok());
  channel::UniqueFd secret(open((dir_ + "/secret").c_str(), O_RDONLY | O_CLOEXEC));
  const std::string magic = "/proc/self/fd/" + std::to_string(secret.get());
  ASSERT_EQ(access(magic.c_str(), R_OK), 0);
  EXPECT_EQ(everything->OpenFile(magic).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(everything->OpenFile("/proc/self/root/etc/passwd").status().code(),
            StatusCode::kPermissionDenied);
  EXPECT_TRUE(everything->OpenFile(dir_ + "/secret").ok());
}

TEST_F(StoreTest, FilesOfProcHoldNothing) {
  const absl::StatusOr<Roots> everything = Roots::Open({"/"});
  ASSERT_TRUE(everything.ok());
  const absl::StatusOr<OpenedFile> file = everything->OpenFile("/proc/self/environ");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(file->size, 0U);
  absl::StatusOr<Artifact> artifact = TakeFile(file->fd.get(), file->size, 1000);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(artifact->size(), 0U);
}

TEST_F(StoreTest, RefusesWhatIsNoRegularFile) {
  ASSERT_EQ(mkfifo((dir_ + "/root/fifo").c_str(), 0600), 0);
  for (const char* name : {"root/fifo", "root/sub", "root", "root/"}) {
    EXPECT_EQ(Open(name).code(), name == std::string("root") ? StatusCode::kPermissionDenied
                                                             : StatusCode::kInvalidArgument)
        << name << ": " << Open(name);
  }
  const absl::StatusOr<Roots> everything = Roots::Open({"/"});
  ASSERT_TRUE(everything.ok());
  EXPECT_EQ(everything->OpenFile("/dev/null").status().code(), StatusCode::kInvalidArgument);
}

TEST_F(StoreTest, RefusesBadPaths) {
  EXPECT_EQ(roots_.OpenFile("").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(roots_.OpenFile("root/model").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(roots_.OpenFile(std::string("/x\0y", 4)).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(roots_.OpenFile(std::string(5000, '/')).status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(Open("root/none").code(), StatusCode::kNotFound);
  EXPECT_EQ(Open("root/model/x").code(), StatusCode::kNotFound);
  EXPECT_EQ(observe::ReasonOf(Open("root/none")), "NO_SUCH_FILE");
}

TEST_F(StoreTest, LongestRootCounts) {
  const absl::StatusOr<Roots> roots = Roots::Open({dir_ + "/root", dir_ + "/root/sub", "/"});
  ASSERT_TRUE(roots.ok());
  Link("../model", "root/sub/up");
  // Under /root alone the link would be allowed; the more specific root is the stricter one.
  EXPECT_EQ(roots->OpenFile(dir_ + "/root/sub/up").status().code(), StatusCode::kPermissionDenied);
  EXPECT_TRUE(roots->OpenFile(dir_ + "/secret").ok());
}

TEST_F(StoreTest, MissingRootIsAnError) {
  EXPECT_THAT(std::string(Roots::Open({dir_ + "/none"}).status().message()), HasSubstr("/none"));
}

TEST_F(StoreTest, ArtifactsAreSealedAndReadOnly) {
  absl::StatusOr<Artifact> artifact = TakeBytes("abc", 1000);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(artifact->size(), 3U);
  EXPECT_EQ(*artifact->Sha256(), kAbc);
  const int fd = artifact->fd()->get();
  EXPECT_TRUE(IsSealed(fd));
  EXPECT_EQ(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
  EXPECT_NE(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_LT(write(fd, "x", 1), 0);
  EXPECT_LT(ftruncate(fd, 1), 0);
  // A holder who opens it anew for writing meets the seals.
  channel::UniqueFd again(open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDWR));
  if (again.valid()) {
    EXPECT_LT(write(again.get(), "x", 1), 0);
    EXPECT_LT(ftruncate(again.get(), 0), 0);
    EXPECT_EQ(mmap(nullptr, 3, PROT_READ | PROT_WRITE, MAP_SHARED, again.get(), 0), MAP_FAILED);
    EXPECT_LT(fcntl(again.get(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE), 0);
  }
}

class SizesTest : public StoreTest, public ::testing::WithParamInterface<size_t> {};

TEST_P(SizesTest, CopyAndDigestAreExact) {
  const std::string bytes = Pattern(GetParam());
  Write("root/data", bytes);
  absl::StatusOr<OpenedFile> file = roots_.OpenFile(dir_ + "/root/data");
  ASSERT_TRUE(file.ok());
  absl::StatusOr<Artifact> artifact = TakeFile(file->fd.get(), file->size, uint64_t{1} << 30);
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_TRUE(IsSealed(artifact->fd()->get()));
  EXPECT_EQ(*artifact->Sha256(), HashOf(bytes));
  EXPECT_EQ(*artifact->Sha256(), HashOf(bytes));
  absl::StatusOr<Mapping> mapped = Mapping::Map(artifact->fd()->get(), 0, artifact->size());
  ASSERT_TRUE(mapped.ok());
  EXPECT_EQ(std::string(mapped->bytes().begin(), mapped->bytes().end()), bytes);
}

INSTANTIATE_TEST_SUITE_P(Sizes, SizesTest,
                         ::testing::Values(0, 1, 4095, kInlineHashBytes, kInlineHashBytes + 1,
                                           (2 << 20) - 1, 2 << 20, (2 << 20) + 1, 7'000'003));

TEST_F(StoreTest, BytesInOddPiecesAreHashedInOrder) {
  const std::string bytes = Pattern(1'500'007);
  absl::StatusOr<Intake> intake = Intake::Start(kInlineHashBytes + 1, bytes.size());
  ASSERT_TRUE(intake.ok());
  size_t from = 0;
  for (size_t piece = 1; from < bytes.size(); piece = piece * 3 + 1) {
    ASSERT_TRUE(intake->Append(absl::string_view(bytes).substr(from, piece)).ok());
    from += std::min(piece, bytes.size() - from);
  }
  ASSERT_TRUE(intake->Append("").ok());
  absl::StatusOr<Artifact> artifact = intake->Finish();
  ASSERT_TRUE(artifact.ok()) << artifact.status();
  EXPECT_EQ(artifact->size(), bytes.size());
  EXPECT_EQ(*artifact->Sha256(), HashOf(bytes));
}

TEST_F(StoreTest, CapIsEnforced) {
  EXPECT_EQ(TakeBytes("abc", 2).status().code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(TakeBytes("abc", 2).status().message()), HasSubstr("max_artifact_bytes"));
  EXPECT_TRUE(TakeBytes("abc", 3).ok());
  absl::StatusOr<Intake> intake = Intake::Start(0, 4);
  ASSERT_TRUE(intake.ok());
  EXPECT_TRUE(intake->Append("abc").ok());
  EXPECT_EQ(intake->Append("de").code(), StatusCode::kResourceExhausted);
  absl::StatusOr<Intake> large = Intake::Start(kInlineHashBytes + 1, 4);  // Hashed by a thread.
  ASSERT_TRUE(large.ok());
  EXPECT_TRUE(large->Append("abc").ok());
  EXPECT_EQ(large->Append("de").code(), StatusCode::kResourceExhausted);
}

TEST_F(StoreTest, AFileThatShrankIsAnError) {
  absl::StatusOr<OpenedFile> file = roots_.OpenFile(dir_ + "/root/model");
  ASSERT_TRUE(file.ok());
  const absl::Status status = TakeFile(file->fd.get(), 10, 1000).status();
  EXPECT_EQ(status.code(), StatusCode::kAborted);
  EXPECT_EQ(status.message(), "the file shrank from 10 to 3 bytes");
}

TEST_F(StoreTest, LaterChangesOfTheFileDoNotMatter) {
  absl::StatusOr<OpenedFile> file = roots_.OpenFile(dir_ + "/root/model");
  ASSERT_TRUE(file.ok());
  absl::StatusOr<Artifact> artifact = TakeFile(file->fd.get(), file->size, 1000);
  ASSERT_TRUE(artifact.ok());
  Write("root/model", "xyz and more");
  EXPECT_EQ(*artifact->Sha256(), kAbc);
}

TEST_F(StoreTest, AbandonedHashStops) {
  Write("root/data", Pattern(20 << 20));
  absl::StatusOr<OpenedFile> file = roots_.OpenFile(dir_ + "/root/data");
  ASSERT_TRUE(file.ok());
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(TakeFile(file->fd.get(), file->size, uint64_t{1} << 30).ok());
  }
}

constexpr uint64_t kGrant = 2 * 4096;

uint64_t SizeOf(const channel::UniqueFd& fd) {
  struct stat info {};
  EXPECT_EQ(fstat(fd.get(), &info), 0);
  return static_cast<uint64_t>(info.st_size);
}

TEST(DecodedTest, SealsWhatTheWorkerWrote) {
  absl::StatusOr<channel::UniqueFd> fd = NewDecoded(kGrant);
  ASSERT_TRUE(fd.ok()) << fd.status();
  ASSERT_EQ(pwrite(fd->get(), "abcd", 4, 0), 4);
  ASSERT_TRUE(SealDecoded(fd->get(), 3).ok());
  EXPECT_EQ(SizeOf(*fd), 3U);
  EXPECT_TRUE(IsSealed(fd->get()));
  EXPECT_LT(pwrite(fd->get(), "x", 1, 0), 0);
}

TEST(DecodedTest, TheKernelRefusesWhatIsBeyondTheGrant) {
  absl::StatusOr<channel::UniqueFd> fd = NewDecoded(kGrant);
  ASSERT_TRUE(fd.ok());
  const std::string much(3 * 4096, 'x');
  EXPECT_EQ(pwrite(fd->get(), much.data(), much.size(), 0), static_cast<ssize_t>(kGrant));
  EXPECT_LT(pwrite(fd->get(), "x", 1, kGrant), 0);
  EXPECT_EQ(errno, EPERM);
  EXPECT_LT(ftruncate(fd->get(), kGrant + 1), 0);
  EXPECT_EQ(SizeOf(*fd), kGrant);
  // Not after it was cut, either.
  ASSERT_EQ(ftruncate(fd->get(), 0), 0);
  EXPECT_LT(pwrite(fd->get(), "x", 1, 0), 0);
}

TEST(DecodedTest, RefusesWhileAWritableMappingIsLeft) {
  absl::StatusOr<channel::UniqueFd> fd = NewDecoded(kGrant);
  ASSERT_TRUE(fd.ok());
  void* mapped = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  memset(mapped, 'x', 4096);
  EXPECT_EQ(SealDecoded(fd->get(), 4096).code(), StatusCode::kFailedPrecondition);
  EXPECT_FALSE(IsSealed(fd->get()));
  munmap(mapped, 4096);
  EXPECT_TRUE(SealDecoded(fd->get(), 4096).ok());
}

TEST(DecodedTest, RefusesMoreThanTheGrant) {
  absl::StatusOr<channel::UniqueFd> fd = NewDecoded(kGrant);
  ASSERT_TRUE(fd.ok());
  for (const uint64_t size : {kGrant + 1, uint64_t{1} << 63, ~uint64_t{0}}) {
    EXPECT_EQ(SealDecoded(fd->get(), size).code(), StatusCode::kInvalidArgument);
  }
}

TEST(DecodedTest, RefusesWhatWasNeverWritten) {
  for (const off_t written : {off_t{-1}, off_t{4096}}) {
    absl::StatusOr<channel::UniqueFd> fd = NewDecoded(kGrant);
    ASSERT_TRUE(fd.ok());
    if (written >= 0) {
      ASSERT_EQ(pwrite(fd->get(), "abc", 3, written), 3);
    }
    EXPECT_EQ(SealDecoded(fd->get(), 4099).code(), StatusCode::kInvalidArgument);
  }
}

TEST(DecodedTest, NothingIsExecutable) {
  absl::StatusOr<channel::UniqueFd> fd = NewMemfd("test");
  ASSERT_TRUE(fd.ok());
  struct stat info {};
  ASSERT_EQ(fstat(fd->get(), &info), 0);
  constexpr int kSealExec = 0x0020;
  if ((fcntl(fd->get(), F_GET_SEALS) & kSealExec) != 0) {
    EXPECT_EQ(info.st_mode & 0111U, 0U);
    EXPECT_LT(fchmod(fd->get(), 0755), 0);
  }
}

TEST(Sha256Test, HexForm) {
  EXPECT_TRUE(IsSha256Hex(kAbc));
  EXPECT_FALSE(IsSha256Hex(std::string(64, 'g')));
  EXPECT_FALSE(IsSha256Hex(std::string(64, 'A')));
  EXPECT_FALSE(IsSha256Hex(std::string(63, 'a')));
  EXPECT_EQ(HashOf("abc"), kAbc);
}

}  // namespace
}  // namespace loadlock::store
