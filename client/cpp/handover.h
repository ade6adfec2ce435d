// The second socket of the daemon: a token for sealed descriptors.
//
// One connection a hand-over. The client sends the 32 bytes of the lease's token; the
// daemon answers with one byte, the number of descriptors, and the descriptors themselves
// (SCM_RIGHTS) in order: the artifact, then the decoded bytes if there are any; then it
// closes. Count 0: the token is unknown, ended or of another user.
#ifndef LOADLOCK_CLIENT_CPP_HANDOVER_H_
#define LOADLOCK_CLIENT_CPP_HANDOVER_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/cpp/fd.h"

namespace loadlock::client {

// Artifact and decoded bytes.
inline constexpr int kMaxDescriptors = 2;

// Errors: those of ConnectUnix; PERMISSION_DENIED if the daemon gives nothing for the
// token; DEADLINE_EXCEEDED; DATA_LOSS if the answer is not of the form above.
absl::StatusOr<std::vector<Fd>> FetchDescriptors(const std::string& socket_path,
                                                 absl::string_view token, absl::Duration timeout);

// The same over a connected socket.
absl::StatusOr<std::vector<Fd>> FetchDescriptorsFrom(int socket, absl::string_view token,
                                                     absl::Duration timeout);

}  // namespace loadlock::client

#endif  // LOADLOCK_CLIENT_CPP_HANDOVER_H_
