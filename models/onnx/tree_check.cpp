#include "models/onnx/tree_check.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "models/tensors/border.hpp"

namespace weir::onnx {
namespace {

class TreeCheck {
 public:
  TreeCheck(const std::string& name, const Lists& lists)
      : name_(name),
        lists_(lists),
        tree_(lists.integers_of("nodes_treeids")),
        id_(lists.integers_of("nodes_nodeids")),
        count_(id_.size()) {}

  /// `target`: `target_` or `class_`; `outputs`: how many targets or classes there are.
  void check(const std::string& target, std::size_t outputs) {
    if (count_ == 0) refuse("there are none");
    check_lengths(target);
    order_.resize(count_);
    for (std::size_t i = 0; i < count_; ++i) order_[i] = i;
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
    for (std::size_t i = 1; i < count_; ++i)
      if (key(order_[i - 1]) == key(order_[i])) refuse("node " + std::to_string(id_[order_[i]]) + " is there twice");
    check_children();
    check_weights(target, outputs);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    throw tensors::Refusal("the trees of '" + name_ + "' are damaged: " + what);
  }
  [[nodiscard]] std::pair<std::int64_t, std::int64_t> key(std::size_t node) const { return {tree_[node], id_[node]}; }

  [[nodiscard]] std::size_t find(std::int64_t tree, std::int64_t id) const {
    const std::pair wanted(tree, id);
    const auto at = std::lower_bound(order_.begin(), order_.end(), wanted,
                                     [&](std::size_t a, const auto& value) { return key(a) < value; });
    if (at == order_.end() || key(*at) != wanted) refuse("node " + std::to_string(id) + " is missing");
    return *at;
  }

  void check_lengths(const std::string& target) const {
    const auto need = [&](const std::string& list, std::size_t length) {
      if (lists_.length_of(list) != length) {
        refuse(list + " has " + std::to_string(lists_.length_of(list)) + " entries, not " + std::to_string(length));
      }
    };
    for (const char* list : {"nodes_treeids", "nodes_truenodeids", "nodes_falsenodeids", "nodes_featureids",
                             "nodes_modes", "nodes_values"}) {
      need(list, count_);
    }
    for (const char* list : {"nodes_hitrates", "nodes_missing_value_tracks_true"})
      if (lists_.length_of(list) != 0) need(list, count_);
    const std::size_t weights = lists_.length_of(target + "weights");
    for (const char* list : {"ids", "nodeids", "treeids"}) need(target + list, weights);
  }

  /// Every node but the roots has one parent, and is reached from a root: then there are no circles.
  void check_children() const {
    static constexpr std::array<std::string_view, 7> kModes = {"LEAF",      "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE",
                                                               "BRANCH_GT", "BRANCH_EQ",  "BRANCH_NEQ"};
    const auto& modes = lists_.texts.at("nodes_modes");
    const auto& features = lists_.integers_of("nodes_featureids");
    const std::array<const std::vector<std::int64_t>*, 2> branches = {&lists_.integers_of("nodes_truenodeids"),
                                                                      &lists_.integers_of("nodes_falsenodeids")};
    std::vector<std::size_t> parents(count_, 0);
    std::vector<std::array<std::size_t, 2>> children(count_, {count_, count_});
    for (std::size_t i = 0; i < count_; ++i) {
      if (features[i] < 0) refuse("node " + std::to_string(id_[i]) + " reads feature " + std::to_string(features[i]));
      if (std::find(kModes.begin(), kModes.end(), modes[i]) == kModes.end()) {
        refuse("node " + std::to_string(id_[i]) + " has the mode '" + std::string(modes[i]) + "'");
      }
      if (modes[i] == "LEAF") continue;
      for (std::size_t side = 0; side < 2; ++side) {
        const std::size_t child = children[i][side] = find(tree_[i], (*branches[side])[i]);
        if (++parents[child] > 1) refuse("node " + std::to_string(id_[child]) + " has two parents");
      }
    }
    std::vector<std::size_t> pending;
    for (std::size_t i = 0; i < count_; ++i)
      if (parents[i] == 0) pending.push_back(i);
    std::size_t reached = 0;
    for (; !pending.empty(); ++reached) {
      const auto [left, right] = children[pending.back()];
      pending.pop_back();
      if (left == count_) continue;
      pending.push_back(left);
      pending.push_back(right);
    }
    if (reached != count_) refuse("they hold a circle");
  }

  void check_weights(const std::string& target, std::size_t outputs) const {
    const auto& ids = lists_.integers_of(target + "ids");
    const auto& nodes = lists_.integers_of(target + "nodeids");
    const auto& trees = lists_.integers_of(target + "treeids");
    const auto& modes = lists_.texts.at("nodes_modes");
    for (std::size_t i = 0; i < ids.size(); ++i) {
      if (ids[i] < 0 || static_cast<std::size_t>(ids[i]) >= outputs) {
        refuse("a weight is for output " + std::to_string(ids[i]) + " of " + std::to_string(outputs));
      }
      if (modes[find(trees[i], nodes[i])] != "LEAF")
        refuse("a weight is at node " + std::to_string(nodes[i]) + ", no leaf");
    }
    const std::size_t base = lists_.length_of("base_values");
    if (base != 0 && base != outputs && !(base == 1 && outputs == 2))
      refuse("base_values has " + std::to_string(base) + " entries");
  }

  const std::string& name_;
  const Lists& lists_;
  const std::vector<std::int64_t>& tree_;
  const std::vector<std::int64_t>& id_;
  const std::size_t count_;
  std::vector<std::size_t> order_;  // node indices by (tree, node)
};

std::size_t labels_of(const Lists& lists) {
  return std::max({lists.length_of("classlabels_int64s"), lists.length_of("classlabels_ints"),
                   lists.length_of("classlabels_strings")});
}

std::int64_t check_trees(std::string_view type, const std::string& name, const Lists& lists) {
  const bool is_classifier = type == "TreeEnsembleClassifier";
  const auto& targets = lists.integers_of("n_targets");
  const std::size_t outputs = is_classifier     ? labels_of(lists)
                              : targets.empty() ? 1
                                                : static_cast<std::size_t>(targets[0]);
  TreeCheck(name, lists).check(is_classifier ? "class_" : "target_", outputs);
  const auto& features = lists.integers_of("nodes_featureids");
  return features.empty() ? 0 : *std::max_element(features.begin(), features.end()) + 1;
}

std::int64_t check_linear(std::string_view type, const std::string& name, const Lists& lists) {
  const auto& targets = lists.integers_of("targets");
  const std::size_t intercepts = lists.length_of("intercepts");
  std::size_t outputs = type == "LinearClassifier" ? intercepts
                        : targets.empty()          ? 1
                                                   : static_cast<std::size_t>(targets[0]);
  if (outputs == 0) outputs = std::max<std::size_t>(labels_of(lists), 1);
  const std::size_t coefficients = lists.length_of("coefficients");
  const bool fits = coefficients != 0 && coefficients % outputs == 0 && (intercepts == 0 || intercepts == outputs);
  if (!fits) {
    throw tensors::Refusal("'" + name + "' has " + std::to_string(coefficients) + " coefficients and " +
                           std::to_string(intercepts) + " intercepts for " + std::to_string(outputs) + " outputs");
  }
  return static_cast<std::int64_t>(coefficients / outputs);
}

}  // namespace

std::size_t Lists::length_of(const std::string& name) const noexcept {
  if (const auto found = integers.find(name); found != integers.end()) return found->second.size();
  if (const auto found = texts.find(name); found != texts.end()) return found->second.size();
  if (const auto found = numbers.find(name); found != numbers.end()) return found->second;
  const auto tensor = numbers.find(name + "_as_tensor");
  return tensor == numbers.end() ? 0 : tensor->second;
}

const std::vector<std::int64_t>& Lists::integers_of(const std::string& name) const noexcept {
  static const std::vector<std::int64_t> kNone;
  const auto found = integers.find(name);
  return found == integers.end() ? kNone : found->second;
}

std::int64_t check_lists(std::string_view type, const std::string& name, const Lists& lists) {
  if (type == "TreeEnsembleRegressor" || type == "TreeEnsembleClassifier") return check_trees(type, name, lists);
  if (type == "LinearRegressor" || type == "LinearClassifier") return check_linear(type, name, lists);
  return 0;
}

}  // namespace weir::onnx
