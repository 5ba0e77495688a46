#include "models/pmml/regression_model.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace weir::pmml {
namespace {

std::optional<Normalization> normalization_named(std::string_view name) {
  static constexpr std::array<std::string_view, 9> kNames = {"none",    "simplemax", "softmax", "logit",  "probit",
                                                             "cloglog", "exp",       "loglog",  "cauchit"};
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) return std::nullopt;
  return static_cast<Normalization>(found - kNames.begin());
}

RegressionTable read_table(ModelBuild& build, Element at) {
  Compiler& compiler = build.compiler;
  BlockBuilder& prologue = build.unit.prologue;
  RegressionTable table;
  table.intercept = compiler.required_number(at, "intercept");
  for (const Element term : at) {
    if (compiler.stop()) return table;
    if (term.is("NumericPredictor")) {
      const Operand value = compiler.cast(compiler.field(compiler.required(term, "name"), build.scope, term, "name"),
                                          kDoubleType, prologue, term);
      const double coefficient = compiler.required_number(term, "coefficient");
      const double exponent = compiler.number(term, "exponent", 1);
      if (exponent == 1)
        table.linear.push_back({value.slot, coefficient});
      else
        table.powers.push_back({value.slot, exponent, coefficient});
    } else if (term.is("CategoricalPredictor")) {
      const Operand value = compiler.field(compiler.required(term, "name"), build.scope, term, "name");
      table.categories.push_back({value.slot,
                                  compiler.literal(term, "value", compiler.required(term, "value"), value.type),
                                  compiler.required_number(term, "coefficient")});
    } else if (term.is("PredictorTerm")) {
      RegressionTable::Product product{{}, compiler.required_number(term, "coefficient")};
      for (const Element factor : term)
        if (factor.is("FieldRef"))
          product.slots.push_back(
              compiler.cast(compiler.expression(factor, build.scope, prologue), kDoubleType, prologue, factor).slot);
      table.products.push_back(std::move(product));
    } else {
      compiler.problems().unsupported(term, "", std::string(term.name()) + " in a RegressionTable");
    }
  }
  return table;
}

float as_float(double value) { return static_cast<float>(value); }

}  // namespace

void RegressionTable::finish() {
  std::vector<Category> rest;
  std::unordered_map<std::uint32_t, std::size_t> group_of_slot;
  std::vector<std::vector<Category>> groups;
  for (const Category& at : categories) {
    const auto [group, added] = group_of_slot.emplace(at.slot, groups.size());
    if (added) groups.emplace_back();
    groups[group->second].push_back(at);
  }
  for (const std::vector<Category>& group : groups) {
    double low = group.front().value, high = low;
    bool whole = true;
    for (const Category& at : group) {
      low = std::min(low, at.value);
      high = std::max(high, at.value);
      whole = whole && at.value == std::trunc(at.value);
    }
    if (!whole || group.size() < 2 || !(high - low < static_cast<double>(64 + 16 * group.size()))) {
      rest.insert(rest.end(), group.begin(), group.end());
      continue;
    }
    Lookup lookup{group.front().slot, low, std::vector<double>(static_cast<std::size_t>(high - low) + 1, 0)};
    for (const Category& at : group) lookup.coefficients[static_cast<std::size_t>(at.value - low)] += at.coefficient;
    lookups.push_back(std::move(lookup));
  }
  categories = std::move(rest);
}

double RegressionTable::value(const double* slots) const noexcept {
  double y = intercept +
             sum_of_terms(linear.size(), [&](std::size_t i) { return linear[i].coefficient * slots[linear[i].slot]; });
  for (const Lookup& lookup : lookups) {
    const double at = slots[lookup.slot] - lookup.base;
    if (!(at >= 0 && at < static_cast<double>(lookup.coefficients.size()))) continue;
    const auto index = static_cast<std::size_t>(at);
    if (static_cast<double>(index) == at) y += lookup.coefficients[index];
  }
  for (const Power& term : powers)
    y += is_missing(slots[term.slot]) ? kMissing : term.coefficient * std::pow(slots[term.slot], term.exponent);
  for (const Category& term : categories)
    if (slots[term.slot] == term.value) y += term.coefficient;
  for (const Product& term : products) {
    double product = term.coefficient;
    for (const std::uint32_t slot : term.slots) product *= slots[slot];
    y += product;
  }
  return y;
}

double RegressionTable::float_value(const double* slots) const noexcept {
  float y = 0;
  for (const Linear& term : linear) y += as_float(term.coefficient) * as_float(slots[term.slot]);
  for (const Power& term : powers)
    y += as_float(term.coefficient) * (is_missing(slots[term.slot])
                                           ? as_float(kMissing)
                                           : std::pow(as_float(slots[term.slot]), as_float(term.exponent)));
  for (const Category& term : categories)
    if (slots[term.slot] == term.value) y += as_float(term.coefficient);
  for (const Product& term : products) {
    float product = as_float(term.coefficient);
    for (const std::uint32_t slot : term.slots) product *= as_float(slots[slot]);
    y += product;
  }
  return static_cast<double>(y + as_float(intercept));
}

void RegressionEvaluator::normalize(Normalization normalization, double* values, std::size_t count) noexcept {
  if (normalization == Normalization::kSoftmax) return softmax(values, count);
  if (normalization == Normalization::kSimplemax) return simplemax(values, count);
  // The last class takes what the others leave; with more than two classes and a link, each has its own value.
  if (count == 2) values[0] = std::clamp(inverse_link(normalization, values[0]), 0.0, 1.0);
  double rest = count == 2 ? 1 - values[0] : 1;
  for (std::size_t i = 0; count > 2 && i + 1 < count; ++i) rest -= values[i] = inverse_link(normalization, values[i]);
  if (count <= 2 || normalization == Normalization::kNone) {
    values[count - 1] = rest;
    return;
  }
  values[count - 1] = inverse_link(normalization, values[count - 1]);
  simplemax(values, count);
}

void RegressionEvaluator::normalize_float(Normalization normalization, double* values, std::size_t count) noexcept {
  if (normalization == Normalization::kSoftmax) return softmax_float(values, count);
  if (normalization == Normalization::kSimplemax || count != 2) return normalize(normalization, values, count);
  const float first = std::clamp(inverse_link_float(normalization, as_float(values[0])), 0.0F, 1.0F);
  values[0] = static_cast<double>(first);
  values[1] = static_cast<double>(1.0F - first);
}

// Ordinal targets: each table gives the probability of its class and all before; the last class takes the rest.
void RegressionEvaluator::cumulate(double* values, std::size_t count) const noexcept {
  double below = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const double up_to = i + 1 == count ? 1 : std::clamp(inverse_link(normalization_, values[i]), 0.0, 1.0);
    values[i] = up_to - below;
    below = up_to;
  }
}

void RegressionEvaluator::evaluate(Frame& frame) const noexcept {
  double* slots = frame.slots;
  const auto round = [&](double value) { return float_math_ ? static_cast<double>(as_float(value)) : value; };
  if (answer_.function == Function::kRegression) {
    const double y = float_math_ ? tables_[0].float_value(slots) : tables_[0].value(slots);
    // For a number softmax and simplemax have one term only: softmax is the logistic function.
    const Normalization link = normalization_ == Normalization::kSoftmax ? Normalization::kLogit : normalization_;
    slots[answer_.value] =
        float_math_ ? static_cast<double>(inverse_link_float(link, as_float(y))) : inverse_link(link, y);
    return;
  }
  double* probabilities = slots + answer_.probabilities;
  const std::size_t count = tables_.size();
  // Classes without a table have no probability.
  std::fill_n(probabilities, answer_.categories.size(), count == answer_.categories.size() ? kMissing : 0.0);
  bool known = true;
  double stack[16];
  auto* values = count <= 16 ? stack : reinterpret_cast<double*>(frame.texts.allocate(count * sizeof(double)));
  if (values == nullptr) return frame.fail("a regression has too many classes");
  for (std::size_t i = 0; i < count; ++i) {
    values[i] = float_math_ ? tables_[i].float_value(slots) : tables_[i].value(slots);
    known = known && !is_missing(values[i]);
  }
  if (ordinal_)
    cumulate(values, count);
  else if (float_math_)
    normalize_float(normalization_, values, count);
  else
    normalize(normalization_, values, count);
  for (std::size_t i = 0; i < count; ++i) probabilities[tables_[i].category] = known ? round(values[i]) : kMissing;
  if (!known) std::fill_n(probabilities, answer_.categories.size(), kMissing);
  choose_winner(answer_, frame);
}

std::size_t RegressionEvaluator::memory_bytes() const noexcept {
  std::size_t bytes = sizeof(*this);
  for (const auto& table : tables_)
    bytes += sizeof(table) + table.linear.size() * 16 + table.powers.size() * 24 + table.categories.size() * 24 +
             table.products.size() * 64;
  return bytes;
}

std::unique_ptr<Evaluator> compile_regression(ModelBuild& build) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const std::string_view function = compiler.required(build.at, "functionName");
  const std::string_view name = build.at.attribute_or("normalizationMethod", "none");
  const auto normalization = normalization_named(name);
  if (!normalization) problems.unsupported(build.at, "normalizationMethod", "'" + std::string(name) + "'");
  Answer& answer = build.unit.answer;
  const bool classification = function == "classification";
  if (!classification && function != "regression")
    problems.unsupported(build.at, "functionName", "'" + std::string(function) + "'");
  if (classification)
    build.start_classification();
  else
    answer.value = compiler.new_slot();
  std::vector<RegressionTable> tables;
  for (const Element at : build.at) {
    if (!at.is("RegressionTable")) continue;
    tables.push_back(read_table(build, at));
    if (!build.float_math) tables.back().finish();
    if (!classification) continue;
    tables.back().category = build.category(at, "targetCategory", compiler.required(at, "targetCategory"));
    build.prefer(tables.back().category);
  }
  if (tables.empty() || (!classification && tables.size() > 1))
    problems.wrong(build.at, "",
                   std::to_string(tables.size()) + " RegressionTable elements for a " + std::string(function));
  if (classification && tables.size() == 1) problems.wrong(build.at, "", "one RegressionTable for a classification");
  const bool ordinal = classification && build.target != nullptr && build.target->type.op == OpType::kOrdinal;
  if (ordinal && (*normalization == Normalization::kSoftmax || *normalization == Normalization::kSimplemax ||
                  *normalization == Normalization::kExp))
    problems.wrong(build.at, "normalizationMethod", "gives no cumulative probabilities of an ordinal target");
  if (classification) build.finish_classification();
  if (problems.any()) return nullptr;
  return std::make_unique<RegressionEvaluator>(std::move(tables), *normalization, build.float_math, ordinal, answer);
}

}  // namespace weir::pmml
