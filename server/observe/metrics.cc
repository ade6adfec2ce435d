#include "server/observe/metrics.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace loadlock::observe {
namespace {

// Backslash, quote and line feed are all that the format escapes.
void AppendEscaped(absl::string_view value, std::string* out) {
  for (const char c : value) {
    if (c == '\\' || c == '"') out->push_back('\\');
    if (c == '\n') {
      out->append("\\n");
    } else {
      out->push_back(c);
    }
  }
}

// Shortest text that is exact enough; whole numbers stay whole.
std::string Number(double value) { return absl::StrFormat("%.17g", value); }
std::string Bound(double value) { return absl::StrFormat("%g", value); }

}  // namespace

void Family::AppendName(absl::string_view suffix, const LabelValues& values,
                        absl::string_view extra, std::string* out) const {
  absl::StrAppend(out, name_, suffix);
  if (labels_.empty() && extra.empty()) return;
  out->push_back('{');
  for (size_t i = 0; i < labels_.size(); ++i) {
    absl::StrAppend(out, i > 0 ? "," : "", labels_[i], "=\"");
    AppendEscaped(values[i], out);
    out->push_back('"');
  }
  absl::StrAppend(out, !labels_.empty() && !extra.empty() ? "," : "", extra, "}");
}

void Family::AppendHead(absl::string_view type, std::string* out) const {
  absl::StrAppend(out, "# HELP ", name_, " ", help_, "\n# TYPE ", name_, " ", type, "\n");
}

void Counter::Add(const LabelValues& values, uint64_t by) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cells_[KeyFor(cells_, values)] += by;
}

void Counter::Set(const LabelValues& values, uint64_t count) {
  const std::lock_guard<std::mutex> lock(mutex_);
  uint64_t& cell = cells_[KeyFor(cells_, values)];
  cell = std::max(cell, count);
}

void Counter::Render(std::string* out) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  AppendHead("counter", out);
  for (const auto& [values, count] : cells_) {
    AppendName("", values, "", out);
    absl::StrAppend(out, " ", count, "\n");
  }
}

void Gauge::Set(const LabelValues& values, double value) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cells_[KeyFor(cells_, values)] = value;
}

void Gauge::Render(std::string* out) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  AppendHead("gauge", out);
  for (const auto& [values, value] : cells_) {
    AppendName("", values, "", out);
    absl::StrAppend(out, " ", Number(value), "\n");
  }
}

void Histogram::Observe(const LabelValues& values, absl::Duration duration) {
  const double seconds = absl::ToDoubleSeconds(duration);
  const auto bucket = static_cast<size_t>(
      std::lower_bound(bounds_.begin(), bounds_.end(), seconds) - bounds_.begin());
  const std::lock_guard<std::mutex> lock(mutex_);
  Cell& cell = cells_[KeyFor(cells_, values)];
  if (cell.counts.empty()) cell.counts.resize(bounds_.size() + 1);
  ++cell.counts[bucket];
  cell.sum += seconds;
}

void Histogram::Render(std::string* out) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  AppendHead("histogram", out);
  for (const auto& [values, cell] : cells_) {
    uint64_t count = 0;
    for (size_t i = 0; i < cell.counts.size(); ++i) {
      count += cell.counts[i];
      const std::string bound = i < bounds_.size() ? Bound(bounds_[i]) : "+Inf";
      AppendName("_bucket", values, absl::StrCat("le=\"", bound, "\""), out);
      absl::StrAppend(out, " ", count, "\n");
    }
    AppendName("_sum", values, "", out);
    absl::StrAppend(out, " ", Number(cell.sum), "\n");
    AppendName("_count", values, "", out);
    absl::StrAppend(out, " ", count, "\n");
  }
}

std::string MetricsPage::Render() const {
  if (collect_) collect_();
  std::string page;
  for (const auto& family : families_) family->Render(&page);
  return page;
}

}  // namespace loadlock::observe
