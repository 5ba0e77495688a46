#pragma once
/// Ensembles of trees, scored as a Forest: sums, averages and votes.

#include <memory>

#include "models/pmml/forest.hpp"
#include "models/pmml/mining_model.hpp"

namespace weir::pmml {

class ForestEvaluator final : public Evaluator, private BlockEvaluator {
 public:
  /// Leaves hold: regression the score, votes the index of the class, averages of probabilities where those begin in
  /// `distributions`.
  ForestEvaluator(std::unique_ptr<MiningEvaluator> general, Forest forest, std::vector<double> weights,
                  std::vector<double> distributions, const Answer& answer);
  void evaluate(Frame& frame) const noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override;
  [[nodiscard]] const BlockEvaluator* block() const noexcept override { return this; }

 private:
  [[nodiscard]] std::span<const std::uint32_t> block_inputs() const noexcept override { return forest_.inputs; }
  [[nodiscard]] std::span<const std::uint32_t> block_outputs() const noexcept override { return outputs_; }
  bool prepare(Frame& frame) const noexcept override { return forest_.prepare(frame); }
  [[nodiscard]] bool needs_prepare() const noexcept override { return !forest_.indicators.empty(); }
  [[nodiscard]] std::size_t block_memory_bytes() const noexcept override;
  void evaluate_block(const BlockRows& in, double* out, unsigned char* other, void* memory) const noexcept override;

  [[nodiscard]] bool score_row(const double* x, double* out) const noexcept;
  void score_number(const double* x, double* out) const noexcept;
  [[nodiscard]] bool score_classes(const double* x, double* out) const noexcept;
  void block_of_numbers(const BlockRows& in, double* out, void* memory) const noexcept;
  void block_of_classes(const BlockRows& in, double* out, unsigned char* other, void* memory) const noexcept;
  [[nodiscard]] double finished(double sum) const noexcept;
  [[nodiscard]] double finished(float sum) const noexcept;
  void add_leaf(double leaf, double weight, double* shares) const noexcept;
  /// False when the general way must decide.
  [[nodiscard]] bool finish_classes(double* out) const noexcept;
  [[nodiscard]] bool is_tied(const double* shares) const noexcept;

  std::unique_ptr<MiningEvaluator> general_;
  Forest forest_;
  std::vector<double> weights_;
  std::vector<double> distributions_;
  double all_weights_ = 0;
  bool votes_ = false;
  bool mean_ = false;
  bool float_math_ = false;
  std::size_t classes_ = 0;  ///< 0: a number
  Answer answer_;
  std::vector<std::uint32_t> outputs_;  // slots: the number; or value, winner, probabilities
};

/// The same ensemble in the fast form, or `general` itself when it does not fit.
std::unique_ptr<Evaluator> make_fast(std::unique_ptr<MiningEvaluator> general, const Answer& answer,
                                     Compiler& compiler);

}  // namespace weir::pmml
