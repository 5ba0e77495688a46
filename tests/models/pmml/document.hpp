#pragma once
/// Small PMML documents for tests, loaded and scored one row at a time.

#include <cmath>
#include <map>
#include <string>
#include <variant>

#include <weir/model.hpp>

namespace weir::test {

/// A cell: a number, a text, or nothing.
using Cell = std::variant<std::monostate, double, std::string>;
using Row = std::map<std::string, Cell>;

/// `<PMML version="4.4"> <DataDictionary>fields</DataDictionary> rest </PMML>`
inline std::string pmml(const std::string& fields, const std::string& rest) {
  return R"(<?xml version="1.0"?><PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/><DataDictionary>)" +
         fields + "</DataDictionary>" + rest + "</PMML>";
}
inline std::string number_field(const std::string& name) {
  return "<DataField name=\"" + name + "\" optype=\"continuous\" dataType=\"double\"/>";
}
inline std::string text_field(const std::string& name) {
  return "<DataField name=\"" + name + "\" optype=\"categorical\" dataType=\"string\"/>";
}
/// A regression whose value is the expression: for trying out transformations.
inline std::string formula(const std::string& fields, const std::string& schema, const std::string& expression,
                           const std::string& dictionary = "") {
  return pmml(fields, "<TransformationDictionary>" + dictionary + "</TransformationDictionary>" +
                          "<RegressionModel functionName=\"regression\"><MiningSchema>" + schema + "</MiningSchema>" +
                          "<Output><OutputField name=\"out\" feature=\"transformedValue\">" + expression +
                          "</OutputField></Output>" + "<RegressionTable intercept=\"0\"/></RegressionModel>");
}

struct Answer {
  bool failed = false;
  double number = std::nan("");
  std::string text;
  std::string error;
};

/// Loads, binds to the row's fields, scores.
inline Result<Answer> score(const std::string& document, const Row& row, const std::string& output = "") {
  WEIR_ASSIGN_OR_RETURN(const auto model, pmml_runtime()->load(document, {}));
  std::vector<Field> fields;
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  for (const Field& input : model->inputs()) {
    const auto cell = row.find(input.name);
    if (cell == row.end()) continue;
    fields.push_back(input);
    if (input.type == FieldType::kNumber) {
      const double* value = std::get_if<double>(&cell->second);
      numbers.push_back(value == nullptr ? std::nan("") : *value);
    } else {
      const std::string* value = std::get_if<std::string>(&cell->second);
      texts.push_back(value == nullptr ? std::string_view() : std::string_view(*value));
    }
  }
  const FeatureSchema schema(fields);
  std::vector<std::string> wanted;
  if (!output.empty()) wanted.push_back(output);
  WEIR_ASSIGN_OR_RETURN(const auto scorer, model->bind(schema, wanted));
  Answer answer;
  unsigned char failed = 2;
  ScoreErrors errors;
  ScoreScratch scratch;
  scorer->score({1, numbers.data(), numbers.size(), texts.data(), texts.size()},
                {&answer.number, &answer.text, &failed}, errors, scratch);
  answer.failed = failed != 0;
  if (errors.count() > 0) answer.error = errors.entries().front().message;
  return answer;
}

/// The number answered; NaN when the load or the row failed.
inline double number(const std::string& document, const Row& row, const std::string& output = "") {
  const auto answer = score(document, row, output);
  return answer.is_ok() && !answer->failed ? answer->number : std::nan("");
}
/// The text answered; "!" and the reason when the load or the row failed.
inline std::string text(const std::string& document, const Row& row, const std::string& output = "") {
  const auto answer = score(document, row, output);
  if (!answer.is_ok()) return "!" + answer.status().to_string();
  return answer->failed ? "!" + answer->error : answer->text;
}
/// Why the document is refused; empty when it is not.
inline std::string refusal(const std::string& document, const ModelLimits& limits = {}) {
  const auto model = pmml_runtime()->load(document, limits);
  return model.is_ok() ? "" : model.status().to_string();
}

}  // namespace weir::test
