#include "server/pipeline/vet.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "sandbox/clock/steady_time.h"
#include "sandbox/faults/fault_point.h"
#include "server/observe/error.h"
#include "server/observe/text.h"
#include "server/pipeline/findings.h"
#include "server/pipeline/vet_run.h"
#include "server/store/sha256.h"

namespace loadlock::pipeline {
namespace {

using clock::SteadyTime;

constexpr char kDefaultPolicy[] = "default";
// Reports show at most this much of a path.
constexpr size_t kMaxPath = 4096;
}  // namespace

absl::StatusOr<Vetted> Vetter::Vet(Request request) const {
  const SteadyTime start = SteadyTime::Now();
  const std::string id = request.id;
  const std::string path = request.path;
  const std::string trace_id = request.trace.trace_id;
  absl::StatusOr<Vetted> vetted = Decide(request);
  if (!vetted.ok()) {
    if (parts_.metrics != nullptr) parts_.metrics->CountNoVerdict(vetted.status());
    parts_.log->Write(observe::Level::kWarn, "no_verdict",
                      {{"request_id", id},
                       {"trace_id", trace_id},
                       {"path", path},
                       {"code", absl::StatusCodeToString(vetted.status().code())},
                       {"reason", observe::ReasonOf(vetted.status())},
                       {"message", std::string(vetted.status().message())},
                       {"total_ms", SteadyTime::Now() - start}});
    return vetted;
  }
  SetDuration(SteadyTime::Now() - start, vetted->report.mutable_timing()->mutable_total());
  if (parts_.metrics != nullptr) parts_.metrics->CountVerdict(vetted->report);
  LogVerdict(vetted->report, trace_id);
  return vetted;
}

absl::StatusOr<Vetted> Vetter::Decide(Request& request) const {
  Run run;
  run.rules = parts_.rules->Get();
  absl::StatusOr<const policy::CompiledPolicy*> policy = CheckRequest(request, *run.rules);
  if (!policy.ok()) return policy.status();
  run.policy = *policy;
  run.caller = request.caller;
  absl::StatusOr<uint64_t> size = SizeOf(request, &run);
  if (!size.ok()) return size.status();
  run.size = *size;
  run.base.set_policy(run.policy->name());
  run.base.set_policy_digest(run.policy->digest());
  run.base.set_tier(parts_.runner->tier());
  run.base.set_tier_reason(parts_.runner->tier_reason());
  run.base.set_verdict(v1::VERDICT_REFUSED);
  run.base.set_size(run.size);
  const bool remembering = parts_.memory != nullptr && !request.upload && !request.content;
  absl::StatusOr<SharedVerdict> verdict =
      remembering ? Remembering(request, &run) : Alone(request, &run);
  if (!verdict.ok()) return verdict.status();
  if (remembering) parts_.memory->Count(run.cached);
  return Answer(request, *verdict, &run);
}

absl::StatusOr<Vetted> Vetter::Answer(const Request& request, const SharedVerdict& verdict,
                                      Run* run) const {
  Vetted vetted;
  vetted.report = verdict->report;
  vetted.report.set_request_id(request.id);
  vetted.report.set_path(observe::Printable(request.path, kMaxPath));
  vetted.report.set_cached(run->cached);
  *vetted.report.mutable_timing() = run->timing;
  if (!verdict->accepted()) return vetted;
  if (absl::Status status = Reserve(verdict->bytes_held(), run); !status.ok()) return status;
  run->reservation.ShrinkTo(verdict->bytes_held());
  vetted.reservation = std::move(run->reservation);
  vetted.graph = verdict->graph;
  vetted.artifact = verdict->artifact;
  vetted.decoded = verdict->decoded;
  vetted.artifact_size = verdict->report.size();
  vetted.decoded_size = verdict->report.decoded_size();
  return vetted;
}

absl::Status Vetter::Reserve(uint64_t bytes, Run* run) const {
  if (run->reservation.bytes() >= bytes) return absl::OkStatus();
  return parts_.gate->Grow(&run->reservation, run->caller, bytes - run->reservation.bytes());
}

absl::StatusOr<SharedVerdict> Vetter::Alone(Request& request, Run* run) const {
  absl::StatusOr<store::Artifact> artifact = TakeIn(request, run);
  if (!artifact.ok()) return artifact.status();
  auto verdict = std::make_shared<Verdict>();
  verdict->report = run->base;
  const auto mismatch = [&]() -> absl::StatusOr<bool> {
    absl::StatusOr<std::string> digest = artifact->Sha256();
    if (!digest.ok()) return digest.status();
    verdict->report.set_sha256(*digest);
    faults::FaultPoint(faults::Stage::kHashed);
    return !request.expected_sha256.empty() && *digest != request.expected_sha256;
  };
  // A small artifact's digest is known already, so a wrong one need not be parsed.
  absl::StatusOr<bool> wrong = artifact->HashKnown() ? mismatch() : false;
  if (!wrong.ok()) return wrong.status();
  if (run->size == 0) {
    Refuse(Refusing("UNKNOWN_FORMAT", "the artifact is empty"), &verdict->report);
  } else if (!*wrong) {
    ParseResult result;
    absl::Status parsed = parser_.Parse(run->ForParser(request, artifact->fd(), true),
                                        &run->reservation, &run->timing, verdict.get(), &result);
    if (!parsed.ok()) return parsed;
    wrong = mismatch();
    if (!wrong.ok()) return wrong.status();
  }
  if (*wrong) {
    Refuse(Mismatch(verdict->report.sha256(), request.expected_sha256), &verdict->report);
    verdict->graph.reset();
  }
  SetDuration(artifact->store_time(), run->timing.mutable_store());
  SetDuration(artifact->hash_time(), run->timing.mutable_hash());
  if (verdict->graph != nullptr) verdict->artifact = artifact->fd();
  return verdict;
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

// Opens it, if it is a file.
absl::StatusOr<uint64_t> Vetter::SizeOf(const Request& request, Run* run) const {
  uint64_t size = 0;
  if (request.upload) {
    size = request.upload->size();
  } else if (request.content) {
    size = request.content->size();
  } else {
    absl::StatusOr<store::OpenedFile> opened = run->rules->roots.OpenFile(request.path);
    if (!opened.ok()) return opened.status();
    run->file = *std::move(opened);
    size = run->file.size;
  }
  const uint64_t max_bytes = parts_.limits.max_artifact_bytes;
  if (size <= max_bytes) return size;
  return observe::LimitReached("max_artifact_bytes", max_bytes,
                               absl::StrCat("the artifact has ", size, " bytes"));
}

// Makes the artifact immutable, within the byte budget.
absl::StatusOr<store::Artifact> Vetter::TakeIn(Request& request, Run* run) const {
  absl::Status reserved = Reserve(parser_.FirstBytes(run->size, run->size), run);
  if (!reserved.ok()) return reserved;
  faults::FaultPoint(faults::Stage::kOpened);
  if (request.upload) return *std::move(request.upload);
  const uint64_t max_bytes = parts_.limits.max_artifact_bytes;
  if (request.content) return store::TakeBytes(*request.content, max_bytes);
  return store::TakeFile(run->file.fd.get(), run->size, max_bytes,
                         [&request] { return StillWanted(request); });
}

void Vetter::LogVerdict(const v1::Report& report, const std::string& trace_id) const {
  const auto time = [](const google::protobuf::Duration& duration) {
    return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
  };
  const bool accepted = report.verdict() == v1::VERDICT_ACCEPTED;
  const std::string rule =
      !accepted && report.findings_size() > 0 ? report.findings(0).rule_id() : std::string();
  parts_.log->Write(observe::Level::kInfo, "verdict",
                    {{"request_id", report.request_id()},
                     {"trace_id", trace_id},
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
