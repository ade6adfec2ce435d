#include "client/cpp/model.h"

#include <cstring>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace loadlock::client {
namespace {

absl::Status Broken(absl::string_view what) {
  return absl::DataLossError(absl::StrCat("the daemon's answer is not consistent: ", what));
}

}  // namespace

ModelAssembler::ModelAssembler(v1::Report report, v1::Lease lease) {
  model_.report_ = std::move(report);
  model_.lease_ = std::move(lease);
}

// Checks the columns of the buffers against each other and against the report.
absl::Status ModelAssembler::Prepare() {
  if (prepared_) return absl::OkStatus();
  const v1::Graph& graph = model_.graph_;
  if (graph.kinds_size() == 0) return Broken("a graph without nodes");
  if (graph.kinds_size() != graph.operand_counts_size() ||
      graph.root() >= static_cast<uint32_t>(graph.kinds_size())) {
    return Broken("the graph's columns do not match");
  }
  if (graph.buffer_sources_size() != graph.buffer_lengths_size() ||
      graph.buffer_offsets_size() != graph.buffer_lengths_size()) {
    return Broken("the graph's buffer columns do not match");
  }
  uint64_t left = model_.report_.buffer_bytes();
  for (const uint64_t length : graph.buffer_lengths()) {
    if (length > left) return Broken("buffers longer than the report says");
    left -= length;
  }
  if (left != 0 ||
      static_cast<uint64_t>(graph.buffer_lengths_size()) != model_.report_.buffer_count()) {
    return Broken("buffers other than the report says");
  }
  model_.buffers_.resize(graph.buffer_lengths_size());
  filled_.resize(graph.buffer_lengths_size(), 0);
  prepared_ = true;
  return absl::OkStatus();
}

absl::Status ModelAssembler::AllocateBuffer(int index) {
  const uint64_t length = model_.graph_.buffer_lengths(index);
  std::unique_ptr<uint8_t[]> block(new (std::nothrow) uint8_t[length]);
  if (block == nullptr) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no memory for a buffer of ", length, " bytes"));
  }
  model_.buffers_[index] = {block.get(), static_cast<size_t>(length)};
  model_.blocks_.push_back(std::move(block));
  return absl::OkStatus();
}

absl::Status ModelAssembler::AddInline(
    const google::protobuf::RepeatedPtrField<std::string>& buffers) {
  if (absl::Status status = Prepare(); !status.ok()) return status;
  if (static_cast<size_t>(buffers.size()) != filled_.size()) {
    return Broken("fewer or more inline buffers than the graph names");
  }
  v1::BufferChunk chunk;
  for (int i = 0; i < buffers.size(); ++i) {
    chunk.set_buffer(i);
    chunk.set_data(buffers[i]);
    if (absl::Status status = AddChunk(chunk); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ModelAssembler::MapBuffer(int index) {
  const v1::Graph& graph = model_.graph_;
  const uint64_t offset = graph.buffer_offsets(index);
  const uint64_t length = graph.buffer_lengths(index);
  absl::Span<uint8_t> bytes;
  switch (graph.buffer_sources(index)) {
    case v1::BUFFER_SOURCE_ARTIFACT:
      bytes = model_.artifact_.bytes();
      break;
    case v1::BUFFER_SOURCE_DECODED:
      bytes = model_.decoded_.bytes();
      break;
    default:
      return Broken("a buffer of an unknown source");
  }
  if (offset > bytes.size() || length > bytes.size() - offset) {
    return Broken("a buffer beyond the end of its descriptor");
  }
  model_.buffers_[index] = bytes.subspan(offset, length);
  filled_[index] = length;
  return absl::OkStatus();
}

absl::Status ModelAssembler::AddFiles(HandedFiles files, Access access) {
  if (absl::Status status = Prepare(); !status.ok()) return status;
  const v1::Report& report = model_.report_;
  if (files.artifact_size != report.size() || files.decoded_size != report.decoded_size()) {
    return Broken("descriptors of another size than the report says");
  }
  auto artifact =
      SealedFile::Map(std::move(files.artifact), files.artifact_size, files.owner, access);
  if (!artifact.ok()) return artifact.status();
  model_.artifact_ = *std::move(artifact);
  if (files.decoded_size > 0) {
    auto decoded =
        SealedFile::Map(std::move(files.decoded), files.decoded_size, files.owner, access);
    if (!decoded.ok()) return decoded.status();
    model_.decoded_ = *std::move(decoded);
  }
  for (int i = 0; i < model_.graph_.buffer_lengths_size(); ++i) {
    if (absl::Status status = MapBuffer(i); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ModelAssembler::AddChunk(const v1::BufferChunk& chunk) {
  if (absl::Status status = Prepare(); !status.ok()) return status;
  const uint32_t index = chunk.buffer();
  if (index >= filled_.size() || chunk.offset() != filled_[index]) {
    return Broken("a chunk out of order");
  }
  const uint64_t size = chunk.data().size();
  if (size == 0) return absl::OkStatus();
  if (size > model_.graph_.buffer_lengths(static_cast<int>(index)) - filled_[index]) {
    return Broken("a chunk beyond its buffer's end");
  }
  if (filled_[index] == 0) {
    absl::Status status = AllocateBuffer(static_cast<int>(index));
    if (!status.ok()) return status;
  }
  std::memcpy(model_.buffers_[index].data() + filled_[index], chunk.data().data(), size);
  filled_[index] += size;
  return absl::OkStatus();
}

absl::Status ModelAssembler::AddEnd(const v1::FetchEnd& end) {
  if (absl::Status status = Prepare(); !status.ok()) return status;
  const v1::Graph& graph = model_.graph_;
  if (end.node_count() != static_cast<uint64_t>(graph.kinds_size()) ||
      end.buffer_count() != filled_.size() || end.buffer_bytes() != model_.report_.buffer_bytes()) {
    return Broken("the end of the stream counts something else");
  }
  return absl::OkStatus();
}

absl::StatusOr<Model> ModelAssembler::Finish() && {
  if (absl::Status status = Prepare(); !status.ok()) return status;
  for (size_t i = 0; i < filled_.size(); ++i) {
    if (filled_[i] != model_.graph_.buffer_lengths(static_cast<int>(i))) {
      return Broken("a buffer is incomplete");
    }
  }
  return std::move(model_);
}

}  // namespace loadlock::client
