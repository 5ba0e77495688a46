#include "models/pmml/fast_tree.hpp"

namespace weir::pmml {
namespace {

constexpr std::size_t kTogether = 8;
constexpr std::uint32_t kShallow = 8;  // so deep, taking every step is faster than looking where to stop

class FastTreeEvaluator final : public Evaluator, private BlockEvaluator {
 public:
  FastTreeEvaluator(std::unique_ptr<Evaluator> general, const Tree& tree, Forest forest, const Answer& answer)
      : general_(std::move(general)), tree_(tree), forest_(std::move(forest)), answer_(answer), outputs_{answer.value} {
    if (answer.entity != 0) outputs_.push_back(answer.entity);
    if (!tree.classification) return;
    outputs_.push_back(answer.winner);
    for (std::uint32_t i = 0; i < answer.categories.size(); ++i) outputs_.push_back(answer.probabilities + i);
    for (std::uint32_t i = 0; i < answer.categories.size(); ++i) outputs_.push_back(answer.confidences + i);
  }

  void evaluate(Frame& frame) const noexcept override { general_->evaluate(frame); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return sizeof(*this) + general_->memory_bytes() + forest_.memory_bytes();
  }
  [[nodiscard]] const BlockEvaluator* block() const noexcept override { return this; }

 private:
  [[nodiscard]] std::span<const std::uint32_t> block_inputs() const noexcept override { return forest_.inputs; }
  [[nodiscard]] std::span<const std::uint32_t> block_outputs() const noexcept override { return outputs_; }
  bool prepare(Frame& frame) const noexcept override { return forest_.prepare(frame); }
  [[nodiscard]] bool needs_prepare() const noexcept override { return !forest_.indicators.empty(); }
  [[nodiscard]] std::size_t block_memory_bytes() const noexcept override { return forest_.block_memory_bytes(); }

  void evaluate_block(const BlockRows& in, double* out, unsigned char* other, void* memory) const noexcept override {
    forest_.find_missing(in, other);
    if (in.rows < kTogether) {
      const Forest::Root& root = forest_.roots.front();
      for (std::size_t row = 0; row < in.rows; ++row) {
        const double* x = in.values + row * in.stride;
        std::uint32_t at = root.node;
        for (std::uint32_t level = 0; level < root.depth; ++level) {
          const ForestNode& node = forest_.nodes[at];
          const std::uint32_t next = node.left + (x[node.input] <= node.threshold ? 0U : 1U);
          if (root.depth > kShallow && next == at) break;  // a leaf goes to itself
          at = next;
        }
        give(forest_.leaves[at], out + row * outputs_.size());
      }
      return;
    }
    forest_.for_each_tree(in, memory, [&](std::size_t, const double* values, const std::uint8_t* leaves) noexcept {
      for (std::size_t row = 0; row < in.rows; ++row) give(values[leaves[row]], out + row * outputs_.size());
    });
  }

  void give(double index, double* out) const noexcept {
    const Tree::Leaf& leaf = tree_.leaves[static_cast<std::size_t>(index)];
    const bool known = !is_missing(leaf.score);
    *out++ =
        !tree_.classification || !known ? leaf.score : answer_.categories[static_cast<std::size_t>(leaf.score)].value;
    if (answer_.entity != 0) *out++ = leaf.id == 0 ? kMissing : leaf.id - 1;
    if (!tree_.classification) return;
    *out++ = leaf.score;
    const std::size_t count = answer_.categories.size();
    if (leaf.distribution != Tree::kNone) {
      for (std::size_t i = 0; i < count; ++i) *out++ = tree_.distributions[leaf.distribution + i];
      for (std::size_t i = 0; i < count; ++i) *out++ = tree_.confidences[leaf.distribution + i];
      return;
    }
    for (std::size_t i = 0; i < 2 * count; ++i)
      *out++ = !known ? kMissing : static_cast<double>(i % count) == leaf.score ? 1 : 0;
  }

  std::unique_ptr<Evaluator> general_;
  const Tree& tree_;  // of general_
  Forest forest_;
  Answer answer_;
  std::vector<std::uint32_t> outputs_;
};

}  // namespace

std::unique_ptr<Evaluator> make_fast_tree(std::unique_ptr<Evaluator> general, const Answer& answer,
                                          Compiler& compiler) {
  auto* evaluator = dynamic_cast<TreeEvaluator*>(general.get());
  if (evaluator == nullptr) return general;
  const Tree& tree = evaluator->tree();
  Forest forest;
  ForestBuilder builder(forest, compiler);
  if (!builder.add(tree, [](std::uint32_t leaf) { return static_cast<double>(leaf); }) || !builder.finish())
    return general;
  return std::make_unique<FastTreeEvaluator>(std::move(general), tree, std::move(forest), answer);
}

}  // namespace weir::pmml
