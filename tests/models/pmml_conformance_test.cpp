// Runs every triple of tests/models/pmml_conformance (model, input, expected output) and compares with
// known_failing.txt: a triple that fails must be listed there, with its reason, and a listed one must fail.

#include <gtest/gtest.h>

#include <charconv>
#include <cmath>
#include <iostream>
#include <limits>
#include <map>
#include <sstream>

#include <weir/model.hpp>

#include "models/csv_table.hpp"

namespace weir {
namespace {

const std::filesystem::path kFolder = "tests/models/pmml_conformance";

bool is_missing(const std::string& cell) { return cell.empty() || cell == "NA" || cell == "N/A"; }

double number_of(const std::string& cell) {
  if (cell == "true" || cell == "TRUE") return 1;
  if (cell == "false" || cell == "FALSE") return 0;
  char* end = nullptr;
  const double value = std::strtod(cell.c_str(), &end);
  return end == cell.c_str() + cell.size() ? value : std::numeric_limits<double>::quiet_NaN();
}

bool agree(double got, double expected, double tolerance) {
  if (std::fabs(got) <= tolerance && std::fabs(expected) <= tolerance) return true;
  return std::fabs(got - expected) <= tolerance * std::fabs(expected);
}

// Empty when the triple passes, else the first difference.
std::string run_triple(const std::string& id, double tolerance, const std::string& dataset) {
  const std::filesystem::path set = kFolder / id.substr(0, id.find('/'));
  const std::string name = id.substr(id.find('/') + 1);
  const std::string bytes = test::read_file(set / "pmml" / (name + ".pmml"));
  const test::CsvTable input = test::CsvTable::read(set / "csv" / (dataset + ".csv"));
  const test::CsvTable expected = test::CsvTable::read(set / "expected" / (name + ".csv"));
  if (bytes.empty() || input.rows.empty() || expected.rows.empty() || input.rows.size() != expected.rows.size())
    return "the triple's files are not complete";
  auto model = pmml_runtime()->load(bytes, {});
  if (!model) return model.status().to_string();

  std::vector<Field> fields;
  for (const Field& field : (*model)->inputs())
    if (input.column(field.name) >= 0) fields.push_back(field);
  const FeatureSchema schema(fields);
  std::vector<std::string> wanted;
  for (const Field& field : (*model)->outputs())
    if (expected.column(field.name) >= 0) wanted.push_back(field.name);
  if (wanted.empty()) return "no expected column is an output of the model";
  auto scorer = (*model)->bind(schema, wanted);
  if (!scorer) return scorer.status().to_string();

  const std::size_t rows = input.rows.size();
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  for (const auto& row : input.rows) {
    for (const Field& field : fields) {
      const std::string& cell = row[static_cast<std::size_t>(input.column(field.name))];
      if (field.type == FieldType::kNumber)
        numbers.push_back(is_missing(cell) ? std::nan("") : number_of(cell));
      else
        texts.push_back(is_missing(cell) ? std::string_view() : std::string_view(cell));
    }
  }
  std::size_t number_outputs = 0, text_outputs = 0;
  for (const Field& field : (*scorer)->outputs()) ++(field.type == FieldType::kNumber ? number_outputs : text_outputs);
  std::vector<double> out_numbers(rows * number_outputs);
  std::vector<std::string> out_texts(rows * text_outputs);
  std::vector<unsigned char> failed(rows, 2);
  ScoreErrors errors;
  ScoreScratch scratch;
  (*scorer)->score({rows, numbers.data(), schema.number_columns(), texts.data(), schema.text_columns()},
                   {out_numbers.data(), out_texts.data(), failed.data()}, errors, scratch);

  for (std::size_t row = 0; row < rows; ++row) {
    std::size_t number = row * number_outputs, text = row * text_outputs;
    for (const Field& field : (*scorer)->outputs()) {
      const std::string& cell = expected.rows[row][static_cast<std::size_t>(expected.column(field.name))];
      std::ostringstream got;
      got.precision(17);
      bool same;
      if (field.type == FieldType::kNumber) {
        const double value = out_numbers[number++];
        got << value;
        same = is_missing(cell) ? std::isnan(value) : agree(value, number_of(cell), tolerance);
      } else {
        got << out_texts[text++];
        same = got.str() == (is_missing(cell) ? "" : cell);
      }
      if (!same)
        return "row " + std::to_string(row + 1) + " " + field.name + ": expected " + cell + ", got " + got.str() +
               (errors.count() > 0 ? " (" + errors.entries().front().message + ")" : "");
    }
  }
  return "";
}

TEST(PmmlConformance, TriplesPassExceptTheListedOnes) {
  const test::CsvTable index = test::CsvTable::read(kFolder / "index.tsv");
  ASSERT_EQ(index.rows.size(), 43U);
  std::map<std::string, std::string> listed;
  std::istringstream list(test::read_file(kFolder / "known_failing.txt"));
  for (std::string line; std::getline(list, line);) {
    if (line.empty() || line[0] == '#') continue;
    listed.emplace(line.substr(0, line.find(' ')), line);
  }
  std::size_t passing = 0;
  for (const auto& row : index.rows) {
    const std::string& id = row[static_cast<std::size_t>(index.column("id"))];
    const double tolerance = std::max(1e-12, number_of(row[static_cast<std::size_t>(index.column("tolerance"))]));
    const std::string difference = run_triple(id, tolerance, row[static_cast<std::size_t>(index.column("dataset"))]);
    const bool known = listed.erase(id) > 0;
    passing += difference.empty() ? 1 : 0;
    std::cout << (difference.empty() ? "pass " : "FAIL ") << id << (difference.empty() ? "" : ": " + difference)
              << '\n';
    if (known)
      EXPECT_FALSE(difference.empty()) << id << " passes: take it off known_failing.txt";
    else
      EXPECT_TRUE(difference.empty()) << id << ": " << difference;
  }
  for (const auto& [id, line] : listed) ADD_FAILURE() << "known_failing.txt lists an unknown triple: " << line;
  std::cout << "ok " << passing << " of " << index.rows.size() << '\n';
  EXPECT_GE(passing, 20U);
}

}  // namespace
}  // namespace weir
