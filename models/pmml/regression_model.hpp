#pragma once
/// RegressionModel: a table of coefficients for each class, or one for a number.

#include <vector>

#include "models/pmml/link_functions.hpp"
#include "models/pmml/model_unit.hpp"

namespace weir::pmml {

/// y = intercept + sum of terms; missing when a numeric predictor is.
struct RegressionTable {
  struct Linear {
    std::uint32_t slot;
    double coefficient;
  };
  struct Power {
    std::uint32_t slot;
    double exponent;
    double coefficient;
  };
  struct Category {
    std::uint32_t slot;
    double value;
    double coefficient;
  };
  struct Product {
    std::vector<std::uint32_t> slots;
    double coefficient;
  };
  /// Categories of one field by their code: coefficients[value - base].
  struct Lookup {
    std::uint32_t slot;
    double base;
    std::vector<double> coefficients;
  };
  double intercept = 0;
  std::vector<Linear> linear;
  std::vector<Power> powers;
  std::vector<Category> categories;
  std::vector<Product> products;
  std::vector<Lookup> lookups;  ///< made by finish() from `categories`
  std::size_t category = 0;     ///< which class it is for

  /// Puts categories with neighbouring codes into look-up tables.
  void finish();
  [[nodiscard]] double value(const double* slots) const noexcept;
  [[nodiscard]] double float_value(const double* slots) const noexcept;
};

/// The order in which every path adds up linear terms, so that all give the same result (Kernels::linear): four partial
/// sums, the last ones topped up with zeros.
template <class Term>
double sum_of_terms(std::size_t count, const Term& term) noexcept {
  double sums[4] = {0, 0, 0, 0};
  std::size_t i = 0;
  for (; i + 4 <= count; i += 4)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += term(i + k);
  if (i < count)
    for (std::size_t k = 0; k < 4; ++k) sums[k] += i + k < count ? term(i + k) : 0.0;
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

class RegressionEvaluator final : public Evaluator {
 public:
  RegressionEvaluator(std::vector<RegressionTable> tables, Normalization normalization, bool float_math, bool ordinal,
                      const Answer& answer)
      : tables_(std::move(tables)),
        normalization_(normalization),
        float_math_(float_math),
        ordinal_(ordinal),
        answer_(answer) {}
  void evaluate(Frame& frame) const noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;

  [[nodiscard]] const std::vector<RegressionTable>& tables() const noexcept { return tables_; }
  [[nodiscard]] Normalization normalization() const noexcept { return normalization_; }
  [[nodiscard]] bool float_math() const noexcept { return float_math_; }
  /// The tables give cumulative probabilities.
  [[nodiscard]] bool ordinal() const noexcept { return ordinal_; }
  [[nodiscard]] const Answer& answer() const noexcept { return answer_; }

  /// Turns the tables' values, in the order of the tables, into probabilities.
  static void normalize(Normalization normalization, double* values, std::size_t count) noexcept;
  /// The same in floats.
  static void normalize_float(Normalization normalization, double* values, std::size_t count) noexcept;

 private:
  void cumulate(double* values, std::size_t count) const noexcept;

  std::vector<RegressionTable> tables_;
  Normalization normalization_;
  bool float_math_;
  bool ordinal_;
  Answer answer_;
};

}  // namespace weir::pmml
