#include "models/pmml/scorer.hpp"

#include "models/pmml/row_scorer.hpp"

namespace weir::pmml {

std::shared_ptr<const Scorer> make_scorer(std::shared_ptr<const PmmlModel> model, Binding binding) {
  if (auto linear = make_linear_scorer(model, binding)) return linear;
  if (auto block = make_block_scorer(model, binding)) return block;
  return std::make_shared<RowScorer>(std::move(model), std::move(binding));
}

}  // namespace weir::pmml
