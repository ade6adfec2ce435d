// The folder that a gate fills: all of its files at once, or none.
#ifndef LOADLOCK_CLIENT_CLI_GATE_TARGET_H_
#define LOADLOCK_CLIENT_CLI_GATE_TARGET_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace loadlock::cli {

// What is staged lies in a hidden folder of the target, 0700, which goes with this object.
class GateTarget {
 public:
  // Makes `folder` if it is missing. `files` are all that will be put there, relative.
  // FAILED_PRECONDITION if anything else lies there already: whoever loads from the folder would
  // take it for vetted. What an earlier gate left unfinished is removed.
  static absl::StatusOr<GateTarget> Open(const std::string& folder,
                                         const std::set<std::string>& files);
  GateTarget(GateTarget&& other) noexcept;
  GateTarget& operator=(GateTarget&&) = delete;
  ~GateTarget();

  // Writes one of `files`, 0644, to the disk.
  absl::Status Stage(const std::string& relative, absl::Span<const uint8_t> bytes);
  // Puts all that was staged in its place, each file by a rename. Fails with nothing of it there.
  absl::Status Commit();
  // Takes away what Commit has put there.
  void Withdraw();

  const std::string& folder() const { return folder_; }

 private:
  GateTarget(std::string folder, std::string staging)
      : folder_(std::move(folder)), staging_(std::move(staging)) {}
  absl::Status Place();

  std::string folder_;
  std::string staging_;  // Empty: moved from.
  std::vector<std::string> staged_;
  std::vector<std::string> placed_;
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_GATE_TARGET_H_
