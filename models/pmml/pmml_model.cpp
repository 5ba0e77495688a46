#include "models/pmml/pmml_model.hpp"

#include <algorithm>
#include <cstring>
#include <set>

#include "models/pmml/scorer.hpp"

namespace weir::pmml {

FieldType field_type(const Type& type) noexcept {
  return type.is_text() || type.is_calendar() ? FieldType::kText : FieldType::kNumber;
}

PmmlModel::PmmlModel(std::unique_ptr<Compiled> compiled) : compiled_(std::move(compiled)) {
  const ModelUnit& unit = *compiled_->unit;
  for (std::size_t i = 0; i < compiled_->inputs.size(); ++i) {
    inputs_.push_back({compiled_->inputs[i].name, field_type(compiled_->inputs[i].type)});
    input_treatments_.push_back(i);
  }
  std::set<std::string> names;
  const auto add = [&](const std::string& name, const Operand& operand) {
    if (!names.insert(name).second) return;
    outputs_.push_back({name, field_type(operand.type)});
    output_operands_.push_back(operand);
  };
  const auto own = [&](std::string_view name) -> const Operand* {
    for (const NamedOutput& output : unit.outputs)
      if (output.name == name) return &output.operand;
    return nullptr;
  };
  const Operand predicted{unit.answer.value, unit.answer.type, false, {}, kMissing};
  const std::string primary = unit.target.empty() ? "predictedValue" : unit.target;
  add(primary, own(primary) != nullptr ? *own(primary) : predicted);
  for (const NamedOutput& target : unit.further_targets)
    add(target.name, own(target.name) != nullptr ? *own(target.name) : target.operand);
  for (const NamedOutput& output : unit.outputs) add(output.name, output.operand);
  declared_outputs_ = outputs_.size();
  if (unit.answer.probabilities != 0)
    for (std::size_t i = 0; i < unit.answer.categories.size(); ++i)
      add("probability(" + unit.answer.categories[i].label + ")",
          {unit.answer.probabilities + static_cast<std::uint32_t>(i), kDoubleType, false, {}, kMissing});
  add("predictedValue", predicted);
}

const Operand* PmmlModel::output(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < outputs_.size(); ++i)
    if (outputs_[i].name == name) return &output_operands_[i];
  return nullptr;
}

std::string PmmlModel::summary() const {
  const char* function = "regression";
  if (compiled_->unit->answer.function == Function::kClassification) function = "classification";
  if (compiled_->unit->answer.function == Function::kClustering) function = "clustering";
  return compiled_->unit->kind + ", " + function + ", " + std::to_string(inputs_.size()) +
         (inputs_.size() == 1 ? " input" : " inputs");
}

std::size_t PmmlModel::memory_bytes() const noexcept {
  const ModelUnit& unit = *compiled_->unit;
  return sizeof(*this) + sizeof(Compiled) + compiled_->tables.memory_bytes() +
         compiled_->image.size() * sizeof(double) +
         (unit.prologue.code.size() + unit.epilogue.code.size()) * sizeof(Instruction) +
         unit.evaluator->memory_bytes() + (inputs_.size() + outputs_.size()) * 128;
}

Result<std::shared_ptr<const Scorer>> PmmlModel::bind(const FeatureSchema& features,
                                                      std::span<const std::string> outputs) const {
  std::string wrong;
  const auto complain = [&](const std::string& what) {
    if (!wrong.empty()) wrong += "; ";
    wrong += what;
  };
  Binding binding;
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    const Treatment& treatment = compiled_->inputs[i];
    const Field* feature = features.find(inputs_[i].name);
    if (feature == nullptr) {
      if (compiled_->used[i] && is_missing(treatment.missing_replacement))
        complain("input '" + inputs_[i].name + "' is not supplied");
      else if (compiled_->used[i])
        binding.absent.push_back(static_cast<std::uint32_t>(i));
      continue;
    }
    if (!compiled_->used[i]) continue;
    // Moments that count from a year may come as numbers or as texts; so may what is allowed to be no number.
    const DataType data = treatment.type.data;
    const bool reads_text = data == DataType::kDateDaysSince || data == DataType::kTimeSeconds ||
                            data == DataType::kDateTimeSecondsSince || treatment.invalid != Invalid::kReturnInvalid;
    if (feature->type != inputs_[i].type && !(feature->type == FieldType::kText && reads_text)) {
      complain("input '" + inputs_[i].name + "' is a " + std::string(to_string(inputs_[i].type)) + ", but a " +
               std::string(to_string(feature->type)) + " is supplied");
      continue;
    }
    const auto column = static_cast<std::uint32_t>(features.column(inputs_[i].name));
    (feature->type == FieldType::kNumber ? binding.numbers : binding.texts)
        .push_back({static_cast<std::uint32_t>(i), column});
  }
  std::vector<std::string> wanted(outputs.begin(), outputs.end());
  if (wanted.empty()) wanted.push_back(outputs_.front().name);
  for (const std::string& name : wanted) {
    const Operand* operand = output(name);
    if (operand == nullptr) {
      complain("output '" + name + "' is not one of the model's");
      continue;
    }
    binding.outputs.push_back({name, field_type(operand->type)});
    binding.operands.push_back(*operand);
  }
  if (!wrong.empty()) return Status::invalid_argument("bind PMML model: " + wrong);
  return make_scorer(std::static_pointer_cast<const PmmlModel>(shared_from_this()), std::move(binding));
}

}  // namespace weir::pmml
