// What a file is made of as a page: one file, no scripts, nothing from elsewhere.
#ifndef LOADLOCK_CLIENT_CLI_PAGE_H_
#define LOADLOCK_CLIENT_CLI_PAGE_H_

#include <string>

#include "client/cli/inspection.h"
#include "client/cli/outcome.h"

namespace loadlock::cli {

// Text of an element or an attribute; what is not printable is escaped as Printable does it.
std::string HtmlText(absl::string_view text);

// A page of at most some megabytes: what is cut is counted in it. `outcome` has a verdict.
std::string RenderPage(const Outcome& outcome, const Inspection& inspection);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_PAGE_H_
