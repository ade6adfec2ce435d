// Tries a policy before it is shown to anybody: a daemon of one's own vets the files by it.
#ifndef LOADLOCK_CLIENT_CLI_POLICY_TRIAL_H_
#define LOADLOCK_CLIENT_CLI_POLICY_TRIAL_H_

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/cli/options.h"
#include "client/cli/outcome.h"
#include "client/cli/walk.h"

namespace loadlock::cli {

// A fresh folder that is gone with this object.
class ScratchFolder {
 public:
  static absl::StatusOr<ScratchFolder> Make();
  ScratchFolder(ScratchFolder&& other) noexcept;
  ScratchFolder& operator=(ScratchFolder&&) = delete;
  ~ScratchFolder();
  const std::string& path() const { return path_; }

 private:
  ScratchFolder() = default;
  std::string path_;
};

// Writes the policies, name to text, into `scratch`, starts a daemon there that knows these alone,
// and vets the items by the policy that `options` name. Errors: the folder cannot be written; the
// daemon does not start, as it does not with a bad policy.
absl::StatusOr<std::vector<Outcome>> TryPolicies(const ScratchFolder& scratch,
                                                 const std::map<std::string, std::string>& policies,
                                                 const std::vector<Item>& items,
                                                 const Options& options);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_POLICY_TRIAL_H_
