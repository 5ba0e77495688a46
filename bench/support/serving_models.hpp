#pragma once
/// Records and models of the serving benchmarks, for the hand-written loops as arrays and for weir as PMML text.
///
/// Made from a seed, the same on every machine. All numbers are small multiples of 1/16: sums and products of them are
/// exact in double precision, so that two evaluators agree to the last bit whatever the order they add in.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::bench {

constexpr std::size_t kFeatures = 11;
constexpr std::int64_t kServingKeys = 16;

/// A record to score: 96 bytes.
struct Sample {
  std::int64_t key;  ///< [0, kServingKeys)
  std::array<double, kFeatures> features;
};

/// Features lie in [0, 16).
std::vector<Sample> make_samples(std::size_t count, std::uint64_t seed);

struct LinearModel {
  double intercept;
  std::array<double, kFeatures> coefficients;
};
LinearModel make_linear(std::uint64_t seed);

inline double score(const LinearModel& model, const std::array<double, kFeatures>& features) noexcept {
  double sum = model.intercept;
  for (std::size_t i = 0; i < kFeatures; ++i) sum += model.coefficients[i] * features[i];
  return sum;
}

/// 100 complete trees of depth 6; the score is the sum of the leaves reached. In a tree the children of node n are
/// 2n + 1, taken when the feature is at most the threshold, and 2n + 2; leaf l stands for node 63 + l.
struct Forest {
  static constexpr std::size_t kTrees = 100;
  static constexpr std::size_t kDepth = 6;
  static constexpr std::size_t kSplits = (1U << kDepth) - 1;
  static constexpr std::size_t kLeaves = 1U << kDepth;
  struct Split {
    double threshold;
    std::uint32_t feature;
  };
  struct Tree {
    std::array<Split, kSplits> splits;
    std::array<double, kLeaves> leaves;
  };
  std::vector<Tree> trees;
};
Forest make_forest(std::uint64_t seed);

/// Walks ten trees at a time, so that their loads overlap.
double score(const Forest& forest, const std::array<double, kFeatures>& features) noexcept;

/// What the serving sinks add up for each result: key and score, in any order; not the version, which depends on
/// timing.
inline std::uint64_t served_fingerprint(const Sample& sample, double score) noexcept {
  std::uint64_t bits = std::bit_cast<std::uint64_t>(score);
  bits ^= bits >> 32;  // scores are short: their low bits are zero
  return bits * (2 * static_cast<std::uint64_t>(sample.key) + 1);
}

/// The models as PMML 4.4: inputs `x0`…`x10` (double), output `score`. A RegressionModel; a MiningModel that sums
/// TreeModels.
std::string linear_to_pmml(const LinearModel& model);
std::string forest_to_pmml(const Forest& forest);

}  // namespace weir::bench
