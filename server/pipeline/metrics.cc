#include "server/pipeline/metrics.h"

#include <algorithm>
#include <array>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "server/observe/error.h"
#include "server/pipeline/formats.h"

namespace loadlock::pipeline {
namespace {

// Sorted; tests/layout compares it with the sources.
constexpr std::array<absl::string_view, 44> kRules = {
    "ARRAY_BOUNDS",
    "BUDGET_CHECKS",
    "BUDGET_DECODED",
    "BUDGET_DEPTH",
    "BUDGET_ELEMENTS",
    "BUDGET_HEAP",
    "BUDGET_NODES",
    "BUILD_TWICE",
    "DIGEST_MISMATCH",
    "DTYPE",
    "DUNDER_KEY",
    "DUPLICATE_KEY",
    "DUPLICATE_MEMBER",
    "FORBIDDEN_OPCODE",
    "HASH_COLLISIONS",
    "KEY_NOT_STR",
    "MALFORMED",
    "MEMO_MISSING",
    "NAME_NOT_HERE",
    "NAME_NOT_LISTED",
    "NESTED_PICKLE",
    "OBJECT_CYCLE",
    "SCHEMA",
    "SHADOWS_CLASS_ATTRIBUTE",
    "SHARDED",
    "SHARD_NAME",
    "STACK_UNDERFLOW",
    "STATE_RULE",
    "TAR_NAME",
    "TAR_UNSUPPORTED",
    "TENSOR_ATTRIBUTE",
    "TRAILING_DATA",
    "TRUNCATED",
    "UNKNOWN_FORMAT",
    "UNSAFE_NAME_OPERAND",
    "WORKER_CPU_LIMIT",
    "WORKER_DEADLINE",
    "WORKER_KILLED_SIGNAL",
    "WORKER_KILLED_SYSCALL",
    "WORKER_MEMORY_LIMIT",
    "WORKER_PROTOCOL",
    "ZIP_MISMATCH",
    "ZIP_NAME",
    "ZIP_UNSUPPORTED",
};

absl::Duration Time(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

std::string NameOf(jail::WorkerExit::Cause cause) {
  switch (cause) {
    case jail::WorkerExit::Cause::kExited:
      return "exited";
    case jail::WorkerExit::Cause::kSignalled:
      return "signal";
    case jail::WorkerExit::Cause::kSyscall:
      return "syscall";
    case jail::WorkerExit::Cause::kCpuLimit:
      return "cpu_limit";
    case jail::WorkerExit::Cause::kMemoryLimit:
      return "memory_limit";
    case jail::WorkerExit::Cause::kFileLimit:
      return "file_limit";
    case jail::WorkerExit::Cause::kDeadline:
      return "deadline";
    case jail::WorkerExit::Cause::kKilled:
      return "protocol";
    case jail::WorkerExit::Cause::kLauncherGone:
      return "launcher_gone";
  }
  return "other";
}

std::string RefusingRule(const v1::Report& report) {
  for (const v1::Finding& finding : report.findings()) {
    if (finding.severity() == v1::SEVERITY_ERROR) return finding.rule_id();
  }
  return "";
}

std::vector<std::string> Labels(std::vector<std::string> names) { return names; }

}  // namespace

std::string FormatLabel(const std::string& format) {
  if (format.empty()) return "none";
  const auto known = [](absl::string_view name) {
    return std::find(kFormats.begin(), kFormats.end(), name) != kFormats.end();
  };
  if (known(format)) return format;
  const std::string inner = format.substr(0, format.rfind('+'));
  return known(inner) ? inner : "other";
}

std::string ReasonLabel(const std::string& rule_id) {
  if (rule_id.empty()) return "";
  if (absl::StartsWith(rule_id, "INVARIANT_")) return "INVARIANT";
  return std::binary_search(kRules.begin(), kRules.end(), absl::string_view(rule_id)) ? rule_id
                                                                                      : "OTHER";
}

Metrics::Metrics(observe::MetricsPage* page)
    : verdicts_(page->Add<observe::Counter>("loadlock_verdicts_total", "Verdicts.",
                                            Labels({"verdict", "reason", "format"}))),
      no_verdicts_(page->Add<observe::Counter>("loadlock_no_verdict_total",
                                               "Requests to vet that ended without a verdict.",
                                               Labels({"reason"}))),
      kills_(page->Add<observe::Counter>("loadlock_worker_failures_total",
                                         "Workers that delivered nothing, by how they ended.",
                                         Labels({"cause"}))),
      bytes_(page->Add<observe::Counter>("loadlock_artifact_bytes_total",
                                         "Bytes of the artifacts of all verdicts.", Labels({}))),
      stages_(page->Add<observe::Histogram>(
          "loadlock_stage_seconds", "Where the time of requests with a verdict went.",
          Labels({"stage"}),
          std::vector<double>{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                              0.25, 0.5, 1, 2.5, 5, 10, 30, 60})) {}

void Metrics::CountVerdict(const v1::Report& report) {
  const bool accepted = report.verdict() == v1::VERDICT_ACCEPTED;
  verdicts_->Add({accepted ? "accepted" : "refused",
                  accepted ? "" : ReasonLabel(RefusingRule(report)), FormatLabel(report.format())});
  bytes_->Add({}, report.size());
  const v1::Timing& timing = report.timing();
  if (timing.has_store()) stages_->Observe({"store"}, Time(timing.store()));
  if (timing.has_hash()) stages_->Observe({"hash"}, Time(timing.hash()));
  if (timing.has_wait_for_worker()) stages_->Observe({"wait"}, Time(timing.wait_for_worker()));
  if (timing.has_parse()) stages_->Observe({"parse"}, Time(timing.parse()));
  if (timing.has_verify()) stages_->Observe({"verify"}, Time(timing.verify()));
  stages_->Observe({"total"}, Time(timing.total()));
}

// The daemon makes the reasons of its statuses itself.
void Metrics::CountNoVerdict(const absl::Status& status) {
  const std::string reason = observe::ReasonOf(status);
  no_verdicts_->Add({reason.empty() ? "OTHER" : reason});
}

void Metrics::CountKill(jail::WorkerExit::Cause cause) { kills_->Add({NameOf(cause)}); }

}  // namespace loadlock::pipeline
