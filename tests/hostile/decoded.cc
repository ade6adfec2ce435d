#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string>

#include "sandbox/channel/frame.h"
#include "sandbox/jail/exit_codes.h"
#include "tests/hostile/scenario.h"

namespace loadlock::hostile {
namespace {

using channel::kDecodedFd;

// An array of eight bytes "verified" in the decoded file.
Output OneArray() {
  Output output;
  output.Root(output.Array(output.Dtype("|u1"), {8}, "verified"));
  output.result.set_format("pickle");
  output.Seal();
  return output;
}

int Finish(Stage& stage, const Output& output) {
  return SendFrames(stage.writer, output) ? jail::kExitOk : jail::kExitChannel;
}

bool Put(std::string_view bytes, off_t at) {
  return pwrite(kDecodedFd, bytes.data(), bytes.size(), at) == static_cast<ssize_t>(bytes.size());
}

int WrittenAfterTheEnd(Stage& stage) {
  Output output = OneArray();
  const int code = Send(stage.job, stage.writer, output);
  // Until the seal: what stands in the file then is what is verified and handed over.
  while (Put("attacked", 0)) {
  }
  return code;
}

int GrownAfterTheEnd(Stage& stage) {
  Output output = OneArray();
  const int code = Send(stage.job, stage.writer, output);
  for (off_t at = 8; Put("attacked", at); at += 8) {
  }
  return code;
}

// Holds a writable mapping that the daemon has to wait for, and writes through it.
int Mapped(Stage& stage, bool end_soon) {
  Output output = OneArray();
  if (!Put(output.decoded, 0)) return jail::kExitFileLimit;
  void* const map =
      mmap(nullptr, output.decoded.size(), PROT_READ | PROT_WRITE, MAP_SHARED, kDecodedFd, 0);
  if (map == MAP_FAILED) return jail::kExitMemory;
  const int code = Finish(stage, output);
  if (end_soon) return code;
  volatile char* const bytes = static_cast<char*>(map);
  for (;;) bytes[0] = 'V';
}

int Truncated(Stage& stage) {
  Output output = OneArray();
  if (!Put(output.decoded, 0)) return jail::kExitFileLimit;
  syscall(SYS_ftruncate, kDecodedFd, 0);
  return Finish(stage, output);
}

int NotWritten(Stage& stage) { return Finish(stage, OneArray()); }

int HalfWritten(Stage& stage) {
  const Output output = OneArray();
  return Put("veri", 0) ? Finish(stage, output) : jail::kExitFileLimit;
}

int MoreThanTold(Stage& stage) {
  const Output output = OneArray();
  return Put("verified and more", 0) ? Finish(stage, output) : jail::kExitFileLimit;
}

// As much as the jail lets it write, then one byte at the far end of the address space.
int Fill(Stage&) {
  const std::string chunk(size_t{1} << 20, 'x');
  off_t at = 0;
  while (Put(chunk, at)) at += static_cast<off_t>(chunk.size());
  return Put("x", INT64_MAX - 1) ? jail::kExitOk : jail::kExitFileLimit;
}

// The same, and tells of all that it could write: the grant of its artifact.
int FillTheGrant(Stage& stage) {
  Output output = OneArray();
  const std::string chunk(size_t{1} << 20, 'x');
  uint64_t size = 0;
  for (ssize_t put = 1; put > 0; size += static_cast<uint64_t>(std::max<ssize_t>(put, 0))) {
    put = pwrite(kDecodedFd, chunk.data(), chunk.size(), static_cast<off_t>(size));
  }
  output.result.set_decoded_size(size);
  output.result_bytes = output.result.SerializeAsString();
  return Finish(stage, output);
}

// A file that is all hole but for its last byte. The size is below the driver's limit.
int Sparse(Stage& stage) {
  Output output = OneArray();
  constexpr off_t kLast = (off_t{4} << 20) - 1;
  output.result.set_decoded_size(kLast + 1);
  output.result_bytes = output.result.SerializeAsString();
  if (!Put("verified", 0) || !Put("x", kLast)) return jail::kExitFileLimit;
  return Finish(stage, output);
}

int SealedByTheWorker(Stage& stage) {
  constexpr int kAddSeals = 1033;  // F_ADD_SEALS
  constexpr int kSealSeal = 1;     // F_SEAL_SEAL: no seal can be added any more
  syscall(SYS_fcntl, kDecodedFd, kAddSeals, kSealSeal);
  Output output = OneArray();
  return Send(stage.job, stage.writer, output);
}

int WritesToTheArtifact(Stage& stage) {
  void* const map = mmap(nullptr, 8, PROT_READ | PROT_WRITE, MAP_SHARED, channel::kArtifactFd, 0);
  // The seals and the descriptor forbid it; the driver expects the honest output.
  if (map != MAP_FAILED) return jail::kExitMemory;
  Output output = OneArray();
  return Send(stage.job, stage.writer, output);
}

const std::array kActs = {
    Act{"decoded-honest",
        [](Stage& s) {
          Output output = OneArray();
          return Send(s.job, s.writer, output);
        }},
    Act{"decoded-written-after-the-end", &WrittenAfterTheEnd},
    Act{"decoded-grown-after-the-end", &GrownAfterTheEnd},
    Act{"decoded-mapped-at-the-end", [](Stage& s) { return Mapped(s, true); }},
    Act{"decoded-mapped-for-ever", [](Stage& s) { return Mapped(s, false); }},
    Act{"decoded-truncated", &Truncated},
    Act{"decoded-not-written", &NotWritten},
    Act{"decoded-half-written", &HalfWritten},
    Act{"decoded-more-than-told", &MoreThanTold},
    Act{"decoded-filled", &Fill},
    Act{"decoded-filled-to-the-grant", &FillTheGrant},
    Act{"decoded-sparse", &Sparse},
    Act{"decoded-sealed-by-the-worker", &SealedByTheWorker},
    Act{"artifact-mapped-writable", &WritesToTheArtifact},
};

}  // namespace

std::span<const Act> DecodedActs() { return kActs; }

}  // namespace loadlock::hostile
