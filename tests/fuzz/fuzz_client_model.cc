// The client's side of a load: answers in any order and with any content become a model that is
// whole, or an error. An input is one byte of choices, and then messages of one tag byte, a length
// byte pair and their bytes: 'r' the report, 'g' a piece of the graph, 'b' a buffer inline, 'c' a
// chunk, 'e' the end, 'a' and 'd' the sealed files.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/cpp/handover.h"
#include "client/cpp/model.h"
#include "google/protobuf/stubs/logging.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/packets.h"
#include "tests/fuzz/target.h"

namespace loadlock::fuzz {
namespace {

using client::ModelAssembler;

struct Answers {
  v1::Report report;
  std::vector<v1::Graph> pieces;
  google::protobuf::RepeatedPtrField<std::string> buffers;
  std::vector<v1::BufferChunk> chunks;
  std::optional<v1::FetchEnd> end;
  std::string artifact;
  std::string decoded;
};

Answers ReadAnswers(Input input) {
  Answers answers;
  while (!input.empty()) {
    const uint8_t tag = input.Byte();
    const std::string bytes(input.Take(input.Number<uint16_t>()));
    // What does not parse never gets here: gRPC ends the call.
    switch (tag) {
      case 'r':
        if (!answers.report.ParseFromString(bytes)) answers.report.Clear();
        break;
      case 'g':
        answers.pieces.emplace_back();
        if (!answers.pieces.back().ParseFromString(bytes)) answers.pieces.pop_back();
        break;
      case 'b':
        *answers.buffers.Add() = bytes;
        break;
      case 'c':
        answers.chunks.emplace_back();
        if (!answers.chunks.back().ParseFromString(bytes)) answers.chunks.pop_back();
        break;
      case 'e':
        answers.end.emplace();
        if (!answers.end->ParseFromString(bytes)) answers.end.reset();
        break;
      case 'a':
        answers.artifact = bytes;
        break;
      default:
        answers.decoded = bytes;
    }
  }
  return answers;
}

client::Fd SealedFd(std::string_view bytes, bool sealed) {
  client::Fd fd(memfd_create("file", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  Require(fd.valid() &&
              write(fd.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()),
          "memfd_create");
  constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
  if (sealed) Require(fcntl(fd.get(), F_ADD_SEALS, kSeals) == 0, "seal");
  return fd;
}

struct Choices {
  bool inline_buffers = false;
  bool files = false;
  bool sealed = true;
  bool private_copy = false;
  bool true_sizes = false;
};

// The graph and report of `answers` decide; the bytes come in the ways that were chosen.
absl::StatusOr<client::Model> Assemble(Answers* answers, const Choices& choices) {
  if (choices.true_sizes) {
    answers->report.set_size(answers->artifact.size());
    answers->report.set_decoded_size(answers->decoded.size());
  }
  ModelAssembler assembler(answers->report, {});
  for (const v1::Graph& piece : answers->pieces) assembler.AddGraph(piece);
  absl::Status status;
  if (choices.inline_buffers) status.Update(assembler.AddInline(answers->buffers));
  if (choices.files && status.ok()) {
    client::HandedFiles files;
    files.artifact = SealedFd(answers->artifact, choices.sealed);
    files.artifact_size = answers->artifact.size();
    if (!answers->decoded.empty()) files.decoded = SealedFd(answers->decoded, choices.sealed);
    files.decoded_size = answers->decoded.size();
    status.Update(assembler.AddFiles(std::move(files), choices.private_copy
                                                           ? client::Access::kPrivate
                                                           : client::Access::kReadOnly));
    Require(choices.sealed || !status.ok(), "nothing is mapped that somebody could change");
  }
  for (const v1::BufferChunk& chunk : answers->chunks) {
    if (status.ok()) status.Update(assembler.AddChunk(chunk));
  }
  if (answers->end && status.ok()) status.Update(assembler.AddEnd(*answers->end));
  if (!status.ok()) return status;
  return std::move(assembler).Finish();
}

// A model that was accepted: every buffer is there, and as long as graph and report say.
void CheckModel(const client::Model& model, const Answers& answers, const Choices& choices) {
  const v1::Graph& graph = model.graph();
  Require(graph.kinds_size() > 0 && graph.root() < static_cast<uint32_t>(graph.kinds_size()),
          "a model has a root");
  Require(static_cast<int>(model.buffer_count()) == graph.buffer_lengths_size() &&
              model.buffer_count() == model.report().buffer_count(),
          "it has its buffers");
  uint64_t total = 0;
  for (size_t i = 0; i < model.buffer_count(); ++i) {
    const absl::Span<const uint8_t> buffer = model.buffer(i);
    const int at = static_cast<int>(i);
    Require(buffer.size() == graph.buffer_lengths(at), "a buffer is as long as the graph says");
    total += buffer.size();
    // Reads all of it: a sanitizer sees what is not there.
    const std::string bytes(buffer.begin(), buffer.end());
    if (choices.inline_buffers && !choices.files && answers.chunks.empty()) {
      Require(bytes == answers.buffers[at], "and has the bytes that came");
    }
    if (choices.files && !choices.inline_buffers && answers.chunks.empty()) {
      const bool decoded = graph.buffer_sources(at) == v1::BUFFER_SOURCE_DECODED;
      const std::string& file = decoded ? answers.decoded : answers.artifact;
      Require(bytes == file.substr(graph.buffer_offsets(at), buffer.size()),
              "and is the range of its file");
    }
  }
  Require(total == model.report().buffer_bytes(), "and together they are what was announced");
}

// The second socket: a packet with descriptors.
void CheckHandover(std::string_view packet, size_t fds) {
  SocketPair pair = NewSocketPair();
  if (!SendPacket(pair.theirs.get(), packet, fds)) return;
  const auto files =
      client::FetchFilesFrom(pair.ours.get(), std::string(32, 't'), absl::Seconds(5));
  if (!files.ok()) return;
  Require(packet.size() == 17 && packet[0] == 0, "a hand-over has one form");
  Require(files->artifact.valid() && fds == (files->decoded_size > 0 ? 2u : 1u) &&
              files->decoded.valid() == (files->decoded_size > 0),
          "and the descriptors that it says");
}

}  // namespace
}  // namespace loadlock::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::SetLogHandler(nullptr);
  using namespace loadlock;  // NOLINT(google-build-using-namespace): the entry is in C's
  const int next = fuzz::NextDescriptor();
  fuzz::Input input(fuzz::AsText(data, size));
  const uint8_t bits = input.Byte();
  if (bits == 0xff) {
    const uint8_t fds = input.Below(4);
    fuzz::CheckHandover(input.rest(), fds);
  } else {
    const fuzz::Choices choices = {.inline_buffers = (bits & 1) != 0,
                                   .files = (bits & 2) != 0,
                                   .sealed = (bits & 4) == 0,
                                   .private_copy = (bits & 8) != 0,
                                   .true_sizes = (bits & 16) != 0};
    fuzz::Answers answers = fuzz::ReadAnswers(input);
    const absl::StatusOr<client::Model> model = fuzz::Assemble(&answers, choices);
    fuzz::Require(model.ok() || !model.status().message().empty(), "an error says what is wrong");
    if (model.ok()) fuzz::CheckModel(*model, answers, choices);
  }
  fuzz::Require(fuzz::NextDescriptor() == next, "no descriptor is left");
  return 0;
}
