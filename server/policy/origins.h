// The lines of the files that policies were read from, for whoever asks.
#ifndef LOADLOCK_SERVER_POLICY_ORIGINS_H_
#define LOADLOCK_SERVER_POLICY_ORIGINS_H_

#include <map>
#include <string>

#include "absl/base/call_once.h"
#include "absl/strings/string_view.h"
#include "server/policy/compose.h"
#include "server/policy/policy.h"

namespace loadlock::policy {

// Thread safe. Reads the folder again at the first question, because most daemons are never asked
// and none should start later for it. A policy whose files say something else by then has no lines.
class Origins {
 public:
  // `policies` were loaded from `dir` and must outlive this.
  Origins(std::string dir, const PolicySet* policies) : dir_(std::move(dir)), policies_(policies) {}

  // Of the policy of that name; empty if they are not known.
  const EntryPlaces& Of(absl::string_view policy) const;

 private:
  void Read() const;

  std::string dir_;
  const PolicySet* policies_;
  mutable absl::once_flag once_;
  mutable std::map<std::string, EntryPlaces, std::less<>> places_;
  EntryPlaces none_;
};

}  // namespace loadlock::policy

#endif  // LOADLOCK_SERVER_POLICY_ORIGINS_H_
