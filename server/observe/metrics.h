// Numbers that grow, numbers that are, and how they are spread, as text for Prometheus
// (https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4).
//
// Debian 12 has prometheus-cpp as shared objects alone, and the daemon carries its libraries; what
// is needed of it is small.
#ifndef LOADLOCK_SERVER_OBSERVE_METRICS_H_
#define LOADLOCK_SERVER_OBSERVE_METRICS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace loadlock::observe {

// Values of labels, in the order of their names. They are words of ours, never what a caller or an
// artifact said: each combination costs memory here and in every Prometheus that reads it.
using LabelValues = std::vector<std::string>;

// More than any family here has. Beyond it all labels of a new combination are "other", so that a
// mistake stays a mistake.
inline constexpr size_t kMaxSeries = 1024;

// One metric with all its labels. Thread safe.
class Family {
 public:
  Family(std::string name, std::string help, std::vector<std::string> labels)
      : name_(std::move(name)), help_(std::move(help)), labels_(std::move(labels)) {}
  virtual ~Family() = default;
  Family(const Family&) = delete;
  Family& operator=(const Family&) = delete;

  virtual void Render(std::string* out) const = 0;

 protected:
  // name_SUFFIX{label="value",...,extra}
  void AppendName(absl::string_view suffix, const LabelValues& values, absl::string_view extra,
                  std::string* out) const;
  void AppendHead(absl::string_view type, std::string* out) const;
  // The key for `values`, see kMaxSeries.
  template <typename Cells>
  LabelValues KeyFor(const Cells& cells, const LabelValues& values) const {
    if (cells.size() < kMaxSeries || cells.count(values) > 0) return values;
    return LabelValues(labels_.size(), "other");
  }

  const std::string name_;
  const std::string help_;
  const std::vector<std::string> labels_;
  mutable std::mutex mutex_;
};

class Counter final : public Family {
 public:
  using Family::Family;
  void Add(const LabelValues& values, uint64_t by = 1);
  // Of what somebody else counts; never less than before.
  void Set(const LabelValues& values, uint64_t count);
  void Render(std::string* out) const override;

 private:
  std::map<LabelValues, uint64_t> cells_;
};

class Gauge final : public Family {
 public:
  using Family::Family;
  void Set(const LabelValues& values, double value);
  void Render(std::string* out) const override;

 private:
  std::map<LabelValues, double> cells_;
};

// In seconds.
class Histogram final : public Family {
 public:
  // `bounds` rise.
  Histogram(std::string name, std::string help, std::vector<std::string> labels,
            std::vector<double> bounds)
      : Family(std::move(name), std::move(help), std::move(labels)), bounds_(std::move(bounds)) {}
  void Observe(const LabelValues& values, absl::Duration duration);
  void Render(std::string* out) const override;

 private:
  struct Cell {
    std::vector<uint64_t> counts;  // Of each bucket alone; one more for +Inf.
    double sum = 0;
  };
  const std::vector<double> bounds_;
  std::map<LabelValues, Cell> cells_;
};

// All families, in the order they were added. Adding is for the time before threads.
class MetricsPage {
 public:
  template <typename F, typename... Args>
  F* Add(Args&&... args) {
    auto family = std::make_unique<F>(std::forward<Args>(args)...);
    F* const added = family.get();
    families_.push_back(std::move(family));
    return added;
  }
  // Called before each rendering, to set what is only looked at then.
  void OnRender(std::function<void()> collect) { collect_ = std::move(collect); }

  // Thread safe if what was given to OnRender is.
  std::string Render() const;

 private:
  std::vector<std::unique_ptr<Family>> families_;
  std::function<void()> collect_;
};

}  // namespace loadlock::observe

#endif  // LOADLOCK_SERVER_OBSERVE_METRICS_H_
