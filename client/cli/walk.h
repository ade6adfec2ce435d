// From the paths of a command line to the files to audit.
#ifndef LOADLOCK_CLIENT_CLI_WALK_H_
#define LOADLOCK_CLIENT_CLI_WALK_H_

#include <string>
#include <vector>

#include "absl/status/status.h"

namespace loadlock::cli {

// One file, or one thing that cannot be audited.
struct Item {
  // As a person knows it: the argument, and for folders what lies below.
  std::string name;
  // Absolute and without symbolic links, as the daemon wants it.
  std::string path;
  // Not OK: why it cannot be audited.
  absl::Status problem;
};

// Every regular file, folders in bytewise order, in the order of the arguments. Symbolic links
// are followed in an argument (somebody named it) and never inside a folder. Whatever is
// neither file nor folder, cannot be read, or is a folder argument without any file, becomes
// an item with a problem: nothing is left out.
std::vector<Item> Walk(const std::vector<std::string>& arguments);

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_WALK_H_
