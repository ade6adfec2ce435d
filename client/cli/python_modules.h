// Modules that come with Python itself.
#ifndef LOADLOCK_CLIENT_CLI_PYTHON_MODULES_H_
#define LOADLOCK_CLIENT_CLI_PYTHON_MODULES_H_

#include "absl/strings/string_view.h"

namespace loadlock::cli {

// True for the first part of the name of a module of the standard library.
bool IsPythonsOwn(absl::string_view package);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_PYTHON_MODULES_H_
