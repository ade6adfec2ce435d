// What the gRPC library has to say goes to the daemon's log, not raw to standard error.
#ifndef LOADLOCK_SERVER_OBSERVE_GRPC_LOG_H_
#define LOADLOCK_SERVER_OBSERVE_GRPC_LOG_H_

#include "server/observe/log.h"
#include "server/observe/rate_limit.h"

namespace loadlock::observe {

// While it lives, each message of gRPC is one escaped line "grpc". Callers can provoke some, so
// only a few lines a second are written; the next one says how many were dropped. At most one at a
// time; make it before gRPC is used and end it when no thread uses gRPC any more: what is said
// after that is dropped.
class GrpcLog {
 public:
  // `log` must outlive it.
  explicit GrpcLog(const Log& log);
  ~GrpcLog();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;

 private:
  friend class GrpcHandler;

  const Log& log_;
  RateLimit limit_;
};

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_GRPC_LOG_H_
