#include "tools/weirctl/model_check.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <unordered_map>

namespace weirctl {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::optional<double> number_of(std::string_view cell) {
  const std::size_t begin = cell.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return std::nullopt;
  cell = cell.substr(begin, cell.find_last_not_of(" \t") - begin + 1);
  if (cell == "true" || cell == "TRUE" || cell == "True") return 1;
  if (cell == "false" || cell == "FALSE" || cell == "False") return 0;
  if (cell == "NaN" || cell == "nan") return kMissing;
  if (cell == "Inf" || cell == "INF" || cell == "Infinity" || cell == "inf")
    return std::numeric_limits<double>::infinity();
  if (cell == "-Inf" || cell == "-INF" || cell == "-Infinity" || cell == "-inf")
    return -std::numeric_limits<double>::infinity();
  if (cell.front() == '+') cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (end != cell.data() + cell.size() || cell.empty()) return std::nullopt;
  // Too small or too large for a double: as strtod has it.
  if (error == std::errc::result_out_of_range) return std::strtod(std::string(cell).c_str(), nullptr);
  return value;
}

std::string shown(double value) {
  if (std::isnan(value)) return "missing";
  char digits[40];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

bool agree(double got, double expected, double tolerance) {
  if (std::isnan(got) || std::isnan(expected)) return std::isnan(got) && std::isnan(expected);
  if (got == expected) return true;
  if (std::fabs(got) <= tolerance && std::fabs(expected) <= tolerance) return true;
  return std::fabs(got - expected) <= tolerance * std::fabs(expected);
}

// The rows of a model that reads baskets: rows with the same value of the group field, joined, in the order of their
// first appearance.
DelimitedFile grouped(const DelimitedFile& data, std::size_t group) {
  DelimitedFile result;
  result.header = data.header;
  std::unordered_map<std::string, std::size_t> places;
  for (const auto& row : data.rows) {
    const auto [place, added] = places.emplace(row[group], result.rows.size());
    if (added) {
      result.rows.push_back(row);
      continue;
    }
    auto& joined = result.rows[place->second];
    for (std::size_t i = 0; i < row.size(); ++i)
      if (i != group && !is_missing(row[i])) joined[i] += (is_missing(joined[i]) ? "" : "\n") + row[i];
  }
  return result;
}

// A number whose column holds something else is given as text, when the model can read that (dates, invalid values).
void offer_as_text(const weir::Model& model, weir::Field& feature, const DelimitedFile& data) {
  const std::size_t column = data.column(feature.name);
  if (feature.type == weir::FieldType::kText || column == DelimitedFile::kNone) return;
  const bool readable = std::all_of(data.rows.begin(), data.rows.end(), [column](const auto& row) {
    return is_missing(row[column]) || number_of(row[column]);
  });
  if (readable) return;
  std::vector<weir::Field> features(model.inputs().begin(), model.inputs().end());
  for (weir::Field& at : features)
    if (at.name == feature.name) at.type = weir::FieldType::kText;
  if (model.bind(weir::FeatureSchema(std::move(features)), {}).is_ok()) feature.type = weir::FieldType::kText;
}

struct Inputs {
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  std::vector<std::string> unreadable;  ///< by row: why its cells are no input; empty when they are
};

Inputs read_inputs(const weir::FeatureSchema& schema, const DelimitedFile& data) {
  Inputs inputs;
  inputs.unreadable.resize(data.rows.size());
  std::vector<std::size_t> columns;
  for (const weir::Field& field : schema.fields()) columns.push_back(data.column(field.name));
  for (std::size_t row = 0; row < data.rows.size(); ++row)
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const weir::Field& field = schema.fields()[i];
      const bool present = columns[i] != DelimitedFile::kNone && !is_missing(data.rows[row][columns[i]]);
      const std::string_view cell = present ? std::string_view(data.rows[row][columns[i]]) : std::string_view();
      if (field.type == weir::FieldType::kText) {
        inputs.texts.push_back(cell);
        continue;
      }
      const auto number = present ? number_of(cell) : kMissing;
      if (!number) inputs.unreadable[row] = "input '" + field.name + "': '" + std::string(cell) + "' is not a number";
      inputs.numbers.push_back(number.value_or(kMissing));
    }
  return inputs;
}

}  // namespace

std::string Difference::to_string() const {
  return "row " + std::to_string(row) + ", column '" + column + "': expected " + expected + ", got " + got +
         (reason.empty() ? "" : " (" + reason + ")");
}

weir::Result<CheckReport> check_model(const weir::Model& model, const DelimitedFile& given,
                                      const DelimitedFile& expected, double tolerance) {
  tolerance = std::max(tolerance, kLeastTolerance);
  DelimitedFile joined;
  const std::size_t group = model.group_field().empty() ? DelimitedFile::kNone : given.column(model.group_field());
  if (group != DelimitedFile::kNone) joined = grouped(given, group);
  const DelimitedFile& data = group != DelimitedFile::kNone ? joined : given;

  const std::size_t rows = data.rows.size();
  const std::size_t expected_rows = expected.rows.size();
  if (rows < expected_rows || rows > expected_rows + expected.empty_lines_at_end)
    return weir::Status::invalid_argument(std::to_string(rows) + " rows of data, but " + std::to_string(expected_rows) +
                                          " expected ones");
  CheckReport report;
  report.rows = rows;
  for (const weir::Field& field : model.inputs())
    if (data.column(field.name) == DelimitedFile::kNone) report.absent.push_back(field.name);
  const auto outputs = model.outputs().first(model.declared_outputs());
  for (const std::string& name : expected.header) {
    const bool declared =
        std::any_of(outputs.begin(), outputs.end(), [&](const weir::Field& output) { return output.name == name; });
    (declared ? report.columns : report.ignored).push_back(name);
  }
  if (report.columns.empty()) {
    std::string names;
    for (const weir::Field& output : outputs) names += (names.empty() ? "" : ", ") + output.name;
    return weir::Status::invalid_argument("no expected column is an output of the model (" + names + ")");
  }

  std::vector<weir::Field> features(model.inputs().begin(), model.inputs().end());
  for (weir::Field& feature : features) offer_as_text(model, feature, data);
  const weir::FeatureSchema schema(std::move(features));
  WEIR_ASSIGN_OR_RETURN(const std::shared_ptr<const weir::Scorer> scorer, model.bind(schema, report.columns));
  const Inputs inputs = read_inputs(schema, data);
  std::size_t number_outputs = 0, text_outputs = 0;
  for (const weir::Field& field : scorer->outputs())
    ++(field.type == weir::FieldType::kNumber ? number_outputs : text_outputs);

  std::vector<double> numbers(number_outputs);
  std::vector<std::string> texts(text_outputs);
  weir::ScoreErrors errors;
  weir::ScoreScratch scratch;
  for (std::size_t row = 0; row < rows; ++row) {
    unsigned char failed = 0;
    errors.clear();
    scorer->score({1, inputs.numbers.data() + row * schema.number_columns(), schema.number_columns(),
                   inputs.texts.data() + row * schema.text_columns(), schema.text_columns()},
                  {numbers.data(), texts.data(), &failed}, errors, scratch);
    std::string reason = inputs.unreadable[row];
    if (reason.empty() && failed != 0) reason = errors.entries().front().message;
    std::size_t number = 0, text = 0;
    for (const weir::Field& field : scorer->outputs()) {
      const std::string cell = row < expected_rows ? expected.rows[row][expected.column(field.name)] : "";
      std::string got;
      bool same = false;
      if (field.type == weir::FieldType::kNumber) {
        const double value = reason.empty() ? numbers[number] : kMissing;
        ++number;
        const auto wanted = is_missing(cell) ? kMissing : number_of(cell);
        same = wanted && agree(value, *wanted, tolerance);
        got = shown(value);
      } else {
        got = reason.empty() ? texts[text] : "";
        ++text;
        same = got == (is_missing(cell) ? "" : cell);
        if (got.empty()) got = "missing";
      }
      if (same) continue;
      if (++report.different <= CheckReport::kKept)
        report.differences.push_back({row + 1, field.name, is_missing(cell) ? "missing" : cell, got, reason});
    }
  }
  return report;
}

}  // namespace weirctl
