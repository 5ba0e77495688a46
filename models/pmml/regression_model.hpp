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
  double intercept = 0;
  std::vector<Linear> linear;
  std::vector<Power> powers;
  std::vector<Category> categories;
  std::vector<Product> products;
  std::size_t category = 0;  ///< which class it is for

  [[nodiscard]] double value(const double* slots) const noexcept;
  [[nodiscard]] double float_value(const double* slots) const noexcept;
};

class RegressionEvaluator final : public Evaluator {
 public:
  RegressionEvaluator(std::vector<RegressionTable> tables, Normalization normalization, bool float_math, const Answer& answer)
      : tables_(std::move(tables)), normalization_(normalization), float_math_(float_math), answer_(answer) {}
  void evaluate(Frame& frame) const noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;

  [[nodiscard]] const std::vector<RegressionTable>& tables() const noexcept { return tables_; }
  [[nodiscard]] Normalization normalization() const noexcept { return normalization_; }
  [[nodiscard]] bool float_math() const noexcept { return float_math_; }

  /// Turns the tables' values, in the order of the tables, into probabilities.
  static void normalize(Normalization normalization, double* values, std::size_t count) noexcept;

 private:
  std::vector<RegressionTable> tables_;
  Normalization normalization_;
  bool float_math_;
  Answer answer_;
};

}  // namespace weir::pmml
