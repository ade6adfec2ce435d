// Mutations of any protobuf message by its descriptor: fields set, doubled, exchanged, taken away.
#ifndef LOADLOCK_TESTS_FUZZ_MUTATE_PROTO_H_
#define LOADLOCK_TESTS_FUZZ_MUTATE_PROTO_H_

#include <functional>
#include <string>

#include "google/protobuf/message.h"
#include "tests/fuzz/dice.h"

namespace loadlock::fuzz {

// A new value for a string field that held `old`.
using TextSource =
    std::function<std::string(const google::protobuf::FieldDescriptor&, const std::string& old)>;

// Changes one field of the message, or of one that it holds.
void MutateMessage(google::protobuf::Message* message, const TextSource& text, Dice* dice);

}  // namespace loadlock::fuzz

#endif  // LOADLOCK_TESTS_FUZZ_MUTATE_PROTO_H_
