// A system call that failed, for the texts that say why a tier or a worker did not come up.
#ifndef LOADLOCK_SANDBOX_JAIL_CALL_FAILURE_H_
#define LOADLOCK_SANDBOX_JAIL_CALL_FAILURE_H_

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

namespace loadlock::jail {

struct CallFailure {
  std::string call;
  int error = 0;

  // "call: text of errno"; only the call if there is no errno.
  std::string Describe() const { return error == 0 ? call : call + ": " + strerror(error); }
};

// Empty is success.
using CallResult = std::optional<CallFailure>;

// Failure of `call` with the current errno.
inline CallResult Failed(std::string call) {
  const int error = errno;
  return CallFailure{std::move(call), error};
}

}  // namespace loadlock::jail

#endif  // LOADLOCK_SANDBOX_JAIL_CALL_FAILURE_H_
