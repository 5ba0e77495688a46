#include "engine/http/metrics_text.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace weir::http {
namespace {

TEST(MetricsText, WritesEachFamilyOnceWithItsSamplesTogether) {
  MetricsText metrics;
  metrics.family("weir_records_total", "Records processed.", MetricType::kCounter);
  metrics.family("weir_latency_seconds", "From source to sink.", MetricType::kSummary);
  metrics.sample_count("weir_records_total", {{"uid", "a"}}, std::numeric_limits<std::uint64_t>::max());
  metrics.sample("weir_latency_seconds", {{"quantile", "0.5"}}, 0.25);
  metrics.sample_count("weir_latency_seconds_count", {}, 3);
  metrics.family("weir_records_total", "Said by another component.", MetricType::kCounter);
  metrics.sample("weir_records_total", {{"uid", "b"}, {"task", "1"}}, 2.0);
  EXPECT_EQ(metrics.text(),
            "# HELP weir_records_total Records processed.\n"
            "# TYPE weir_records_total counter\n"
            "weir_records_total{uid=\"a\"} 18446744073709551615\n"
            "weir_records_total{uid=\"b\",task=\"1\"} 2\n"
            "# HELP weir_latency_seconds From source to sink.\n"
            "# TYPE weir_latency_seconds summary\n"
            "weir_latency_seconds{quantile=\"0.5\"} 0.25\n"
            "weir_latency_seconds_count 3\n");
}

TEST(MetricsText, EscapesHelpAndLabels) {
  MetricsText metrics;
  metrics.family("m", "a\\b\n\"c\"", MetricType::kGauge);
  metrics.sample("m", {{"key", "a\\b\n\"c\"\xFF"}}, -1.5e-9);
  EXPECT_EQ(metrics.text(),
            "# HELP m a\\\\b\\n\"c\"\n# TYPE m gauge\nm{key=\"a\\\\b\\n\\\"c\\\"\xEF\xBF\xBD\"} -1.5e-09\n");
}

TEST(MetricsText, WritesWhatIsNoNumber) {
  MetricsText metrics;
  metrics.family("m", "", MetricType::kUntyped);
  metrics.sample("m", {}, std::numeric_limits<double>::quiet_NaN());
  metrics.sample("m", {}, std::numeric_limits<double>::infinity());
  metrics.sample("m", {}, -std::numeric_limits<double>::infinity());
  EXPECT_EQ(metrics.text(), "# HELP m \n# TYPE m untyped\nm NaN\nm +Inf\nm -Inf\n");
}

TEST(MetricsTextDeathTest, NamesOutsideTheFormatAbort) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  MetricsText metrics;
  metrics.family("m", "", MetricType::kGauge);
  EXPECT_DEATH(metrics.family("1m", "", MetricType::kGauge), "metric's name");
  EXPECT_DEATH(metrics.family("m", "", MetricType::kCounter), "one type");
  EXPECT_DEATH(metrics.sample("other", {}, 1), "family announced");
  EXPECT_DEATH(metrics.sample("m_sum", {}, 1), "suffixes");
  EXPECT_DEATH(metrics.sample("m", {{"a:b", ""}}, 1), "label's name");
}

}  // namespace
}  // namespace weir::http
