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
  if (indexed_categories > categories.size()) {
    category_by_label.clear();
    category_by_value.clear();
    indexed_categories = 0;
  }
  for (; indexed_categories < categories.size(); ++indexed_categories) {
    category_by_label.emplace(categories[indexed_categories].label, indexed_categories);
    category_by_value.emplace(categories[indexed_categories].value, indexed_categories);
  }
  if (const auto known = category_by_label.find(std::string(text)); known != category_by_label.end())
    return known->second;
  const double value = compiler.literal(where, attribute, text, unit.answer.type);
  if (const auto known = category_by_value.find(value); known != category_by_value.end()) return known->second;
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

void ModelBuild::prefer(std::size_t category) {
  if (preferred.size() <= category) preferred.resize(category + 1, false);
  if (preferred[category]) return;
  preferred[category] = true;
  unit.answer.order.push_back(static_cast<std::uint32_t>(category));
}

void ModelBuild::finish_classification() {
  Answer& answer = unit.answer;
  if (!answer.order.empty())
    for (std::size_t i = 0; i < answer.categories.size(); ++i) prefer(i);
  if (std::is_sorted(answer.order.begin(), answer.order.end())) answer.order.clear();
  unit.answer.probabilities = compiler.new_slots(unit.answer.categories.size());
}

std::size_t likeliest(const Answer& answer, const double* probabilities) noexcept {
  const std::size_t count = answer.categories.size();
  std::size_t best = count;
  for (std::size_t place = 0; place < count; ++place) {
    const std::size_t i = answer.order.empty() ? place : answer.order[place];
    if (!is_missing(probabilities[i]) && (best == count || probabilities[i] > probabilities[best])) best = i;
  }
  return best;
}

void choose_winner(const Answer& answer, Frame& frame) noexcept {
  const std::size_t best = likeliest(answer, frame.slots + answer.probabilities);
  const bool found = best < answer.categories.size();
  frame.slots[answer.winner] = found ? static_cast<double>(best) : kMissing;
  frame.slots[answer.value] = found ? answer.categories[best].value : kMissing;
}

namespace {

using KindCompiler = std::unique_ptr<Evaluator> (*)(ModelBuild&);

// Null for kinds that are not supported.
KindCompiler compiler_of(std::string_view kind) {
  static constexpr std::pair<std::string_view, KindCompiler> kKinds[] = {
      {"AnomalyDetectionModel", compile_anomaly_detection},
      {"AssociationModel", compile_association},
      {"BaselineModel", compile_baseline},
      {"BayesianNetworkModel", compile_bayesian_network},
      {"ClusteringModel", compile_clustering},
      {"GaussianProcessModel", compile_gaussian_process},
      {"GeneralRegressionModel", compile_general_regression},
      {"MiningModel", compile_mining},
      {"NaiveBayesModel", compile_naive_bayes},
      {"NearestNeighborModel", compile_nearest_neighbor},
      {"NeuralNetwork", compile_neural_network},
      {"RegressionModel", compile_regression},
      {"RuleSetModel", compile_rule_set},
      {"Scorecard", compile_scorecard},
      {"SupportVectorMachineModel", compile_support_vector_machine},
      {"TimeSeriesModel", compile_time_series},
      {"TreeModel", compile_tree}};
  for (const auto& [name, compile] : kKinds)
    if (name == kind) return compile;
  return nullptr;
}

std::string_view reason_against(std::string_view kind) {
  if (kind == "SequenceModel") return ": its rules need the events before a row";
  if (kind == "TextModel") return ": PMML does not say what it answers";
  return "";
}

}  // namespace

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

  if (const auto compile = compiler_of(at.name()); compile != nullptr)
    unit->evaluator = compile(build);
  else
    compiler.problems().unsupported(at, "",
                                    "model kind " + std::string(at.name()) + std::string(reason_against(at.name())));
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
