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

/// e^x of a float (x-mathContext): a power of the digits that a float e is written with. That is some 5e-8 off, and
/// what the reference evaluator computes; models say how they want to be evaluated to get the same last digits.
inline float exponential_float(float x) noexcept {
  return static_cast<float>(std::pow(2.7182817, static_cast<double>(x)));
}

/// In floats: every step is rounded.
inline float inverse_link_float(Normalization normalization, float y) noexcept {
  switch (normalization) {
    case Normalization::kLogit: return 1.0F / (1.0F + exponential_float(-y));
    case Normalization::kProbit:
      return static_cast<float>(0.5 * std::erfc(-static_cast<double>(y) / 1.41421356237309504880));
    case Normalization::kCloglog: return 1.0F - exponential_float(-exponential_float(y));
    case Normalization::kExp: return exponential_float(y);
    case Normalization::kLoglog: return exponential_float(-exponential_float(-y));
    case Normalization::kCauchit:
      return 0.5F + static_cast<float>(0.31830988618379067154 * std::atan(static_cast<double>(y)));
    default: return y;
  }
}

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

inline void softmax_float(double* y, std::size_t count) noexcept {
  if (count == 0) return;
  double largest = y[0];
  for (std::size_t i = 1; i < count; ++i) largest = y[i] > largest ? y[i] : largest;
  float sum = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const float power = exponential_float(static_cast<float>(y[i]) - static_cast<float>(largest));
    sum += power;
    y[i] = static_cast<double>(power);
  }
  for (std::size_t i = 0; i < count; ++i) y[i] = static_cast<double>(static_cast<float>(y[i]) / sum);
}

inline void simplemax(double* y, std::size_t count) noexcept {
  double sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += y[i];
  for (std::size_t i = 0; i < count; ++i) y[i] /= sum;
}

}  // namespace weir::pmml
