// Policies for a person and for a program.
#ifndef LOADLOCK_CLIENT_CLI_POLICY_TEXT_H_
#define LOADLOCK_CLIENT_CLI_POLICY_TEXT_H_

#include <string>
#include <vector>

#include "client/cli/policy_book.h"
#include "client/cli/text.h"

namespace loadlock::cli {

// All of these escape.

// What a policy says of a name that it lists, by which line and why.
std::string RenderEntry(const PolicyBook& book, const v1::Entry& entry, const Style& style);

// What two policies say differently.
struct PolicyDiff {
  struct Change {
    std::string name;
    // "trust: TRUST_NAME -> TRUST_NEW_DICT", "added: state[2]: { ... }".
    std::vector<std::string> lines;
  };
  std::vector<std::string> removed;
  std::vector<std::string> added;
  std::vector<Change> changed;
  // Attribute sets of either that the other has not, or has otherwise.
  std::vector<std::string> sets;

  bool empty() const { return removed.empty() && added.empty() && changed.empty() && sets.empty(); }
};

PolicyDiff Compare(const PolicyBook& first, const PolicyBook& second);
std::string RenderDiff(const PolicyDiff& diff, const PolicyBook& first, const PolicyBook& second,
                       const Style& style);
std::string JsonDiff(const PolicyDiff& diff, const PolicyBook& first, const PolicyBook& second);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_POLICY_TEXT_H_
