// AssociationModel: the rules whose items a basket holds, ranked.
//
// A basket comes as one text, its items one a line (the field next to the group field), or as fields that say whether
// their item is there.

#include <algorithm>
#include <array>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

struct Rule {
  std::vector<std::uint32_t> antecedent, consequent;  ///< items, sorted
  double support = kMissing, confidence = kMissing, lift = kMissing, leverage = kMissing, affinity = kMissing;
  double id = kMissing;               ///< text code
  double antecedent_text = kMissing;  ///< text codes of what the OutputField shows
  double consequent_text = kMissing;
  double rule_text = kMissing;
};

/// An item that is in the basket when a field has a value.
struct ItemField {
  std::uint32_t slot = 0;
  double value = kMissing;
  std::uint32_t item = 0;
};

struct Rules {
  std::vector<Rule> rules;
  std::size_t items = 0;
  std::vector<double> item_of_text;  ///< by text code: the item, or missing
  std::uint32_t basket = 0;          ///< slot of the basket's text; 0: none
  std::vector<ItemField> fields;
  std::uint32_t present = 0;  ///< slots: by item, 1 when the basket holds it
};

bool holds(const std::vector<std::uint32_t>& items, const double* present) noexcept {
  return std::all_of(items.begin(), items.end(), [present](std::uint32_t item) { return present[item] != 0; });
}

class AssociationEvaluator final : public Evaluator {
 public:
  AssociationEvaluator(Rules model, std::uint32_t value) : model_(std::move(model)), value_(value) {}

  void evaluate(Frame& frame) const noexcept override {
    double* present = frame.slots + model_.present;
    std::fill_n(present, model_.items, 0.0);
    frame.slots[value_] = kMissing;
    for (const ItemField& field : model_.fields)
      if (frame.slots[field.slot] == field.value) present[field.item] = 1;
    if (model_.basket == 0 || is_missing(frame.slots[model_.basket])) return;
    std::string_view text = frame.texts.at(frame.slots[model_.basket]);
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(text.size(), line.size() + 1));
      const std::uint32_t code = frame.tables->texts.find(line);
      if (code < model_.item_of_text.size() && !is_missing(model_.item_of_text[code]))
        present[static_cast<std::size_t>(model_.item_of_text[code])] = 1;
    }
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    std::size_t bytes = sizeof(*this) + model_.item_of_text.size() * sizeof(double);
    for (const Rule& rule : model_.rules)
      bytes += sizeof(rule) + (rule.antecedent.size() + rule.consequent.size()) * sizeof(std::uint32_t);
    return bytes;
  }
  [[nodiscard]] const Rules& rules() const noexcept { return model_; }

 private:
  Rules model_;
  std::uint32_t value_;
};

enum class Algorithm : unsigned char { kRecommendation, kExclusiveRecommendation, kRuleAssociation };

/// The rank-th rule that an OutputField asks for: its index.
class RankedRule final : public Native {
 public:
  RankedRule(const AssociationEvaluator& evaluator, Algorithm algorithm, std::vector<std::uint32_t> order,
             std::size_t rank)
      : evaluator_(evaluator), algorithm_(algorithm), order_(std::move(order)), rank_(rank) {}

  [[nodiscard]] double call(Frame& frame) const noexcept override {
    const double* present = frame.slots + evaluator_.rules().present;
    std::size_t rank = 0;
    for (const std::uint32_t index : order_) {
      const Rule& rule = evaluator_.rules().rules[index];
      if (!holds(rule.antecedent, present)) continue;
      if (algorithm_ == Algorithm::kExclusiveRecommendation && holds(rule.consequent, present)) continue;
      if (algorithm_ == Algorithm::kRuleAssociation && !holds(rule.consequent, present)) continue;
      if (++rank == rank_) return index;
    }
    return kMissing;
  }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override {
    return sizeof(*this) + order_.size() * sizeof(std::uint32_t);
  }

 private:
  const AssociationEvaluator& evaluator_;  // lives as long as the model, as this does
  Algorithm algorithm_;
  std::vector<std::uint32_t> order_;
  std::size_t rank_;
};

class AssociationCompiler {
 public:
  explicit AssociationCompiler(ModelBuild& build)
      : build_(build), compiler_(build.compiler), problems_(compiler_.problems()) {}

  std::unique_ptr<Evaluator> compile() {
    read_items();
    read_itemsets();
    for (const Element at : build_.at)
      if (at.is("AssociationRule")) read_rule(at);
    find_basket();
    if (problems_.any()) return nullptr;
    model_.items = items_.size();
    model_.present = compiler_.new_slots(items_.size());
    Answer& answer = build_.unit.answer;
    answer.type = kStringType;
    answer.value = compiler_.new_slot();
    auto evaluator = std::make_unique<AssociationEvaluator>(std::move(model_), answer.value);
    build_.feature = [this_build = &build_, rules = evaluator.get()](Element at, std::string_view feature) {
      return rule_feature(*this_build, *rules, at, feature);
    };
    return evaluator;
  }

 private:
  void read_items() {
    for (const Element at : build_.at) {
      if (!at.is("Item")) continue;
      const auto index = static_cast<std::uint32_t>(items_.size());
      if (!item_ids_.emplace(compiler_.required(at, "id"), index).second) problems_.wrong(at, "id", "is used twice");
      items_.push_back(at);
    }
  }

  void read_itemsets() {
    for (const Element at : build_.at) {
      if (!at.is("Itemset")) continue;
      std::vector<std::uint32_t> set;
      for (const Element part : at) {
        if (!part.is("ItemRef")) continue;
        const auto item = item_ids_.find(compiler_.required(part, "itemRef"));
        if (item == item_ids_.end())
          problems_.wrong(part, "itemRef", "is no Item");
        else
          set.push_back(item->second);
      }
      if (!sets_.emplace(compiler_.required(at, "id"), std::move(set)).second)
        problems_.wrong(at, "id", "is used twice");
    }
  }

  // An item as people see it.
  std::string_view item_name(std::uint32_t item) {
    const Element at = items_[item];
    return at.attribute("mappedValue") ? *at.attribute("mappedValue") : compiler_.required(at, "value");
  }
  std::string set_text(const std::vector<std::uint32_t>& set, std::string_view between) {
    std::string text;
    for (const std::uint32_t item : set) {
      if (!text.empty()) text += between;
      text += item_name(item);
    }
    return text;
  }

  void read_rule(Element at) {
    if (compiler_.stop()) return;
    Rule rule;
    const auto set = [&](std::string_view attribute) -> std::vector<std::uint32_t> {
      const auto known = sets_.find(compiler_.required(at, attribute));
      if (known != sets_.end()) return known->second;
      problems_.wrong(at, attribute, "is no Itemset");
      return {};
    };
    rule.antecedent = set("antecedent");
    rule.consequent = set("consequent");
    constexpr std::size_t kBytesOfAnItem = sizeof(std::uint32_t) + 2 * sizeof(std::string);
    if (!compiler_.fits((rule.antecedent.size() + rule.consequent.size()) * kBytesOfAnItem)) return;
    rule.support = compiler_.required_number(at, "support");
    rule.confidence = compiler_.required_number(at, "confidence");
    rule.lift = compiler_.number(at, "lift", kMissing);
    rule.leverage = compiler_.number(at, "leverage", kMissing);
    rule.affinity = compiler_.number(at, "affinity", kMissing);
    Texts& texts = compiler_.tables().texts;
    // Sets alone are shown as lists, `[a, b]`, and in a rule as `{a,b}->{c}`.
    rule.antecedent_text = texts.intern("[" + set_text(rule.antecedent, ", ") + "]");
    rule.consequent_text = texts.intern("[" + set_text(rule.consequent, ", ") + "]");
    rule.rule_text = texts.intern("{" + set_text(rule.antecedent, ",") + "}->{" + set_text(rule.consequent, ",") + "}");
    rule.id = texts.intern(at.attribute_or("id", std::to_string(model_.rules.size() + 1)));
    model_.rules.push_back(std::move(rule));
  }

  // Either one active field beside a group field, holding items; or fields that Items name.
  void find_basket() {
    const Element schema = build_.at.child("MiningSchema");
    if (!schema) return;
    std::string_view only;
    std::size_t active = 0;
    for (const Element at : schema) {
      if (!at.is("MiningField")) continue;
      const std::string_view usage = at.attribute_or("usageType", "active");
      if (usage == "group") build_.unit.group_field = compiler_.required(at, "name");
      if (usage != "active") continue;
      ++active;
      only = compiler_.required(at, "name");
    }
    const bool named = std::any_of(items_.begin(), items_.end(), [](Element at) { return at.attribute("field"); });
    if (!named && active == 1) {
      model_.basket =
          compiler_.cast(compiler_.field(only, build_.scope, schema), kStringType, build_.unit.prologue, schema).slot;
      for (std::uint32_t i = 0; i < items_.size(); ++i) {
        const std::uint32_t code = compiler_.tables().texts.intern(compiler_.required(items_[i], "value"));
        if (model_.item_of_text.size() <= code) model_.item_of_text.resize(code + 1, kMissing);
        model_.item_of_text[code] = i;
      }
      return;
    }
    for (std::uint32_t i = 0; i < items_.size(); ++i) {
      // An item is a field's value, or the name of a field that is true.
      const Element at = items_[i];
      const std::string_view value = compiler_.required(at, "value");
      const std::string_view name = at.attribute_or("field", value);
      const Operand field = compiler_.field(name, build_.scope, at, at.attribute("field") ? "field" : "value");
      if (field.slot == 0) continue;
      const bool truth = !at.attribute("field") || at.attribute("category");
      const std::string_view category = at.attribute_or("category", truth ? "true" : value);
      const auto parsed = field.type.is_text() ? std::optional<double>() : parse_value(field.type, category);
      if (!field.type.is_text() && !parsed && truth)
        model_.fields.push_back({field.slot, 1, i});
      else
        model_.fields.push_back({field.slot, compiler_.literal(at, "category", category, field.type), i});
    }
  }

  static std::optional<Operand> rule_feature(ModelBuild& build, const AssociationEvaluator& evaluator, Element at,
                                             std::string_view feature) {
    Compiler& compiler = build.compiler;
    std::string_view wanted;
    if (feature == "ruleValue")
      wanted = at.attribute_or("ruleFeature", "consequent");
    else if (feature == "entityId" || feature == "ruleId")
      wanted = "ruleId";
    else
      return std::nullopt;
    if (at.attribute_or("isMultiValued", "0") == "1") {
      compiler.problems().unsupported(at, "isMultiValued", "a list of values");
      return Operand{};
    }
    const std::string_view algorithm_name = at.attribute_or("algorithm", "exclusiveRecommendation");
    Algorithm algorithm = Algorithm::kExclusiveRecommendation;
    if (algorithm_name == "recommendation")
      algorithm = Algorithm::kRecommendation;
    else if (algorithm_name == "ruleAssociation")
      algorithm = Algorithm::kRuleAssociation;
    else if (algorithm_name != "exclusiveRecommendation")
      compiler.problems().unsupported(at, "algorithm", "'" + std::string(algorithm_name) + "'");
    const double rank = compiler.number(at, "rank", 1);
    if (!(rank >= 1 && rank == std::trunc(rank) && rank <= 1e9)) {
      compiler.problems().wrong(at, "rank", "must be a whole number from 1");
      return Operand{};
    }
    const std::uint32_t index = compiler.call(
        build.unit.epilogue, std::make_unique<RankedRule>(evaluator, algorithm, order(build, evaluator, at),
                                                          static_cast<std::size_t>(rank)));
    return part_of(build, evaluator, at, wanted, index);
  }

  // All rules in the order that the OutputField ranks them by.
  static std::vector<std::uint32_t> order(ModelBuild& build, const AssociationEvaluator& evaluator, Element at) {
    const std::string_view basis = at.attribute_or("rankBasis", "confidence");
    double Rule::*by = &Rule::confidence;
    if (basis == "support")
      by = &Rule::support;
    else if (basis == "lift")
      by = &Rule::lift;
    else if (basis == "leverage")
      by = &Rule::leverage;
    else if (basis == "affinity")
      by = &Rule::affinity;
    else if (basis != "confidence")
      build.compiler.problems().unsupported(at, "rankBasis", "'" + std::string(basis) + "'");
    const bool ascending = at.attribute_or("rankOrder", "descending") == "ascending";
    const std::vector<Rule>& rules = evaluator.rules().rules;
    std::vector<std::uint32_t> result;
    for (std::uint32_t i = 0; i < rules.size(); ++i)
      if (!is_missing(rules[i].*by)) result.push_back(i);
    std::stable_sort(result.begin(), result.end(), [&](std::uint32_t a, std::uint32_t b) {
      return ascending ? rules[a].*by < rules[b].*by : rules[a].*by > rules[b].*by;
    });
    return result;
  }

  // What is wanted of the rule whose index is in the slot.
  static Operand part_of(ModelBuild& build, const AssociationEvaluator& evaluator, Element at, std::string_view wanted,
                         std::uint32_t index) {
    struct Part {
      std::string_view name;
      double Rule::*value;
      bool text;
    };
    static constexpr std::array<Part, 9> kParts = {{{"antecedent", &Rule::antecedent_text, true},
                                                    {"consequent", &Rule::consequent_text, true},
                                                    {"rule", &Rule::rule_text, true},
                                                    {"ruleId", &Rule::id, true},
                                                    {"support", &Rule::support, false},
                                                    {"confidence", &Rule::confidence, false},
                                                    {"lift", &Rule::lift, false},
                                                    {"leverage", &Rule::leverage, false},
                                                    {"affinity", &Rule::affinity, false}}};
    const auto* part = std::find_if(kParts.begin(), kParts.end(), [&](const Part& p) { return p.name == wanted; });
    Compiler& compiler = build.compiler;
    if (part == kParts.end()) {
      compiler.problems().unsupported(at, "ruleFeature", "'" + std::string(wanted) + "'");
      return {};
    }
    ValueMap values(1, kMissing);
    const std::vector<Rule>& rules = evaluator.rules().rules;
    for (std::size_t i = 0; i < rules.size(); ++i) values.add({static_cast<double>(i)}, rules[i].*(part->value));
    values.finish();
    compiler.tables().maps.push_back(std::move(values));
    const std::vector<std::uint32_t> key = {index};
    return {compiler.emit(build.unit.epilogue, Op::kMapValues, key,
                          static_cast<std::uint32_t>(compiler.tables().maps.size() - 1)),
            part->text ? kStringType : kDoubleType,
            false,
            {},
            kMissing};
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  Rules model_;
  std::vector<Element> items_;
  std::unordered_map<std::string_view, std::uint32_t> item_ids_;
  std::unordered_map<std::string_view, std::vector<std::uint32_t>> sets_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_association(ModelBuild& build) { return AssociationCompiler(build).compile(); }

}  // namespace weir::pmml
