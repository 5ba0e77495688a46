// Trees, as PMML has them, into a Forest.

#include <algorithm>
#include <cmath>

#include "models/pmml/forest.hpp"

namespace weir::pmml {
namespace {

constexpr std::size_t kMostIndicators = 256;
constexpr std::uint32_t kDeepestComplete = 8;
/// Ranking the inputs costs as much as a few trees.
constexpr std::size_t kFewestComplete = 12;

}  // namespace

// Passes over tests whose outcome the way here decides; stops at a leaf or at a test, then in `node`.
bool ForestBuilder::find_leaf_or_test(const Tree& tree, Work& at, ForestNode& node, std::uint32_t& yes,
                                      std::uint32_t& no) {
  while (true) {
    const TreeNode& test = tree.nodes[at.test];
    const auto kind = static_cast<Test>(test.test);
    if (kind == Test::kLeaf) return true;
    if (kind == Test::kIsMissing || kind == Test::kIsNotMissing) {
      input_of(test.slot);
      at.test = kind == Test::kIsNotMissing ? at.test + 1 : test.other;
      continue;
    }
    if (!ordered(tree, at.test, node, yes, no)) return false;
    const int outcome = decided(at.known, node);
    if (outcome < 0) return true;
    at.test = outcome == 1 ? yes : no;
  }
}

std::uint32_t ForestBuilder::new_node() {
  forest_.nodes.push_back({kMissing, 0, 0});
  forest_.leaves.push_back(kMissing);
  return static_cast<std::uint32_t>(forest_.nodes.size() - 1);
}

std::uint32_t ForestBuilder::input_of(std::uint32_t slot) {
  const auto [at, added] = input_of_slot_.emplace(slot, static_cast<std::uint32_t>(forest_.inputs.size()));
  if (added) forest_.inputs.push_back(slot);
  return at->second;
}

// The test as `input <= threshold`, with where to go when that holds and when not.
bool ForestBuilder::ordered(const Tree& tree, std::uint32_t index, ForestNode& node, std::uint32_t& yes,
                            std::uint32_t& no) {
  const TreeNode& test = tree.nodes[index];
  const auto kind = static_cast<Test>(test.test);
  yes = index + 1;
  no = test.other;
  if (kind > Test::kGreaterOrEqual) {
    const int indicator = find_indicator(tree, test);
    if (indicator < 0) return false;
    // An indicator of 1 is above a half.
    node = {0.5, input_of(forest_.indicators[static_cast<std::size_t>(indicator)].target), 0};
    std::swap(yes, no);
    return true;
  }
  if (!std::isfinite(test.value)) return false;
  node = {test.value, input_of(test.slot), 0};
  if (kind == Test::kLess || kind == Test::kGreaterOrEqual)
    node.threshold = std::nextafter(test.value, -std::numeric_limits<double>::infinity());
  if (kind == Test::kGreater || kind == Test::kGreaterOrEqual) std::swap(yes, no);
  return true;
}

int ForestBuilder::find_indicator(const Tree& tree, const TreeNode& test) {
  const auto kind = static_cast<Test>(test.test);
  auto& indicators = forest_.indicators;
  if (kind == Test::kPredicate) {
    int& known = indicator_of_block_[static_cast<std::size_t>(test.value)];
    if (known >= 0) return known;
    if (indicators.size() >= kMostIndicators) return -1;
    indicators.push_back({kind, test.slot, 0, tree.blocks[static_cast<std::size_t>(test.value)], compiler_.new_slot()});
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
int ForestBuilder::decided(int known, const ForestNode& node) const {
  for (int steps = 0; known >= 0 && steps < 64; ++steps) {
    const Known& at = known_[static_cast<std::size_t>(known)];
    if (at.input == node.input) {
      if (at.at_most && at.threshold <= node.threshold) return 1;
      if (!at.at_most && at.threshold >= node.threshold) return 0;
    }
    known = at.before;
  }
  return -1;
}

bool ForestBuilder::finish() {
  if (forest_.indicators.size() * 4 > tests_ + 64 || forest_.inputs.size() > 0xffff) return false;
  sort_inputs();
  forest_.first_input = compiler_.new_slots(forest_.inputs.size());
  forest_.nodes.shrink_to_fit();
  forest_.leaves.shrink_to_fit();
  complete();
  return true;
}

// In the order of the slots, which is that of the fields: features that lie side by side need no copying.
void ForestBuilder::sort_inputs() {
  std::sort(forest_.inputs.begin(), forest_.inputs.end());
  std::vector<std::uint32_t> place(forest_.inputs.size());
  for (std::uint32_t i = 0; i < forest_.inputs.size(); ++i) place[input_of_slot_.at(forest_.inputs[i])] = i;
  for (ForestNode& node : forest_.nodes)
    if (!is_missing(node.threshold)) node.input = place[node.input];
}

// Trees that fill most of a complete tree of up to eight levels become one.
void ForestBuilder::complete() {
  const auto splits_of = [](std::uint32_t depth) { return (std::size_t{1} << depth) - 1; };
  std::size_t trees = 0, tests = 0;
  for (std::size_t i = 0; i < forest_.roots.size(); ++i) {
    Forest::Root& root = forest_.roots[i];
    const std::size_t end = i + 1 < forest_.roots.size() ? forest_.roots[i + 1].node : forest_.nodes.size();
    const std::size_t splits = (end - root.node) / 2;
    if (root.depth == 0 || root.depth > kDeepestComplete || splits_of(root.depth) > 3 * splits + 8) continue;
    root.first_test = static_cast<std::uint32_t>(tests);
    root.first_leaf = static_cast<std::uint32_t>(tests + trees);
    tests += splits_of(root.depth);
    ++trees;
  }
  const auto leave = [&] {
    for (Forest::Root& root : forest_.roots) root.first_test = Forest::kWalked;
  };
  if (trees < kFewestComplete || tests > 0x7fffffff) return leave();
  std::vector<std::vector<double>> thresholds(forest_.inputs.size());
  for (std::size_t i = 0; i < forest_.roots.size(); ++i) {
    const std::size_t end = i + 1 < forest_.roots.size() ? forest_.roots[i + 1].node : forest_.nodes.size();
    if (forest_.roots[i].first_test == Forest::kWalked) continue;
    for (std::size_t node = forest_.roots[i].node; node < end; ++node)
      if (!is_missing(forest_.nodes[node].threshold))
        thresholds[forest_.nodes[node].input].push_back(forest_.nodes[node].threshold);
  }
  for (std::vector<double>& of_input : thresholds) {
    std::sort(of_input.begin(), of_input.end());
    of_input.erase(std::unique(of_input.begin(), of_input.end()), of_input.end());
    if (of_input.size() > 0x7ffe) return leave();
  }
  for (const std::vector<double>& of_input : thresholds) {
    forest_.first_threshold.push_back(static_cast<std::uint32_t>(forest_.thresholds.size()));
    forest_.thresholds.insert(forest_.thresholds.end(), of_input.begin(), of_input.end());
  }
  forest_.first_threshold.push_back(static_cast<std::uint32_t>(forest_.thresholds.size()));
  // Tests nobody needs are true for every row.
  forest_.tests.assign(tests, {0, 0x7fff});
  forest_.leaves_of_tests.assign(tests + trees, kMissing);
  for (const Forest::Root& root : forest_.roots)
    if (root.first_test != Forest::kWalked) fill(root, root.node, 0, 0);
}

void ForestBuilder::fill(const Forest::Root& root, std::uint32_t node, std::size_t test, std::uint32_t level) {
  const ForestNode& at = forest_.nodes[node];
  if (is_missing(at.threshold)) {
    // The leaf stands for all leaves below its place.
    const std::size_t below = std::size_t{1} << (root.depth - level);
    const std::size_t first = (test + 1) * below - (std::size_t{1} << root.depth);
    std::fill_n(forest_.leaves_of_tests.begin() + static_cast<std::ptrdiff_t>(root.first_leaf + first), below,
                forest_.leaves[node]);
    return;
  }
  const auto begin = forest_.thresholds.begin() + forest_.first_threshold[at.input];
  const auto end = forest_.thresholds.begin() + forest_.first_threshold[at.input + 1];
  forest_.tests[root.first_test + test] = {
      static_cast<std::uint16_t>(at.input),
      static_cast<std::int16_t>(std::lower_bound(begin, end, at.threshold) - begin)};
  fill(root, at.left, 2 * test + 1, level + 1);
  fill(root, at.left + 1, 2 * test + 2, level + 1);
}

}  // namespace weir::pmml
