// A bar on a terminal, for as long as there is something to wait for.
#ifndef LOADLOCK_CLIENT_CLI_PROGRESS_H_
#define LOADLOCK_CLIENT_CLI_PROGRESS_H_

#include <cstddef>
#include <iosfwd>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace loadlock::cli {

// The bar itself, e.g. "[####......]  4/10  model.joblib", at most `columns` wide.
std::string RenderBar(size_t done, size_t total, absl::string_view name, size_t columns);

class Progress {
 public:
  // `out` null: no bar.
  Progress(std::ostream* out, size_t total, size_t columns);
  ~Progress() { Clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Takes the bar away, so that something else can be printed.
  void Clear();
  // Draws it, at most some times a second.
  void Show(size_t done, absl::string_view name);

 private:
  std::ostream* out_;
  size_t total_;
  size_t columns_;
  bool visible_ = false;
  absl::Time last_ = absl::InfinitePast();
};

}  // namespace loadlock::cli

#endif  // LOADLOCK_CLIENT_CLI_PROGRESS_H_
