#include "models/onnx/tree_check.hpp"

#include <algorithm>
#include <map>
#include <utility>

#include "models/tensors/border.hpp"

namespace weir::onnx {

void TreeCheck::add(const std::string& name, std::vector<std::int64_t> numbers, std::vector<std::string_view> strings) {
  if (name == "nodes_treeids") tree_ = std::move(numbers);
  if (name == "nodes_nodeids") id_ = std::move(numbers);
  if (name == "nodes_truenodeids") true_ = std::move(numbers);
  if (name == "nodes_falsenodeids") false_ = std::move(numbers);
  if (name == "nodes_featureids") feature_ = std::move(numbers);
  if (name == "nodes_modes") mode_ = std::move(strings);
}

std::int64_t TreeCheck::largest_feature() const noexcept {
  return feature_.empty() ? -1 : *std::max_element(feature_.begin(), feature_.end());
}

void TreeCheck::check(const std::string& name) const {
  if (tree_.empty() && id_.empty()) return;
  const auto refuse = [&](const std::string& what) {
    throw tensors::Refusal("the trees of '" + name + "' are damaged: " + what);
  };
  const std::size_t count = id_.size();
  if (tree_.size() != count || true_.size() != count || false_.size() != count || feature_.size() != count ||
      mode_.size() != count) {
    refuse("its lists of nodes differ in length");
  }
  // (tree, node) → index, sorted once.
  std::vector<std::size_t> order(count);
  for (std::size_t i = 0; i < count; ++i) order[i] = i;
  const auto key = [&](std::size_t i) { return std::pair(tree_[i], id_[i]); };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  for (std::size_t i = 1; i < count; ++i)
    if (key(order[i - 1]) == key(order[i])) refuse("node " + std::to_string(id_[order[i]]) + " is there twice");
  // Every node but the roots has one parent, and is reached from a root: then there are no circles.
  std::vector<std::size_t> parents(count, 0);
  std::vector<std::pair<std::size_t, std::size_t>> children(count, {count, count});
  for (std::size_t i = 0; i < count; ++i) {
    if (feature_[i] < 0) refuse("node " + std::to_string(id_[i]) + " reads feature " + std::to_string(feature_[i]));
    if (mode_[i] == "LEAF") continue;
    const auto find = [&](std::int64_t id) {
      const std::pair wanted(tree_[i], id);
      const auto at = std::lower_bound(order.begin(), order.end(), wanted,
                                       [&](std::size_t a, const auto& value) { return key(a) < value; });
      if (at == order.end() || key(*at) != wanted) refuse("node " + std::to_string(id) + " is missing");
      return *at;
    };
    children[i] = {find(true_[i]), find(false_[i])};
    for (const std::size_t child : {children[i].first, children[i].second})
      if (++parents[child] > 1) refuse("node " + std::to_string(id_[child]) + " has two parents");
  }
  std::vector<std::size_t> pending;
  std::size_t reached = 0;
  for (std::size_t i = 0; i < count; ++i)
    if (parents[i] == 0) pending.push_back(i);
  while (!pending.empty()) {
    const std::size_t node = pending.back();
    pending.pop_back();
    ++reached;
    if (children[node].first == count) continue;
    pending.push_back(children[node].first);
    pending.push_back(children[node].second);
  }
  if (reached != count) refuse("it holds a circle");
}

}  // namespace weir::onnx
