// ModelVerification: rows with known answers that a document carries along.

#include <algorithm>
#include <array>
#include <unordered_set>

#include "models/pmml/pmml_model.hpp"

namespace weir::pmml {
namespace {

std::string_view local(std::string_view name) {
  const std::size_t colon = name.rfind(':');
  return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

struct Check {
  std::string field;
  std::string_view column;
  double precision = 1e-6;
  double zero_threshold = 1e-16;
  bool is_input = false;
  FieldType type = FieldType::kNumber;
  Type value_type;
};

// A cell as it travels; NaN or a null text when it is missing.
struct Row {
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
};

std::string shown(double value) {
  std::array<char, 48> text{};
  return is_missing(value) ? "missing" : std::string(text.data(), format_value(kDoubleType, value, text.data()));
}

bool close(double expected, double got, const Check& check) {
  if (is_missing(expected) || is_missing(got)) return is_missing(expected) && is_missing(got);
  if (std::fabs(expected) <= check.zero_threshold) return std::fabs(got) <= check.zero_threshold;
  return std::fabs(got - expected) <= check.precision * std::fabs(expected);
}

}  // namespace

Status verify(Element model, const PmmlModel& compiled, const Deadline& deadline) {
  const Element verification = model.child("ModelVerification");
  if (!verification) return Status::ok();
  const auto failure = [](Element at, const std::string& what) {
    return Status::invalid_argument("verify PMML model: line " + std::to_string(at.line()) + ": " + what);
  };
  std::vector<Check> inputs, outputs;
  const Element fields = verification.child("VerificationFields");
  const Element table = verification.child("InlineTable");
  if (!fields || !table) return failure(verification, "VerificationFields or InlineTable is missing");
  for (const Element at : fields) {
    if (!at.is("VerificationField")) continue;
    Check check;
    check.field = at.attribute_or("field", "");
    check.column = local(at.attribute_or("column", check.field));
    check.precision = parse_number(at.attribute_or("precision", "1E-6")).value_or(1e-6);
    check.zero_threshold = parse_number(at.attribute_or("zeroThreshold", "1E-16")).value_or(1e-16);
    const auto as_input = std::find_if(compiled.compiled().inputs.begin(), compiled.compiled().inputs.end(),
                                       [&](const Treatment& input) { return input.name == check.field; });
    if (as_input != compiled.compiled().inputs.end()) {
      check.is_input = true;
      check.value_type = as_input->type;
    } else if (const Operand* operand = compiled.output(check.field)) {
      check.value_type = operand->type;
    } else {
      return failure(at, "field '" + check.field + "' is neither an input nor an output of the model");
    }
    check.type = field_type(check.value_type);
    (check.is_input ? inputs : outputs).push_back(std::move(check));
  }
  std::vector<Field> features;
  std::vector<std::string> wanted;
  for (const Check& check : inputs) features.push_back({check.field, check.type});
  // Inputs that the table leaves out are missing values, not missing features.
  std::unordered_set<std::string_view> listed;
  for (const Check& check : inputs)
    if (!listed.insert(check.field).second) return failure(fields, "field '" + check.field + "' is listed twice");
  for (const Field& input : compiled.inputs())
    if (!listed.contains(input.name)) features.push_back(input);
  for (const Check& check : outputs) wanted.push_back(check.field);
  if (wanted.empty()) return failure(verification, "no field to verify");
  const FeatureSchema schema(features);
  auto scorer = compiled.bind(schema, wanted);
  if (!scorer.is_ok()) return scorer.status();

  ScoreScratch scratch;
  std::size_t index = 0;
  for (const Element row : table) {
    if (!row.is("row")) continue;
    ++index;
    if (deadline.passed()) return Status::resource_exhausted("verify PMML model: the time budget max_load_ms ran out");
    const std::string place = "verification row " + std::to_string(index) + ": ";
    const auto cell = [&](std::string_view column) -> std::optional<std::string_view> {
      const Element at = row.child(column);
      return at ? std::optional<std::string_view>(at.text()) : std::nullopt;
    };
    Row values{std::vector<double>(schema.number_columns(), kMissing),
               std::vector<std::string_view>(schema.text_columns())};
    for (const Check& check : inputs) {
      const auto text = cell(check.column);
      if (!text) continue;
      const auto column = static_cast<std::size_t>(schema.column(check.field));
      if (check.type == FieldType::kText) {
        values.texts[column] = text->data() == nullptr ? std::string_view("") : *text;
        continue;
      }
      const auto number = parse_value(check.value_type, *text);
      if (!number)
        return failure(row,
                       place + "field '" + check.field + "': '" + std::string(*text) + "' is not a value of its type");
      values.numbers[column] = *number;
    }
    std::vector<double> numbers(outputs.size());
    std::vector<std::string> texts(outputs.size());
    unsigned char failed = 0;
    ScoreErrors errors;
    scorer.value()->score(
        {1, values.numbers.data(), schema.number_columns(), values.texts.data(), schema.text_columns()},
        {numbers.data(), texts.data(), &failed}, errors, scratch);
    if (failed != 0) return failure(row, place + errors.entries().front().message);
    std::size_t number = 0, text_at = 0;
    for (const Check& check : outputs) {
      const auto expected = cell(check.column);
      if (check.type == FieldType::kText) {
        const std::string& got = texts[text_at++];
        if (expected && got != *expected)
          return failure(
              row, place + "field '" + check.field + "': expected '" + std::string(*expected) + "', got '" + got + "'");
        continue;
      }
      const double got = numbers[number++];
      if (!expected) continue;
      const auto value = parse_value(check.value_type, *expected);
      if (!value || !close(*value, got, check))
        return failure(
            row, place + "field '" + check.field + "': expected " + std::string(*expected) + ", got " + shown(got));
    }
  }
  return Status::ok();
}

}  // namespace weir::pmml
