#include "tests/escape/lab.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "loadlock/v1/worker.pb.h"
#include "sandbox/channel/unique_fd.h"
#include "sandbox/clock/steady_time.h"

namespace loadlock::escape {
namespace {

namespace fs = std::filesystem;
using channel::UniqueFd;
using Kind = channel::ReadOutcome::Kind;

constexpr channel::Limits kLimits = {.max_graph_bytes = uint64_t{64} << 20,
                                     .max_provenance_bytes = uint64_t{64} << 20,
                                     .max_result_bytes = uint64_t{4} << 20};
constexpr absl::Duration kPatience = absl::Seconds(20);
// The longest job, the large sample, takes a tenth of it.
constexpr absl::Duration kJobPatience = absl::Seconds(3);

UniqueFd Sealed(std::string_view bytes) {
  UniqueFd file(memfd_create("artifact", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(write(file.get(), bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  EXPECT_EQ(fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW), 0);
  return file;
}

std::string JobFor(uint64_t size) {
  v1::Job job;
  job.set_artifact_size(size);
  job.set_max_decoded_bytes(uint64_t{16} << 20);
  job.set_max_nodes(uint64_t{10} << 20);
  job.set_max_heap_bytes(uint64_t{64} << 20);
  job.set_max_depth(1000);
  return job.SerializeAsString();
}

}  // namespace

std::unique_ptr<Lab> Lab::Open(jail::Tier tier, const Without& without, int warm_workers) {
  const fs::path here = fs::read_symlink("/proc/self/exe").parent_path();
  const std::string link = absl::StrCat("/tmp/loadlock-escape-worker-", getpid(), "-without-",
                                        without.layers, "-", without.call);
  std::error_code error;
  fs::remove(link, error);
  fs::create_symlink(here / "loadlock-escape-worker", link, error);
  EXPECT_FALSE(error) << error.message();
  std::unique_ptr<Lab> lab(new Lab(link));
  jail::Options options;
  options.worker_path = link;
  options.best = tier;
  options.minimum = tier;
  options.warm_workers = warm_workers;
  options.limits.heap_bytes = uint64_t{256} << 20;
  options.limits.file_bytes = uint64_t{16} << 20;
  options.limits.cpu = absl::Seconds(10);
  auto jail = jail::Jail::Start(options);
  if (!jail.ok()) return nullptr;
  lab->jail_ = *std::move(jail);
  return lab;
}

Lab::~Lab() {
  jail_.reset();
  std::error_code ignored;
  fs::remove(link_, ignored);
}

Result Lab::Run(std::string_view artifact) {
  Result result;
  const UniqueFd file = Sealed(artifact);
  const UniqueFd decoded(memfd_create("decoded", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  auto worker = jail_->Acquire(clock::SteadyTime::Now() + kPatience);
  EXPECT_TRUE(worker.ok()) << worker.status();
  if (!worker.ok()) return result;
  EXPECT_TRUE(
      channel::SendJob(worker->channel(), JobFor(artifact.size()), file.get(), decoded.get()).ok());
  channel::WorkerOutput output;
  result.outcome = channel::ReadWorkerOutput(worker->channel(), kLimits,
                                             clock::SteadyTime::Now() + kJobPatience, {}, &output);
  if (result.outcome.kind == Kind::kViolation) {
    worker->NoteViolation(result.outcome.syscall_nr, result.outcome.arch);
  }
  if (result.outcome.kind == Kind::kDeadline) {
    worker->Kill(jail::WorkerExit::Cause::kDeadline);
  }
  worker->Dismiss();
  result.exit = worker->AwaitExit(kPatience);
  result.said = output.result;
  if (result.outcome.kind == Kind::kDeadline) result.said = "the deadline ends it";
  if (result.outcome.kind == Kind::kProtocol) result.said = "the daemon refuses it";
  // It did not come back to answer, and nothing killed it.
  if (result.outcome.kind == Kind::kClosed &&
      result.exit.cause == jail::WorkerExit::Cause::kExited && result.exit.code_or_signal == 0) {
    result.said = "done";
  }
  return result;
}

}  // namespace loadlock::escape
