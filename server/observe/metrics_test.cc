#include "server/observe/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace loadlock::observe {
namespace {

using ::testing::HasSubstr;

TEST(MetricsTest, IsThePageThatPrometheusReads) {
  MetricsPage page;
  auto* counter = page.Add<Counter>("a_total", "Help.", std::vector<std::string>{"x", "y"});
  auto* gauge = page.Add<Gauge>("b", "More.", std::vector<std::string>{});
  auto* histogram = page.Add<Histogram>("c_seconds", "Time.", std::vector<std::string>{"z"},
                                        std::vector<double>{0.001, 1});
  page.OnRender([&] { gauge->Set({}, 2.5); });
  counter->Add({"2", "a\"b\\c\nd"});
  counter->Add({"1", ""}, 41);
  counter->Add({"1", ""});
  histogram->Observe({"q"}, absl::Milliseconds(1));  // le: less or equal
  histogram->Observe({"q"}, absl::Milliseconds(500));
  histogram->Observe({"q"}, absl::Seconds(2));
  EXPECT_EQ(page.Render(), R"(# HELP a_total Help.
# TYPE a_total counter
a_total{x="1",y=""} 42
a_total{x="2",y="a\"b\\c\nd"} 1
# HELP b More.
# TYPE b gauge
b 2.5
# HELP c_seconds Time.
# TYPE c_seconds histogram
c_seconds_bucket{z="q",le="0.001"} 1
c_seconds_bucket{z="q",le="1"} 2
c_seconds_bucket{z="q",le="+Inf"} 3
c_seconds_sum{z="q"} 2.5009999999999999
c_seconds_count{z="q"} 3
)");
}

TEST(MetricsTest, ACountNeverFalls) {
  Counter counter("a_total", "Help.", {});
  counter.Set({}, 5);
  counter.Set({}, 3);
  std::string text;
  counter.Render(&text);
  EXPECT_THAT(text, HasSubstr("a_total 5\n"));
}

TEST(MetricsTest, SeriesAreBounded) {
  Counter counter("a_total", "Help.", {"x", "y"});
  Gauge gauge("b", "Help.", {"x"});
  Histogram histogram("c", "Help.", {"x"}, {1});
  for (int i = 0; i < 5000; ++i) {
    counter.Add({absl::StrCat(i), "y"});
    gauge.Set({absl::StrCat(i)}, 1);
    histogram.Observe({absl::StrCat(i)}, absl::Seconds(1));
  }
  counter.Add({"7", "y"});  // What is known goes on.
  std::string text;
  counter.Render(&text);
  EXPECT_THAT(text,
              HasSubstr(absl::StrCat("a_total{x=\"other\",y=\"other\"} ", 5000 - kMaxSeries)));
  EXPECT_THAT(text, HasSubstr("a_total{x=\"7\",y=\"y\"} 2\n"));
  gauge.Render(&text);
  histogram.Render(&text);
  EXPECT_LT(text.size(), kMaxSeries * 300);
}

TEST(MetricsTest, CountsOfThreadsAreWhole) {
  Counter counter("a_total", "Help.", {"x"});
  Histogram histogram("c", "Help.", {"x"}, {1});
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 1000; ++k) {
        counter.Add({"a"});
        histogram.Observe({"a"}, absl::ZeroDuration());
        if (k % 100 == 0) {
          std::string text;
          counter.Render(&text);
          histogram.Render(&text);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string text;
  counter.Render(&text);
  histogram.Render(&text);
  EXPECT_THAT(text, HasSubstr("a_total{x=\"a\"} 4000\n"));
  EXPECT_THAT(text, HasSubstr("c_count{x=\"a\"} 4000\n"));
}

}  // namespace
}  // namespace loadlock::observe
