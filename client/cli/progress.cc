#include "client/cli/progress.h"

#include <algorithm>
#include <ostream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/cli/text.h"

namespace loadlock::cli {
namespace {

constexpr size_t kBarWidth = 20;
// Smooth to the eye, nothing to the processor.
constexpr absl::Duration kPause = absl::Milliseconds(50);

}  // namespace

std::string RenderBar(size_t done, size_t total, absl::string_view name, size_t columns) {
  const size_t filled = total == 0 ? kBarWidth : std::min(done, total) * kBarWidth / total;
  std::string bar = absl::StrCat("[", std::string(filled, '#'),
                                 std::string(kBarWidth - filled, '.'), "]  ", done, "/", total);
  constexpr size_t kDots = 3;
  if (columns > bar.size() + 2 + kDots) {
    absl::StrAppend(&bar, "  ", Printable(name, columns - bar.size() - 2 - kDots));
  }
  return bar;
}

Progress::Progress(std::ostream* out, size_t total, size_t columns)
    : out_(out), total_(total), columns_(columns) {}

void Progress::Clear() {
  if (!visible_) return;
  *out_ << "\r\x1b[K" << std::flush;
  visible_ = false;
}

void Progress::Show(size_t done, absl::string_view name) {
  if (out_ == nullptr) return;
  const absl::Time now = absl::Now();
  if (visible_ && now - last_ < kPause) return;
  last_ = now;
  *out_ << "\r\x1b[K" << RenderBar(done, total_, name, columns_) << std::flush;
  visible_ = true;
}

}  // namespace loadlock::cli
