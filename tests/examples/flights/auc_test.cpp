#include "auc.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace flights {
namespace {

struct Record {
  double score;
  bool positive;
};

// Scores of few distinct values, so that ties are common.
std::vector<Record> random_records(std::uint32_t seed, std::size_t count) {
  std::mt19937 random(seed);
  std::vector<Record> records;
  for (std::size_t i = 0; i < count; ++i) {
    const double score = static_cast<double>(random() % 97) / 97;
    records.push_back({score, static_cast<double>(random() % 100) < 20 + 40 * score});
  }
  return records;
}

// By the definition: every pair of a positive and a negative record.
double auc_by_pairs(const std::vector<Record>& records) {
  double wins = 0, pairs = 0;
  for (const Record& positive : records)
    for (const Record& negative : records)
      if (positive.positive && !negative.positive) {
        wins += positive.score > negative.score ? 1 : positive.score == negative.score ? 0.5 : 0;
        ++pairs;
      }
  return wins / pairs;
}

TEST(Auc, IsTheShareOfPairsInOrderWithTiesAsHalf) {
  Auc auc;
  // scikit-learn's example: roc_auc_score([0, 0, 1, 1], [.1, .4, .35, .8]) = 0.75
  auc.add(0.1, false), auc.add(0.4, false), auc.add(0.35, true), auc.add(0.8, true);
  EXPECT_EQ(auc.value(), 0.75);
  Auc tied;
  tied.add(0.5, true), tied.add(0.5, false);
  EXPECT_EQ(tied.value(), 0.5);
  for (const std::uint32_t seed : {1U, 2U, 3U}) {
    const auto records = random_records(seed, 700);
    Auc many;
    for (const Record& record : records) many.add(record.score, record.positive);
    EXPECT_DOUBLE_EQ(*many.value(), auc_by_pairs(records)) << "seed " << seed;
  }
}

TEST(Auc, HasNoValueWithoutBothClasses) {
  Auc auc;
  EXPECT_EQ(auc.value(), std::nullopt);
  auc.add(0.3, true);
  EXPECT_EQ(auc.value(), std::nullopt);
  auc.add(0.3, false);
  EXPECT_EQ(auc.value(), 0.5);
}

TEST(Auc, DoesNotDependOnOrderSplitOrWhenItIsLookedAt) {
  auto records = random_records(7, 20'000);
  Auc whole;
  for (const Record& record : records) whole.add(record.score, record.positive);
  const double expected = *whole.value();
  std::shuffle(records.begin(), records.end(), std::mt19937(8));
  Auc parts[3];
  std::size_t next = 0;
  for (const Record& record : records) {
    parts[next % 3].add(record.score, record.positive);
    if (++next % 1000 == 0) (void)parts[next % 3].value();
  }
  parts[0].merge(parts[1]);
  parts[0].merge(parts[2]);
  EXPECT_EQ(*parts[0].value(), expected);
  EXPECT_TRUE(std::ranges::equal(parts[0].counts(), whole.counts()));
  EXPECT_EQ(Auc::from_counts(whole.counts()).value(), expected);
}

TEST(Auc, KeepsOneCountPerDistinctScore) {
  Auc auc;
  for (const Record& record : random_records(9, 5000)) auc.add(record.score, record.positive);
  EXPECT_EQ(auc.counts().size(), 97U);
  auc.merge(auc);
  EXPECT_EQ(auc.counts().size(), 97U);
  std::uint64_t records = 0;
  for (const ScoreCount& count : auc.counts()) records += count.positives + count.negatives;
  EXPECT_EQ(records, 10'000U);
}

TEST(Brier, IsTheMeanSquaredDistanceInAnyOrder) {
  Brier brier;
  EXPECT_EQ(brier.value(), std::nullopt);
  brier.add(0.1, false), brier.add(0.9, true), brier.add(0.8, true), brier.add(0.3, false);
  EXPECT_NEAR(*brier.value(), 0.0375, 1e-12);  // scikit-learn's example
  auto records = random_records(10, 10'000);
  Brier forward, backward, half;
  double sum = 0;
  for (const Record& record : records) {
    forward.add(record.score, record.positive);
    sum += (record.score - (record.positive ? 1 : 0)) * (record.score - (record.positive ? 1 : 0));
  }
  std::reverse(records.begin(), records.end());
  for (std::size_t i = 0; i < records.size(); ++i)
    (i % 2 == 0 ? backward : half).add(records[i].score, records[i].positive);
  backward.merge(half);
  EXPECT_EQ(forward.value(), backward.value());
  EXPECT_NEAR(*forward.value(), sum / 10'000, 1e-12);
}

TEST(BrierDeathTest, RefusesWhatIsNoProbability) {
  Brier brier;
  EXPECT_DEATH(brier.add(1.5, true), "between 0 and 1");
}

}  // namespace
}  // namespace flights
