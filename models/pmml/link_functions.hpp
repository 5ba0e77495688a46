#pragma once
/// Normalisations that regression models, general regressions and networks share (PMML: RegressionModel).

#include <cmath>
#include <cstddef>

#include "models/pmml/kernels/kernels.hpp"
#include "models/pmml/program.hpp"

namespace weir::pmml {

enum class Normalization : unsigned char {
  kNone,
  kSimplemax,
  kSoftmax,
  kLogit,
  kProbit,
  kCloglog,
  kExp,
  kLoglog,
  kCauchit
};

inline double inverse_link(Normalization normalization, double y) noexcept {
  switch (normalization) {
    case Normalization::kLogit: kernels().logistics(&y, 1); return y;
    case Normalization::kProbit: return 0.5 * std::erfc(-y / 1.41421356237309504880);
    case Normalization::kCloglog: return 1 - std::exp(-std::exp(y));
    case Normalization::kExp: return std::exp(y);
    case Normalization::kLoglog: return std::exp(-std::exp(-y));
    case Normalization::kCauchit: return 0.5 + std::atan(y) / 3.14159265358979323846;
    default: return y;
  }
}

/// exp(y_i) / sum(exp(y_j)), the largest taken out first so that nothing overflows.
inline void softmax(double* y, std::size_t count) noexcept {
  if (count == 0) return;
  double largest = y[0];
  for (std::size_t i = 1; i < count; ++i) largest = y[i] > largest ? y[i] : largest;
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += y[i] = std::exp(y[i] - largest);
  for (std::size_t i = 0; i < count; ++i) y[i] /= sum;
}

inline void simplemax(double* y, std::size_t count) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += y[i];
  for (std::size_t i = 0; i < count; ++i) y[i] /= sum;
}

}  // namespace weir::pmml
