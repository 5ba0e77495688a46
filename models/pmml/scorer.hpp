#pragma once
/// Scores rows of features with a loaded model.

#include <memory>
#include <vector>

#include "models/pmml/pmml_model.hpp"

namespace weir::pmml {

/// Which feature columns feed which inputs, and which outputs are wanted.
struct Binding {
  struct Column {
    std::uint32_t input;  ///< index in Compiled::inputs
    std::uint32_t column;
  };
  std::vector<Column> numbers;
  std::vector<Column> texts;
  std::vector<std::uint32_t> absent;  ///< inputs that take their replacement
  std::vector<Field> outputs;
  std::vector<Operand> operands;  ///< as long as outputs
};

/// The fastest scorer that fits model and binding.
std::shared_ptr<const Scorer> make_scorer(std::shared_ptr<const PmmlModel> model, Binding binding);

}  // namespace weir::pmml
