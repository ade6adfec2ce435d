// The way of a request that looks first what earlier ones have found out, and leaves to later ones
// what it finds out itself.
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"
#include "server/pipeline/findings.h"
#include "server/pipeline/vet_run.h"

namespace loadlock::pipeline {
namespace {

using clock::SteadyTime;

std::string KeyOf(const store::FileIdentity& id) {
  return absl::StrCat(id.device, " ", id.inode, " ", id.size, " ", id.modified, " ", id.changed);
}

}  // namespace

absl::Status StillWanted(const Request& request) {
  if (request.cancelled && request.cancelled()) {
    return observe::Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller cancelled");
  }
  if (SteadyTime::Now() >= request.deadline) {
    return observe::Error(absl::StatusCode::kDeadlineExceeded, "DEADLINE",
                          "the caller's deadline passed");
  }
  return absl::OkStatus();
}

v1::Finding Mismatch(const std::string& sha256, const std::string& expected) {
  return Refusing("DIGEST_MISMATCH", absl::StrCat("the artifact's SHA-256 is ", sha256,
                                                  ", but the caller expects ", expected));
}

absl::StatusOr<SharedVerdict> Vetter::Remembering(Request& request, Run* run) const {
  Memory& memory = *parts_.memory;
  run->id = store::SettledIdentity(run->file.fd.get());
  std::optional<std::string> known;
  if (run->id && run->id->size == run->size) known = memory.files().Find(*run->id);
  if (!known && request.by_digest && !request.expected_sha256.empty() &&
      memory.blobs().Has(request.expected_sha256, run->size)) {
    known = request.expected_sha256;
  }
  const auto unexpected = [&]() -> SharedVerdict {
    if (request.expected_sha256.empty() || run->sha256 == request.expected_sha256) return nullptr;
    auto verdict = std::make_shared<Verdict>();
    verdict->report = run->base;
    Refuse(Mismatch(run->sha256, request.expected_sha256), &verdict->report);
    return verdict;
  };
  const auto use = [&](const std::string& sha256) {
    run->sha256 = sha256;
    run->base.set_sha256(sha256);
  };
  if (known) {
    use(*known);
    if (SharedVerdict refused = unexpected()) return refused;
    absl::StatusOr<SharedVerdict> verdict = Recall(*known, run);
    if (!verdict.ok() || *verdict != nullptr) return verdict;
    absl::StatusOr<std::shared_ptr<const store::Blob>> blob = memory.blobs().Find(*known);
    if (blob.ok() && (*blob)->size == run->size) {
      run->artifact = std::make_shared<const store::Artifact>(*std::move(blob));
    }
  }
  if (run->artifact == nullptr) {
    if (absl::Status status = Copy(request, run); !status.ok()) return status;
    use(run->sha256);
    faults::FaultPoint(faults::Stage::kHashed);
    if (SharedVerdict refused = unexpected()) return refused;
  }
  if (run->size == 0) {
    auto verdict = std::make_shared<Verdict>();
    verdict->report = run->base;
    Refuse(Refusing("UNKNOWN_FORMAT", "the artifact is empty"), &verdict->report);
    return verdict;
  }
  return FindVerdict(request, run);
}

// Null if none is remembered, or its bytes are gone.
absl::StatusOr<SharedVerdict> Vetter::Recall(const std::string& sha256, Run* run) const {
  SharedVerdict verdict = parts_.memory->verdicts().Find(sha256, run->policy->digest());
  if (verdict == nullptr) return verdict;
  if (verdict->accepted() && verdict->artifact == nullptr) {
    auto whole = std::make_shared<Verdict>(*verdict);
    if (run->artifact != nullptr) {
      whole->artifact = run->artifact->fd();
      whole->artifact_in_memory = run->artifact->in_memory();
    } else {
      absl::StatusOr<std::shared_ptr<const store::Blob>> blob = parts_.memory->blobs().Find(sha256);
      if (absl::IsResourceExhausted(blob.status())) return blob.status();
      if (!blob.ok()) return nullptr;
      whole->artifact = store::SharedFd(*blob, &(*blob)->fd);
    }
    verdict = std::move(whole);
  }
  run->cached = true;
  return verdict;
}

// Copies and hashes the file, or waits for another request that does so with the same file.
absl::Status Vetter::Copy(const Request& request, Run* run) const {
  Memory& memory = *parts_.memory;
  const bool to_file = memory.ToFile(run->size);
  const auto patience = [&request] { return StillWanted(request); };
  const auto make = [&]() -> absl::StatusOr<std::shared_ptr<const Taken>> {
    if (!to_file) {
      if (absl::Status status = Reserve(run->size, run); !status.ok()) return status;
    }
    faults::FaultPoint(faults::Stage::kOpened);
    const int fd = run->file.fd.get();
    absl::StatusOr<store::Artifact> artifact =
        to_file ? store::TakeFileToStore(fd, run->size, &memory.blobs(), patience)
                : store::TakeFile(fd, run->size, parts_.limits.max_artifact_bytes, patience);
    if (!artifact.ok()) return artifact.status();
    absl::StatusOr<std::string> digest = artifact->Sha256();
    if (!digest.ok()) return digest.status();
    if (absl::Status status = artifact->Keep(); !status.ok()) return status;
    SetDuration(artifact->store_time(), run->timing.mutable_store());
    SetDuration(artifact->hash_time(), run->timing.mutable_hash());
    if (run->id && run->id->size == run->size) memory.files().Learn(fd, *run->id, *digest);
    auto taken = std::make_shared<Taken>();
    taken->artifact = std::make_shared<const store::Artifact>(*std::move(artifact));
    taken->sha256 = *std::move(digest);
    return taken;
  };
  absl::StatusOr<std::shared_ptr<const Taken>> taken;
  if (run->id && run->id->size == run->size) {
    bool shared = false;
    taken = memory.copies().Do(KeyOf(*run->id), make, patience, &shared);
  } else {
    taken = make();
  }
  if (!taken.ok()) return taken.status();
  run->artifact = (*taken)->artifact;
  run->sha256 = (*taken)->sha256;
  return absl::OkStatus();
}

// One that is remembered, one that somebody else is finding, or a new one.
absl::StatusOr<SharedVerdict> Vetter::FindVerdict(const Request& request, Run* run) const {
  bool shared = false;
  const auto make = [&]() -> absl::StatusOr<SharedVerdict> {
    absl::StatusOr<SharedVerdict> verdict = Recall(run->sha256, run);
    if (!verdict.ok() || *verdict != nullptr) return verdict;
    return NewVerdict(request, run);
  };
  absl::StatusOr<SharedVerdict> verdict = parts_.memory->parses().Do(
      absl::StrCat(run->sha256, " ", run->policy->digest()), make,
      [&request] { return StillWanted(request); }, &shared);
  run->cached = run->cached || shared;
  return verdict;
}

absl::StatusOr<SharedVerdict> Vetter::NewVerdict(const Request& request, Run* run) const {
  Memory& memory = *parts_.memory;
  const bool in_memory = run->artifact->in_memory();
  const ParseRequest job = run->ForParser(request, run->artifact->fd(), in_memory);
  auto verdict = std::make_shared<Verdict>();
  verdict->report = run->base;
  verdict->artifact_in_memory = in_memory;
  std::optional<store::Output> output = memory.outputs().Find(run->sha256);
  if (output && parser_.Reuse(job, *std::move(output), &run->timing, verdict.get())) {
    run->cached = true;
  } else {
    absl::Status status = Reserve(parser_.FirstBytes(run->size, job.artifact_bytes), run);
    if (!status.ok()) return status;
    ParseResult result;
    status = parser_.Parse(job, &run->reservation, &run->timing, verdict.get(), &result);
    if (!status.ok()) return status;
    if (result.output) memory.outputs().Keep(run->sha256, *std::move(result.output));
  }
  if (verdict->accepted()) {
    verdict->artifact = run->artifact->fd();
  } else if (!in_memory) {
    memory.blobs().Demote(run->sha256);
  }
  memory.verdicts().Remember(verdict);
  return verdict;
}

}  // namespace loadlock::pipeline
