// The trace that a caller's call belongs to, as W3C Trace Context writes it down
// (https://www.w3.org/TR/trace-context/#traceparent-header).
#ifndef LOADLOCK_SERVER_OBSERVE_TRACE_CONTEXT_H_
#define LOADLOCK_SERVER_OBSERVE_TRACE_CONTEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace loadlock::observe {

// Both empty: none.
struct TraceContext {
  std::string trace_id;   // 32 lower-case hex digits.
  std::string parent_id;  // 16: the caller's span.
};

// None for what is not a traceparent by its grammar: it is the caller's word, and goes to logs.
TraceContext ParseTraceparent(absl::string_view text);

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_TRACE_CONTEXT_H_
