#include "server/pipeline/vet.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"
#include "server/observe/text.h"
#include "server/pipeline/findings.h"
#include "server/store/memfd.h"
#include "server/store/sha256.h"

namespace loadlock::pipeline {
namespace {

using clock::SteadyTime;

constexpr char kDefaultPolicy[] = "default";
// Reports show at most this much of a path.
constexpr size_t kMaxPath = 4096;
// A worker that was killed is gone sooner.
constexpr absl::Duration kExitGrace = absl::Milliseconds(500);

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

// Turns `report` into a refusal for one reason; earlier findings stay behind it.
void Refuse(v1::Finding finding, v1::Report* report) {
  google::protobuf::RepeatedPtrField<v1::Finding> findings;
  *findings.Add() = std::move(finding);
  for (v1::Finding& earlier : *report->mutable_findings()) *findings.Add() = std::move(earlier);
  report->mutable_findings()->Swap(&findings);
  report->set_verdict(v1::VERDICT_REFUSED);
}

// Whether a larger grant could have been enough. A worker that lies gets a second try, as any
// request does.
bool RanOut(const v1::Report& report) {
  return std::any_of(report.findings().begin(), report.findings().end(), [](const auto& finding) {
    return finding.severity() == v1::SEVERITY_ERROR &&
           (finding.rule_id() == "BUDGET_DECODED" || finding.rule_id() == "BUDGET_HEAP");
  });
}

// Seals the `size` bytes that the worker says it decoded; errors as store::SealDecoded.
absl::Status TakeDecoded(int fd, uint64_t size, RunResult& result) {
  absl::Status sealed = store::SealDecoded(fd, size);
  if (!absl::IsFailedPrecondition(sealed) || !result.worker) return sealed;
  // The worker still maps the file, as an honest one does not any more.
  result.worker->Kill(jail::WorkerExit::Cause::kKilled);
  result.worker->AwaitExit(kExitGrace);
  return store::SealDecoded(fd, size);
}

}  // namespace

// What is known of one request so far.
struct Vetter::Run {
  std::shared_ptr<const Rules> rules;
  const policy::CompiledPolicy* policy = nullptr;
  admission::Grant grant;
  store::Artifact artifact;
  channel::UniqueFd decoded;  // Read-write until the worker's end.
  Vetted vetted;

  v1::Report& report() { return vetted.report; }
  void Refuse(v1::Finding finding) {
    pipeline::Refuse(std::move(finding), &vetted.report);
    vetted.graph.reset();
  }
};

absl::StatusOr<Vetted> Vetter::Vet(Request request) const {
  const SteadyTime start = SteadyTime::Now();
  const std::string id = request.id;
  const std::string path = request.path;
  absl::StatusOr<Vetted> vetted = Decide(request);
  if (!vetted.ok()) {
    parts_.log->Write(observe::Level::kWarn, "no_verdict",
                      {{"request_id", id},
                       {"path", path},
                       {"code", absl::StatusCodeToString(vetted.status().code())},
                       {"reason", observe::ReasonOf(vetted.status())},
                       {"message", std::string(vetted.status().message())},
                       {"total_ms", SteadyTime::Now() - start}});
    return vetted;
  }
  SetDuration(SteadyTime::Now() - start, vetted->report.mutable_timing()->mutable_total());
  LogVerdict(vetted->report);
  return vetted;
}

absl::StatusOr<Vetted> Vetter::Decide(Request& request) const {
  Run run;
  run.rules = parts_.rules->Get();
  absl::StatusOr<const policy::CompiledPolicy*> policy = CheckRequest(request, *run.rules);
  if (!policy.ok()) return policy.status();
  run.policy = *policy;
  v1::Report& report = run.report();
  report.set_request_id(request.id);
  report.set_path(observe::Printable(request.path, kMaxPath));
  report.set_policy(run.policy->name());
  report.set_policy_digest(run.policy->digest());
  report.set_tier(parts_.runner->tier());
  report.set_tier_reason(parts_.runner->tier_reason());
  report.set_verdict(v1::VERDICT_REFUSED);
  if (absl::Status status = TakeIn(request, &run); !status.ok()) return status;
  report.set_size(run.artifact.size());
  const auto mismatch = [&]() -> absl::StatusOr<bool> {
    absl::StatusOr<std::string> digest = run.artifact.Sha256();
    if (!digest.ok()) return digest.status();
    report.set_sha256(*digest);
    faults::FaultPoint(faults::Stage::kHashed);
    return !request.expected_sha256.empty() && *digest != request.expected_sha256;
  };
  // A small artifact's digest is known already, so a wrong one need not be parsed.
  absl::StatusOr<bool> wrong = run.artifact.HashKnown() ? mismatch() : false;
  if (!wrong.ok()) return wrong.status();
  if (run.artifact.size() == 0) {
    run.Refuse(Refusing("UNKNOWN_FORMAT", "the artifact is empty"));
  } else if (!*wrong) {
    if (absl::Status status = Parse(request, &run); !status.ok()) return status;
    wrong = mismatch();
    if (!wrong.ok()) return wrong.status();
  }
  if (*wrong) {
    run.Refuse(Refusing("DIGEST_MISMATCH",
                        absl::StrCat("the artifact's SHA-256 is ", report.sha256(),
                                     ", but the caller expects ", request.expected_sha256)));
  }
  SetDuration(run.artifact.store_time(), report.mutable_timing()->mutable_store());
  SetDuration(run.artifact.hash_time(), report.mutable_timing()->mutable_hash());
  if (run.vetted.graph) {
    run.vetted.artifact_size = run.artifact.size();
    run.vetted.artifact = run.artifact.ReleaseFd();
  }
  return std::move(run.vetted);
}

absl::StatusOr<const policy::CompiledPolicy*> Vetter::CheckRequest(const Request& request,
                                                                   const Rules& rules) const {
  if (!request.expected_sha256.empty() && !store::IsSha256Hex(request.expected_sha256)) {
    return observe::BadField("expected_sha256", "must be 64 lower-case hex digits");
  }
  const std::string name = request.policy.empty() ? kDefaultPolicy : request.policy;
  const policy::CompiledPolicy* policy = rules.policies->Find(name);
  if (policy == nullptr) {
    return observe::BadField("policy", absl::StrCat("there is no policy \"", name, "\""));
  }
  return policy;
}

// Makes the artifact immutable, within the byte budget.
absl::Status Vetter::TakeIn(Request& request, Run* run) const {
  const uint64_t max_bytes = parts_.limits.max_artifact_bytes;
  store::OpenedFile file;
  uint64_t size = 0;
  if (request.upload) {
    size = request.upload->size();
  } else if (request.content) {
    size = request.content->size();
  } else {
    absl::StatusOr<store::OpenedFile> opened = run->rules->roots.OpenFile(request.path);
    if (!opened.ok()) return opened.status();
    file = *std::move(opened);
    size = file.size;
  }
  if (size > max_bytes) {
    return observe::LimitReached("max_artifact_bytes", max_bytes,
                                 absl::StrCat("the artifact has ", size, " bytes"));
  }
  run->grant = admission::FirstGrantFor(size, parts_.limits);
  absl::StatusOr<admission::Reservation> reserved =
      parts_.gate->Reserve(request.caller, run->grant.total());
  if (!reserved.ok()) return reserved.status();
  run->vetted.reservation = *std::move(reserved);
  faults::FaultPoint(faults::Stage::kOpened);
  if (request.upload) {
    run->artifact = *std::move(request.upload);
    return absl::OkStatus();
  }
  absl::StatusOr<store::Artifact> artifact = request.content
                                                 ? store::TakeBytes(*request.content, max_bytes)
                                                 : store::TakeFile(file.fd.get(), size, max_bytes);
  if (!artifact.ok()) return artifact.status();
  run->artifact = *std::move(artifact);
  return absl::OkStatus();
}

// With what was reserved at first, and if that was too little once more with all that there may be.
absl::Status Vetter::Parse(const Request& request, Run* run) const {
  const v1::Report before = run->report();
  if (absl::Status status = ParseOnce(request, run); !status.ok()) return status;
  const admission::Grant whole = admission::GrantFor(run->artifact.size(), parts_.limits);
  const uint64_t more = whole.total() - run->grant.total();
  if (more == 0 || !RanOut(run->report())) return absl::OkStatus();
  absl::Status grown = parts_.gate->Grow(&run->vetted.reservation, request.caller, more);
  if (!grown.ok()) return grown;
  run->grant = whole;
  run->report() = before;
  return ParseOnce(request, run);
}

absl::Status Vetter::ParseOnce(const Request& request, Run* run) const {
  absl::StatusOr<channel::UniqueFd> decoded = store::NewDecoded(run->grant.decoded_bytes);
  if (!decoded.ok()) return decoded.status();
  run->decoded = *std::move(decoded);
  RunRequest job;
  job.job.set_artifact_size(run->artifact.size());
  job.job.set_max_decoded_bytes(run->grant.decoded_bytes);
  job.job.set_max_nodes(run->grant.nodes);
  job.job.set_max_heap_bytes(run->grant.heap_bytes);
  job.job.set_max_depth(parts_.limits.max_depth);
  job.artifact_fd = run->artifact.fd().get();
  job.decoded_fd = run->decoded.get();
  job.deadline = request.deadline;
  job.cancelled = request.cancelled;
  absl::StatusOr<RunResult> result = parts_.runner->Run(job);
  if (!result.ok()) return result.status();
  v1::Timing& timing = *run->report().mutable_timing();
  SetDuration(result->wait_for_worker, timing.mutable_wait_for_worker());
  SetDuration(result->parse, timing.mutable_parse());
  if (result->refusal) {
    run->Refuse(*std::move(result->refusal));
    return absl::OkStatus();
  }
  const SteadyTime start = SteadyTime::Now();
  absl::Status status = Judge(*result, run);
  SetDuration(SteadyTime::Now() - start, timing.mutable_verify());
  faults::FaultPoint(faults::Stage::kVerified);
  if (result->worker) result->worker->Finish();
  return status;
}

// Verifies what the worker sent and merges it into the report.
absl::Status Vetter::Judge(RunResult& result, Run* run) const {
  absl::StatusOr<v1::WorkerResult> decoded_result =
      verify::DecodeWorkerResult(result.output.result);
  if (!decoded_result.ok()) {
    run->Refuse(Refusing("WORKER_PROTOCOL", decoded_result.status().message()));
    return absl::OkStatus();
  }
  // An empty file is not handed on, so what still happens to it does not matter.
  const uint64_t decoded_size = decoded_result->decoded_size();
  if (decoded_size > 0) {
    absl::Status sealed = TakeDecoded(run->decoded.get(), decoded_size, result);
    if (absl::IsInvalidArgument(sealed) || absl::IsFailedPrecondition(sealed)) {
      run->Refuse(Refusing("WORKER_PROTOCOL", absl::StrCat("result: ", sealed.message())));
      return absl::OkStatus();
    }
    if (!sealed.ok()) return sealed;
  }
  absl::StatusOr<store::Mapping> artifact =
      store::Mapping::Map(run->artifact.fd().get(), 0, run->artifact.size());
  if (!artifact.ok()) return artifact.status();
  absl::StatusOr<store::Mapping> decoded = store::Mapping::Map(run->decoded.get(), 0, decoded_size);
  if (!decoded.ok()) return decoded.status();
  verify::Input input;
  input.graph = result.output.graph;
  input.provenance = result.output.provenance;
  input.result = *std::move(decoded_result);
  input.buffers = {.artifact = artifact->bytes(), .decoded = decoded->bytes()};
  input.policy = run->policy;
  input.caps.max_nodes = run->grant.nodes;
  input.caps.max_depth = parts_.limits.max_depth;
  input.caps.max_memory_bytes = run->grant.heap_bytes;
  absl::StatusOr<verify::Verdict> verdict = verify::Verify(input);
  if (!verdict.ok()) {
    run->Refuse(Refusing("WORKER_PROTOCOL", verdict.status().message()));
    return absl::OkStatus();
  }
  run->report().clear_verdict();
  run->report().MergeFrom(verdict->report);
  if (!verdict->graph) return absl::OkStatus();
  run->vetted.graph = std::move(*verdict->graph);
  run->vetted.decoded_size = decoded_size;
  run->vetted.reservation.ShrinkTo(run->artifact.size() + decoded_size +
                                   run->vetted.graph->graph().ByteSizeLong());
  if (decoded_size == 0) return absl::OkStatus();
  absl::StatusOr<channel::UniqueFd> reader = store::ReadOnly(run->decoded);
  if (!reader.ok()) return reader.status();
  run->vetted.decoded = *std::move(reader);
  return absl::OkStatus();
}

void Vetter::LogVerdict(const v1::Report& report) const {
  const auto time = [](const google::protobuf::Duration& duration) {
    return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  };
  const bool accepted = report.verdict() == v1::VERDICT_ACCEPTED;
  const std::string rule =
      !accepted && report.findings_size() > 0 ? report.findings(0).rule_id() : std::string();
  parts_.log->Write(observe::Level::kInfo, "verdict",
                    {{"request_id", report.request_id()},
                     {"verdict", accepted ? "accepted" : "refused"},
                     {"rule", rule},
                     {"findings", report.findings_size()},
                     {"path", report.path()},
                     {"sha256", report.sha256()},
                     {"size", report.size()},
                     {"format", report.format()},
                     {"policy", report.policy()},
                     {"policy_digest", report.policy_digest()},
                     {"tier", v1::Tier_Name(report.tier())},
                     {"store_ms", time(report.timing().store())},
                     {"hash_ms", time(report.timing().hash())},
                     {"wait_ms", time(report.timing().wait_for_worker())},
                     {"parse_ms", time(report.timing().parse())},
                     {"verify_ms", time(report.timing().verify())},
                     {"total_ms", time(report.timing().total())}});
}

}  // namespace loadlock::pipeline
