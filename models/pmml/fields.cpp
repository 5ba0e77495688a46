// MiningSchema: which fields a model reads and what happens to missing, invalid and extreme values.

#include <algorithm>

#include "models/pmml/model_unit.hpp"

namespace weir::pmml {
namespace {

void read_data_field(Compiler& compiler, const DataField& field, Treatment& treatment) {
  for (const Element child : field.element) {
    if (child.is("Interval")) {
      const std::string_view closure = child.attribute_or("closure", "closedClosed");
      treatment.intervals.push_back({compiler.number(child, "leftMargin", -INFINITY),
                                     compiler.number(child, "rightMargin", INFINITY), closure.starts_with("open"),
                                     closure.ends_with("Open"), 0});
    }
    if (!child.is("Value")) continue;
    if (!compiler.fits(sizeof(double))) return;
    const std::string_view text = compiler.required(child, "value");
    const std::string_view property = child.attribute_or("property", "valid");
    // A missing or invalid marker need not be a value of the field's type.
    if (property != "valid" && !field.type.is_text() && !parse_value(field.type, text)) continue;
    const double value = compiler.literal(child, "value", text, field.type);
    if (property == "valid")
      treatment.valid_values.push_back(value);
    else if (property == "invalid")
      treatment.invalid_values.push_back(value);
    else if (property == "missing")
      treatment.missing_values.push_back(value);
    else
      compiler.problems().unsupported(child, "property", "'" + std::string(property) + "'");
  }
  std::sort(treatment.valid_values.begin(), treatment.valid_values.end());
  std::sort(treatment.invalid_values.begin(), treatment.invalid_values.end());
  std::sort(treatment.missing_values.begin(), treatment.missing_values.end());
  // Values beside intervals are further valid values of a continuous field.
}

void read_mining_field(Compiler& compiler, Element at, Treatment& treatment) {
  Problems& problems = compiler.problems();
  const std::string_view invalid = at.attribute_or("invalidValueTreatment", "returnInvalid");
  if (invalid == "asIs")
    treatment.invalid = Invalid::kAsIs;
  else if (invalid == "asMissing")
    treatment.invalid = Invalid::kAsMissing;
  else if (invalid == "asValue")
    treatment.invalid = Invalid::kAsValue;
  else if (invalid != "returnInvalid")
    problems.unsupported(at, "invalidValueTreatment", "'" + std::string(invalid) + "'");
  if (const auto text = at.attribute("invalidValueReplacement")) {
    treatment.invalid_replacement = compiler.literal(at, "invalidValueReplacement", *text, treatment.type);
    // PMML 4.3 wrote asIs together with a replacement.
    if (treatment.invalid == Invalid::kAsIs) treatment.invalid = Invalid::kAsValue;
  } else if (treatment.invalid == Invalid::kAsValue) {
    problems.wrong(at, "invalidValueReplacement", "the attribute is missing");
  }
  if (const auto text = at.attribute("missingValueReplacement"))
    treatment.missing_replacement = compiler.literal(at, "missingValueReplacement", *text, treatment.type);
  treatment.missing_is_invalid = at.attribute_or("missingValueTreatment", "asIs") == "returnInvalid";
  const std::string_view outliers = at.attribute_or("outliers", "asIs");
  if (outliers == "asMissingValues")
    treatment.outliers = Outliers::kAsMissing;
  else if (outliers == "asExtremeValues")
    treatment.outliers = Outliers::kAsExtreme;
  else if (outliers != "asIs")
    problems.unsupported(at, "outliers", "'" + std::string(outliers) + "'");
  if (treatment.outliers != Outliers::kAsIs) {
    treatment.low = compiler.number(at, "lowValue", -INFINITY);
    treatment.high = compiler.number(at, "highValue", INFINITY);
  }
}

void settle(Treatment& treatment) {
  treatment.plain =
      treatment.unchecked() && is_missing(treatment.missing_replacement) && treatment.type.data != DataType::kFloat;
}

bool is_valid(const Treatment& at, double value) noexcept {
  if (at.type.data == DataType::kInteger && value != std::trunc(value)) return false;
  if (at.type.data == DataType::kBoolean && value != 0 && value != 1) return false;
  if (std::binary_search(at.invalid_values.begin(), at.invalid_values.end(), value)) return false;
  if (at.intervals.empty() && at.valid_values.empty()) return true;
  if (std::binary_search(at.valid_values.begin(), at.valid_values.end(), value)) return true;
  return std::any_of(at.intervals.begin(), at.intervals.end(), [value](const Bin& range) {
    return (range.low_open ? value > range.low : value >= range.low) &&
           (range.high_open ? value < range.high : value <= range.high);
  });
}

// A residual compares the prediction with the row's own value of the target, which is an input then.
void read_target(ModelBuild& build, std::string_view name, const DataField& field, Scope& parent) {
  Treatment treatment;
  treatment.name = name;
  treatment.type = field.type;
  treatment.invalid = Invalid::kAsIs;
  treatment.target = build.compiler.new_slot();
  settle(treatment);
  parent.define(name, {treatment.target, treatment.type, false, {}, kMissing});
  build.unit.treatments.push_back(std::move(treatment));
  build.actual = build.compiler.field(name, parent, build.at);
}

}  // namespace

double treat(const Treatment& at, double value, Frame& frame) noexcept {
  if (at.plain) return value;
  const auto fail = [&] {
    std::string text;
    if (is_missing(value)) {
      text = "a missing value";
    } else if (at.type.is_text()) {
      text = "'" + std::string(frame.texts.at(value)) + "'";
    } else {
      char digits[48];
      text.assign(digits, format_value(value == std::trunc(value) ? at.type : kDoubleType, value, digits));
    }
    frame.fail("field '" + at.name + "': " + text + " is not valid");
    return kMissing;
  };
  if (at.type.data == DataType::kFloat) value = round_to(at.type, value);
  if (!is_missing(value) && !at.missing_values.empty() &&
      std::binary_search(at.missing_values.begin(), at.missing_values.end(), value))
    value = kMissing;
  if (!is_missing(value)) {
    if (!is_valid(at, value)) {
      if (at.invalid == Invalid::kAsIs) return value;
      if (at.invalid == Invalid::kReturnInvalid) return fail();
      return at.invalid == Invalid::kAsValue ? at.invalid_replacement : at.missing_replacement;
    }
    if (at.outliers != Outliers::kAsIs && (value < at.low || value > at.high))
      value = at.outliers == Outliers::kAsMissing ? kMissing : value < at.low ? at.low : at.high;
  }
  if (!is_missing(value)) return value;
  if (!is_missing(at.missing_replacement)) return at.missing_replacement;
  return at.missing_is_invalid ? fail() : kMissing;
}

void compile_mining_schema(ModelBuild& build, bool top, Scope& parent) {
  Compiler& compiler = build.compiler;
  Problems& problems = compiler.problems();
  const Element schema = build.at.child("MiningSchema");
  if (!schema) return problems.wrong(build.at, "", "no MiningSchema inside");
  const DataField* target = nullptr;
  for (const Element at : schema) {
    if (!at.is("MiningField")) continue;
    if (compiler.stop()) return;
    if (build.unit.treatments.size() >= kMaxInputs)
      return problems.exhausted("a model has more than " + std::to_string(kMaxInputs) + " inputs");
    const std::string_view name = compiler.required(at, "name");
    const std::string_view usage = at.attribute_or("usageType", "active");
    const auto known = build.document.data_fields.find(name);
    if (usage == "predicted" || usage == "target") {
      if (known == build.document.data_fields.end()) {
        problems.wrong(at, "name", "field '" + std::string(name) + "' is not in the DataDictionary");
      } else {
        build.targets.emplace_back(name, &known->second);
        if (target == nullptr) {
          build.unit.target = name;
          target = &known->second;
          if (top && asks_for(build, "residual")) read_target(build, name, *target, parent);
        }
      }
      continue;
    }
    const bool active = usage == "active" || usage == "supplementary";
    if (!active && usage != "group" && usage != "order" && usage != "frequencyWeight" && usage != "analysisWeight")
      problems.unsupported(at, "usageType", "'" + std::string(usage) + "'");
    Treatment treatment;
    treatment.name = name;
    if (top) {
      if (known == build.document.data_fields.end()) {
        problems.wrong(at, "name", "field '" + std::string(name) + "' is not in the DataDictionary");
        continue;
      }
      treatment.type = known->second.type;
      const std::string_view op = at.attribute_or("optype", "");
      if (op == "continuous") treatment.type.op = OpType::kContinuous;
      if (op == "categorical") treatment.type.op = OpType::kCategorical;
      if (op == "ordinal") treatment.type.op = OpType::kOrdinal;
      read_data_field(compiler, known->second, treatment);
      read_mining_field(compiler, at, treatment);
      settle(treatment);
      treatment.target = compiler.new_slot();
      if (!parent.define(name, {treatment.target, treatment.type, false, {}, kMissing}))
        problems.wrong(at, "name", "field '" + std::string(name) + "' is listed twice");
      build.unit.treatments.push_back(std::move(treatment));
      continue;
    }
    // Fields of a segment were treated by the models around it; what the segment says itself comes on top.
    if (!active) continue;
    if (!Compiler::knows(name, parent)) {
      if (usage == "active") problems.wrong(at, "name", "field '" + std::string(name) + "' is not defined here");
      continue;
    }
    const bool asks = at.attribute("missingValueReplacement") || at.attribute_or("outliers", "asIs") != "asIs" ||
                      at.attribute("invalidValueReplacement") ||
                      at.attribute_or("invalidValueTreatment", "") == "asMissing";
    if (!asks) continue;
    const Operand operand = compiler.field(name, parent, at, "name");
    treatment.type = operand.type;
    if (known != build.document.data_fields.end()) read_data_field(compiler, known->second, treatment);
    read_mining_field(compiler, at, treatment);
    settle(treatment);
    treatment.source = operand.slot;
    treatment.target = compiler.new_slot();
    build.scope.redefine(name, {treatment.target, treatment.type, false, {}, kMissing});
    build.unit.treatments.push_back(std::move(treatment));
  }
  if (target != nullptr) build.target = target;
}

}  // namespace weir::pmml
