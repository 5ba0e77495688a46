// ONNX models as scikit-learn, XGBoost and LightGBM write them (tests/models/runtime_models/make.py).

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <thread>

#include "models/csv_table.hpp"
#include "models/runtimes/model_case.hpp"

namespace weir::test {
namespace {

const std::vector<std::string> kNumbers = {"a", "b", "c", "d"};

std::string bytes_of(const char* file) { return read_file(kRuntimeModels / file); }

std::shared_ptr<const Model> load(const char* file, const ModelOptions& options = {}) {
  const auto model = onnx_runtime()->load_with(bytes_of(file), options, {});
  EXPECT_TRUE(model.is_ok()) << model.status().to_string();
  return model.is_ok() ? *model : nullptr;
}

std::string refusal(const std::string& bytes, const ModelOptions& options = {}) {
  const auto model = onnx_runtime()->load_with(bytes, options, {});
  return model.is_ok() ? "accepted" : model.status().message();
}

class OnnxModel : public testing::TestWithParam<const char*> {};

TEST_P(OnnxModel, PredictsWhatItsLibraryPredicts) {
  const std::string name = GetParam();
  expect_predictions(*onnx_runtime(), name + ".onnx", name, name == "columns" ? std::vector<std::string>{} : kNumbers);
}

TEST_P(OnnxModel, GivesARowTheSameBitsInABatchOfAnySize) {
  const std::string name = GetParam();
  expect_same_bits(*onnx_runtime(), name + ".onnx",
                   Rows::read(name == "columns" ? std::vector<std::string>{} : kNumbers));
}

INSTANTIATE_TEST_SUITE_P(Models, OnnxModel,
                         testing::Values("linear", "linear-double", "logistic", "logistic-zipmap", "forest",
                                         "forest-classes", "mlp-classes", "columns", "xgboost", "xgboost-regression",
                                         "lightgbm", "lightgbm-regression"),
                         [](const auto& at) {
                           std::string name = at.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(Onnx, NamesInputsAndOutputs) {
  const auto model = load("columns.onnx");
  ASSERT_EQ(model->inputs().size(), 6U);
  EXPECT_EQ(model->inputs()[4], (Field{"n", FieldType::kNumber}));
  EXPECT_EQ(model->inputs()[5], (Field{"kind", FieldType::kText}));
  ASSERT_EQ(model->outputs().size(), 4U);
  EXPECT_EQ(model->outputs()[0], (Field{"output_label", FieldType::kText}));
  EXPECT_EQ(model->outputs()[1], (Field{"probability(high)", FieldType::kNumber}));
  EXPECT_NE(model->summary().find("skl2onnx 1.17.0"), std::string::npos) << model->summary();
  EXPECT_GT(model->memory_bytes(), 0U);
}

TEST(Onnx, TakesFeaturesByTheSendersNamesAndLabelsClasses) {
  const auto model = load("mlp-classes.onnx", {.features = {"a", "b", "c", "d"}, .classes = {"high", "low", "middle"}});
  const Rows rows = Rows::read({"d", "n", "c", "b", "a"});  // another order, and one more
  const std::vector<std::string> outputs = {"probability(low)", "probabilities[1]"};
  const auto scorer = model->bind(rows.features, outputs);
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  const CsvTable expected = CsvTable::read(kRuntimeModels / "mlp-classes.csv");
  const Answers answers = score(**scorer, rows, 100);
  for (std::size_t row = 0; row < rows.count; ++row) {
    EXPECT_NEAR(answers.numbers[2 * row], std::stod(expected.rows[row][2]), 1e-6);
    EXPECT_EQ(answers.numbers[2 * row], answers.numbers[2 * row + 1]);
  }
}

TEST(Onnx, NamesEveryMismatch) {
  const auto model = load("columns.onnx");
  const FeatureSchema features(
      {{"a", FieldType::kNumber}, {"b", FieldType::kText}, {"d", FieldType::kNumber}, {"kind", FieldType::kNumber}});
  const std::vector<std::string> outputs = {"nothing"};
  EXPECT_EQ(
      model->bind(features, outputs).status().message(),
      "bind ONNX model: input 'b' is float [N, 1], but a text is supplied; input 'c' is not supplied; input 'n' is "
      "not supplied; input 'kind' is string [N, 1], but a number is supplied; output 'nothing' is not one of the "
      "model's (output_label, probability(high), probability(low), probability(middle))");
  EXPECT_EQ(load("linear.onnx")->bind(FeatureSchema({{"a", FieldType::kNumber}}), {}).status().message(),
            "bind ONNX model: input 'X' is float [N, 4], the job supplies 1 numbers: the sender may name the features");
}

TEST(Onnx, RowsThatTheTypesCannotHoldFailAlone) {
  const auto model = load("columns.onnx");
  Rows rows = Rows::read();
  const std::vector<std::string> outputs = {"output_label", "probability(low)"};
  const auto scorer = model->bind(rows.features, outputs);
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  const Answers before = score(**scorer, rows, 50);
  const std::size_t width = rows.features.number_columns();
  const auto n = static_cast<std::size_t>(rows.features.column("n"));
  rows.numbers[3 * width + n] = std::numeric_limits<double>::quiet_NaN();
  rows.numbers[4 * width + n] = 2.5;
  rows.numbers[5 * width + n] = 1e300;
  rows.texts[6] = {};
  const Answers after = score(**scorer, rows, 50);
  for (std::size_t row = 0; row < rows.count; ++row) {
    const bool fails = row >= 3 && row <= 6;
    ASSERT_EQ(after.failed[row], fails ? 1 : 0) << row;
    if (fails) {
      EXPECT_TRUE(std::isnan(after.numbers[row]));
      EXPECT_EQ(after.texts[row], "");
    } else {
      EXPECT_EQ(after.numbers[row], before.numbers[row]);
      EXPECT_EQ(after.texts[row], before.texts[row]);
    }
  }
  ASSERT_EQ(after.errors.count(), 4U);
  EXPECT_EQ(after.errors.entries()[0].message, "input 'n' is missing, the model takes int64");
  EXPECT_EQ(after.errors.entries()[1].message, "input 'n' is 2.5, the model takes int64");
  EXPECT_EQ(after.errors.entries()[2].message, "input 'n' is 1e+300, the model takes int64");
  EXPECT_EQ(after.errors.entries()[3].message, "input 'kind' is missing, the model takes a text");
}

TEST(Onnx, MissingNumbersReachTheModel) {
  const auto model = load("xgboost-regression.onnx");
  Rows rows = Rows::read({"a", "b", "c", "d"});
  const auto scorer = model->bind(rows.features, {});
  for (double& number : rows.numbers) number = std::numeric_limits<double>::quiet_NaN();
  const Answers answers = score(**scorer, rows, 1000);
  EXPECT_EQ(answers.failed[0], 0);
  EXPECT_FALSE(std::isnan(answers.numbers[0]));  // XGBoost has a way for missing values
}

TEST(Onnx, RefusesWhatIsNoModel) {
  EXPECT_NE(refusal("<PMML/>").find("not an ONNX model"), std::string::npos);
  EXPECT_NE(refusal(std::string(100, '\0')).find("not an ONNX model"), std::string::npos);
  const std::string whole = bytes_of("forest.onnx");
  EXPECT_NE(refusal(whole.substr(0, whole.size() / 2)).find("truncated"), std::string::npos);
  EXPECT_NE(refusal(whole, {.tag = "serve"}).find("neither tag nor signature"), std::string::npos);
  EXPECT_NE(refusal(whole, {.inputs = {"Y"}}).find("it has no input 'Y'"), std::string::npos);
  EXPECT_NE(refusal(whole, {.outputs = {"Y"}}).find("it has no output 'Y'"), std::string::npos);
  EXPECT_NE(refusal(whole, {.classes = {"yes", "no"}}).find("named 2 classes"), std::string::npos);
}

TEST(Onnx, EveryTruncationIsRefusedOrStillAModel) {
  for (const char* file : {"logistic-zipmap.onnx", "columns.onnx", "mlp-classes.onnx"}) {
    const std::string whole = bytes_of(file);
    std::size_t refused = 0;
    for (std::size_t size = 1; size < whole.size(); ++size)
      refused += refusal(whole.substr(0, size)) != "accepted" ? 1 : 0;
    EXPECT_GT(refused, whole.size() * 9 / 10) << file;
  }
}

TEST(Onnx, TheBenchmarksAndTheDemosModelsGiveTheSameBitsInABatchOfAnySize) {
  std::vector<Field> eleven;
  for (int i = 0; i < 11; ++i) eleven.push_back({"x" + std::to_string(i), FieldType::kNumber});
  expect_same_bits(*onnx_runtime(), "../../../bench/models/mlp.onnx", Rows::made_up(eleven));
  expect_same_bits(*onnx_runtime(), "../../../bench/models/forest.onnx", Rows::made_up(eleven));
  const char* flights = "../../../examples/flights/models/onnx/2013-05.onnx";
  expect_same_bits(*onnx_runtime(), flights, Rows::made_up(load(flights)->inputs()));
}

TEST(Onnx, BitsMayDependOnTheBatchWhereThatIsAllowed) {
  const auto model = onnx_runtime({.same_bits = false})->load(bytes_of("logistic.onnx"), {});
  const Rows rows = Rows::read(kNumbers);
  const std::vector<std::string> outputs = {"probability(1)"};
  const auto scorer = model.value()->bind(rows.features, outputs).value();
  const Answers alone = score(*scorer, rows, 1);
  const Answers together = score(*scorer, rows, 250);
  // When this fails ONNX Runtime has mended it, and the rows that fill a run are not needed any more.
  EXPECT_NE(alone.numbers, together.numbers);
  for (std::size_t i = 0; i < rows.count; ++i) EXPECT_NEAR(alone.numbers[i], together.numbers[i], 1e-6);
}

TEST(Onnx, OneSessionServesSeveralThreads) {
  const auto model = load("forest-classes.onnx");
  const Rows rows = Rows::read({"a", "b", "c", "d"});
  const std::vector<std::string> outputs = {"output_label", "probability(low)"};
  const std::shared_ptr<const Scorer> scorer = model->bind(rows.features, outputs).value();
  const Answers expected = score(*scorer, rows, 1000);
  std::vector<Answers> answers(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < answers.size(); ++t)
    threads.emplace_back([&, t] { answers[t] = score(*scorer, rows, 1 + 13 * t); });
  for (std::thread& thread : threads) thread.join();
  for (const Answers& one : answers) {
    EXPECT_EQ(one.numbers, expected.numbers);
    EXPECT_EQ(one.texts, expected.texts);
  }
}

}  // namespace
}  // namespace weir::test
