// The smallest policy that accepts files, if nothing that can run code stands in the way.
#ifndef LOADLOCK_CLIENT_CLI_SUGGEST_H_
#define LOADLOCK_CLIENT_CLI_SUGGEST_H_

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/outcome.h"
#include "client/cli/policy_book.h"

namespace loadlock::cli {

// Why a file gets no suggestion.
struct Objection {
  // The file, escaped.
  std::string file;
  // The name concerned, escaped; may be empty.
  std::string name;
  std::string why;
};

struct Suggestion {
  // The policy that is extended.
  std::string base;
  // What is added to it, by name.
  std::map<std::string, v1::Entry> entries;
  // Names in the files that the base lists, by what they may be.
  std::map<v1::Trust, std::set<std::string>> used;
  std::vector<std::string> files;
  // Not empty: no policy is suggested.
  std::vector<Objection> objections;
};

// What suggestions may be made of.
struct Grounds {
  // Packages that the daemon's policies speak of: what they leave out, they leave out on purpose.
  std::set<std::string, std::less<>> reviewed;
  // Packages whose classes the user answers for.
  std::set<std::string, std::less<>> own;
};

// Why this line of a refusal may not be suggested, empty if it may. Only this may: a class of one
// of the user's own packages, made by __new__ and a plain dict. A callable, a factory and whatever
// has another schema may not, nor may what nobody has classified.
std::string WhyNotSuggested(const v1::Finding& finding, const Grounds& grounds, v1::Entry* entry);

// What these reports, all of audits by the policy of `book`, ask for.
Suggestion Suggest(const std::vector<Outcome>& outcomes, const PolicyBook& book,
                   const Grounds& grounds);

// The textproto of a policy of that name. With `exact` it extends nothing and lists what is used
// alone, else it extends the base.
std::string PolicyText(const Suggestion& suggestion, const PolicyBook& book,
                       const std::string& name, bool exact);

// The composed policy as one file of the name that the book has.
std::string WholePolicyText(const PolicyBook& book);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_SUGGEST_H_
