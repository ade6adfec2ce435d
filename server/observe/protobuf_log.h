// What the protobuf library has to say goes to the daemon's log, not raw to standard error.
#ifndef LOADLOCK_SERVER_OBSERVE_PROTOBUF_LOG_H_
#define LOADLOCK_SERVER_OBSERVE_PROTOBUF_LOG_H_

#include "server/observe/log.h"
#include "server/observe/rate_limit.h"

namespace loadlock::observe {

// While it lives, each message of protobuf is one escaped line "protobuf". Messages that are
// malformed come from hostile workers and clients, so only a few lines a second are written; the
// next one says how many were dropped. At most one at a time; make and end it while no other
// thread uses protobuf.
class ProtobufLog {
 public:
  // `log` must outlive it.
  explicit ProtobufLog(const Log& log);
  ~ProtobufLog();
  ProtobufLog(const ProtobufLog&) = delete;
  ProtobufLog& operator=(const ProtobufLog&) = delete;

 private:
  friend class ProtobufHandler;

  const Log& log_;
  RateLimit limit_;
};

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_PROTOBUF_LOG_H_
