#include "models/pmml/tree.hpp"

namespace weir::pmml {

const Tree::Leaf& Tree::find(Frame& frame) const noexcept {
  const double* slots = frame.slots;
  std::uint32_t at = 0;
  while (true) {
    const TreeNode& node = nodes[at];
    const auto test = static_cast<Test>(node.test);
    if (test == Test::kLeaf) return leaves[node.other];
    if (test == Test::kPredicate) run(blocks[static_cast<std::size_t>(node.value)], frame);
    const double x = slots[node.slot];
    bool holds;
    if (is_missing(x)) {
      if (test != Test::kIsMissing && test != Test::kIsNotMissing) {
        at = unknown[at];
        continue;
      }
      holds = test == Test::kIsMissing;
    } else {
      switch (test) {
        case Test::kLess: holds = x < node.value; break;
        case Test::kLessOrEqual: holds = x <= node.value; break;
        case Test::kGreater: holds = x > node.value; break;
        case Test::kGreaterOrEqual: holds = x >= node.value; break;
        case Test::kEqual: holds = x == node.value; break;
        case Test::kNotEqual: holds = x != node.value; break;
        case Test::kInSet: holds = frame.tables->sets[static_cast<std::size_t>(node.value)].contains(x); break;
        case Test::kNotInSet: holds = !frame.tables->sets[static_cast<std::size_t>(node.value)].contains(x); break;
        case Test::kPredicate: holds = x != 0; break;
        default: holds = test == Test::kIsNotMissing; break;
      }
    }
    at = holds ? at + 1 : node.other;
  }
}

std::size_t Tree::memory_bytes() const noexcept {
  std::size_t bytes = nodes.size() * sizeof(TreeNode) + unknown.size() * sizeof(std::uint32_t) + leaves.size() * sizeof(Leaf) +
                      distributions.size() * 16;
  for (const Block& block : blocks) bytes += sizeof(Block) + block.size() * sizeof(Instruction);
  return bytes;
}

void TreeEvaluator::evaluate(Frame& frame) const noexcept {
  const Tree::Leaf& leaf = tree_.find(frame);
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
    for (std::size_t i = 0; i < count; ++i) confidences[i] = tree_.confidences[leaf.distribution + i];
    return;
  }
  for (std::size_t i = 0; i < count; ++i)
    probabilities[i] = confidences[i] = !known ? kMissing : static_cast<double>(i) == leaf.score ? 1 : 0;
}

}  // namespace weir::pmml
