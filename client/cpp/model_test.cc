#include "client/cpp/model.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>

namespace loadlock::client {
namespace {

constexpr int kAllSeals = F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

Fd Memfd(const std::string& content, int seals = kAllSeals) {
  Fd fd(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(write(fd.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
  EXPECT_EQ(fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

std::string Text(absl::Span<const uint8_t> bytes) {
  return std::string(bytes.begin(), bytes.end());
}

struct Range {
  v1::BufferSource source;
  uint64_t offset;
  uint64_t length;
};

// An assembler whose graph is one node and the given buffers.
ModelAssembler Assembler(const std::vector<Range>& buffers, uint64_t size = 0,
                         uint64_t decoded_size = 0) {
  v1::Report report;
  report.set_size(size);
  report.set_decoded_size(decoded_size);
  v1::Graph graph;
  graph.add_kinds(v1::NODE_KIND_NONE);
  graph.add_operand_counts(0);
  for (const Range& buffer : buffers) {
    graph.add_buffer_sources(buffer.source);
    graph.add_buffer_offsets(buffer.offset);
    graph.add_buffer_lengths(buffer.length);
    report.set_buffer_bytes(report.buffer_bytes() + buffer.length);
  }
  report.set_buffer_count(buffers.size());
  ModelAssembler assembler(report, v1::Lease());
  assembler.AddGraph(graph);
  return assembler;
}

v1::BufferChunk Chunk(uint32_t buffer, uint64_t offset, const std::string& data) {
  v1::BufferChunk chunk;
  chunk.set_buffer(buffer);
  chunk.set_offset(offset);
  chunk.set_data(data);
  return chunk;
}

HandedFiles Files(const std::string& artifact, const std::string& decoded = "",
                  int seals = kAllSeals) {
  HandedFiles files;
  files.artifact = Memfd(artifact, seals);
  files.artifact_size = artifact.size();
  if (!decoded.empty()) files.decoded = Memfd(decoded, seals);
  files.decoded_size = decoded.size();
  return files;
}

constexpr v1::BufferSource kArtifact = v1::BUFFER_SOURCE_ARTIFACT;
constexpr v1::BufferSource kDecoded = v1::BUFFER_SOURCE_DECODED;

TEST(ModelAssembler, MapsDescriptors) {
  ModelAssembler assembler = Assembler({{kArtifact, 2, 3}, {kDecoded, 0, 4}}, 6, 4);
  ASSERT_TRUE(assembler.AddFiles(Files("abcdef", "wxyz"), Access::kReadOnly).ok());
  absl::StatusOr<Model> model = std::move(assembler).Finish();
  ASSERT_TRUE(model.ok()) << model.status();
  const Model moved = *std::move(model);
  ASSERT_EQ(moved.buffer_count(), 2u);
  EXPECT_EQ(Text(moved.buffer(0)), "cde");
  EXPECT_EQ(Text(moved.buffer(1)), "wxyz");
}

TEST(ModelAssembler, PrivateMappingsAreTheReadersOwn) {
  const Fd file = Memfd("abc");
  for (int i = 0; i < 2; ++i) {
    ModelAssembler assembler = Assembler({{kArtifact, 0, 3}}, 3);
    HandedFiles files;
    files.artifact = Fd(dup(file.get()));
    files.artifact_size = 3;
    ASSERT_TRUE(assembler.AddFiles(std::move(files), Access::kPrivate).ok());
    absl::StatusOr<Model> model = std::move(assembler).Finish();
    EXPECT_EQ(Text(model->buffer(0)), "abc");
    model->mutable_buffer(0)[0] = 'X';
    EXPECT_EQ(Text(model->buffer(0)), "Xbc");
  }
}

TEST(ModelAssembler, RefusesDescriptorsThatCanStillChange) {
  for (const int seals : {0, F_SEAL_WRITE, F_SEAL_SHRINK | F_SEAL_GROW, F_SEAL_WRITE | F_SEAL_GROW,
                          F_SEAL_WRITE | F_SEAL_SHRINK}) {
    ModelAssembler assembler = Assembler({{kArtifact, 0, 3}}, 3);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(assembler.AddFiles(Files("abc", "", seals), Access::kReadOnly)))
        << seals;
  }
  HandedFiles device;
  device.artifact = Fd(open("/dev/null", O_RDONLY));
  EXPECT_FALSE(Assembler({}, 0).AddFiles(std::move(device), Access::kReadOnly).ok());
}

// A file as the daemon's store has them.
HandedFiles Stored(const std::string& content, mode_t mode, int flags, uid_t owner) {
  std::string path = testing::TempDir() + "/stored_XXXXXX";
  const Fd writer(mkstemp(path.data()));
  EXPECT_EQ(write(writer.get(), content.data(), content.size()),
            static_cast<ssize_t>(content.size()));
  HandedFiles files;
  files.artifact = Fd(open(path.c_str(), flags));
  files.artifact_size = content.size();
  files.owner = owner;
  EXPECT_EQ(fchmod(writer.get(), mode), 0);
  EXPECT_EQ(unlink(path.c_str()), 0);
  return files;
}

TEST(ModelAssembler, TakesFilesOfTheDaemonThatNobodyMayWrite) {
  const uid_t own = geteuid();
  ModelAssembler assembler = Assembler({{kArtifact, 0, 3}}, 3);
  ASSERT_TRUE(assembler.AddFiles(Stored("abc", 0400, O_RDONLY, own), Access::kReadOnly).ok());
  EXPECT_EQ(Text(std::move(assembler).Finish()->buffer(0)), "abc");
  struct Case {
    mode_t mode;
    int flags;
    uid_t owner;
  };
  for (const Case& bad :
       {Case{0600, O_RDONLY, own}, Case{0420, O_RDONLY, own}, Case{0402, O_RDONLY, own},
        Case{0400, O_RDWR, own}, Case{0400, O_RDONLY, own + 1}}) {
    EXPECT_TRUE(absl::IsFailedPrecondition(
        Assembler({{kArtifact, 0, 3}}, 3)
            .AddFiles(Stored("abc", bad.mode, bad.flags, bad.owner), Access::kReadOnly)))
        << bad.mode;
  }
}

TEST(ModelAssembler, RefusesDescriptorsOfAnotherSizeThanAnnounced) {
  EXPECT_FALSE(Assembler({}, 4).AddFiles(Files("abc"), Access::kReadOnly).ok());
  EXPECT_FALSE(Assembler({}, 3, 1).AddFiles(Files("abc"), Access::kReadOnly).ok());
  EXPECT_FALSE(Assembler({}, 3).AddFiles(Files("abc", "d"), Access::kReadOnly).ok());
  for (const char* lie : {"ab", "abcd"}) {  // As announced, but not as it is.
    HandedFiles files = Files("abc");
    files.artifact = Memfd(lie);
    EXPECT_TRUE(
        absl::IsFailedPrecondition(Assembler({}, 3).AddFiles(std::move(files), Access::kReadOnly)));
  }
}

TEST(ModelAssembler, RefusesBuffersBeyondTheEnd) {
  for (const Range& range :
       {Range{kArtifact, 1, 3}, Range{kArtifact, 4, 0}, Range{kArtifact, ~uint64_t{0}, 2},
        Range{kDecoded, 0, 1}, Range{v1::BUFFER_SOURCE_UNSPECIFIED, 0, 1}}) {
    ModelAssembler assembler = Assembler({range}, 3);
    EXPECT_TRUE(absl::IsDataLoss(assembler.AddFiles(Files("abc"), Access::kReadOnly)))
        << range.offset << " " << range.length;
  }
}

TEST(ModelAssembler, TakesBuffersInline) {
  ModelAssembler assembler = Assembler({{kArtifact, 0, 2}, {kArtifact, 0, 0}, {kDecoded, 9, 1}});
  google::protobuf::RepeatedPtrField<std::string> buffers;
  *buffers.Add() = "ab";
  *buffers.Add() = "";
  EXPECT_FALSE(assembler.AddInline(buffers).ok());
  *buffers.Add() = "c";
  ASSERT_TRUE(assembler.AddInline(buffers).ok());
  absl::StatusOr<Model> model = std::move(assembler).Finish();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Text(model->buffer(0)) + Text(model->buffer(1)) + Text(model->buffer(2)), "abc");
}

TEST(ModelAssembler, TakesAStream) {
  ModelAssembler assembler = Assembler({{kArtifact, 0, 5}, {kArtifact, 0, 0}, {kArtifact, 0, 1}});
  ASSERT_TRUE(assembler.AddChunk(Chunk(0, 0, "ab")).ok());
  ASSERT_TRUE(assembler.AddChunk(Chunk(0, 2, "cde")).ok());
  ASSERT_TRUE(assembler.AddChunk(Chunk(2, 0, "f")).ok());
  absl::StatusOr<Model> model = std::move(assembler).Finish();
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(Text(model->buffer(0)) + Text(model->buffer(2)), "abcdef");
}

TEST(ModelAssembler, RefusesStreamsWithGapsRepeatsAndExcess) {
  for (const v1::BufferChunk& bad :
       {Chunk(0, 3, "x"), Chunk(0, 0, "ab"), Chunk(0, 2, "xxxx"), Chunk(1, 0, "x"),
        Chunk(~0u, 0, "x"), Chunk(0, ~uint64_t{0}, "x")}) {
    ModelAssembler assembler = Assembler({{kArtifact, 0, 5}});
    ASSERT_TRUE(assembler.AddChunk(Chunk(0, 0, "ab")).ok());
    EXPECT_TRUE(absl::IsDataLoss(assembler.AddChunk(bad))) << bad.ShortDebugString();
  }
}

TEST(ModelAssembler, RefusesToFinishWithSomethingMissing) {
  ModelAssembler half = Assembler({{kArtifact, 0, 5}});
  ASSERT_TRUE(half.AddChunk(Chunk(0, 0, "ab")).ok());
  EXPECT_TRUE(absl::IsDataLoss(std::move(half).Finish().status()));
  EXPECT_TRUE(absl::IsDataLoss(Assembler({{kArtifact, 0, 1}}).Finish().status()));
  EXPECT_TRUE(absl::IsDataLoss(ModelAssembler(v1::Report(), v1::Lease()).Finish().status()));
  v1::FetchEnd end;
  end.set_node_count(2);
  EXPECT_TRUE(absl::IsDataLoss(Assembler({}).AddEnd(end)));
}

TEST(ModelAssembler, RefusesAnotherTotalThanTheReports) {
  v1::Report report;
  report.set_buffer_bytes(3);
  report.set_buffer_count(1);
  v1::Graph graph;
  graph.add_kinds(v1::NODE_KIND_NONE);
  graph.add_operand_counts(0);
  graph.add_buffer_sources(kArtifact);
  graph.add_buffer_offsets(0);
  graph.add_buffer_lengths(4);
  ModelAssembler assembler(report, v1::Lease());
  assembler.AddGraph(graph);
  EXPECT_TRUE(absl::IsDataLoss(assembler.AddChunk(Chunk(0, 0, "a"))));
}

}  // namespace
}  // namespace loadlock::client
