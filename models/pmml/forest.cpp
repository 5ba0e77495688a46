#include "models/pmml/forest.hpp"

#include <algorithm>
#include <cmath>

namespace weir::pmml {
namespace {

constexpr std::size_t kWidth = 8;
constexpr std::size_t kMostIndicators = 256;
constexpr std::uint32_t kShallow = 8;

// Builds a Forest from Trees; gives up on what does not fit.
class ForestBuilder {
 public:
  ForestBuilder(const Ensemble& ensemble, const Answer& answer, Compiler& compiler)
      : ensemble_(ensemble), answer_(answer), compiler_(compiler) {}

  bool build(Forest& forest) {
    const Combination how = ensemble_.combination;
    const bool classes = answer_.function == Function::kClassification;
    votes_ = how == Combination::kMajorityVote || how == Combination::kWeightedMajorityVote;
    const bool mean = how == Combination::kAverage || how == Combination::kWeightedAverage;
    if (classes ? !(votes_ || mean) : !(mean || how == Combination::kSum || how == Combination::kWeightedSum))
      return false;
    if (ensemble_.missing == MissingPrediction::kSkipSegment) return false;
    forest_ = &forest;
    forest.classes = classes ? answer_.categories.size() : 0;
    const bool weighted = how == Combination::kWeightedSum || how == Combination::kWeightedAverage ||
                          how == Combination::kWeightedMajorityVote;
    std::size_t tests = 0;
    for (const Segment& segment : ensemble_.segments) {
      auto* tree =
          segment.always && segment.unit->bare ? dynamic_cast<TreeEvaluator*>(segment.unit->evaluator.get()) : nullptr;
      if (tree == nullptr || tree->tree().open_strategy != Tree::Open::kNo) return false;
      tests += tree->tree().nodes.size();
      forest.weights.push_back(weighted ? segment.weight : 1);
      if (!add(tree->tree(), segment)) return false;
    }
    if (forest.indicators.size() * 4 > tests + 64) return false;
    for (Indicator& indicator : forest.indicators)
      if (indicator.test != Test::kPredicate) forest.slots.push_back(indicator.slot);
    std::sort(forest.slots.begin(), forest.slots.end());
    forest.slots.erase(std::unique(forest.slots.begin(), forest.slots.end()), forest.slots.end());
    return true;
  }

 private:
  // What is known on the way to a node: outcomes of earlier tests, linked towards the root.
  struct Known {
    int before;
    std::uint32_t slot;
    double threshold;
    bool at_most;
  };
  struct Work {
    std::uint32_t test;
    std::uint32_t node;
    std::uint32_t depth;
    int known;
  };

  bool add(const Tree& tree, const Segment& segment) {
    Forest& forest = *forest_;
    known_.clear();
    indicator_of_block_.assign(tree.blocks.size(), -1);
    std::vector<Work> work = {{0, new_node(), 0, -1}};
    Forest::Root root{work[0].node, 0};
    while (!work.empty()) {
      Work at = work.back();
      work.pop_back();
      ForestNode node{};
      std::uint32_t yes = 0, no = 0;
      // Tests whose outcome the way here decides are passed over.
      while (true) {
        const TreeNode& test = tree.nodes[at.test];
        if (static_cast<Test>(test.test) == Test::kLeaf) break;
        if (static_cast<Test>(test.test) == Test::kIsMissing || static_cast<Test>(test.test) == Test::kIsNotMissing) {
          add_slot(test.slot);
          at.test = static_cast<Test>(test.test) == Test::kIsNotMissing ? at.test + 1 : test.other;
          continue;
        }
        if (!ordered(tree, at.test, node, yes, no)) return false;
        const int outcome = decided(at.known, node);
        if (outcome < 0) break;
        at.test = outcome == 1 ? yes : no;
      }
      root.depth = std::max(root.depth, at.depth);
      const TreeNode& test = tree.nodes[at.test];
      if (static_cast<Test>(test.test) == Test::kLeaf) {
        // Slot 0 is missing and so never <= anything: the walk stays.
        forest.nodes[at.node] = {0, 0, at.node - 1};
        forest.leaves[at.node] = leaf_value(tree, tree.leaves[test.other], segment);
        continue;
      }
      node.left = new_node();
      new_node();
      forest.nodes[at.node] = node;
      known_.push_back({at.known, node.slot, node.threshold, false});
      work.push_back({no, node.left + 1, at.depth + 1, static_cast<int>(known_.size() - 1)});
      known_.push_back({at.known, node.slot, node.threshold, true});
      work.push_back({yes, node.left, at.depth + 1, static_cast<int>(known_.size() - 1)});
      if (forest.nodes.size() > 0x7fffffff || compiler_.stop()) return false;
    }
    forest.roots.push_back(root);
    return true;
  }

  std::uint32_t new_node() {
    forest_->nodes.push_back({0, 0, 0});
    forest_->leaves.push_back(kMissing);
    return static_cast<std::uint32_t>(forest_->nodes.size() - 1);
  }
  void add_slot(std::uint32_t slot) {
    if (forest_->slots.empty() || forest_->slots.back() != slot) forest_->slots.push_back(slot);
    if (forest_->slots.size() > 100'000) {
      std::sort(forest_->slots.begin(), forest_->slots.end());
      forest_->slots.erase(std::unique(forest_->slots.begin(), forest_->slots.end()), forest_->slots.end());
    }
  }

  // The test as `slot <= threshold`, with where to go when that holds and when not.
  bool ordered(const Tree& tree, std::uint32_t index, ForestNode& node, std::uint32_t& yes, std::uint32_t& no) {
    const TreeNode& test = tree.nodes[index];
    const auto kind = static_cast<Test>(test.test);
    const auto below = [](double value) { return std::nextafter(value, -std::numeric_limits<double>::infinity()); };
    node = {test.value, test.slot, 0};
    yes = index + 1;
    no = test.other;
    if (kind > Test::kGreaterOrEqual) {
      const int indicator = find_indicator(tree, test);
      if (indicator < 0) return false;
      // An indicator of 1 is above a half.
      node = {0.5, forest_->indicators[static_cast<std::size_t>(indicator)].target, 0};
      std::swap(yes, no);
      return true;
    }
    if (!std::isfinite(test.value)) return false;
    add_slot(test.slot);
    if (kind == Test::kLess || kind == Test::kGreaterOrEqual) node.threshold = below(test.value);
    if (kind == Test::kGreater || kind == Test::kGreaterOrEqual) std::swap(yes, no);
    return true;
  }

  int find_indicator(const Tree& tree, const TreeNode& test) {
    const auto kind = static_cast<Test>(test.test);
    auto& indicators = forest_->indicators;
    if (kind == Test::kPredicate) {
      int& known = indicator_of_block_[static_cast<std::size_t>(test.value)];
      if (known >= 0) return known;
      if (indicators.size() >= kMostIndicators) return -1;
      indicators.push_back(
          {kind, test.slot, 0, tree.blocks[static_cast<std::size_t>(test.value)], compiler_.new_slot()});
      return known = static_cast<int>(indicators.size() - 1);
    }
    for (std::size_t i = 0; i < indicators.size(); ++i)
      if (indicators[i].test == kind && indicators[i].slot == test.slot && indicators[i].value == test.value)
        return static_cast<int>(i);
    if (indicators.size() >= kMostIndicators) return -1;
    indicators.push_back({kind, test.slot, test.value, {}, compiler_.new_slot()});
    return static_cast<int>(indicators.size() - 1);
  }

  // 1 or 0 when earlier outcomes decide the test, else -1.
  int decided(int known, const ForestNode& node) const {
    for (int steps = 0; known >= 0 && steps < 64; ++steps) {
      const Known& at = known_[static_cast<std::size_t>(known)];
      if (at.slot == node.slot) {
        if (at.at_most && at.threshold <= node.threshold) return 1;
        if (!at.at_most && at.threshold >= node.threshold) return 0;
      }
      known = at.before;
    }
    return -1;
  }

  double leaf_value(const Tree& tree, const Tree::Leaf& leaf, const Segment& segment) {
    if (forest_->classes == 0 || is_missing(leaf.score)) return leaf.score;
    if (votes_) return segment.classes[static_cast<std::size_t>(leaf.score)];
    const auto row = static_cast<double>(forest_->distributions.size());
    std::vector<double> probabilities(forest_->classes, 0);
    for (std::size_t i = 0; i < segment.classes.size(); ++i)
      probabilities[segment.classes[i]] = leaf.distribution != Tree::kNone ? tree.distributions[leaf.distribution + i]
                                          : static_cast<double>(i) == leaf.score ? 1
                                                                                 : 0;
    forest_->distributions.insert(forest_->distributions.end(), probabilities.begin(), probabilities.end());
    return row;
  }

  const Ensemble& ensemble_;
  const Answer& answer_;
  Compiler& compiler_;
  Forest* forest_ = nullptr;
  bool votes_ = false;
  std::vector<Known> known_;
  std::vector<int> indicator_of_block_;
};

// Eight walks advance together: their loads overlap, and no branch depends on the data.
template <std::size_t kCount>
void walk_group(const ForestNode* nodes, const Forest::Root* roots, const double* values, std::uint32_t* at) noexcept {
  std::uint32_t depth = 0;
  for (std::size_t k = 0; k < kCount; ++k) {
    at[k] = roots[k].node;
    depth = std::max(depth, roots[k].depth);
  }
  const auto step = [&](std::uint32_t index) {
    const ForestNode& node = nodes[index];
    return node.left + (values[node.slot] <= node.threshold ? 0U : 1U);
  };
  if (depth <= kShallow) {
    for (std::uint32_t d = 0; d < depth; ++d)
      for (std::size_t k = 0; k < kCount; ++k) at[k] = step(at[k]);
    return;
  }
  // Deep trees are rarely balanced: stop when every walk rests.
  for (std::uint32_t moved = 1; moved != 0;) {
    moved = 0;
    for (std::size_t k = 0; k < kCount; ++k) {
      const std::uint32_t next = step(at[k]);
      moved |= next ^ at[k];
      at[k] = next;
    }
  }
}

}  // namespace

bool Forest::prepare(Frame& frame) const noexcept {
  double* values = frame.slots;
  bool missing = false;
  for (const std::uint32_t slot : slots) missing |= is_missing(values[slot]);
  if (missing) return false;
  for (const Indicator& at : indicators) {
    const double x = values[at.slot];
    double truth;
    switch (at.test) {
      case Test::kEqual: truth = x == at.value ? 1 : 0; break;
      case Test::kNotEqual: truth = x != at.value ? 1 : 0; break;
      case Test::kInSet: truth = frame.tables->sets[static_cast<std::size_t>(at.value)].contains(x) ? 1 : 0; break;
      case Test::kNotInSet: truth = frame.tables->sets[static_cast<std::size_t>(at.value)].contains(x) ? 0 : 1; break;
      default:
        run(at.block, frame);
        truth = values[at.slot];
        if (is_missing(truth)) return false;
        break;
    }
    values[at.target] = truth;
  }
  return true;
}

void Forest::walk(const double* values, std::size_t first, std::size_t count, double* out) const noexcept {
  std::uint32_t at[kWidth];
  if (count == kWidth) {
    walk_group<kWidth>(nodes.data(), roots.data() + first, values, at);
  } else {
    for (std::size_t k = 0; k < count; ++k) walk_group<1>(nodes.data(), roots.data() + first + k, values, at + k);
  }
  for (std::size_t k = 0; k < count; ++k) out[k] = leaves[at[k]];
}

void ForestEvaluator::evaluate(Frame& frame) const noexcept {
  if (!forest_.prepare(frame)) return general_->evaluate(frame);
  if (forest_.classes == 0) return evaluate_number(frame);
  if (!evaluate_classes(frame)) general_->evaluate(frame);
}

void ForestEvaluator::evaluate_number(Frame& frame) const noexcept {
  const Ensemble& ensemble = general_->ensemble();
  const bool mean =
      ensemble.combination == Combination::kAverage || ensemble.combination == Combination::kWeightedAverage;
  double sum = 0, weights = 0;
  float float_sum = 0;
  double leaves[kWidth];
  for (std::size_t first = 0; first < forest_.roots.size(); first += kWidth) {
    const std::size_t count = std::min(kWidth, forest_.roots.size() - first);
    forest_.walk(frame.slots, first, count, leaves);
    for (std::size_t k = 0; k < count; ++k) {
      const double weight = forest_.weights[first + k];
      if (ensemble.float_math) float_sum += static_cast<float>(weight) * static_cast<float>(leaves[k]);
      sum += weight * leaves[k];
      weights += weight;
    }
  }
  if (ensemble.float_math)
    sum = mean ? static_cast<double>(float_sum / static_cast<float>(weights)) : static_cast<double>(float_sum);
  else if (mean)
    sum /= weights;
  frame.slots[answer_.value] = sum;
}

bool ForestEvaluator::evaluate_classes(Frame& frame) const noexcept {
  const Combination how = general_->ensemble().combination;
  const bool votes = how == Combination::kMajorityVote || how == Combination::kWeightedMajorityVote;
  double* sums = frame.slots + answer_.probabilities;
  std::fill_n(sums, forest_.classes, 0.0);
  double weights = 0;
  double leaves[kWidth];
  for (std::size_t first = 0; first < forest_.roots.size(); first += kWidth) {
    const std::size_t count = std::min(kWidth, forest_.roots.size() - first);
    forest_.walk(frame.slots, first, count, leaves);
    for (std::size_t k = 0; k < count; ++k) {
      if (is_missing(leaves[k])) return false;
      const double weight = forest_.weights[first + k];
      weights += weight;
      const auto leaf = static_cast<std::size_t>(leaves[k]);
      if (votes)
        sums[leaf] += weight;
      else
        for (std::size_t i = 0; i < forest_.classes; ++i) sums[i] += weight * forest_.distributions[leaf + i];
    }
  }
  for (std::size_t i = 0; i < forest_.classes; ++i) sums[i] /= weights;
  choose_winner(answer_, frame);
  // As many votes for another class: the general way knows which was voted for first.
  if (votes && std::count(sums, sums + forest_.classes, sums[static_cast<std::size_t>(frame.slots[answer_.winner])]) > 1)
    return false;
  return true;
}

std::size_t ForestEvaluator::memory_bytes() const noexcept {
  return sizeof(*this) + general_->memory_bytes() + forest_.nodes.size() * (sizeof(ForestNode) + sizeof(double)) +
         forest_.distributions.size() * sizeof(double) + forest_.indicators.size() * sizeof(Indicator);
}

std::unique_ptr<Evaluator> make_fast(std::unique_ptr<MiningEvaluator> general, const Answer& answer,
                                     Compiler& compiler) {
  Forest forest;
  if (!ForestBuilder(general->ensemble(), answer, compiler).build(forest)) return general;
  return std::make_unique<ForestEvaluator>(std::move(general), std::move(forest), answer);
}

}  // namespace weir::pmml
