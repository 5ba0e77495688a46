#pragma once
// Exact quality of scores against outcomes, built up one by one or by merging parts. The results depend only on the set
// of (score, outcome) pairs, never on their order or on how they were split: the same at any parallelism.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace flights {

// How many positive and negative records got exactly this score.
struct ScoreCount {
  double score = 0;
  std::uint64_t positives = 0;
  std::uint64_t negatives = 0;
  friend bool operator==(const ScoreCount&, const ScoreCount&) = default;
};

// Area under the receiver operating characteristic: the probability that a positive record has a higher score than a
// negative one, ties counting half (Mann-Whitney U / (P N)). Counted in integers; one division at the end.
// Memory: one ScoreCount per distinct score, up to twice that between two looks.
class Auc {
 public:
  // Precondition: `score` is not NaN.
  void add(double score, bool positive);
  void merge(const Auc& other);
  // None while one of the classes is empty. Sorts what was added since the last look.
  [[nodiscard]] std::optional<double> value();
  // Distinct scores, ascending: all there is to save. Valid until the next add or merge.
  [[nodiscard]] std::span<const ScoreCount> counts();
  // The opposite of counts().
  static Auc from_counts(std::span<const ScoreCount> counts);

 private:
  void compact();
  std::vector<ScoreCount> counts_;  // the first sorted_ ones ascending and distinct, then single records as they came
  std::size_t sorted_ = 0;
};

// Mean squared distance of probability and outcome. Each square is rounded to a multiple of 2^-40 and the sum is kept
// as an integer: exact to 5e-13, and the same in any order. For up to 16 million records.
class Brier {
 public:
  // Precondition: 0 <= probability <= 1.
  void add(double probability, bool positive);
  void merge(const Brier& other);
  // None while empty.
  [[nodiscard]] std::optional<double> value() const;

  std::uint64_t sum = 0;  // in units of 2^-40; public, so that the struct can be saved field by field
  std::uint64_t count = 0;
};

}  // namespace flights
