#include "bench/support/latency_counts.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "bench/limits/limits.hpp"

namespace weir::bench {
namespace {

TEST(LatencyCounts, QuantilesAreAtMostOneBucketAboveTheTruth) {
  LatencyCounts counts;
  EXPECT_EQ(counts.quantile(0.5), 0);
  for (std::int64_t value = 1; value <= 100'000; ++value) counts.add(value);
  for (const double quantile : {0.001, 0.5, 0.99, 0.999, 1.0}) {
    const double truth = quantile * 100'000;
    EXPECT_GE(counts.quantile(quantile), truth);
    EXPECT_LE(counts.quantile(quantile), truth * (1 + 1.0 / 32));
  }
  EXPECT_EQ(counts.worst(), 100'000);
  EXPECT_EQ(counts.total(), 100'000U);
}

TEST(LatencyCounts, TakesAnyDuration) {
  LatencyCounts counts;
  for (const std::int64_t value : {std::int64_t{-5}, std::int64_t{0}, std::int64_t{63}, std::int64_t{64},
                                   std::numeric_limits<std::int64_t>::max()})
    counts.add(value);
  EXPECT_EQ(counts.quantile(0.4), 0);
  EXPECT_EQ(counts.quantile(0.6), 63);
  EXPECT_GE(counts.quantile(0.8), 64);
  LatencyCounts sum;
  sum.add(1);
  sum.add(counts);
  EXPECT_EQ(sum.total(), 6U);
  EXPECT_EQ(sum.worst(), counts.worst());
}

TEST(PacedServing, LimitServesWhatIsDueInTheTime) {
  const auto samples = make_samples(1000, 1);
  const PacedWork work{.samples = samples, .records_per_second = 100'000, .seconds = 0.05, .swaps_per_second = 100};
  const LatencyTenths tenths = paced_serving_limit(work, make_linear(2));
  std::uint64_t records = 0;
  for (const LatencyCounts& tenth : tenths) records += tenth.total();
  EXPECT_LE(records, 5'000U);  // fewer when the machine did not let it run
}

}  // namespace
}  // namespace weir::bench
