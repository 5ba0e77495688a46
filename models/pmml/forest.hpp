#pragma once
/// Ensembles of trees in a form made for speed: all trees in one array of 16-byte nodes, eight walked side by side.
///
/// Every test becomes `x <= threshold`: other orders turn around or take the next smaller number, and tests on
/// categories (equality, sets, compound predicates) become indicator slots that are computed once a row, however many
/// trees ask. A row with a missing value takes the general way (MiningEvaluator), which knows all strategies.

#include <memory>
#include <vector>

#include "models/pmml/mining_model.hpp"
#include "models/pmml/tree.hpp"

namespace weir::pmml {

/// Goes to `left` when the slot's value is <= threshold, else to `left` + 1. A leaf goes to itself: it reads slot 0,
/// which is always missing, and its `left` is the node before.
struct ForestNode {
  double threshold;
  std::uint32_t slot;
  std::uint32_t left;
};
static_assert(sizeof(ForestNode) == 16);

/// A test that is not an order, computed once a row: 1 or 0.
struct Indicator {
  Test test;
  std::uint32_t slot;
  double value;  ///< to equal, or the index of a set
  Block block;   ///< of a compound predicate
  std::uint32_t target;
};

struct Forest {
  struct Root {
    std::uint32_t node;
    std::uint32_t depth;
  };
  std::vector<ForestNode> nodes;
  std::vector<double> leaves;  ///< by node: regression the score, classification the index of the class or distribution
  std::vector<Root> roots;
  std::vector<std::uint32_t> slots;  ///< all that the tests read
  std::vector<Indicator> indicators;
  std::vector<double> weights;
  std::vector<double> distributions;  ///< averages of probabilities: class by class
  std::size_t classes = 0;

  /// Computes the indicators; false when a value is missing.
  [[nodiscard]] bool prepare(Frame& frame) const noexcept;
  /// The leaves of trees [first, first + count), count <= 8.
  void walk(const double* values, std::size_t first, std::size_t count, double* out) const noexcept;
};

class ForestEvaluator final : public Evaluator {
 public:
  ForestEvaluator(std::unique_ptr<MiningEvaluator> general, Forest forest, const Answer& answer)
      : general_(std::move(general)), forest_(std::move(forest)), answer_(answer) {}
  void evaluate(Frame& frame) const noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;

 private:
  void evaluate_number(Frame& frame) const noexcept;
  [[nodiscard]] bool evaluate_classes(Frame& frame) const noexcept;

  std::unique_ptr<MiningEvaluator> general_;
  Forest forest_;
  Answer answer_;
};

/// The same ensemble in the fast form, or `general` itself when it does not fit.
std::unique_ptr<Evaluator> make_fast(std::unique_ptr<MiningEvaluator> general, const Answer& answer,
                                     Compiler& compiler);

}  // namespace weir::pmml
