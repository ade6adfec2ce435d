// What the daemon counts of verdicts, workers and stages.
#ifndef LOADLOCK_SERVER_PIPELINE_METRICS_H_
#define LOADLOCK_SERVER_PIPELINE_METRICS_H_

#include <string>

#include "absl/status/status.h"
#include "loadlock/v1/report.pb.h"
#include "sandbox/jail/worker_exit.h"
#include "server/observe/metrics.h"

namespace loadlock::pipeline {

// A report's format as a label: one of kFormats, without what it is compressed with, or "other".
std::string FormatLabel(const std::string& format);
// A rule id as a label. The ids in a report are a worker's words, so only those that loadlock has
// are kept, all INVARIANT_ ones as "INVARIANT"; others are "OTHER".
std::string ReasonLabel(const std::string& rule_id);

// Thread safe.
class Metrics {
 public:
  explicit Metrics(observe::MetricsPage* page);

  void CountVerdict(const v1::Report& report);
  void CountNoVerdict(const absl::Status& status);
  // A worker that delivered nothing, and how it ended.
  void CountKill(jail::WorkerExit::Cause cause);

 private:
  observe::Counter* const verdicts_;
  observe::Counter* const no_verdicts_;
  observe::Counter* const kills_;
  observe::Counter* const bytes_;
  observe::Histogram* const stages_;
};

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_METRICS_H_
