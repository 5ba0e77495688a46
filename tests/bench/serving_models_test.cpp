#include "bench/support/serving_models.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <span>
#include <weir/model.hpp>

namespace weir::bench {
namespace {

double score_one_tree_at_a_time(const Forest& forest, const std::array<double, kFeatures>& features) {
  double sum = 0;
  for (const Forest::Tree& tree : forest.trees) {
    std::size_t node = 0;
    while (node < Forest::kSplits) {
      const Forest::Split& split = tree.splits[node];
      node = features[split.feature] <= split.threshold ? 2 * node + 1 : 2 * node + 2;
    }
    sum += tree.leaves[node - Forest::kSplits];
  }
  return sum;
}

TEST(ServingModels, AreTheSameOnEveryMachine) {
  const auto samples = make_samples(2, 1);
  EXPECT_EQ(samples[0].key, make_samples(1, 1)[0].key);
  EXPECT_NE(samples[0].features, samples[1].features);
  EXPECT_EQ(make_linear(2).coefficients, make_linear(2).coefficients);
  EXPECT_NE(make_linear(2).coefficients, make_linear(3).coefficients);
}

TEST(ServingModels, SamplesReachEveryKey) {
  std::set<std::int64_t> keys;
  for (const Sample& sample : make_samples(1000, 1)) keys.insert(sample.key);
  EXPECT_EQ(keys.size(), static_cast<std::size_t>(kServingKeys));
  EXPECT_EQ(*keys.rbegin(), kServingKeys - 1);
}

TEST(ServingModels, ForestIsTheSumOfItsTrees) {
  const Forest forest = make_forest(3);
  std::set<double> scores;
  for (const Sample& sample : make_samples(500, 4)) {
    const double expected = score_one_tree_at_a_time(forest, sample.features);
    ASSERT_EQ(score(forest, sample.features), expected);
    scores.insert(expected);
  }
  EXPECT_GT(scores.size(), 100U);
}

TEST(ServingModels, PmmlHoldsTheWholeModel) {
  const LinearModel linear = make_linear(2);
  const std::string text = linear_to_pmml(linear);
  EXPECT_NE(text.find("intercept=\"" + std::to_string(linear.intercept).substr(0, 3)), std::string::npos);

  const std::string forest = forest_to_pmml(make_forest(3));
  const auto count = [&](const std::string& part) {
    std::size_t found = 0;
    for (std::size_t at = forest.find(part); at != std::string::npos; at = forest.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count("<TreeModel"), Forest::kTrees);
  EXPECT_EQ(count("<Node score="), Forest::kTrees * Forest::kLeaves);
  EXPECT_EQ(count("lessOrEqual"), Forest::kTrees * Forest::kSplits);
  EXPECT_EQ(count("greaterThan"), Forest::kTrees * Forest::kSplits);
}

// Scores `samples` by weir's evaluator of the PMML text.
std::vector<double> scores_of_pmml(const std::string& text, std::span<const Sample> samples) {
  auto model = pmml_runtime()->load(text, {});
  EXPECT_TRUE(model.is_ok()) << model.status().to_string();
  if (!model.is_ok()) return {};
  std::vector<Field> fields;
  for (std::size_t i = 0; i < kFeatures; ++i) fields.push_back({"x" + std::to_string(i), FieldType::kNumber});
  auto scorer = model.value()->bind(FeatureSchema(fields), {});
  EXPECT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  if (!scorer.is_ok()) return {};

  std::vector<double> features;
  for (const Sample& sample : samples) features.insert(features.end(), sample.features.begin(), sample.features.end());
  std::vector<double> scores(samples.size());
  std::vector<unsigned char> failed(samples.size());
  ScoreErrors errors;
  ScoreScratch scratch;
  scorer.value()->score({.rows = samples.size(), .numbers = features.data(), .number_columns = kFeatures},
                        {.numbers = scores.data(), .failed = failed.data()}, errors, scratch);
  EXPECT_EQ(errors.count(), 0U);
  return scores;
}

TEST(ServingModels, NetworkGivesARowTheSameAloneAndInABatch) {
  const auto samples = make_samples(300, 5);
  const std::string text = mlp_pmml(6);
  const auto together = scores_of_pmml(text, samples);
  ASSERT_EQ(together.size(), samples.size());
  const std::set<double> different(together.begin(), together.end());
  EXPECT_GT(different.size(), 200U);
  for (std::size_t i = 0; i < samples.size(); i += 50)
    EXPECT_EQ(scores_of_pmml(text, std::span(samples).subspan(i, 1))[0], together[i]);
}

TEST(ServingModels, PmmlScoresLikeTheArrays) {
  const auto samples = make_samples(1000, 5);
  const LinearModel linear = make_linear(2);
  const Forest forest = make_forest(3);
  const auto linear_scores = scores_of_pmml(linear_to_pmml(linear), samples);
  const auto forest_scores = scores_of_pmml(forest_to_pmml(forest), samples);
  ASSERT_EQ(linear_scores.size(), samples.size());
  ASSERT_EQ(forest_scores.size(), samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    ASSERT_EQ(linear_scores[i], score(linear, samples[i].features));
    ASSERT_EQ(forest_scores[i], score(forest, samples[i].features));
  }
}

}  // namespace
}  // namespace weir::bench
