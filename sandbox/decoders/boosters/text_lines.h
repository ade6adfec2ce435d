// The lines of a LightGBM model text, with the place of what is refused.
#ifndef LOADLOCK_SANDBOX_DECODERS_BOOSTERS_TEXT_LINES_H_
#define LOADLOCK_SANDBOX_DECODERS_BOOSTERS_TEXT_LINES_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "sandbox/bytes/budget.h"
#include "sandbox/bytes/text.h"
#include "sandbox/graph/refusal.h"

namespace loadlock::boosters {

class TextLines {
 public:
  // `text` begins at `base` in the stream.
  TextLines(std::string_view text, uint64_t base, bytes::Budget* budget)
      : text_(text), base_(base), budget_(budget) {}

  // Lines end there: `end` is behind a newline.
  void CutAt(size_t end) { text_ = text_.substr(0, end); }
  bool AtEnd() const { return at_ >= text_.size(); }
  uint64_t base() const { return base_; }
  bytes::Budget* budget() const { return budget_; }

  // False at the end.
  bool Next(std::string_view* line) {
    if (AtEnd()) return false;
    line_ = at_;
    const size_t newline = text_.find('\n', at_);
    *line = text_.substr(at_, newline - at_);
    at_ = newline == text_.npos ? text_.size() : newline + 1;
    return true;
  }

  // Takes "key=value" apart and stores the value by the place of its key.
  template <size_t n>
  bool Store(std::string_view line, const std::array<std::string_view, n>& keys,
             std::array<std::optional<std::string_view>, n>* values) {
    const size_t equals = line.find('=');
    const std::string_view key = line.substr(0, equals);
    for (size_t i = 0; i < n && equals != line.npos; ++i) {
      if (keys[i] != key) continue;
      if ((*values)[i]) return Fail(bytes::Concat({key, " stands twice"}));
      (*values)[i] = line.substr(equals + 1);
      return true;
    }
    return Fail(bytes::Concat({"the line '", graph::Quote(line, 40), "' is not known"}));
  }

  // False, always. The first refusal stays.
  bool Fail(std::string_view message) {
    if (refusal_) return false;
    if (budget_->exhausted() != bytes::Budget::Limit::kNone) {
      refusal_ = graph::Refuse(budget_->exhausted_rule(),
                               "LightGBM model: it costs more than the request may use");
    } else {
      refusal_ =
          graph::Refuse("MALFORMED", bytes::Concat({"LightGBM model: ", message}), base_ + line_);
    }
    return false;
  }
  bool Truncated() {
    if (!refusal_) {
      refusal_ = graph::Refuse("TRUNCATED", "LightGBM model: the line 'end of trees' is missing",
                               base_ + text_.size());
    }
    return false;
  }
  bool Take(graph::Refusal refusal) {
    if (!refusal_) refusal_ = std::move(refusal);
    return false;
  }
  std::optional<graph::Refusal> TakeRefusal() { return std::move(refusal_); }

 private:
  std::string_view text_;
  uint64_t base_;
  bytes::Budget* budget_;
  size_t at_ = 0;
  size_t line_ = 0;
  std::optional<graph::Refusal> refusal_;
};

}  // namespace loadlock::boosters

#endif  // LOADLOCK_SANDBOX_DECODERS_BOOSTERS_TEXT_LINES_H_
