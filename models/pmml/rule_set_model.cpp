// RuleSetModel: rules with predicates; the first that holds, or the weightiest, gives the class.

#include <algorithm>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

enum class Criterion { kFirstHit, kWeightedSum, kWeightedMax };

struct Rule {
  Block predicate;
  std::uint32_t truth = 0;
  std::size_t category = 0;
  double confidence = 1;
  double weight = 1;
  double id = kMissing;
};

struct RuleSet {
  Criterion criterion = Criterion::kFirstHit;
  std::vector<Rule> rules;
  double default_category = kMissing;
  double default_confidence = kMissing;
};

class RuleSetEvaluator final : public Evaluator {
 public:
  RuleSetEvaluator(RuleSet set, const Answer& answer, std::uint32_t totals)
      : set_(std::move(set)), answer_(answer), totals_(totals) {}

  // Each class keeps the confidence of its own best rule; the best class's rule answers.
  void evaluate(Frame& frame) const noexcept override {
    double* slots = frame.slots;
    const std::size_t count = answer_.categories.size();
    double* confidences = slots + answer_.confidences;
    double* totals = slots + totals_;
    std::fill_n(confidences, count, 0.0);
    std::fill_n(totals, count, kMissing);
    const Rule* best = nullptr;
    double fired = 0;
    for (const Rule& rule : set_.rules) {
      run(rule.predicate, frame);
      const double truth = slots[rule.truth];
      if (is_missing(truth) || truth == 0) continue;
      ++fired;
      double& total = totals[rule.category];
      const bool first = is_missing(total);
      if (first || (set_.criterion == Criterion::kWeightedMax && rule.weight > total))
        confidences[rule.category] = rule.confidence;
      if (set_.criterion == Criterion::kWeightedSum)
        total = (first ? 0 : total) + rule.weight;
      else if (first || (set_.criterion == Criterion::kWeightedMax && rule.weight > total))
        total = rule.weight;
      if (best == nullptr || (set_.criterion == Criterion::kWeightedMax && rule.weight > best->weight)) best = &rule;
    }
    if (best == nullptr) return answer_with(slots, set_.default_category, set_.default_confidence, kMissing);
    if (set_.criterion != Criterion::kWeightedSum)
      return answer_with(slots, static_cast<double>(best->category), best->confidence, best->id);
    std::size_t winner = best->category;
    for (std::size_t i = 0; i < count; ++i) {
      if (is_missing(totals[i])) continue;
      confidences[i] = totals[i] / fired;
      if (totals[i] > totals[winner]) winner = i;
    }
    answer_with(slots, static_cast<double>(winner), confidences[winner], first_of(winner, frame));
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this);
    for (const Rule& rule : set_.rules) bytes += sizeof(rule) + rule.predicate.size() * sizeof(Instruction);
    return bytes;
  }

 private:
  void answer_with(double* slots, double category, double confidence, double id) const noexcept {
    const bool known = !is_missing(category);
    slots[answer_.winner] = category;
    slots[answer_.value] = known ? answer_.categories[static_cast<std::size_t>(category)].value : kMissing;
    slots[answer_.entity] = id;
    if (known) slots[answer_.confidences + static_cast<std::size_t>(category)] = confidence;
  }
  // The id of the first rule that fired for the class.
  double first_of(std::size_t category, Frame& frame) const noexcept {
    for (const Rule& rule : set_.rules) {
      if (rule.category != category) continue;
      run(rule.predicate, frame);
      if (frame.slots[rule.truth] == 1) return rule.id;
    }
    return kMissing;
  }

  RuleSet set_;
  Answer answer_;
  std::uint32_t totals_;
};

// Rules inside a CompoundRule hold when its own predicate does too.
void read_rules(ModelBuild& build, Element holder, std::vector<Element>& conditions, RuleSet& set) {
  Compiler& compiler = build.compiler;
  for (const Element at : holder) {
    if (compiler.stop()) return;
    const bool compound = at.is("CompoundRule");
    if (!compound && !at.is("SimpleRule")) continue;
    const Element predicate = Compiler::predicate_of(at);
    if (!predicate) {
      compiler.problems().wrong(at, "", "no predicate inside");
      continue;
    }
    conditions.push_back(predicate);
    if (compound) {
      read_rules(build, at, conditions, set);
    } else {
      Rule rule;
      BlockBuilder block;
      std::vector<std::uint32_t> parts;
      for (const Element condition : conditions)
        parts.push_back(compiler.predicate(condition, build.scope, block).slot);
      rule.truth = parts.size() == 1 ? parts[0] : compiler.emit(block, Op::kAnd, parts);
      rule.predicate = std::move(block.code);
      rule.category = build.category(at, "score", compiler.required(at, "score"));
      rule.confidence = compiler.number(at, "confidence", 1);
      rule.weight = compiler.number(at, "weight", 1);
      const std::string id(at.attribute_or("id", std::to_string(set.rules.size() + 1)));
      rule.id = compiler.tables().texts.intern(id);
      set.rules.push_back(std::move(rule));
    }
    conditions.pop_back();
  }
}

}  // namespace

std::unique_ptr<Evaluator> compile_rule_set(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const std::string_view function = compiler.required(build.at, "functionName");
  if (function != "classification") problems.unsupported(build.at, "functionName", "'" + std::string(function) + "'");
  build.start_classification();
  Answer& answer = build.unit.answer;
  answer.entity = compiler.new_slot();
  const Element rules = build.at.child("RuleSet");
  if (!rules) {
    problems.wrong(build.at, "", "no RuleSet inside");
    return nullptr;
  }
  RuleSet set;
  // The first criterion listed is the one to use.
  const Element method = rules.child("RuleSelectionMethod");
  const std::string_view criterion = method ? compiler.required(method, "criterion") : "firstHit";
  if (criterion == "weightedSum")
    set.criterion = Criterion::kWeightedSum;
  else if (criterion == "weightedMax")
    set.criterion = Criterion::kWeightedMax;
  else if (criterion != "firstHit")
    problems.unsupported(method, "criterion", "'" + std::string(criterion) + "'");
  std::vector<Element> conditions;
  read_rules(build, rules, conditions, set);
  if (const auto score = rules.attribute("defaultScore")) {
    set.default_category = static_cast<double>(build.category(rules, "defaultScore", *score));
    set.default_confidence = compiler.number(rules, "defaultConfidence", 0);
  }
  answer.confidences = compiler.new_slots(answer.categories.size());
  const std::uint32_t totals = compiler.new_slots(answer.categories.size());
  if (problems.any()) return nullptr;
  return std::make_unique<RuleSetEvaluator>(std::move(set), answer, totals);
}

}  // namespace weir::pmml
