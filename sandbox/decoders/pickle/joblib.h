// What joblib puts in place of an array.
#ifndef LOADLOCK_SANDBOX_DECODERS_PICKLE_JOBLIB_H_
#define LOADLOCK_SANDBOX_DECODERS_PICKLE_JOBLIB_H_

#include "sandbox/graph/values.h"

namespace loadlock::pickle {

// joblib.numpy_pickle.NumpyArrayWrapper (joblib 0.10 and later): the array's bytes follow in the
// stream.
bool IsArrayWrapper(const graph::GlobalUse& name);

// Wrappers that are not read: those of joblib before 0.10, whose arrays lie in files of their own,
// and those of the copy that scikit-learn carried. Says what to do instead; null for other names.
const char* WhyWrapperIsNotRead(const graph::GlobalUse& name);

}  // namespace loadlock::pickle

#endif  // LOADLOCK_SANDBOX_DECODERS_PICKLE_JOBLIB_H_
