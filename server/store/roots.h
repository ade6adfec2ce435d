// The folders under which artifacts may be opened, and the one way to open a file in them.
#ifndef LOADLOCK_SERVER_STORE_ROOTS_H_
#define LOADLOCK_SERVER_STORE_ROOTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "sandbox/channel/unique_fd.h"

namespace loadlock::store {

struct OpenedFile {
  channel::UniqueFd fd;  // Read-only, of a regular file.
  uint64_t size = 0;     // Bytes, when it was opened.
};

// Immutable after Open; thread safe.
class Roots {
 public:
  // Holds a descriptor of each folder (absolute paths), so that a folder that is renamed or
  // replaced later stays the one that was configured. Errors name the folder.
  static absl::StatusOr<Roots> Open(const std::vector<std::string>& folders);

  // Opens `path`, which must be absolute and lie under a root by its name; the longest such root
  // counts. The kernel resolves the rest beneath that root: "..", symbolic links and magic links
  // that lead out are refused. Errors carry ErrorInfo:
  //   INVALID_ARGUMENT   not absolute, a NUL byte, too long; not a regular file
  //   PERMISSION_DENIED  under no root, leads out of it, or the file's mode forbids
  //   NOT_FOUND          no such file
  absl::StatusOr<OpenedFile> OpenFile(const std::string& path) const;

  bool empty() const { return roots_.empty(); }

 private:
  struct Root {
    std::string path;  // Without a trailing slash; "" is the root of the file system.
    channel::UniqueFd fd;
  };
  const Root* Find(absl::string_view path) const;

  std::vector<Root> roots_;  // Longest path first.
};

}  // namespace loadlock::store

#endif  // LOADLOCK_SERVER_STORE_ROOTS_H_
