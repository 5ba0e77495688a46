#include "bench/limits/limits.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <thread>

#include "bench/limits/ring.hpp"
#include "bench/support/readings.hpp"

namespace weir::bench {
namespace {

// The work as a reader would write it first: one record at a time, no batches.
std::uint64_t chain_in_one_loop(std::uint64_t records, unsigned key_bits) {
  std::uint64_t checksum = 0;
  for (std::uint64_t i = 0; i < records; ++i) {
    const Reading reading = calibrated(reading_at(i, key_bits));
    if (is_wanted(reading)) checksum += fingerprint(offset_by_key(reading));
  }
  return checksum;
}

TEST(Limits, ChainsComputeWhatOneLoopDoes) {
  for (const std::uint64_t records : {1ULL, 255ULL, 256ULL, 257ULL, 100'003ULL}) {
    const std::uint64_t expected = chain_in_one_loop(records, 10);
    EXPECT_EQ(stateless_chain_limit(records, 10).checksum, expected) << records;
    EXPECT_EQ(two_thread_chain_limit(records, 10).checksum, expected) << records;
    EXPECT_EQ(two_thread_chain_limit(records, 10).records, records);
  }
  EXPECT_EQ(two_thread_chain_limit(0, 10).checksum, 0U);
}

TEST(Limits, KeyedSumComputesWhatAMapDoes) {
  for (const unsigned key_bits : {1U, 10U, 17U}) {
    std::map<std::int64_t, double> sums;
    std::uint64_t checksum = 0;
    constexpr std::uint64_t kRecords = 100'003;
    for (std::uint64_t i = 0; i < kRecords; ++i) {
      const Reading reading = reading_at(i, key_bits);
      checksum += fingerprint({reading.key, sums[reading.key] += reading.value});
    }
    EXPECT_EQ(keyed_sum_limit(kRecords, key_bits).checksum, checksum) << key_bits;
    if (key_bits < 17) {
      EXPECT_EQ(sums.size(), std::size_t{1} << key_bits);
    }
  }
}

TEST(Limits, ServingScoresEveryRecordWhateverTheSwaps) {
  const auto samples = make_samples(1000, 1);
  const LinearModel linear = make_linear(2);
  const Forest forest = make_forest(3);
  constexpr std::uint64_t kRecords = 5003;
  std::uint64_t linear_expected = 0;
  std::uint64_t forest_expected = 0;
  for (std::uint64_t i = 0; i < kRecords; ++i) {
    const Sample& sample = samples[i % samples.size()];
    linear_expected += served_fingerprint(sample, score(linear, sample.features));
    forest_expected += served_fingerprint(sample, score(forest, sample.features));
  }
  for (const std::uint64_t records_per_swap : {std::uint64_t{1}, std::uint64_t{700}, kRecords}) {
    const Measured run = linear_serving_limit({kRecords, records_per_swap, samples}, linear);
    EXPECT_EQ(run.checksum, linear_expected);
    EXPECT_EQ(run.records, kRecords);
    EXPECT_EQ(forest_serving_limit({kRecords, records_per_swap, samples}, forest).checksum, forest_expected);
  }
}

TEST(Limits, ServingFindsTheModelsOfManyKeys) {
  const auto samples = make_samples(1000, 1);
  const LinearModel linear = make_linear(2);
  const ServingWork work{5003, 100, samples, 3000};
  std::vector<Sample> made(work.records);
  take_samples(made.data(), 0, made.size(), work);
  std::uint64_t expected = 0;
  std::set<std::int64_t> keys;
  for (const Sample& sample : made) {
    expected += served_fingerprint(sample, score(linear, sample.features));
    keys.insert(sample.key);
  }
  EXPECT_GT(keys.size(), 2000U);
  EXPECT_GE(*keys.begin(), 0);
  EXPECT_LT(*keys.rbegin(), work.keys);
  const Measured run = linear_serving_limit(work, linear);
  EXPECT_EQ(run.checksum, expected);
  EXPECT_EQ(run.records, work.records);
}

TEST(Limits, ScoringScoresEveryRecord) {
  const auto samples = make_samples(1000, 1);
  const LinearModel linear = make_linear(2);
  const Forest forest = make_forest(3);
  for (const std::uint64_t records : {1ULL, 256ULL, 1000ULL, 5003ULL}) {
    EXPECT_EQ(linear_scoring_limit(records, samples, linear).checksum,
              linear_serving_limit({records, records, samples}, linear).checksum);
    EXPECT_EQ(forest_scoring_limit(records, samples, forest).checksum,
              forest_serving_limit({records, records, samples}, forest).checksum);
  }
}

TEST(Ring, KeepsOrderThroughManyTurns) {
  std::array<int, 3> items{};
  Ring<int, 4> ring;
  std::thread writer([&] {
    for (std::size_t i = 0; i < 10'000; ++i) ring.push(&items[i % items.size()]);
  });
  std::size_t in_order = 0;
  for (std::size_t i = 0; i < 10'000; ++i) in_order += ring.pop() == &items[i % items.size()] ? 1 : 0;
  writer.join();
  EXPECT_EQ(in_order, 10'000U);
}

}  // namespace
}  // namespace weir::bench
