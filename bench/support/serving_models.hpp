#pragma once
/// Records and models of the serving benchmarks, for the hand-written loops as arrays and for weir as PMML text.
///
/// Made from a seed, the same on every machine. All numbers are small multiples of 1/16: sums and products of them are
/// exact in double precision, so that two evaluators agree to the last bit whatever the order they add in.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "bench/support/random.hpp"

namespace weir::bench {

constexpr std::size_t kFeatures = 11;
constexpr std::int64_t kServingKeys = 16;
constexpr std::size_t kServingBatch = 256;  ///< records

/// A record to score: 96 bytes.
struct Sample {
  std::int64_t key;  ///< of make_samples: in [0, kServingKeys)
  std::array<double, kFeatures> features;
};

/// Features lie in [0, 16).
std::vector<Sample> make_samples(std::size_t count, std::uint64_t seed);

/// Records to serve, and how often a model is replaced.
struct ServingWork {
  std::uint64_t records = 0;
  std::uint64_t records_per_swap = 0;  ///< a new copy of a key's model after so many records; keys in turn
  std::span<const Sample> samples;     ///< cycled through
  std::int64_t keys = kServingKeys;    ///< other than kServingKeys: records get keys in [0, keys) by their number
};

/// Makes records [first, first + count) of the work.
inline void take_samples(Sample* to, std::uint64_t first, std::size_t count, const ServingWork& work) noexcept {
  std::size_t next = first % work.samples.size();
  for (std::size_t done = 0; done < count;) {
    const std::size_t run = std::min(count - done, work.samples.size() - next);
    std::memcpy(to + done, work.samples.data() + next, run * sizeof(Sample));
    done += run;
    next = 0;
  }
  if (work.keys == kServingKeys) return;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t bits = Random(first + i).next();
    to[i].key = static_cast<std::int64_t>(((bits >> 32) * static_cast<std::uint64_t>(work.keys)) >> 32);
  }
}

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

/// NeuralNetwork 11-64-32-1: rectifiers, then a plain sum.
std::string mlp_pmml(std::uint64_t seed);

}  // namespace weir::bench
