#include "models/pmml/tree.hpp"

#include <algorithm>
#include <cmath>

namespace weir::pmml {

namespace {

bool test_holds(const TreeNode& node, Test test, double x, const Tables& tables) noexcept {
  switch (test) {
    case Test::kLess: return x < node.value;
    case Test::kLessOrEqual: return x <= node.value;
    case Test::kGreater: return x > node.value;
    case Test::kGreaterOrEqual: return x >= node.value;
    case Test::kEqual: return x == node.value;
    case Test::kNotEqual: return x != node.value;
    case Test::kInSet: return tables.sets[static_cast<std::size_t>(node.value)].contains(x);
    case Test::kNotInSet: return !tables.sets[static_cast<std::size_t>(node.value)].contains(x);
    case Test::kPredicate: return x != 0;
    default: return test == Test::kIsNotMissing;
  }
}

}  // namespace

const Tree::Leaf& Tree::find(Frame& frame, std::size_t* defaults) const noexcept {
  const double* slots = frame.slots;
  std::uint32_t at = 0;
  while (true) {
    const TreeNode& node = nodes[at];
    const auto test = static_cast<Test>(node.test);
    if (test == Test::kLeaf) return leaves[node.other];
    if (test == Test::kPredicate) run(blocks[static_cast<std::size_t>(node.value)], frame);
    const double x = slots[node.slot];
    if (!is_missing(x)) [[likely]]
      at = test_holds(node, test, x, *frame.tables) ? at + 1 : node.other;
    else if (test == Test::kIsMissing || test == Test::kIsNotMissing)
      at = test == Test::kIsMissing ? at + 1 : node.other;
    else {
      at = unknown[at];
      if (defaults != nullptr) ++*defaults;
    }
  }
}

double Tree::holds(std::uint32_t index, Frame& frame) const noexcept {
  if (index == kNone) return 1;
  const TreeNode& node = nodes[index];
  const auto test = static_cast<Test>(node.test);
  if (test == Test::kPredicate) run(blocks[static_cast<std::size_t>(node.value)], frame);
  const double x = frame.slots[node.slot];
  if (!is_missing(x)) return test_holds(node, test, x, *frame.tables) ? 1 : 0;
  if (test == Test::kIsMissing) return 1;
  return test == Test::kIsNotMissing ? 0 : kMissing;
}

// weightedConfidence weighs the children that may be true by their records; aggregateNodes adds their leaves' records
// up.
void Tree::accumulate(std::uint32_t at, double weight, Gathered& gathered, Frame& frame) const noexcept {
  const OpenNode& node = open[at];
  bool any = false;
  double records = 0;
  for (const std::uint32_t child : node.children) {
    const double truth = holds(open[child].test, frame);
    if (truth == 1 && !any) return accumulate(child, weight, gathered, frame);
    if (truth == 0) continue;
    any = true;
    records += open[child].records;
  }
  if (!any) {
    if (!node.children.empty() && !last_when_none_true) return;
    const Leaf& leaf = leaves[node.leaf];
    ++gathered.leaves;
    gathered.last = &leaf;
    if (open_strategy == Open::kAggregateNodes) weight = node.records;
    for (std::size_t i = 0; i < gathered.classes; ++i)
      if (leaf.distribution != kNone)
        gathered.sums[i] += weight * distributions[leaf.distribution + i];
      else if (static_cast<double>(i) == leaf.score)
        gathered.sums[i] += weight;
    return;
  }
  for (const std::uint32_t child : node.children)
    if (holds(open[child].test, frame) != 0)
      accumulate(child, records > 0 ? weight * open[child].records / records : weight, gathered, frame);
}

std::size_t Tree::memory_bytes() const noexcept {
  std::size_t bytes = nodes.size() * sizeof(TreeNode) + unknown.size() * sizeof(std::uint32_t) +
                      leaves.size() * sizeof(Leaf) + distributions.size() * 16;
  for (const Block& block : blocks) bytes += sizeof(Block) + block.size() * sizeof(Instruction);
  return bytes;
}

void TreeEvaluator::evaluate_open(Frame& frame) const noexcept {
  const std::size_t count = answer_.categories.size();
  double* probabilities = frame.slots + answer_.probabilities;
  std::fill_n(probabilities, count, 0.0);
  const double root = tree_.holds(tree_.open[0].test, frame);
  Tree::Gathered gathered{count, probabilities};
  if (root == 1) tree_.accumulate(0, 1, gathered, frame);
  double total = 0;
  for (std::size_t i = 0; i < count; ++i) total += probabilities[i];
  for (std::size_t i = 0; i < count; ++i)
    frame.slots[answer_.confidences + i] = probabilities[i] = total > 0 ? probabilities[i] / total : kMissing;
  choose_winner(answer_, frame);
  // Several leaves have no id in common; a single one answers with its own score.
  const bool single = gathered.leaves == 1;
  frame.slots[answer_.entity] = single && gathered.last->id != 0 ? gathered.last->id - 1 : kMissing;
  if (!single || is_missing(gathered.last->score)) return;
  frame.slots[answer_.winner] = gathered.last->score;
  frame.slots[answer_.value] = answer_.categories[static_cast<std::size_t>(gathered.last->score)].value;
}

void TreeEvaluator::evaluate(Frame& frame) const noexcept {
  if (tree_.open_strategy != Tree::Open::kNo) return evaluate_open(frame);
  std::size_t defaults = 0;
  const Tree::Leaf& leaf = tree_.find(frame, tree_.missing_penalty != 1 ? &defaults : nullptr);
  double* slots = frame.slots;
  if (answer_.entity != 0) slots[answer_.entity] = leaf.id == 0 ? kMissing : leaf.id - 1;
  if (!tree_.classification) {
    slots[answer_.value] = leaf.score;
    return;
  }
  const std::size_t count = answer_.categories.size();
  double* probabilities = slots + answer_.probabilities;
  double* confidences = slots + answer_.confidences;
  const bool known = !is_missing(leaf.score);
  slots[answer_.winner] = leaf.score;
  slots[answer_.value] = known ? answer_.categories[static_cast<std::size_t>(leaf.score)].value : kMissing;
  if (leaf.distribution != Tree::kNone) {
    for (std::size_t i = 0; i < count; ++i) probabilities[i] = tree_.distributions[leaf.distribution + i];
    const double trust = defaults == 0 ? 1 : std::pow(tree_.missing_penalty, static_cast<double>(defaults));
    for (std::size_t i = 0; i < count; ++i) confidences[i] = trust * tree_.confidences[leaf.distribution + i];
    return;
  }
  for (std::size_t i = 0; i < count; ++i)
    probabilities[i] = confidences[i] = !known ? kMissing : static_cast<double>(i) == leaf.score ? 1 : 0;
}

}  // namespace weir::pmml
