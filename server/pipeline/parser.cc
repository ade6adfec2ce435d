#include "server/pipeline/parser.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "sandbox/faults/fault_point.h"
#include "server/pipeline/findings.h"
#include "server/store/memfd.h"

namespace loadlock::pipeline {
namespace {

using clock::SteadyTime;

// A worker that was killed is gone sooner.
constexpr absl::Duration kExitGrace = absl::Milliseconds(500);

bool AnyError(const v1::Report& report, bool (*which)(const std::string& rule_id)) {
  return std::any_of(report.findings().begin(), report.findings().end(), [&](const auto& finding) {
    return finding.severity() == v1::SEVERITY_ERROR && which(finding.rule_id());
  });
}

// Whether a larger grant could have been enough. A worker that lies gets a second try, as any
// request does.
bool RanOut(const v1::Report& report) {
  return AnyError(report, [](const std::string& rule) {
    return rule == "BUDGET_DECODED" || rule == "BUDGET_HEAP";
  });
}

// Whether the limits of this request, not the artifact, may be the reason.
bool DependsOnGrant(const v1::Report& report) {
  return AnyError(report, [](const std::string& rule) {
    return absl::StartsWith(rule, "BUDGET_") || absl::StartsWith(rule, "WORKER_");
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

void RefuseAll(v1::Finding finding, Verdict* verdict) {
  Refuse(std::move(finding), &verdict->report);
  verdict->graph.reset();
}

}  // namespace

void SetDuration(absl::Duration duration, google::protobuf::Duration* out) {
  const int64_t seconds = absl::IDivDuration(duration, absl::Seconds(1), &duration);
  out->set_seconds(seconds);
  out->set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(duration)));
}

void Refuse(v1::Finding finding, v1::Report* report) {
  google::protobuf::RepeatedPtrField<v1::Finding> findings;
  *findings.Add() = std::move(finding);
  for (v1::Finding& earlier : *report->mutable_findings()) *findings.Add() = std::move(earlier);
  report->mutable_findings()->Swap(&findings);
  report->set_verdict(v1::VERDICT_REFUSED);
}

uint64_t Parser::FirstBytes(uint64_t size, uint64_t artifact_bytes) const {
  const admission::Grant grant = admission::FirstGrantFor(size, limits_);
  return grant.total() - grant.artifact_bytes + artifact_bytes;
}

// With what was reserved at first, and if that was too little once more with all that there may be.
absl::Status Parser::Parse(const ParseRequest& request, admission::Reservation* reservation,
                           v1::Timing* timing, Verdict* verdict, ParseResult* result) const {
  const v1::Report before = verdict->report;
  const admission::Grant first = admission::FirstGrantFor(request.size, limits_);
  absl::Status status = ParseOnce(request, first, timing, verdict, result);
  if (!status.ok()) return status;
  const admission::Grant whole = admission::GrantFor(request.size, limits_);
  const uint64_t more = whole.total() - first.total();
  if (more == 0 || !RanOut(verdict->report)) return absl::OkStatus();
  absl::Status grown = gate_->Grow(reservation, request.caller, more);
  if (!grown.ok()) return grown;
  verdict->report = before;
  return ParseOnce(request, whole, timing, verdict, result);
}

absl::Status Parser::ParseOnce(const ParseRequest& request, const admission::Grant& grant,
                               v1::Timing* timing, Verdict* verdict, ParseResult* out) const {
  absl::StatusOr<channel::UniqueFd> decoded = store::NewDecoded(grant.decoded_bytes);
  if (!decoded.ok()) return decoded.status();
  RunRequest job;
  job.job.set_artifact_size(request.size);
  job.job.set_max_decoded_bytes(grant.decoded_bytes);
  job.job.set_max_nodes(grant.nodes);
  job.job.set_max_heap_bytes(grant.heap_bytes);
  job.job.set_max_depth(limits_.max_depth);
  job.artifact_fd = request.artifact->get();
  job.decoded_fd = decoded->get();
  job.deadline = request.deadline;
  job.cancelled = request.cancelled;
  absl::StatusOr<RunResult> result = runner_->Run(job);
  if (!result.ok()) return result.status();
  SetDuration(result->wait_for_worker, timing->mutable_wait_for_worker());
  SetDuration(result->parse, timing->mutable_parse());
  if (result->refusal) {
    RefuseAll(*std::move(result->refusal), verdict);
    return absl::OkStatus();
  }
  const SteadyTime start = SteadyTime::Now();
  absl::Status status = Judge(request, grant, *std::move(decoded), *result, verdict);
  SetDuration(SteadyTime::Now() - start, timing->mutable_verify());
  faults::FaultPoint(faults::Stage::kVerified);
  if (result->worker) result->worker->Finish();
  out->output.reset();
  if (status.ok() && verdict->lasting && verdict->report.decoded_size() == 0) {
    out->output.emplace(store::Output{std::move(result->output.graph),
                                      std::move(result->output.provenance),
                                      std::move(result->output.result)});
  }
  return status;
}

bool Parser::Reuse(const ParseRequest& request, store::Output output, v1::Timing* timing,
                   Verdict* verdict) const {
  RunResult result;
  result.output = {std::move(output.graph), std::move(output.provenance), std::move(output.result)};
  const SteadyTime start = SteadyTime::Now();
  Verdict found;
  found.report = verdict->report;
  const absl::Status status = Judge(request, admission::GrantFor(request.size, limits_),
                                    channel::UniqueFd(), result, &found);
  SetDuration(SteadyTime::Now() - start, timing->mutable_verify());
  if (!status.ok() || !found.lasting) return false;
  *verdict = std::move(found);
  return true;
}

// Verifies what the worker sent and merges it into the report.
absl::Status Parser::Judge(const ParseRequest& request, const admission::Grant& grant,
                           channel::UniqueFd decoded_fd, RunResult& result,
                           Verdict* verdict) const {
  absl::StatusOr<v1::WorkerResult> decoded_result =
      verify::DecodeWorkerResult(result.output.result);
  if (!decoded_result.ok()) {
    RefuseAll(Refusing("WORKER_PROTOCOL", decoded_result.status().message()), verdict);
    return absl::OkStatus();
  }
  // An empty file is not handed on, so what still happens to it does not matter.
  const uint64_t decoded_size = decoded_result->decoded_size();
  if (decoded_size > 0) {
    absl::Status sealed = decoded_fd.valid()
                              ? TakeDecoded(decoded_fd.get(), decoded_size, result)
                              : absl::InvalidArgumentError("decoded data that nobody has");
    if (absl::IsInvalidArgument(sealed) || absl::IsFailedPrecondition(sealed)) {
      RefuseAll(Refusing("WORKER_PROTOCOL", absl::StrCat("result: ", sealed.message())), verdict);
      return absl::OkStatus();
    }
    if (!sealed.ok()) return sealed;
  }
  absl::StatusOr<store::Mapping> artifact =
      store::Mapping::Map(request.artifact->get(), 0, request.size);
  if (!artifact.ok()) return artifact.status();
  absl::StatusOr<store::Mapping> decoded = store::Mapping::Map(decoded_fd.get(), 0, decoded_size);
  if (!decoded.ok()) return decoded.status();
  verify::Input input;
  input.graph = result.output.graph;
  input.provenance = result.output.provenance;
  input.result = *std::move(decoded_result);
  input.buffers = {.artifact = artifact->bytes(), .decoded = decoded->bytes()};
  input.policy = request.policy;
  input.caps.max_nodes = grant.nodes;
  input.caps.max_depth = limits_.max_depth;
  input.caps.max_memory_bytes = grant.heap_bytes;
  absl::StatusOr<verify::Verdict> found = verify::Verify(input);
  if (!found.ok()) {
    RefuseAll(Refusing("WORKER_PROTOCOL", found.status().message()), verdict);
    return absl::OkStatus();
  }
  verdict->report.clear_verdict();
  verdict->report.MergeFrom(found->report);
  verdict->lasting = !DependsOnGrant(verdict->report);
  if (!found->graph) return absl::OkStatus();
  verdict->graph = std::make_shared<const verify::VerifiedGraph>(std::move(*found->graph));
  if (decoded_size == 0) return absl::OkStatus();
  absl::StatusOr<channel::UniqueFd> reader = store::ReadOnly(decoded_fd);
  if (!reader.ok()) return reader.status();
  verdict->decoded = std::make_shared<const channel::UniqueFd>(*std::move(reader));
  return absl::OkStatus();
}

}  // namespace loadlock::pipeline
