#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_NATIVE_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_NATIVE_H_

#include "sandbox/graph/values.h"

namespace loadlock::pickle {

// Why instances of a class that holds a model in its library's own format are never read; null if
// they may be.
const char* WhyNativeIsNotRead(const graph::GlobalUse& use);

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_NATIVE_H_
