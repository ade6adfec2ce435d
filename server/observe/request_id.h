// Ids that join an answer with the lines of the log.
#ifndef LOADLOCK_SERVER_OBSERVE_REQUEST_ID_H_
#define LOADLOCK_SERVER_OBSERVE_REQUEST_ID_H_

#include <atomic>
#include <cstdint>
#include <string>

namespace loadlock::observe {

// Thread safe. Ids are 8 hex digits that differ from start to start, and a count: "5f2c01aa-17".
// They are names, not secrets.
class RequestIds {
 public:
  RequestIds();
  std::string Next();

 private:
  std::string prefix_;
  std::atomic<uint64_t> count_{0};
};

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_REQUEST_ID_H_
