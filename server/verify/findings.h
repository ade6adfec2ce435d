// Collecting reasons: with the place in the object tree, in the stream, and safe text.
#ifndef LOADLOCK_SERVER_VERIFY_FINDINGS_H_
#define LOADLOCK_SERVER_VERIFY_FINDINGS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "loadlock/v1/finding.pb.h"
#include "loadlock/v1/worker.pb.h"
#include "server/verify/view.h"

namespace loadlock::verify {

// Text from an artifact, escaped and cut to `max_bytes`.
std::string Safe(absl::string_view text, size_t max_bytes = 128);

// What a finding says besides the place. Text from the artifact must have gone through Safe.
struct Reason {
  absl::string_view rule_id;
  std::string message;
  // State key below the node, if the matter is one attribute.
  absl::string_view key;
  std::string name;
  std::string allow;
};

class Findings {
 public:
  // Both must outlive it. Provenance may be empty (no offsets then).
  Findings(const View* view, const v1::Provenance* provenance)
      : view_(view), provenance_(provenance) {}

  void Error(NodeId at, const Reason& reason) { Add(v1::SEVERITY_ERROR, at, reason); }
  void Info(NodeId at, const Reason& reason) { Add(v1::SEVERITY_INFO, at, reason); }
  bool refused() const { return refused_; }
  // The findings in order; one INFO at the end says how many were left out.
  std::vector<v1::Finding> Take();

 private:
  void Add(v1::Severity severity, NodeId at, const Reason& reason);
  // An offered line must help where it stands.
  void WithdrawUselessLines();
  void FindParents();
  std::string PathOf(NodeId node);

  const View* view_;
  const v1::Provenance* provenance_;
  std::vector<v1::Finding> findings_;
  size_t left_out_ = 0;
  bool refused_ = false;
  // Filled by a breadth-first walk from the root when a finding first needs a path: each node's
  // parent, and which of the parent's children it is.
  std::vector<NodeId> parents_;
  std::vector<uint32_t> places_;
};

// Standard name of a pickle opcode; empty if the byte is none.
absl::string_view OpcodeName(uint32_t opcode);

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_FINDINGS_H_
