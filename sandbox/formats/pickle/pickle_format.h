// A file that is one pickle, written by pickle.dump or, with arrays between the opcodes, by
// joblib.dump. Both begin alike; a reference to joblib's NumpyArrayWrapper tells them apart,
// and without one pickle.load and joblib.load read the same thing.
#ifndef LOADLOCK_SANDBOX_FORMATS_PICKLE_PICKLE_FORMAT_H_
#define LOADLOCK_SANDBOX_FORMATS_PICKLE_PICKLE_FORMAT_H_

#include "sandbox/bytes/cursor.h"
#include "sandbox/decoders/pickle/parse.h"
#include "sandbox/formats/format.h"

namespace loadlock::formats {

// Protocol 2 and later: a PROTO opcode and then another opcode.
const char* IdentifyPickle(bytes::Bytes artifact);
void ParsePickle(const Input& input, Output* output);

// Protocols 0 and 1 have no header: any legal opcode may come first. If the rest is no pickle
// either, the refusal says that the format is unknown.
const char* IdentifyHeaderlessPickle(bytes::Bytes artifact);
void ParseHeaderlessPickle(const Input& input, Output* output);

// Parses a stream that is the file, or what was decompressed. Sets format to "pickle" or
// "joblib", and root or refusals.
void ParsePickleStream(const pickle::Stream& stream, const Input& input, Output* output);

}  // namespace loadlock::formats

#endif  // LOADLOCK_SANDBOX_FORMATS_PICKLE_PICKLE_FORMAT_H_
