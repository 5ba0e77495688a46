#pragma once
/// Trees in a form made for speed: all trees in one array of 16-byte nodes over a dense row of inputs.
///
/// Every test becomes `x <= threshold`: other orders turn around or take the next smaller number, and tests on
/// categories (equality, sets, compound predicates) become indicators that are computed once a row, however many trees
/// ask. A row with a missing value takes the general way (MiningEvaluator, Tree), which knows all strategies.
///
/// One row walks eight trees side by side. A block of rows walks eight rows of one tree side by side; trees of up to
/// eight levels are not walked at all: inputs become ranks among the forest's thresholds, all tests of the tree are
/// compared for all rows, and bits tell who got where (Kernels::find_leaves).

#include <unordered_map>
#include <vector>

#include "models/pmml/tree.hpp"

namespace weir::pmml {

/// Goes to `left` when the input's value is <= threshold, else to `left` + 1. A leaf goes to itself: no value is at
/// most its threshold, a NaN, and its `left` is the node before.
struct ForestNode {
  double threshold;
  std::uint32_t input;
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
    std::uint32_t node = 0;
    std::uint32_t depth = 0;
    std::uint32_t first_test = kWalked;  ///< in `tests`: the tree as a complete one
    std::uint32_t first_leaf = 0;        ///< in `leaves_of_tests`
  };
  static constexpr std::uint32_t kWalked = 0xffffffff;

  std::vector<ForestNode> nodes;
  std::vector<double> leaves;  ///< by node; what it means is the owner's business
  std::vector<Root> roots;
  std::vector<std::uint32_t> inputs;  ///< slots
  std::uint32_t first_input = 0;      ///< as many slots: the inputs side by side
  std::vector<Indicator> indicators;

  // The complete trees. Thresholds of input i: [first_threshold[i], first_threshold[i + 1]), ascending.
  std::vector<RankTest> tests;
  std::vector<double> leaves_of_tests;
  std::vector<double> thresholds;
  std::vector<std::uint32_t> first_threshold;

  /// Computes the indicators; false when one is not known.
  [[nodiscard]] bool prepare(Frame& frame) const noexcept;
  /// The inputs of a prepared frame side by side; null when one is missing.
  [[nodiscard]] const double* gather(Frame& frame) const noexcept;
  /// What the leaves of trees [first, first + count) hold, count <= 8.
  void walk(const double* x, std::size_t first, std::size_t count, double* out) const noexcept;
  /// other[r] = 1 for rows that miss an input.
  void find_missing(const BlockRows& in, unsigned char* other) const noexcept;

  [[nodiscard]] std::size_t block_memory_bytes() const noexcept;
  /// Calls each(tree, values, leaves) for every tree in order: row r of the block reached values[leaves[r]], r <
  /// kBlockRows (rows beyond the block's own say nothing).
  template <class Each>
  void for_each_tree(const BlockRows& in, void* memory, const Each& each) const noexcept;
  [[nodiscard]] std::size_t memory_bytes() const noexcept;

 private:
  struct BlockMemory;
  [[nodiscard]] BlockMemory divide(void* memory) const noexcept;
  void rank(const BlockRows& in, const BlockMemory& memory) const noexcept;
  void walk_rows(const BlockRows& in, std::size_t tree, double* reached) const noexcept;
};

struct Forest::BlockMemory {
  double* column;        ///< kBlockRows
  double* reached;       ///< kBlockRows
  std::uint8_t* leaves;  ///< kBlockRows
  std::uint8_t* row;     ///< kBlockRows: 0, 1, 2, ...
  std::int16_t* ranks;   ///< inputs x kBlockRows
};

template <class Each>
void Forest::for_each_tree(const BlockRows& in, void* memory, const Each& each) const noexcept {
  const BlockMemory at = divide(memory);
  const Kernels& with = kernels();
  const bool ranked = with.find_leaves != nullptr && !tests.empty();
  if (ranked) rank(in, at);
  for (std::size_t tree = 0; tree < roots.size(); ++tree) {
    const Root& root = roots[tree];
    if (ranked && root.first_test != kWalked) {
      with.find_leaves(tests.data() + root.first_test, root.depth, at.ranks, at.leaves);
      each(tree, leaves_of_tests.data() + root.first_leaf, at.leaves);
    } else {
      walk_rows(in, tree, at.reached);
      each(tree, at.reached, at.row);
    }
  }
}

/// Builds a Forest from Trees; gives up on what does not fit.
class ForestBuilder {
 public:
  ForestBuilder(Forest& forest, Compiler& compiler) : forest_(forest), compiler_(compiler) {}
  /// `leaf_value(leaf)` is what the forest keeps of a leaf. False when the tree does not fit.
  template <class LeafValue>
  bool add(const Tree& tree, const LeafValue& leaf_value);
  /// False when the trees are better left as they are.
  bool finish();

 private:
  // What is known on the way to a node: outcomes of earlier tests, linked towards the root.
  struct Known {
    int before;
    std::uint32_t input;
    double threshold;
    bool at_most;
  };
  struct Work {
    std::uint32_t test;
    std::uint32_t node;
    std::uint32_t depth;
    int known;
  };
  bool find_leaf_or_test(const Tree& tree, Work& at, ForestNode& node, std::uint32_t& yes, std::uint32_t& no);
  std::uint32_t new_node();
  std::uint32_t input_of(std::uint32_t slot);
  bool ordered(const Tree& tree, std::uint32_t index, ForestNode& node, std::uint32_t& yes, std::uint32_t& no);
  int find_indicator(const Tree& tree, const TreeNode& test);
  [[nodiscard]] int decided(int known, const ForestNode& node) const;
  void sort_inputs();
  void complete();
  void fill(const Forest::Root& root, std::uint32_t node, std::size_t test, std::uint32_t level);

  Forest& forest_;
  Compiler& compiler_;
  std::size_t tests_ = 0;
  std::vector<Known> known_;
  std::vector<int> indicator_of_block_;
  std::unordered_map<std::uint32_t, std::uint32_t> input_of_slot_;
};

template <class LeafValue>
bool ForestBuilder::add(const Tree& tree, const LeafValue& leaf_value) {
  if (tree.open_strategy != Tree::Open::kNo) return false;
  tests_ += tree.nodes.size();
  known_.clear();
  indicator_of_block_.assign(tree.blocks.size(), -1);
  std::vector<Work> work = {{0, new_node(), 0, -1}};
  Forest::Root root;
  root.node = work[0].node;
  while (!work.empty()) {
    Work at = work.back();
    work.pop_back();
    ForestNode node{};
    std::uint32_t yes = 0, no = 0;
    if (!find_leaf_or_test(tree, at, node, yes, no)) return false;
    root.depth = std::max(root.depth, at.depth);
    const TreeNode& test = tree.nodes[at.test];
    if (static_cast<Test>(test.test) == Test::kLeaf) {
      forest_.nodes[at.node] = {kMissing, 0, at.node - 1};
      forest_.leaves[at.node] = leaf_value(test.other);
      continue;
    }
    node.left = new_node();
    new_node();
    forest_.nodes[at.node] = node;
    known_.push_back({at.known, node.input, node.threshold, false});
    work.push_back({no, node.left + 1, at.depth + 1, static_cast<int>(known_.size() - 1)});
    known_.push_back({at.known, node.input, node.threshold, true});
    work.push_back({yes, node.left, at.depth + 1, static_cast<int>(known_.size() - 1)});
    if (forest_.nodes.size() > 0x7fffffff || compiler_.stop()) return false;
  }
  forest_.roots.push_back(root);
  return true;
}

}  // namespace weir::pmml
