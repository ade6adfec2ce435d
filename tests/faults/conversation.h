// Tells the test that a stage was reached, and waits for its word. tests/faults/control.py is the
// other end.
#ifndef LOADLOCK_TESTS_FAULTS_CONVERSATION_H_
#define LOADLOCK_TESTS_FAULTS_CONVERSATION_H_

#include "sandbox/faults/fault_point.h"

namespace loadlock::faults {

// A connection to the test's socket, closed by exec; -1 if it is not there.
int Connect(const char* path);

// Comes back when the test answers or has gone.
void Converse(int fd, Stage stage);

}  // namespace loadlock::faults

#endif  // LOADLOCK_TESTS_FAULTS_CONVERSATION_H_
