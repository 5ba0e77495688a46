#pragma once
/// A decision tree as an array of tests, walked without recursion.
///
/// A PMML node with children c1..cn becomes a chain of tests, one for each child, in depth-first order: a true test
/// goes on with the next entry (the child's own chain), a false one with its `other` (the next sibling's test or the
/// end of the chain), one on a missing value with the entry that missingValueStrategy asks for.

#include <vector>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {

enum class Test : unsigned char {
  kLess,
  kLessOrEqual,
  kGreater,
  kGreaterOrEqual,
  kEqual,
  kNotEqual,
  kIsMissing,
  kIsNotMissing,
  kInSet,  // other data: index of the set in Tables
  kNotInSet,
  kPredicate,  // index of a block of the tree; the slot holds its truth value
  kLeaf,       // index of the leaf
};

struct TreeNode {
  double value = 0;  ///< threshold, value to equal, or an index
  std::uint32_t slot : 26 = 0;
  std::uint32_t test : 6 = 0;
  std::uint32_t other = 0;  ///< where a false test goes
};
static_assert(sizeof(TreeNode) == 16);

struct Tree {
  /// A leaf, or an inner node whose own score is the answer. Leaf 0 is "no answer".
  struct Leaf {
    double score = kMissing;             ///< regression: the number; classification: index of the class
    std::uint32_t distribution = kNone;  ///< first of K probabilities
    std::uint32_t id = 0;                ///< text code of the node's id
  };
  static constexpr std::uint32_t kNone = 0xffffffff;

  /// weightedConfidence and aggregateNodes follow every child that may be true, so they keep the tree's own shape.
  struct OpenNode {
    std::uint32_t test = kNone;  ///< in `nodes`; kNone is always true
    std::uint32_t leaf = 0;
    double records = 0;
    std::vector<std::uint32_t> children;
  };
  enum class Open : unsigned char { kNo, kWeightedConfidence, kAggregateNodes };

  std::vector<TreeNode> nodes;
  std::vector<std::uint32_t> unknown;  ///< where a test on a missing value goes; as long as `nodes`
  std::vector<Leaf> leaves;
  std::vector<double> distributions;
  std::vector<double> confidences;  ///< beside `distributions`
  std::vector<Block> blocks;
  bool classification = false;
  Open open_strategy = Open::kNo;
  bool last_when_none_true = false;
  double missing_penalty = 1;  ///< confidences are multiplied by it for each default that was taken
  std::vector<OpenNode> open;  ///< root first

  /// Walks to the row's leaf. `defaults`, when given, counts the tests on missing values on the way.
  [[nodiscard]] const Leaf& find(Frame& frame, std::size_t* defaults = nullptr) const noexcept;
  /// Whether test `index` holds: 1, 0 or missing for unknown.
  [[nodiscard]] double holds(std::uint32_t index, Frame& frame) const noexcept;
  /// What the leaves that a row may be in say together.
  struct Gathered {
    std::size_t classes;
    double* sums;            ///< by class
    std::size_t leaves = 0;  ///< how many there were
    const Leaf* last = nullptr;
  };
  /// Adds what the subtree of `at` says, times `weight`.
  void accumulate(std::uint32_t at, double weight, Gathered& gathered, Frame& frame) const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;
};

class TreeEvaluator final : public Evaluator {
 public:
  TreeEvaluator(Tree tree, const Answer& answer) : tree_(std::move(tree)), answer_(answer) {}
  void evaluate(Frame& frame) const noexcept override;
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return sizeof(*this) + tree_.memory_bytes(); }
  [[nodiscard]] Tree& tree() noexcept { return tree_; }

 private:
  void evaluate_open(Frame& frame) const noexcept;
  Tree tree_;
  Answer answer_;
};

}  // namespace weir::pmml
