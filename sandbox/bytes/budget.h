#ifndef LOADLOCK_SANDBOX_BYTES_BUDGET_H_
#define LOADLOCK_SANDBOX_BYTES_BUDGET_H_

#include <cstdint>

namespace loadlock::bytes {

// What one parse may cost. The daemon chooses the numbers (Job in worker.proto).
struct BudgetLimits {
  // Nodes created, reachable in the end or not. Stops streams of empty containers: one byte of
  // pickle makes a node of 24 bytes.
  uint64_t max_nodes = 10'000'000;
  // Bytes of heap that the parser may ask for: stacks, memo, edges, text, the encoded graph.
  uint64_t max_heap_bytes = uint64_t{2} << 30;
  // Bytes written to the decoded memfd. Stops decompression bombs.
  uint64_t max_decoded_bytes = uint64_t{8} << 30;
  // Longest path of containers. Consumers recurse: Python stops at 1,000 frames.
  uint32_t max_depth = 512;
};

// Counts down. A charge that does not fit returns false, is not applied, and is remembered:
// from then on exhausted() names the limit. Work that costs the attacker no bytes is charged
// too: see ChargeWork.
class Budget {
 public:
  enum class Limit { kNone, kNodes, kHeap, kDecoded, kWork };

  explicit Budget(const BudgetLimits& limits);

  [[nodiscard]] bool ChargeNodes(uint64_t n) {
    if (n > nodes_left_) [[unlikely]] {
      return Exhaust(Limit::kNodes);
    }
    nodes_left_ -= n;
    return true;
  }
  [[nodiscard]] bool ChargeHeap(uint64_t n) {
    if (n > heap_left_) [[unlikely]] {
      return Exhaust(Limit::kHeap);
    }
    heap_left_ -= n;
    return true;
  }
  [[nodiscard]] bool ChargeDecoded(uint64_t n) {
    if (n > decoded_left_) [[unlikely]] {
      return Exhaust(Limit::kDecoded);
    }
    decoded_left_ -= n;
    return true;
  }
  // Steps that make no node: a memo read, a repeated reference, a member compared again.
  [[nodiscard]] bool ChargeWork(uint64_t n) {
    if (n > work_left_) [[unlikely]] {
      return Exhaust(Limit::kWork);
    }
    work_left_ -= n;
    return true;
  }

  // Heap given back.
  void ReturnHeap(uint64_t n) { heap_left_ += n; }

  const BudgetLimits& limits() const { return limits_; }
  uint32_t max_depth() const { return limits_.max_depth; }
  // The first limit that was hit; kNone if none was.
  Limit exhausted() const { return exhausted_; }
  // Rule id of that limit: BUDGET_NODES, BUDGET_HEAP, BUDGET_DECODED.
  const char* exhausted_rule() const;

 private:
  bool Exhaust(Limit limit);

  BudgetLimits limits_;
  uint64_t nodes_left_;
  uint64_t heap_left_;
  uint64_t decoded_left_;
  uint64_t work_left_;
  Limit exhausted_ = Limit::kNone;
};

}  // namespace loadlock::bytes

#endif  // LOADLOCK_SANDBOX_BYTES_BUDGET_H_
