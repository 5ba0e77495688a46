#include "models/pmml/model_unit.hpp"
#include "models/pmml/unused_fields.hpp"

#include <algorithm>
#include <array>

#include "models/pmml/fast_tree.hpp"

namespace weir::pmml {

bool is_model(std::string_view name) {
  static constexpr std::array<std::string_view, 3> kOthers = {"NeuralNetwork", "Scorecard", "AnomalyDetectionModel"};
  return std::find(kOthers.begin(), kOthers.end(), name) != kOthers.end() ||
         (name.size() > 5 && name.ends_with("Model"));
}

std::size_t ModelBuild::category(Element where, std::string_view attribute, std::string_view text) {
  auto& categories = unit.answer.categories;
  for (std::size_t i = 0; i < categories.size(); ++i)
    if (categories[i].label == text) return i;
  const double value = compiler.literal(where, attribute, text, unit.answer.type);
  for (std::size_t i = 0; i < categories.size(); ++i)
    if (categories[i].value == value) return i;
  if (categories.size() >= 100'000) {
    compiler.problems().exhausted("a model has more than 100000 classes");
    return 0;
  }
  categories.push_back({std::string(text), value});
  return categories.size() - 1;
}

void ModelBuild::start_classification() {
  Answer& answer = unit.answer;
  answer.function = Function::kClassification;
  answer.type = target_type(kStringType);
  answer.value = compiler.new_slot();
  answer.winner = compiler.new_slot();
  if (target == nullptr) return;
  for (const Element value : target->element) {
    if (!value.is("Value") || value.attribute_or("property", "valid") != "valid") continue;
    if (const auto text = value.attribute("value")) category(value, "value", *text);
  }
}

void ModelBuild::finish_classification() {
  unit.answer.probabilities = compiler.new_slots(unit.answer.categories.size());
}

void choose_winner(const Answer& answer, Frame& frame) noexcept {
  const double* probabilities = frame.slots + answer.probabilities;
  std::size_t best = answer.categories.size();
  for (std::size_t i = 0; i < answer.categories.size(); ++i)
    if (!is_missing(probabilities[i]) && (best == answer.categories.size() || probabilities[i] > probabilities[best]))
      best = i;
  const bool found = best < answer.categories.size();
  frame.slots[answer.winner] = found ? static_cast<double>(best) : kMissing;
  frame.slots[answer.value] = found ? answer.categories[best].value : kMissing;
}

std::unique_ptr<ModelUnit> compile_model(Element at, Scope& parent, DocumentContext& document, bool top,
                                         const DataField* inherited_target) {
  Compiler& compiler = document.compiler;
  if (compiler.stop()) return nullptr;
  auto unit = std::make_unique<ModelUnit>();
  unit->kind = at.name();
  Scope scope(&parent, &unit->prologue);
  ModelBuild build{document, compiler, at, scope, *unit, inherited_target, false, {}};
  if (at.attribute_or("isScorable", "true") == "false")
    compiler.problems().unsupported(at, "isScorable", "a model that is not scorable");
  const std::string_view math = at.attribute_or("x-mathContext", "double");
  build.float_math = math == "float";
  if (math != "float" && math != "double")
    compiler.problems().unsupported(at, "x-mathContext", "'" + std::string(math) + "'");
  compile_mining_schema(build, top, parent);
  if (const Element local = at.child("LocalTransformations")) compiler.define_derived_fields(local, scope);

  const std::string_view name = at.name();
  if (name == "RegressionModel")
    unit->evaluator = compile_regression(build);
  else if (name == "TreeModel")
    unit->evaluator = compile_tree(build);
  else if (name == "MiningModel")
    unit->evaluator = compile_mining(build);
  else if (name == "NeuralNetwork")
    unit->evaluator = compile_neural_network(build);
  else if (name == "GeneralRegressionModel")
    unit->evaluator = compile_general_regression(build);
  else if (name == "ClusteringModel")
    unit->evaluator = compile_clustering(build);
  else if (name == "SupportVectorMachineModel")
    unit->evaluator = compile_support_vector_machine(build);
  else if (name == "RuleSetModel")
    unit->evaluator = compile_rule_set(build);
  else if (name == "NearestNeighborModel")
    unit->evaluator = compile_nearest_neighbor(build);
  else if (name == "NaiveBayesModel")
    unit->evaluator = compile_naive_bayes(build);
  else if (name == "AnomalyDetectionModel")
    unit->evaluator = compile_anomaly_detection(build);
  else if (name == "AssociationModel")
    unit->evaluator = compile_association(build);
  else if (name == "Scorecard")
    unit->evaluator = compile_scorecard(build);
  else
    compiler.problems().unsupported(at, "", "model kind " + std::string(name));
  const bool compiled = unit->evaluator != nullptr;
  if (compiled) {
    if (top) unit->evaluator = make_fast_tree(std::move(unit->evaluator), unit->answer, compiler);
    compile_targets(build);
    compile_outputs(build);
  }
  if (const Element local = at.child("LocalTransformations")) check_unused_fields(local, scope, document);
  if (!compiled) return nullptr;
  unit->bare = unit->treatments.empty() && unit->prologue.code.empty() && unit->epilogue.code.empty();
  return unit;
}

}  // namespace weir::pmml
