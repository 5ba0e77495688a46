// TreeModel: from nested Node elements to a Tree.

#include <algorithm>

#include "models/pmml/tree.hpp"

namespace weir::pmml {
namespace {

enum class MissingStrategy { kNone, kLastPrediction, kNullPrediction, kDefaultChild };

class TreeCompiler {
 public:
  explicit TreeCompiler(ModelBuild& build) : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {
    const std::string_view missing = build.at.attribute_or("missingValueStrategy", "none");
    if (missing == "lastPrediction")
      strategy_ = MissingStrategy::kLastPrediction;
    else if (missing == "nullPrediction")
      strategy_ = MissingStrategy::kNullPrediction;
    else if (missing == "defaultChild")
      strategy_ = MissingStrategy::kDefaultChild;
    else if (missing == "weightedConfidence")
      tree_.open_strategy = Tree::Open::kWeightedConfidence;
    else if (missing == "aggregateNodes")
      tree_.open_strategy = Tree::Open::kAggregateNodes;
    else if (missing != "none")
      problems_.unsupported(build.at, "missingValueStrategy", "'" + std::string(missing) + "'");
    const std::string_view no_true = build.at.attribute_or("noTrueChildStrategy", "returnNullPrediction");
    last_when_none_true_ = no_true == "returnLastPrediction";
    tree_.missing_penalty = compiler_.number(build.at, "missingValuePenalty", 1);
    numbers_nodes_ = asks_for(build, "entityId");
    if (!last_when_none_true_ && no_true != "returnNullPrediction")
      problems_.unsupported(build.at, "noTrueChildStrategy", "'" + std::string(no_true) + "'");
  }

  Tree compile(Element root) {
    tree_.classification = build_.unit.answer.function == Function::kClassification;
    collect_categories(root);
    if (tree_.classification) build_.finish_classification();
    tree_.leaves.emplace_back();
    tree_.last_when_none_true = last_when_none_true_;
    if (tree_.open_strategy != Tree::Open::kNo && tree_.classification) {
      open_node(root);
      return std::move(tree_);
    }
    // These strategies combine classes. A number has none: a row that would need them has no answer.
    if (tree_.open_strategy != Tree::Open::kNo) strategy_ = MissingStrategy::kNullPrediction;
    tree_.open_strategy = Tree::Open::kNo;
    // The root's own predicate: nothing to fall back to when it is not true.
    const Element predicate = Compiler::predicate_of(root);
    if (!predicate)
      problems_.wrong(root, "", "no predicate inside");
    else if (!predicate.is("True"))
      add_test(predicate);
    const bool tested = !tree_.nodes.empty();
    body(root);
    if (tested) {
      const std::uint32_t end = add_leaf(0);
      tree_.nodes[0].other = end;
      if (tree_.unknown[0] == kPending) tree_.unknown[0] = end;
    }
    if (tree_.nodes.size() >= kPending) problems_.exhausted("a tree has too many nodes");
    return std::move(tree_);
  }

 private:
  static constexpr std::uint32_t kPending = 0x7fffffff;

  // Classes come in the order of the target's declared values, then of the document.
  void collect_categories(Element root) {
    if (!tree_.classification) return;
    Element at = root;
    while (at) {
      if (at.is("Node")) {
        if (const auto score = at.attribute("score")) build_.category(at, "score", *score);
      } else if (at.is("ScoreDistribution")) {
        build_.category(at, "value", compiler_.required(at, "value"));
      }
      if (compiler_.stop()) return;
      Element next = at.first_child();
      for (; !next && at && !(at == root); at = at.parent()) next = at.next_sibling();
      at = next;
    }
  }

  std::uint32_t add_node(TreeNode node) {
    tree_.nodes.push_back(node);
    tree_.unknown.push_back(kPending);
    return static_cast<std::uint32_t>(tree_.nodes.size() - 1);
  }
  std::uint32_t add_leaf(std::uint32_t leaf) {
    TreeNode node;
    node.test = static_cast<std::uint32_t>(Test::kLeaf);
    node.other = leaf;
    return add_node(node);
  }

  // The answer that a node itself gives.
  std::uint32_t leaf_of(Element at) {
    Tree::Leaf leaf;
    if (const auto id = at.attribute("id"))
      leaf.id = compiler_.tables().texts.intern(*id) + 1;
    else if (numbers_nodes_)
      leaf.id = compiler_.tables().texts.intern(std::to_string(place_of(at))) + 1;
    const auto score = at.attribute("score");
    if (!tree_.classification) {
      if (score) leaf.score = round_to(build_.float_math ? kFloatType : kDoubleType, compiler_.number(at, "score", 0));
    } else {
      read_distribution(at, leaf);
      if (score) leaf.score = static_cast<double>(build_.category(at, "score", *score));
    }
    tree_.leaves.push_back(leaf);
    return static_cast<std::uint32_t>(tree_.leaves.size() - 1);
  }

  // Nodes without an id are numbered from 1 in the order of the document.
  std::size_t place_of(Element node) {
    if (places_.empty()) {
      Element root = node;
      while (root.parent().is("Node")) root = root.parent();
      for (Element at = root; at;) {
        if (at.is("Node")) places_.emplace(at.index(), places_.size() + 1);
        Element next = at.first_child();
        for (; !next && !(at == root); at = at.parent()) next = at.next_sibling();
        at = next;
      }
    }
    return places_[node.index()];
  }

  void read_distribution(Element at, Tree::Leaf& leaf) {
    if (!at.child("ScoreDistribution")) return;
    const std::size_t count = build_.unit.answer.categories.size();
    if (!compiler_.fits(2 * count * sizeof(double))) return;
    std::vector<double> records(count, 0), probabilities(count, 0), confidences(count, kMissing);
    bool given = true, confident = false;
    for (const Element part : at) {
      if (!part.is("ScoreDistribution")) continue;
      const std::size_t i = build_.category(part, "value", compiler_.required(part, "value"));
      if (i >= count) continue;
      given = given && part.attribute("probability");
      records[i] += given ? compiler_.number(part, "recordCount", 0) : compiler_.required_number(part, "recordCount");
      if (given) probabilities[i] = compiler_.number(part, "probability", 0);
      if (part.attribute("confidence")) {
        confidences[i] =
            round_to(build_.float_math ? kFloatType : kDoubleType, compiler_.number(part, "confidence", 0));
        confident = true;
      }
    }
    double total = 0;
    for (const double record : records) total += record;
    const Type& kept = build_.float_math ? kFloatType : kDoubleType;
    for (std::size_t i = 0; i < count; ++i)
      probabilities[i] = round_to(kept, given ? probabilities[i] : total > 0 ? records[i] / total : 0);
    leaf.distribution = static_cast<std::uint32_t>(tree_.distributions.size());
    const auto best = std::max_element(probabilities.begin(), probabilities.end());
    leaf.score = static_cast<double>(best - probabilities.begin());
    const std::vector<double>& shown = confident ? confidences : probabilities;
    tree_.distributions.insert(tree_.distributions.end(), probabilities.begin(), probabilities.end());
    tree_.confidences.insert(tree_.confidences.end(), shown.begin(), shown.end());
  }

  std::uint32_t open_node(Element at) {
    const auto index = static_cast<std::uint32_t>(tree_.open.size());
    tree_.open.emplace_back();
    const Element predicate = Compiler::predicate_of(at);
    if (!predicate)
      problems_.wrong(at, "", "no predicate inside");
    else if (!predicate.is("True"))
      tree_.open[index].test = add_test(predicate);
    tree_.open[index].leaf = leaf_of(at);
    double records = compiler_.number(at, "recordCount", 0);
    if (!at.attribute("recordCount"))
      for (const Element part : at)
        if (part.is("ScoreDistribution")) records += compiler_.number(part, "recordCount", 0);
    tree_.open[index].records = records;
    for (const Element child : at)
      if (child.is("Node") && !compiler_.stop()) {
        const std::uint32_t added = open_node(child);
        tree_.open[index].children.push_back(added);
      }
    return index;
  }

  // A test for the predicate; kept simple where it is simple.
  std::uint32_t add_test(Element predicate) {
    TreeNode node;
    const auto set_slot = [&](std::uint32_t slot) {
      if (slot >= (1U << 26)) problems_.exhausted("a tree reads too many fields");
      node.slot = slot;
    };
    const auto set_test = [&](Test test) { node.test = static_cast<std::uint32_t>(test); };
    if (predicate.is("SimplePredicate")) {
      const std::string_view name = compiler_.required(predicate, "operator");
      static constexpr std::pair<std::string_view, Test> kTests[] = {
          {"equal", Test::kEqual},         {"notEqual", Test::kNotEqual},
          {"lessThan", Test::kLess},       {"lessOrEqual", Test::kLessOrEqual},
          {"greaterThan", Test::kGreater}, {"greaterOrEqual", Test::kGreaterOrEqual},
          {"isMissing", Test::kIsMissing}, {"isNotMissing", Test::kIsNotMissing}};
      const auto* found =
          std::find_if(std::begin(kTests), std::end(kTests), [&](const auto& test) { return test.first == name; });
      if (found != std::end(kTests)) {
        const Operand value = compiler_.field(compiler_.required(predicate, "field"), build_.scope, predicate);
        const bool ordered = found->second <= Test::kGreaterOrEqual;
        if (!(ordered && (value.type.is_text() || value.type.order != 0))) {
          set_slot(value.slot);
          set_test(found->second);
          if (found->second < Test::kIsMissing)
            node.value = compiler_.literal(predicate, "value", compiler_.required(predicate, "value"), value.type);
          return add_node(node);
        }
      }
    } else if (predicate.is("SimpleSetPredicate")) {
      const std::string_view name = compiler_.required(predicate, "booleanOperator");
      if (name == "isIn" || name == "isNotIn") {
        const Operand value = compiler_.field(compiler_.required(predicate, "field"), build_.scope, predicate);
        set_slot(value.slot);
        set_test(name == "isIn" ? Test::kInSet : Test::kNotInSet);
        node.value = static_cast<double>(set_index(compiler_.value_set(predicate, value.type)));
        return add_node(node);
      }
    }
    BlockBuilder block;
    set_slot(compiler_.predicate(predicate, build_.scope, block).slot);
    set_test(Test::kPredicate);
    node.value = static_cast<double>(tree_.blocks.size());
    tree_.blocks.push_back(std::move(block.code));
    return add_node(node);
  }

  // Forests ask for the same sets again and again.
  std::size_t set_index(ValueSet set) {
    auto& sets = compiler_.tables().sets;
    for (std::size_t i = sets.size(); i > 0 && i + 64 > sets.size(); --i)
      if (sets[i - 1].values() == set.values()) return i - 1;
    sets.push_back(std::move(set));
    return sets.size() - 1;
  }

  // Emits what happens once `at` has been reached; returns where that begins.
  std::uint32_t body(Element at) {
    const auto begin = static_cast<std::uint32_t>(tree_.nodes.size());
    if (compiler_.stop()) return begin;
    bool parent_of_any = false;
    for (const Element child : at) parent_of_any = parent_of_any || child.is("Node");
    if (!parent_of_any) {
      add_leaf(leaf_of(at));
      return begin;
    }
    struct Child {
      std::uint32_t test = kPending;
      std::uint32_t begin = 0;
      std::string_view id;
    };
    std::vector<Child> children;
    bool ended = false;  // by a child whose predicate is True
    for (const Element node : at) {
      if (!node.is("Node")) continue;
      const Element predicate = Compiler::predicate_of(node);
      if (!predicate) {
        problems_.wrong(node, "", "no predicate inside");
        continue;
      }
      Child child;
      child.id = node.attribute_or("id", "");
      if (!predicate.is("True")) {
        child.test = add_test(predicate);
        child.begin = body(node);
        tree_.nodes[child.test].other = static_cast<std::uint32_t>(tree_.nodes.size());
      } else {
        child.begin = body(node);
        if (!ended) ended = true;
      }
      children.push_back(child);
    }
    // The end of the chain: no child was true.
    std::uint32_t own = 0;
    const bool needs_own = last_when_none_true_ || strategy_ == MissingStrategy::kLastPrediction;
    if (needs_own) own = leaf_of(at);
    const std::uint32_t none_true = add_leaf(last_when_none_true_ ? own : 0);
    std::uint32_t on_missing = kPending;
    switch (strategy_) {
      case MissingStrategy::kNone: break;
      case MissingStrategy::kLastPrediction: on_missing = last_when_none_true_ ? none_true : add_leaf(own); break;
      case MissingStrategy::kNullPrediction: on_missing = last_when_none_true_ ? add_leaf(0) : none_true; break;
      case MissingStrategy::kDefaultChild: on_missing = default_child(at, children, none_true); break;
    }
    for (const Child& child : children)
      if (child.test != kPending && tree_.unknown[child.test] == kPending)
        tree_.unknown[child.test] = on_missing == kPending ? tree_.nodes[child.test].other : on_missing;
    return begin;
  }

  template <class Children>
  std::uint32_t default_child(Element at, const Children& children, std::uint32_t none_true) {
    const auto id = at.attribute("defaultChild");
    if (!id) return last_when_none_true_ ? add_leaf(0) : none_true;
    for (const auto& child : children)
      if (child.id == *id) return child.begin;
    problems_.wrong(at, "defaultChild", "no child has the id '" + std::string(*id) + "'");
    return none_true;
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  Tree tree_;
  MissingStrategy strategy_ = MissingStrategy::kNone;
  bool last_when_none_true_ = false;
  bool numbers_nodes_ = false;
  std::unordered_map<std::uint32_t, std::size_t> places_;  // by element
};

}  // namespace

std::unique_ptr<Evaluator> compile_tree(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const std::string_view function = compiler.required(build.at, "functionName");
  Answer& answer = build.unit.answer;
  if (function == "classification")
    build.start_classification();
  else if (function == "regression")
    answer.value = compiler.new_slot();
  else
    problems.unsupported(build.at, "functionName", "'" + std::string(function) + "'");
  answer.entity = compiler.new_slot();
  answer.entity_type = kStringType;
  const Element root = build.at.child("Node");
  if (!root) {
    problems.wrong(build.at, "", "no Node inside");
    return nullptr;
  }
  Tree tree = TreeCompiler(build).compile(root);
  if (answer.function == Function::kClassification) answer.confidences = compiler.new_slots(answer.categories.size());
  if (problems.any()) return nullptr;
  return std::make_unique<TreeEvaluator>(std::move(tree), answer);
}

}  // namespace weir::pmml
