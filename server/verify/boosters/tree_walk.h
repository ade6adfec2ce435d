// Proof that nodes and their children are one tree.
#ifndef LOADLOCK_SERVER_VERIFY_BOOSTERS_TREE_WALK_H_
#define LOADLOCK_SERVER_VERIFY_BOOSTERS_TREE_WALK_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace loadlock::verify {

// Both libraries recurse over a tree (to dump, explain and, xgboost, to predict), and explanations
// take memory by its square: a chain of 50,000 nodes ends the process.
inline constexpr uint32_t kMaxTreeDepth = 512;

class TreeWalk {
 public:
  enum class Result { kTree, kTwoParents, kTooDeep };

  // From node 0 of `size` nodes. `children(i)` is a pair of numbers below `size`, nullopt for a
  // leaf.
  template <typename Children>
  Result Walk(uint32_t size, const Children& children) {
    reached_.assign(size, 0);
    reached_[0] = 1;
    count_ = 1;
    stack_.assign(1, {0, 1});
    while (!stack_.empty()) {
      const auto [node, depth] = stack_.back();
      stack_.pop_back();
      const std::optional<std::pair<uint32_t, uint32_t>> both = children(node);
      if (!both) continue;
      if (depth > kMaxTreeDepth) return Result::kTooDeep;
      for (const uint32_t child : {both->first, both->second}) {
        if (reached_[child] != 0) return Result::kTwoParents;
        reached_[child] = 1;
        ++count_;
        stack_.emplace_back(child, depth + 1);
      }
    }
    return Result::kTree;
  }
  // After kTree.
  uint32_t reached() const { return count_; }
  bool IsReached(uint32_t node) const { return reached_[node] != 0; }

 private:
  std::vector<uint8_t> reached_;
  std::vector<std::pair<uint32_t, uint32_t>> stack_;
  uint32_t count_ = 0;
};

}  // namespace loadlock::verify

#endif  // LOADLOCK_SERVER_VERIFY_BOOSTERS_TREE_WALK_H_
