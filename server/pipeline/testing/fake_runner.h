// For tests: a runner that says whatever a hostile worker could.
#ifndef LOADLOCK_SERVER_PIPELINE_TESTING_FAKE_RUNNER_H_
#define LOADLOCK_SERVER_PIPELINE_TESTING_FAKE_RUNNER_H_

#include <atomic>
#include <functional>
#include <mutex>
#include <string>

#include "loadlock/v1/graph.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "server/pipeline/runner.h"

namespace loadlock::pipeline {

// Thread safe as long as `act` is not changed.
class FakeRunner : public Runner {
 public:
  using Act = std::function<absl::StatusOr<RunResult>(const RunRequest&)>;

  absl::StatusOr<RunResult> Run(const RunRequest& request) override {
    ++runs;
    {
      const std::lock_guard lock(mutex_);
      last_job = request.job;
    }
    return act(request);
  }
  v1::Tier tier() const override { return v1::TIER_B; }
  std::string tier_reason() const override { return "no namespaces"; }
  uint32_t ready_workers() const override { return 1; }

  Act act;
  std::atomic<int> runs{0};
  v1::Job last_job;

 private:
  std::mutex mutex_;
};

// What an honest worker says of a stream that is just None.
inline RunResult HonestNone() {
  v1::Graph graph;
  graph.add_kinds(v1::NODE_KIND_NONE);
  graph.add_operand_counts(0);
  v1::Provenance provenance;
  provenance.add_node_offsets(0);
  provenance.add_node_opcodes('N');
  v1::WorkerResult result;
  result.set_format("pickle");
  RunResult out;
  out.output.graph = graph.SerializeAsString();
  out.output.provenance = provenance.SerializeAsString();
  result.set_graph_bytes(out.output.graph.size());
  result.set_provenance_bytes(out.output.provenance.size());
  out.output.result = result.SerializeAsString();
  return out;
}

// What a worker says that found something wrong.
inline RunResult HonestRefusal(const std::string& rule_id) {
  v1::WorkerResult result;
  result.set_format("pickle");
  v1::Finding* const finding = result.add_findings();
  finding->set_severity(v1::SEVERITY_ERROR);
  finding->set_rule_id(rule_id);
  finding->set_message("it is wrong");
  RunResult out;
  out.output.result = result.SerializeAsString();
  return out;
}

}  // namespace loadlock::pipeline

#endif  // LOADLOCK_SERVER_PIPELINE_TESTING_FAKE_RUNNER_H_
