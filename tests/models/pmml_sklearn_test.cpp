// Models of scikit-learn, exported to PMML, predict what scikit-learn predicts (tests/models/pmml_sklearn/make.py).

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include <weir/model.hpp>

#include "models/csv_table.hpp"

namespace weir {
namespace {

const std::filesystem::path kFolder = "tests/models/pmml_sklearn";

class PmmlSklearn : public testing::TestWithParam<const char*> {};

TEST_P(PmmlSklearn, PredictsTheSame) {
  const std::string name = GetParam();
  const auto model = pmml_runtime()->load(test::read_file(kFolder / (name + ".pmml")), {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  const test::CsvTable table = test::CsvTable::read(kFolder / (name + ".csv"));
  ASSERT_EQ(table.rows.size(), 200U);

  std::vector<Field> fields;
  for (const Field& field : (*model)->inputs()) fields.push_back(field);
  const FeatureSchema schema(fields);
  std::vector<double> numbers;
  std::vector<std::string_view> texts;
  for (const auto& row : table.rows)
    for (const Field& field : fields) {
      ASSERT_GE(table.column(field.name), 0) << field.name;
      const std::string& cell = row[static_cast<std::size_t>(table.column(field.name))];
      if (field.type == FieldType::kNumber)
        numbers.push_back(std::strtod(cell.c_str(), nullptr));
      else
        texts.push_back(cell);
    }
  std::size_t compared = 0;
  for (const std::string& output : table.header) {
    if (schema.find(output) != nullptr || output == "a" || output == "b" || output == "c" || output == "d" ||
        output == "kind")
      continue;
    const auto scorer = (*model)->bind(schema, std::span(&output, 1));
    ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
    std::vector<double> got(200);
    std::vector<std::string> got_texts(200);
    std::vector<unsigned char> failed(200, 1);
    ScoreErrors errors;
    ScoreScratch scratch;
    (*scorer)->score({200, numbers.data(), schema.number_columns(), texts.data(), schema.text_columns()},
                     {got.data(), got_texts.data(), failed.data()}, errors, scratch);
    for (std::size_t i = 0; i < 200; ++i) {
      ASSERT_EQ(failed[i], 0) << errors.entries().front().message;
      const std::string& cell = table.rows[i][static_cast<std::size_t>(table.column(output))];
      if ((*scorer)->outputs().front().type == FieldType::kText) {
        ASSERT_EQ(got_texts[i], cell) << output << " row " << i;
      } else {
        const double expected = std::strtod(cell.c_str(), nullptr);
        ASSERT_NEAR(got[i], expected, 1e-9 * std::max(1.0, std::fabs(expected))) << output << " row " << i;
      }
      ++compared;
    }
  }
  EXPECT_GE(compared, 200U);
}

INSTANTIATE_TEST_SUITE_P(Models, PmmlSklearn,
                         testing::Values("linear", "logistic", "softmax", "tree", "tree-classes", "forest",
                                         "forest-classes", "extra-trees", "boosting", "boosting-binary",
                                         "boosting-classes", "bins", "mlp", "mlp-classes", "svm", "svm-classes"),
                         [](const auto& at) {
                           std::string name = at.param;
                           for (char& c : name)
                             if (c == '-') c = '_';
                           return name;
                         });

}  // namespace
}  // namespace weir
