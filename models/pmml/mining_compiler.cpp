// MiningModel: from Segmentation elements to an Ensemble.

#include <algorithm>
#include <array>

#include "models/pmml/forest_evaluator.hpp"

namespace weir::pmml {
namespace {

std::optional<Combination> combination_named(std::string_view name) {
  static constexpr std::array<std::string_view, 12> kNames = {
      "modelChain", "selectFirst",    "sum",          "weightedSum",          "average",  "weightedAverage", "max",
      "median",     "weightedMedian", "majorityVote", "weightedMajorityVote", "selectAll"};
  const auto* found = std::find(kNames.begin(), kNames.end(), name);
  if (found == kNames.end()) {
    if (name == "x-weightedSum") return Combination::kWeightedSum;
    if (name == "x-weightedMedian") return Combination::kWeightedMedian;
    return std::nullopt;
  }
  return static_cast<Combination>(found - kNames.begin());
}

Function function_named(Compiler& compiler, Element at) {
  const std::string_view name = compiler.required(at, "functionName");
  if (name == "classification") return Function::kClassification;
  if (name == "clustering") return Function::kClustering;
  if (name != "regression" && !name.empty())
    compiler.problems().unsupported(at, "functionName", "'" + std::string(name) + "'");
  return Function::kRegression;
}

class MiningCompiler {
 public:
  explicit MiningCompiler(ModelBuild& build)
      : build_(build),
        compiler_(build.compiler),
        problems_(compiler_.problems()),
        chain_scope_(&build.scope, &build.unit.prologue) {}

  std::unique_ptr<Evaluator> compile() {
    const Element segmentation = build_.at.child("Segmentation");
    if (!segmentation) {
      problems_.unsupported(build_.at, "", "a MiningModel without Segmentation");
      return nullptr;
    }
    function_ = function_named(compiler_, build_.at);
    read_method(segmentation);
    for (const Element at : segmentation)
      if (at.is("Segment")) add_segment(at);
    if (ensemble_.segments.empty() && !problems_.any()) problems_.wrong(segmentation, "", "no Segment inside");
    if (problems_.any()) return nullptr;
    finish();
    if (problems_.any()) return nullptr;
    const bool classes = build_.unit.answer.function == Function::kClassification;
    const std::uint32_t working =
        compiler_.new_slots(2 * ensemble_.segments.size() + (classes ? build_.unit.answer.categories.size() : 0));
    find_asked();
    const bool asked = !ensemble_.asked.empty();
    auto general = std::make_unique<MiningEvaluator>(std::move(ensemble_), build_.unit.answer, working);
    // The fast form does not leave the segments' own answers behind.
    if (asked) return general;
    return make_fast(std::move(general), build_.unit.answer, compiler_);
  }

 private:
  void read_method(Element at) {
    const std::string_view name = compiler_.required(at, "multipleModelMethod");
    const bool several = name == "multiModelChain" || name == "x-multiModelChain";
    const auto method = several ? Combination::kModelChain : combination_named(name);
    ensemble_.several_targets = several;
    if (!method) problems_.unsupported(at, "multipleModelMethod", "'" + std::string(name) + "'");
    ensemble_.combination = method.value_or(Combination::kModelChain);
    ensemble_.float_math = build_.float_math;
    const std::string_view missing =
        at.attribute_or("missingPredictionTreatment", at.attribute_or("x-missingPredictionTreatment", "continue"));
    if (missing == "skipSegment")
      ensemble_.missing = MissingPrediction::kSkipSegment;
    else if (missing == "returnMissing")
      ensemble_.missing = MissingPrediction::kReturnMissing;
    else if (missing != "continue")
      problems_.unsupported(at, "missingPredictionTreatment", "'" + std::string(missing) + "'");
    const std::string_view threshold = at.attribute("missingThreshold") ? "missingThreshold" : "x-missingThreshold";
    ensemble_.missing_threshold = compiler_.number(at, threshold, 1);
  }

  void add_segment(Element at) {
    if (compiler_.stop()) return;
    Segment segment;
    segment.weight = compiler_.number(at, "weight", 1);
    const Element predicate = Compiler::predicate_of(at);
    Element model;
    for (const Element child : at)
      if (is_model(child.name())) model = child;
    if (!predicate) return problems_.wrong(at, "", "no predicate inside");
    if (!model) return problems_.wrong(at, "", "no model inside");
    BlockBuilder block;
    segment.truth = compiler_.predicate(predicate, chain_scope_, block).slot;
    segment.predicate = std::move(block.code);
    segment.always = predicate.is("True");
    const bool chain = ensemble_.combination == Combination::kModelChain;
    const bool same_function = model.attribute_or("functionName", "") == build_.at.attribute_or("functionName", "");
    const std::uint32_t first = compiler_.new_slots(0);
    segment.unit =
        compile_model(model, chain_scope_, build_.document, false, !chain || same_function ? build_.target : nullptr);
    if (segment.unit == nullptr) return;
    build_.segments.emplace_back(at.attribute_or("id", ""), segment.unit.get());
    if (ensemble_.several_targets) find_target(at, segment);
    if (chain)
      for (const NamedOutput& output : segment.unit->outputs) {
        publish(output);
        if (!output.operand.constant && !made_outside(output.operand.slot, first))
          segment.outputs.push_back(output.operand.slot);
      }
    ensemble_.segments.push_back(std::move(segment));
  }

  // Ties go as in the first segment that classifies.
  void prefer_as_first_segment() {
    for (const Segment& segment : ensemble_.segments) {
      if (segment.classes.empty()) continue;
      for (const std::uint32_t place : segment.unit->answer.order) build_.prefer(segment.classes[place]);
      return;
    }
  }

  // The answers of segments that OutputFields ask for by segmentId.
  void find_asked() {
    const Element output = build_.at.child("Output");
    if (!output) return;
    for (const Element at : output)
      for (const auto& [id, unit] : build_.segments) {
        if (at.attribute_or("segmentId", "") != id || id.empty()) continue;
        const Answer& answer = unit->answer;
        for (const std::uint32_t slot : {answer.value, answer.winner, answer.entity})
          if (slot != 0) ensemble_.asked.push_back(slot);
        for (const std::uint32_t first : {answer.probabilities, answer.confidences, answer.affinities})
          for (std::size_t i = 0; first != 0 && i < answer.categories.size(); ++i)
            ensemble_.asked.push_back(first + static_cast<std::uint32_t>(i));
      }
  }

  // Whether a value belongs to what surrounds a segment: an output that only passes it on does not make it the
  // segment's.
  bool made_outside(std::uint32_t slot, std::uint32_t first_of_segment) {
    if (slot < first_of_segment) return true;
    for (Scope* scope = &chain_scope_; scope != nullptr; scope = scope->parent())
      for (const Instruction& at : scope->block().code)
        if (at.target == slot) return true;
    return false;
  }

  // multiModelChain: which of the model's targets the segment answers. Nested chains may answer several.
  void find_target(Element at, Segment& segment) {
    ModelUnit& unit = build_.unit;
    for (const NamedOutput& further : segment.unit->further_targets) unit.further_targets.push_back(further);
    const std::string& name = segment.unit->target;
    if (name.empty() || name == unit.target) return;
    const bool known = std::any_of(build_.targets.begin(), build_.targets.end(),
                                   [&](const auto& target) { return target.first == name; });
    if (!known) return problems_.wrong(at, "", "the target '" + name + "' is none of the model's");
    segment.target_slot = compiler_.new_slot();
    unit.further_targets.push_back({name, {segment.target_slot, segment.unit->answer.type, false, {}, kMissing}});
  }

  // Later segments see the output, and so does who asks the whole model.
  void publish(const NamedOutput& output) {
    auto& outputs = build_.unit.outputs;
    const auto known =
        std::find_if(outputs.begin(), outputs.end(), [&](const NamedOutput& at) { return at.name == output.name; });
    if (known == outputs.end())
      outputs.push_back(output);
    else
      known->operand = output.operand;
    names_.push_back(std::make_unique<std::string>(output.name));
    chain_scope_.redefine(*names_.back(), output.operand);
  }

  void finish() {
    Answer& answer = build_.unit.answer;
    // The model answers as its last segment does, that of several targets as the one for the first.
    const Segment* answers = &ensemble_.segments.back();
    if (ensemble_.several_targets)
      for (const Segment& segment : ensemble_.segments)
        if (segment.target_slot == 0) answers = &segment;
    const Answer& last = answers->unit->answer;
    answer.function = function_;
    if (ensemble_.several_targets) function_ = answer.function = last.function;
    if (function_ == Function::kClassification) {
      build_.start_classification();
      if (build_.target == nullptr) answer.type = last.type;
      for (Segment& segment : ensemble_.segments) {
        if (segment.unit->answer.function != Function::kClassification) {
          if (ensemble_.combination != Combination::kModelChain)
            problems_.wrong(build_.at, "functionName", "a classification of segments that are none");
          continue;
        }
        const Combination how = ensemble_.combination;
        const bool shares = how != Combination::kModelChain && how != Combination::kSelectFirst &&
                            how != Combination::kSelectAll && how != Combination::kMajorityVote &&
                            how != Combination::kWeightedMajorityVote;
        if (shares && segment.unit->answer.probabilities == 0)
          problems_.unsupported(build_.at, "",
                                "a combination of probabilities with a " + segment.unit->kind + " that has none");
        for (const Category& category : segment.unit->answer.categories)
          segment.classes.push_back(static_cast<std::uint32_t>(build_.category(build_.at, "", category.label)));
      }
      prefer_as_first_segment();
      build_.finish_classification();
    } else {
      answer.type = function_ == Function::kClustering ? last.type : kDoubleType;
      answer.value = compiler_.new_slot();
      if (last.entity != 0) {
        answer.entity = compiler_.new_slot();
        answer.entity_type = last.entity_type;
      }
      if (last.affinities != 0 && last.function == Function::kClustering) {
        answer.categories = last.categories;
        answer.affinities = compiler_.new_slots(answer.categories.size());
      }
    }
    if (ensemble_.combination == Combination::kSelectFirst) export_selected();
  }

  // An output that several segments have is the chosen segment's.
  void export_selected() {
    auto& outputs = build_.unit.outputs;
    for (Segment& segment : ensemble_.segments) {
      for (const NamedOutput& output : segment.unit->outputs) {
        auto known =
            std::find_if(outputs.begin(), outputs.end(), [&](const NamedOutput& at) { return at.name == output.name; });
        if (known == outputs.end()) {
          outputs.push_back({output.name, {compiler_.new_slot(), output.operand.type, false, {}, kMissing}});
          known = outputs.end() - 1;
        }
        segment.exports.emplace_back(output.operand.slot, known->operand.slot);
      }
    }
  }

  ModelBuild& build_;
  Compiler& compiler_;
  Problems& problems_;
  Scope chain_scope_;
  Function function_ = Function::kRegression;
  Ensemble ensemble_;
  std::vector<std::unique_ptr<std::string>> names_;
};

}  // namespace

std::unique_ptr<Evaluator> compile_mining(ModelBuild& build) { return MiningCompiler(build).compile(); }

}  // namespace weir::pmml
