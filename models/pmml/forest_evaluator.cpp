#include "models/pmml/forest_evaluator.hpp"

#include <algorithm>

namespace weir::pmml {
namespace {

constexpr std::size_t kTogether = 8;
/// Fewer rows are scored one by one.
constexpr std::size_t kSmallestBlock = 12;

bool is_vote(Combination how) { return how == Combination::kMajorityVote || how == Combination::kWeightedMajorityVote; }
bool is_mean(Combination how) { return how == Combination::kAverage || how == Combination::kWeightedAverage; }

}  // namespace

ForestEvaluator::ForestEvaluator(std::unique_ptr<MiningEvaluator> general, Forest forest, std::vector<double> weights,
                                 std::vector<double> distributions, const Answer& answer)
    : general_(std::move(general)),
      forest_(std::move(forest)),
      weights_(std::move(weights)),
      distributions_(std::move(distributions)),
      votes_(is_vote(general_->ensemble().combination)),
      mean_(is_mean(general_->ensemble().combination)),
      float_math_(general_->ensemble().float_math),
      classes_(answer.function == Function::kClassification ? answer.categories.size() : 0),
      answer_(answer),
      outputs_{answer.value} {
  for (const double weight : weights_) all_weights_ += weight;
  if (classes_ > 0) outputs_.push_back(answer.winner);
  for (std::uint32_t i = 0; i < classes_; ++i) outputs_.push_back(answer.probabilities + i);
}

void ForestEvaluator::evaluate(Frame& frame) const noexcept {
  const double* x = forest_.prepare(frame) ? forest_.gather(frame) : nullptr;
  if (x == nullptr) return general_->evaluate(frame);
  if (classes_ == 0) return score_number(x, frame.slots + answer_.value);
  // Straight to the probabilities; value and winner come from them.
  double* shares = frame.slots + answer_.probabilities;
  std::fill_n(shares, classes_, 0.0);
  double leaves[kTogether];
  for (std::size_t first = 0; first < forest_.roots.size(); first += kTogether) {
    const std::size_t count = std::min(kTogether, forest_.roots.size() - first);
    forest_.walk(x, first, count, leaves);
    for (std::size_t k = 0; k < count; ++k) {
      if (is_missing(leaves[k])) return general_->evaluate(frame);
      add_leaf(leaves[k], weights_[first + k], shares);
    }
  }
  for (std::size_t i = 0; i < classes_; ++i) shares[i] /= all_weights_;
  choose_winner(answer_, frame);
  if (is_tied(shares)) general_->evaluate(frame);
}

// As many votes for another class: the general way knows which was voted for first.
bool ForestEvaluator::is_tied(const double* shares) const noexcept {
  return votes_ && std::count(shares, shares + classes_, *std::max_element(shares, shares + classes_)) > 1;
}

double ForestEvaluator::finished(double sum) const noexcept { return mean_ ? sum / all_weights_ : sum; }
double ForestEvaluator::finished(float sum) const noexcept {
  return static_cast<double>(mean_ ? sum / static_cast<float>(all_weights_) : sum);
}

void ForestEvaluator::add_leaf(double leaf, double weight, double* shares) const noexcept {
  const auto at = static_cast<std::size_t>(leaf);
  if (votes_)
    shares[at] += weight;
  else
    for (std::size_t i = 0; i < classes_; ++i) shares[i] += weight * distributions_[at + i];
}

bool ForestEvaluator::finish_classes(double* out) const noexcept {
  double* shares = out + 2;
  for (std::size_t i = 0; i < classes_; ++i) shares[i] /= all_weights_;
  const std::size_t best = likeliest(answer_, shares);
  const bool found = best < classes_;
  out[0] = found ? answer_.categories[best].value : kMissing;
  out[1] = found ? static_cast<double>(best) : kMissing;
  return !is_tied(shares);
}

void ForestEvaluator::score_number(const double* x, double* out) const noexcept {
  double sum = 0;
  float float_sum = 0;
  double leaves[kTogether];
  for (std::size_t first = 0; first < forest_.roots.size(); first += kTogether) {
    const std::size_t count = std::min(kTogether, forest_.roots.size() - first);
    forest_.walk(x, first, count, leaves);
    const double* weights = weights_.data() + first;
    if (float_math_)
      for (std::size_t k = 0; k < count; ++k)
        float_sum += static_cast<float>(weights[k]) * static_cast<float>(leaves[k]);
    else
      for (std::size_t k = 0; k < count; ++k) sum += weights[k] * leaves[k];
  }
  *out = float_math_ ? finished(float_sum) : finished(sum);
}

bool ForestEvaluator::score_classes(const double* x, double* out) const noexcept {
  std::fill_n(out + 2, classes_, 0.0);
  double leaves[kTogether];
  for (std::size_t first = 0; first < forest_.roots.size(); first += kTogether) {
    const std::size_t count = std::min(kTogether, forest_.roots.size() - first);
    forest_.walk(x, first, count, leaves);
    for (std::size_t k = 0; k < count; ++k) {
      if (is_missing(leaves[k])) return false;
      add_leaf(leaves[k], weights_[first + k], out + 2);
    }
  }
  return finish_classes(out);
}

bool ForestEvaluator::score_row(const double* x, double* out) const noexcept {
  if (classes_ > 0) return score_classes(x, out);
  score_number(x, out);
  return true;
}

std::size_t ForestEvaluator::block_memory_bytes() const noexcept {
  return forest_.block_memory_bytes() + kBlockRows * sizeof(double);
}

void ForestEvaluator::evaluate_block(const BlockRows& in, double* out, unsigned char* other,
                                     void* memory) const noexcept {
  forest_.find_missing(in, other);
  if (in.rows < kSmallestBlock) {
    for (std::size_t row = 0; row < in.rows; ++row)
      if (other[row] == 0 && !score_row(in.values + row * in.stride, out + row * outputs_.size())) other[row] = 1;
  } else if (classes_ == 0) {
    block_of_numbers(in, out, memory);
  } else {
    block_of_classes(in, out, other, memory);
  }
}

void ForestEvaluator::block_of_numbers(const BlockRows& in, double* out, void* memory) const noexcept {
  auto* sums = static_cast<double*>(memory);
  if (float_math_) {
    auto* float_sums = static_cast<float*>(memory);
    std::fill_n(float_sums, kBlockRows, 0.0F);
    forest_.for_each_tree(in, sums + kBlockRows,
                          [&](std::size_t tree, const double* values, const std::uint8_t* leaves) noexcept {
                            const auto weight = static_cast<float>(weights_[tree]);
                            for (std::size_t row = 0; row < kBlockRows; ++row)
                              float_sums[row] += weight * static_cast<float>(values[leaves[row]]);
                          });
    for (std::size_t row = 0; row < in.rows; ++row) out[row] = finished(float_sums[row]);
    return;
  }
  std::fill_n(sums, kBlockRows, 0.0);
  const Kernels& with = kernels();
  forest_.for_each_tree(in, sums + kBlockRows,
                        [&](std::size_t tree, const double* values, const std::uint8_t* leaves) noexcept {
                          with.add_leaves(values, leaves, weights_[tree], sums);
                        });
  for (std::size_t row = 0; row < in.rows; ++row) out[row] = finished(sums[row]);
}

void ForestEvaluator::block_of_classes(const BlockRows& in, double* out, unsigned char* other,
                                       void* memory) const noexcept {
  const std::size_t width = outputs_.size();
  for (std::size_t row = 0; row < in.rows; ++row) std::fill_n(out + row * width + 2, classes_, 0.0);
  forest_.for_each_tree(in, memory, [&](std::size_t tree, const double* values, const std::uint8_t* leaves) noexcept {
    const double weight = weights_[tree];
    for (std::size_t row = 0; row < in.rows; ++row) {
      const double leaf = values[leaves[row]];
      if (is_missing(leaf)) [[unlikely]]
        other[row] = 1;
      else
        add_leaf(leaf, weight, out + row * width + 2);
    }
  });
  for (std::size_t row = 0; row < in.rows; ++row)
    if (!finish_classes(out + row * width)) other[row] = 1;
}

std::size_t ForestEvaluator::memory_bytes() const noexcept {
  return sizeof(*this) + general_->memory_bytes() + forest_.memory_bytes() +
         (weights_.size() + distributions_.size()) * sizeof(double);
}

namespace {

// The probabilities of a leaf, in the order of the ensemble's classes; returns where they begin.
double add_distribution(const Tree& tree, const Tree::Leaf& leaf, const Segment& segment, std::size_t classes,
                        std::vector<double>& distributions) {
  const std::size_t first = distributions.size();
  distributions.resize(first + classes, 0);
  for (std::size_t i = 0; i < segment.classes.size(); ++i)
    distributions[first + segment.classes[i]] = leaf.distribution != Tree::kNone
                                                    ? tree.distributions[leaf.distribution + i]
                                                : static_cast<double>(i) == leaf.score ? 1
                                                                                       : 0;
  return static_cast<double>(first);
}

}  // namespace

std::unique_ptr<Evaluator> make_fast(std::unique_ptr<MiningEvaluator> general, const Answer& answer,
                                     Compiler& compiler) {
  const Ensemble& ensemble = general->ensemble();
  const Combination how = ensemble.combination;
  const bool classes = answer.function == Function::kClassification;
  const bool fits = classes ? is_vote(how) || is_mean(how)
                            : is_mean(how) || how == Combination::kSum || how == Combination::kWeightedSum;
  if (!fits || ensemble.missing == MissingPrediction::kSkipSegment) return general;
  if (classes && answer.categories.empty()) return general;
  const bool weighted = how == Combination::kWeightedSum || how == Combination::kWeightedAverage ||
                        how == Combination::kWeightedMajorityVote;
  Forest forest;
  ForestBuilder builder(forest, compiler);
  std::vector<double> weights, distributions;
  for (const Segment& segment : ensemble.segments) {
    auto* evaluator =
        segment.always && segment.unit->bare ? dynamic_cast<TreeEvaluator*>(segment.unit->evaluator.get()) : nullptr;
    if (evaluator == nullptr) return general;
    const Tree& tree = evaluator->tree();
    const bool added = builder.add(tree, [&](std::uint32_t index) -> double {
      const Tree::Leaf& leaf = tree.leaves[index];
      if (!classes || is_missing(leaf.score)) return leaf.score;
      if (is_vote(how)) return segment.classes[static_cast<std::size_t>(leaf.score)];
      if (!compiler.fits(answer.categories.size() * sizeof(double))) return kMissing;
      return add_distribution(tree, leaf, segment, answer.categories.size(), distributions);
    });
    if (!added) return general;
    weights.push_back(weighted ? segment.weight : 1);
  }
  if (!builder.finish()) return general;
  return std::make_unique<ForestEvaluator>(std::move(general), std::move(forest), std::move(weights),
                                           std::move(distributions), answer);
}

}  // namespace weir::pmml
