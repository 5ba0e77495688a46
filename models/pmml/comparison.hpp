#pragma once
/// How far apart, or how similar, two points are: ComparisonMeasure, shared by clustering and nearest neighbours.

#include <span>
#include <vector>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {

enum class Measure : unsigned char {
  kEuclidean,
  kSquaredEuclidean,
  kCityBlock,
  kChebychev,
  kMinkowski,
  kSimpleMatching,  // this and what follows are similarities of 0s and 1s
  kJaccard,
  kTanimoto,
  kBinarySimilarity,
};
enum class Compare : unsigned char { kAbsDiff, kGaussSim, kDelta, kEqual };

/// One coordinate: where a row has it, and how it counts.
struct Dimension {
  std::uint32_t slot = 0;
  double weight = 1;
  double missing_weight = 1;
  double scale = 1;  ///< gaussSim: s
  Compare compare = Compare::kAbsDiff;
};

class Comparison {
 public:
  /// Reads ComparisonMeasure of a model; reports what is wrong.
  void read(ModelBuild& build);
  /// Adds the coordinate that a ClusteringField or KNNInput names.
  void add_field(ModelBuild& build, Element at, const Operand& value);
  /// Takes the weights of missing values; as many as fields.
  void set_missing_weights(const std::vector<double>& weights);
  /// Once all fields are there.
  void finish();

  [[nodiscard]] std::span<const Dimension> dimensions() const noexcept { return dimensions_; }
  /// True when the largest value is the nearest.
  [[nodiscard]] bool is_similarity() const noexcept { return measure_ >= Measure::kSimpleMatching; }
  /// True when points without missing values are compared by the sum of squared differences, or by its root.
  [[nodiscard]] bool is_sum_of_squares() const noexcept {
    return plain_ && (measure_ == Measure::kEuclidean || measure_ == Measure::kSquaredEuclidean);
  }
  [[nodiscard]] bool is_root() const noexcept { return measure_ == Measure::kEuclidean; }
  /// Copies the row's coordinates to `x`; false when one is missing.
  bool gather(const double* slots, double* x) const noexcept;
  /// Between a row's point (missing values are left out, and the rest weighs more) and a point without missing values;
  /// missing when nothing can be compared. `complete` says that x has no missing value.
  [[nodiscard]] double between(const double* x, const double* point, bool complete) const noexcept;

 private:
  [[nodiscard]] double distance(const double* x, const double* point) const noexcept;
  [[nodiscard]] double plain_distance(const double* x, const double* point) const noexcept;
  [[nodiscard]] double similarity(const double* x, const double* point) const noexcept;

  Measure measure_ = Measure::kSquaredEuclidean;
  Compare compare_ = Compare::kAbsDiff;
  bool plain_ = false;                           // every field by its difference, weight 1
  double power_ = 2;                             // Minkowski
  double binary_[8] = {1, 0, 0, 0, 1, 1, 1, 1};  // c11 c10 c01 c00 d11 d10 d01 d00
  std::vector<Dimension> dimensions_;
};

}  // namespace weir::pmml
