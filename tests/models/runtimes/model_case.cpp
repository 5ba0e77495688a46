#include "models/runtimes/model_case.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numeric>
#include <random>

#include "models/csv_table.hpp"

namespace weir::test {

Rows Rows::read(const std::vector<std::string>& names) {
  const CsvTable table = CsvTable::read(kRuntimeModels / "rows.csv");
  const std::vector<std::string>& wanted = names.empty() ? table.header : names;
  Rows rows;
  rows.count = table.rows.size();
  std::vector<Field> fields;
  for (const std::string& name : wanted)
    fields.push_back({name, name == "kind" ? FieldType::kText : FieldType::kNumber});
  rows.features = FeatureSchema(fields);
  for (const auto& row : table.rows) {
    for (const Field& field : fields) {
      const std::string& cell = row.at(static_cast<std::size_t>(table.column(field.name)));
      if (field.type == FieldType::kText) {
        rows.strings.push_back(cell);
      } else {
        rows.numbers.push_back(std::strtod(cell.c_str(), nullptr));
      }
    }
  }
  for (const std::string& text : rows.strings) rows.texts.push_back(text);
  return rows;
}

Rows Rows::made_up(std::span<const Field> inputs) {
  constexpr std::array<std::string_view, 4> kTexts = {"EWR", "JFK", "LGA", "UA"};
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  Rows rows;
  rows.features = FeatureSchema({inputs.begin(), inputs.end()});
  rows.count = 1000;
  while (rows.numbers.size() < rows.count * rows.features.number_columns()) rows.numbers.push_back(normal(random));
  while (rows.texts.size() < rows.count * rows.features.text_columns())
    rows.texts.push_back(kTexts[random() % kTexts.size()]);
  return rows;
}

FeatureRows Rows::some(std::size_t first, std::size_t rows) const {
  return {rows, numbers.data() + first * features.number_columns(), features.number_columns(),
          texts.data() + first * features.text_columns(), features.text_columns()};
}

Answers score(const Scorer& scorer, const Rows& rows, std::size_t batch) {
  Answers answers;
  std::size_t number_outputs = 0;
  for (const Field& output : scorer.outputs()) number_outputs += output.type == FieldType::kNumber ? 1 : 0;
  const std::size_t text_outputs = scorer.outputs().size() - number_outputs;
  answers.numbers.resize(rows.count * number_outputs);
  answers.texts.resize(rows.count * text_outputs);
  answers.failed.resize(rows.count, 9);
  ScoreScratch scratch;
  for (std::size_t first = 0; first < rows.count; first += batch) {
    const std::size_t count = std::min(batch, rows.count - first);
    scorer.score(rows.some(first, count),
                 {answers.numbers.data() + first * number_outputs, answers.texts.data() + first * text_outputs,
                  answers.failed.data() + first},
                 answers.errors, scratch);
  }
  return answers;
}

void expect_predictions(const ModelRuntime& runtime, const std::string& file, const std::string& expected,
                        const std::vector<std::string>& columns, const ModelOptions& options, double tolerance) {
  const auto model = runtime.load_with(read_file(kRuntimeModels / file), options, {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  const CsvTable table = CsvTable::read(kRuntimeModels / (expected + ".csv"));
  ASSERT_EQ(table.rows.size(), 1000U);
  const Rows rows = Rows::read(columns);
  const auto scorer = (*model)->bind(rows.features, table.header);
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string() << "\n" << (*model)->summary();
  for (const std::size_t batch : {1, 7, 1000}) {
    const Answers answers = score(**scorer, rows, batch);
    std::size_t number = 0;
    std::size_t text = 0;
    for (std::size_t row = 0; row < rows.count; ++row) {
      ASSERT_EQ(answers.failed[row], 0) << answers.errors.entries().front().message;
      for (std::size_t i = 0; i < table.header.size(); ++i) {
        const std::string& cell = table.rows[row][i];
        if ((*scorer)->outputs()[i].type == FieldType::kText) {
          ASSERT_EQ(answers.texts[text++], cell) << table.header[i] << " row " << row;
        } else {
          const double value = std::strtod(cell.c_str(), nullptr);
          ASSERT_NEAR(answers.numbers[number++], value, tolerance * std::max(1.0, std::fabs(value)))
              << table.header[i] << " row " << row << " batch " << batch;
        }
      }
    }
  }
}

void expect_same_bits(const ModelRuntime& runtime, const std::string& file, const Rows& rows,
                      const ModelOptions& options) {
  SCOPED_TRACE(file);
  const auto model = runtime.load_with(read_file(kRuntimeModels / file), options, {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  expect_same_bits(**model, rows);
}

void expect_same_bits(const Model& model, const Rows& rows) {
  std::vector<std::string> numbers;
  for (const Field& output : model.outputs())
    if (output.type == FieldType::kNumber) numbers.push_back(output.name);
  ASSERT_FALSE(numbers.empty());
  const auto scorer = model.bind(rows.features, numbers);
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  const Answers alone = score(**scorer, rows, 1);
  ASSERT_EQ(alone.errors.count(), 0U) << alone.errors.entries().front().message;
  std::vector<std::size_t> batches(69);
  std::iota(batches.begin(), batches.end(), 2);
  for (const std::size_t large : {100, 250, 256, 1000}) batches.push_back(large);
  for (const std::size_t batch : batches) {
    const Answers together = score(**scorer, rows, batch);
    std::size_t different = 0;
    for (std::size_t i = 0; i < alone.numbers.size(); ++i) {
      const bool no_values = std::isnan(alone.numbers[i]) && std::isnan(together.numbers[i]);
      if (!no_values && std::memcmp(&alone.numbers[i], &together.numbers[i], sizeof(double)) != 0) ++different;
    }
    EXPECT_EQ(different, 0U) << "of " << alone.numbers.size() << " numbers, in batches of " << batch;
  }
}

}  // namespace weir::test
