// Targets and Output: from a model's raw answer to the values it hands out.

#include <algorithm>
#include <cmath>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

// The Target element for the model's target; one without a field name fits any.
Element find_target(const ModelBuild& build) {
  const Element targets = build.at.child("Targets");
  if (!targets) return {};
  for (const Element at : targets) {
    if (!at.is("Target")) continue;
    const auto field = at.attribute("field");
    if (!field || *field == build.unit.target) return at;
  }
  return {};
}

void rescale(ModelBuild& build, Element target) {
  Compiler& compiler = build.compiler;
  Answer& answer = build.unit.answer;
  BlockBuilder& block = build.unit.epilogue;
  std::uint32_t value = answer.value;
  const auto step = [&](Op op, double operand) {
    if (build.float_math) operand = round_to(kFloatType, operand);
    value = compiler.emit(block, op, value, compiler.constant_slot(operand));
    if (build.float_math) value = compiler.emit(block, Op::kRoundFloat, value);
  };
  const auto bound = [&](Op op, std::string_view attribute) {
    if (!target.attribute(attribute)) return;
    const std::vector<std::uint32_t> both = {value, compiler.constant_slot(compiler.number(target, attribute, 0))};
    const std::uint32_t before = value;
    const std::uint32_t bounded = compiler.emit(block, op, both);
    // A missing value stays missing, though min and max leave missing values out.
    value = compiler.emit(block, Op::kAdd, bounded,
                          compiler.emit(block, Op::kMultiply, before, compiler.constant_slot(0.0)));
  };
  bound(Op::kMax, "min");
  bound(Op::kMin, "max");
  if (const double factor = compiler.number(target, "rescaleFactor", 1); factor != 1) step(Op::kMultiply, factor);
  if (const double constant = compiler.number(target, "rescaleConstant", 0); constant != 0) step(Op::kAdd, constant);
  if (const auto cast = target.attribute("castInteger")) {
    if (*cast == "round")
      value = compiler.emit(block, Op::kRound, value);
    else if (*cast == "ceiling")
      value = compiler.emit(block, Op::kCeil, value);
    else if (*cast == "floor")
      value = compiler.emit(block, Op::kFloor, value);
    else
      compiler.problems().unsupported(target, "castInteger", "'" + std::string(*cast) + "'");
  }
  for (const Element at : target)
    if (at.is("TargetValue") && at.attribute("defaultValue"))
      value = compiler.emit(block, Op::kDefault, value, compiler.constant_slot(compiler.number(at, "defaultValue", 0)));
  answer.value = value;
}

// Prior probabilities answer when the model cannot.
void use_priors(ModelBuild& build, Element target) {
  Compiler& compiler = build.compiler;
  Answer& answer = build.unit.answer;
  BlockBuilder& block = build.unit.epilogue;
  std::vector<double> priors(answer.categories.size(), 0);
  bool any = false;
  for (const Element at : target) {
    if (!at.is("TargetValue") || !at.attribute("priorProbability")) continue;
    const std::string_view text = compiler.required(at, "value");
    for (std::size_t i = 0; i < priors.size(); ++i)
      if (answer.categories[i].label == text) priors[i] = compiler.number(at, "priorProbability", 0);
    any = true;
  }
  if (!any || answer.probabilities == 0) return;
  const std::size_t best = static_cast<std::size_t>(std::max_element(priors.begin(), priors.end()) - priors.begin());
  const std::uint32_t first = compiler.new_slots(priors.size());
  for (std::size_t i = 0; i < priors.size(); ++i)
    compiler.emit_to(block, first + static_cast<std::uint32_t>(i), Op::kDefault,
                     answer.probabilities + static_cast<std::uint32_t>(i), compiler.constant_slot(priors[i]));
  answer.probabilities = first;
  answer.winner = compiler.emit(block, Op::kDefault, answer.winner, compiler.constant_slot(static_cast<double>(best)));
  answer.value =
      compiler.emit(block, Op::kDefault, answer.value, compiler.constant_slot(answer.categories[best].value));
}

class OutputCompiler {
 public:
  /// `nested` are the outputs of segments, which expressions may refer to.
  OutputCompiler(ModelBuild& build, const std::vector<NamedOutput>& nested)
      : build_(build),
        compiler_(build.compiler),
        answer_(build.unit.answer),
        scope_(&build.scope, &build.unit.epilogue) {
    for (const NamedOutput& at : nested) scope_.redefine(at.name, at.operand);
    if (!build.unit.target.empty()) scope_.redefine(build.unit.target, predicted());
    for (const NamedOutput& target : build.unit.further_targets) scope_.redefine(target.name, target.operand);
  }

  void compile(Element at) {
    const std::string_view name = compiler_.required(at, "name");
    Operand value = at.attribute("segmentId") ? of_segment(at) : feature(at, build_.unit.answer);
    if (const auto type_name = at.attribute("dataType")) {
      const auto type = type_named(*type_name);
      if (!type)
        compiler_.problems().unsupported(at, "dataType", "type '" + std::string(*type_name) + "'");
      else
        value = compiler_.cast(value, *type, build_.unit.epilogue, at);
    }
    scope_.redefine(name, value);
    build_.unit.outputs.push_back({std::string(name), value});
  }

 private:
  Operand predicted() const { return {answer_.value, answer_.type, false, {}, kMissing}; }

  Operand unsupported(Element at, std::string_view attribute, std::string_view value) {
    compiler_.problems().unsupported(at, attribute, "'" + std::string(value) + "' of a " + build_.unit.kind);
    return {};
  }

  // The index of the category that the output is about: the winner, or the one that has the rank asked for.
  std::uint32_t chosen(Element at, const Answer& answer) {
    const double rank = compiler_.number(at, "rank", 1);
    if (!(rank >= 1 && rank <= 100'000 && rank == std::trunc(rank))) {
      compiler_.problems().wrong(at, "rank", "must be a whole number from 1");
      return 0;
    }
    if (rank == 1 && at.attribute_or("rankOrder", "descending") == "descending") return answer.winner;
    const std::uint32_t by = answer.affinities != 0      ? answer.affinities
                             : answer.probabilities != 0 ? answer.probabilities
                                                         : answer.confidences;
    if (by == 0) {
      unsupported(at, "rank", at.attribute_or("rank", ""));
      return 0;
    }
    const bool ascending = at.attribute_or("rankOrder", "descending") == "ascending";
    return ranked(compiler_, build_.unit.epilogue, by, answer.categories.size(), static_cast<std::size_t>(rank),
                  answer.nearest_first != ascending);
  }

  // One of as many slots as there are categories: the named one, or the chosen one's.
  Operand of_category(Element at, const Answer& answer, std::uint32_t first) {
    if (first == 0) return unsupported(at, "feature", at.attribute_or("feature", ""));
    if (const auto value = at.attribute("value")) {
      for (std::size_t i = 0; i < answer.categories.size(); ++i)
        if (answer.categories[i].label == *value || same_value(*value, answer, answer.categories[i]))
          return {first + static_cast<std::uint32_t>(i), kDoubleType, false, {}, kMissing};
      // A class that the model never predicts.
      return compiler_.constant(0, kDoubleType);
    }
    return {compiler_.emit(build_.unit.epilogue, Op::kIndexed, chosen(at, answer), first),
            kDoubleType,
            false,
            {},
            kMissing};
  }

  // The value of the chosen category.
  Operand value_of_category(Element at, const Answer& answer) {
    const std::uint32_t index = chosen(at, answer);
    if (index == answer.winner) return {answer.value, answer.type, false, {}, kMissing};
    const auto first = compiler_.new_slots(answer.categories.size());
    for (std::size_t i = 0; i < answer.categories.size(); ++i)
      compiler_.emit_to(build_.unit.epilogue, first + static_cast<std::uint32_t>(i), Op::kCopy,
                        compiler_.constant_slot(answer.categories[i].value));
    return {compiler_.emit(build_.unit.epilogue, Op::kIndexed, index, first), answer.type, false, {}, kMissing};
  }

  Operand of_segment(Element at) {
    const std::string_view id = at.attribute_or("segmentId", "");
    for (const auto& [name, unit] : build_.segments)
      if (name == id) return feature(at, unit->answer);
    compiler_.problems().wrong(at, "segmentId", "no Segment has the id '" + std::string(id) + "'");
    return {};
  }

  static bool same_value(std::string_view text, const Answer& answer, const Category& category) {
    if (answer.type.is_text()) return false;
    const auto value = parse_value(answer.type, text);
    return value && *value == category.value;
  }

  Operand display_value() {
    std::map<std::string, std::string, std::less<>> displayed = build_.display_names;
    const auto collect = [&](Element holder, std::string_view child_name) {
      if (!holder) return;
      for (const Element child : holder)
        if (child.is(child_name) && child.attribute("displayValue"))
          displayed[std::string(child.attribute_or("value", ""))] = *child.attribute("displayValue");
    };
    if (build_.target != nullptr) collect(build_.target->element, "Value");
    collect(find_target(build_), "TargetValue");
    if (displayed.empty()) return predicted();
    ValueMap map(1, kMissing);
    for (const Category& category : answer_.categories) {
      const auto found = displayed.find(category.label);
      map.add({category.value},
              compiler_.tables().texts.intern(found == displayed.end() ? category.label : found->second));
    }
    map.finish();
    compiler_.tables().maps.push_back(std::move(map));
    const std::vector<std::uint32_t> key = {answer_.value};
    return {compiler_.emit(build_.unit.epilogue, Op::kMapValues, key,
                           static_cast<std::uint32_t>(compiler_.tables().maps.size() - 1)),
            kStringType,
            false,
            {},
            kMissing};
  }

  Operand feature(Element at, const Answer& answer) {
    const std::string_view name =
        at.attribute_or("feature", Compiler::expression_of(at) ? "transformedValue" : "predictedValue");
    if (&answer == &build_.unit.answer && build_.feature)
      if (const auto own = build_.feature(at, name)) return *own;
    const bool ranks = at.attribute("rank") || at.attribute("rankOrder");
    if (name == "predictedValue") {
      if (const auto target = at.attribute("targetField"))
        for (const NamedOutput& other : build_.unit.further_targets)
          if (other.name == *target) return other.operand;
      if (ranks && !answer.categories.empty()) return value_of_category(at, answer);
      return {answer.value, answer.type, false, {}, kMissing};
    }
    if (name == "predictedDisplayValue") return display_value();
    if (name == "probability") return of_category(at, answer, answer.probabilities);
    if (name == "confidence")
      return of_category(at, answer, answer.confidences != 0 ? answer.confidences : answer.probabilities);
    if (name == "affinity" || name == "clusterAffinity" || name == "entityAffinity")
      return of_category(at, answer, answer.affinities);
    if (name == "entityId" || name == "clusterId") {
      if (answer.entity == 0) return unsupported(at, "feature", name);
      if (ranks && answer.affinities != 0) return value_of_category(at, answer);
      return {answer.entity, answer.entity_type, false, {}, kMissing};
    }
    if (name == "transformedValue" || name == "decision") {
      const Element inner = Compiler::expression_of(at);
      if (inner) return compiler_.expression(inner, scope_, build_.unit.epilogue);
      compiler_.problems().wrong(at, "", "no expression inside");
      return {};
    }
    if (name == "residual" && build_.actual.slot != 0 && &answer == &build_.unit.answer) return residual(at, answer);
    return unsupported(at, "feature", name);
  }

  // A number: the target less the prediction. A class: whether the target is the predicted class, less its probability.
  Operand residual(Element at, const Answer& answer) {
    BlockBuilder& block = build_.unit.epilogue;
    std::uint32_t predicted = answer.value;
    std::uint32_t actual = build_.actual.slot;
    if (answer.function == Function::kClassification) {
      actual = compiler_.emit(block, Op::kEqual, actual, predicted);
      predicted = compiler_.emit(block, Op::kIndexed, answer.winner, answer.probabilities);
    }
    if (answer.function == Function::kClustering || predicted == 0) return unsupported(at, "feature", "residual");
    return {compiler_.emit(block, Op::kSubtract, actual, predicted), kDoubleType, false, {}, kMissing};
  }

  ModelBuild& build_;
  Compiler& compiler_;
  const Answer& answer_;
  Scope scope_;
};

}  // namespace

void compile_targets(ModelBuild& build) {
  const Element target = find_target(build);
  if (!target) return;
  if (build.unit.answer.function == Function::kRegression)
    rescale(build, target);
  else if (build.unit.answer.function == Function::kClassification)
    use_priors(build, target);
}

void compile_outputs(ModelBuild& build) {
  Answer& answer = build.unit.answer;
  // A regression's value takes the target's type: a float target rounds, a whole one must be whole already.
  if (answer.function == Function::kRegression && build.target != nullptr) {
    if (build.target->type.data == DataType::kFloat)
      answer.value = build.compiler.emit(build.unit.epilogue, Op::kRoundFloat, answer.value);
    answer.type = build.target->type.data == DataType::kFloat ? kFloatType : kDoubleType;
  }
  const Element output = build.at.child("Output");
  if (!output) return;
  // The segments' outputs follow the model's own.
  std::vector<NamedOutput> nested = std::move(build.unit.outputs);
  build.unit.outputs.clear();
  OutputCompiler outputs(build, nested);
  for (const Element at : output)
    if (at.is("OutputField")) outputs.compile(at);
  for (NamedOutput& at : nested) {
    const bool hidden = std::any_of(build.unit.outputs.begin(), build.unit.outputs.end(),
                                    [&](const NamedOutput& own) { return own.name == at.name; });
    if (!hidden) build.unit.outputs.push_back(std::move(at));
  }
}

}  // namespace weir::pmml
