// What a file is made of: its tree, what of it is trusted, why, and by which line of the policy.
#ifndef LOADLOCK_CLIENT_CLI_INSPECTION_H_
#define LOADLOCK_CLIENT_CLI_INSPECTION_H_

#include <string>
#include <vector>

#include "client/cli/options.h"
#include "client/cli/outcome.h"
#include "client/cli/policy_book.h"
#include "client/cli/tree.h"

namespace loadlock::cli {

// A name in the file. All text is escaped.
struct NamedPart {
  std::string name;
  v1::Trust trust = v1::TRUST_UNSPECIFIED;
  bool trusted = false;
  uint64_t count = 0;
  // False once it was narrowed away.
  bool shown = true;
  // Lines of the policy, "sklearn.textproto:17".
  std::string lines;
  // The policy's reason, or the refusal's.
  std::string why;
};

struct InspectedRow {
  TreeRow row;
  // Of a row with a name: its place in `names`; else -1.
  int part = -1;
};

struct Inspection {
  std::vector<NamedPart> names;
  // An accepted file's graph; of a refused one the places of the refusal, because what is not
  // vetted is never handed out.
  std::vector<InspectedRow> rows;
  // The rows are a vetted graph.
  bool vetted = false;
  // What is not here, in one sentence; empty if nothing is left out.
  std::string left_out;
};

// `graph` null: there is none. `answer` has a verdict.
Inspection Inspect(const v1::Report& report, const v1::Graph* graph, const PolicyBook& book,
                   const TreeLimits& limits);

// Rows whose names are (not) trusted, with the rows that they stand in.
Inspection Narrowed(Inspection inspection, Show show);

// Stands below RenderOutcome, which has the places and reasons of a refusal already.
std::string RenderInspection(const Inspection& inspection, const Style& style);
// The report's JSON with "names", "tree" and "leftOut".
std::string JsonInspection(const Outcome& outcome, const Inspection& inspection);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_INSPECTION_H_
