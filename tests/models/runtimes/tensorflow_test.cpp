// Frozen graphs and SavedModels as Keras and TensorFlow write them (tests/models/runtime_models/make.py).

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "models/csv_table.hpp"
#include "models/runtimes/model_case.hpp"

namespace weir::test {
namespace {

const std::vector<std::string> kNumbers = {"a", "b", "c", "d"};
const ModelOptions kFrozenNames{.inputs = {"x"}, .outputs = {"Identity:0"}};

std::string bytes_of(const char* file) { return read_file(kRuntimeModels / file); }

std::shared_ptr<const Model> load(const ModelRuntime& runtime, const char* file, const ModelOptions& options = {}) {
  const auto model = runtime.load_with(bytes_of(file), options, {});
  EXPECT_TRUE(model.is_ok()) << model.status().to_string();
  return model.is_ok() ? *model : nullptr;
}

std::string refusal(const ModelRuntime& runtime, const std::string& bytes, const ModelOptions& options = {},
                    const ModelLimits& limits = {}) {
  const auto model = runtime.load_with(bytes, options, limits);
  return model.is_ok() ? "accepted" : model.status().message();
}

TEST(TensorFlow, FrozenGraphPredictsWhatKerasPredicts) {
  expect_predictions(*tensorflow_runtime(), "keras-frozen.pb", "keras-frozen", kNumbers);
  expect_predictions(*tensorflow_runtime(), "keras-frozen.pb", "keras-frozen", kNumbers, kFrozenNames);
}

TEST(TensorFlow, SavedModelPredictsWhatKerasPredicts) {
  expect_predictions(*tensorflow_saved_runtime(), "keras-saved.zip", "keras-saved", kNumbers);
  expect_predictions(*tensorflow_saved_runtime(), "keras-saved.tar", "keras-saved", kNumbers);
}

TEST(TensorFlow, SignatureWithInputsOfThreeTypesPredictsWhatKerasPredicts) {
  expect_predictions(*tensorflow_saved_runtime(), "keras-columns.zip", "keras-columns", {},
                     {.classes = {"low", "middle", "high"}, .signature = "classify"});
}

TEST(TensorFlow, NamesThatAFrozenGraphLeavesOpenAreInferredAndSaid) {
  const auto model = load(*tensorflow_runtime(), "keras-frozen.pb");
  EXPECT_NE(model->summary().find("names inferred; inputs x float [N, 4]; outputs Identity float [N, 1]"),
            std::string::npos)
      << model->summary();
  const auto named = load(*tensorflow_runtime(), "keras-frozen.pb", kFrozenNames);
  EXPECT_EQ(named->summary().find("inferred"), std::string::npos) << named->summary();
  EXPECT_EQ(named->outputs()[0].name, "Identity");
}

TEST(TensorFlow, AnInnerTensorCanBeTheOutput) {
  const auto model =
      load(*tensorflow_runtime(), "keras-frozen.pb", {.outputs = {"sequential/dense_1/Tanh", "Identity"}});
  ASSERT_EQ(model->outputs().size(), 9U);
  EXPECT_EQ(model->outputs()[7].name, "sequential/dense_1/Tanh[7]");
}

TEST(TensorFlow, NamesEveryMismatch) {
  const auto model = load(*tensorflow_saved_runtime(), "keras-columns.zip");
  const FeatureSchema features({{"a", FieldType::kNumber}, {"b", FieldType::kText}, {"kind", FieldType::kNumber}});
  const std::vector<std::string> outputs = {"label"};
  EXPECT_EQ(
      model->bind(features, outputs).status().message(),
      "bind TENSORFLOWSAVED model: input 'b' is float [N, 1], but a text is supplied; input 'c' is not supplied; "
      "input 'd' is not supplied; input 'kind' is string [N, 1], but a number is supplied; input 'n' is not "
      "supplied; output 'label' is not one of the model's (probabilities[0], probabilities[1], probabilities[2])");
}

TEST(TensorFlow, RefusesWhatIsNoModel) {
  const auto frozen = tensorflow_runtime();
  const auto saved = tensorflow_saved_runtime();
  EXPECT_NE(refusal(*frozen, "<PMML/>").find("not a TensorFlow graph"), std::string::npos);
  EXPECT_NE(refusal(*frozen, bytes_of("linear.onnx")).find("not a TensorFlow graph"), std::string::npos);
  EXPECT_NE(refusal(*frozen, bytes_of("keras-frozen.pb"), {.inputs = {"y"}}).find("no operation 'y'"),
            std::string::npos);
  EXPECT_NE(refusal(*frozen, bytes_of("keras-frozen.pb"), {.outputs = {"x:3"}}).find("no output 3"), std::string::npos);
  EXPECT_NE(refusal(*frozen, bytes_of("keras-frozen.pb"), {.tag = "serve"}).find("neither tag nor signature"),
            std::string::npos);
  EXPECT_NE(refusal(*saved, bytes_of("keras-frozen.pb")).find("neither a zip nor a tar"), std::string::npos);
  std::string renamed = bytes_of("keras-saved.tar");
  for (std::size_t at = 0; (at = renamed.find("saved_model.pb", at)) != std::string::npos;)
    renamed.replace(at, 14, "saved_modle.pb");  // the same checksum
  EXPECT_NE(refusal(*saved, renamed).find("the archive holds no saved_model.pb"), std::string::npos)
      << refusal(*saved, renamed);
  const std::string zip = bytes_of("keras-saved.zip");
  EXPECT_NE(refusal(*saved, zip, {.tag = "train"}).find("no part with the tag 'train' alone (there are: 'serve')"),
            std::string::npos);
  EXPECT_NE(refusal(*saved, zip, {.signature = "other"}).find("(there are: __saved_model_init_op, serving_default)"),
            std::string::npos)
      << refusal(*saved, zip, {.signature = "other"});
  EXPECT_NE(refusal(*saved, zip, {.inputs = {"x"}}).find("has no input 'x'"), std::string::npos);
  EXPECT_NE(refusal(*saved, zip, {}, {.max_memory_bytes = 1000}).find("unpacks to more than 1000 bytes"),
            std::string::npos);
}

TEST(TensorFlow, EveryTruncationIsRefusedOrStillAModel) {
  const std::string whole = bytes_of("keras-frozen.pb");
  std::size_t refused = 0;
  for (std::size_t size = 1; size < whole.size(); size += 7)
    refused += refusal(*tensorflow_runtime(), whole.substr(0, size)) != "accepted" ? 1 : 0;
  EXPECT_GT(refused, whole.size() / 7 * 9 / 10);
  const std::string zip = bytes_of("keras-saved.zip");
  for (std::size_t size = 1; size < zip.size(); size += 101)
    EXPECT_NE(refusal(*tensorflow_saved_runtime(), zip.substr(0, size)), "accepted");
}

TEST(TensorFlow, RowsThatTheTypesCannotHoldFailAlone) {
  const auto model = load(*tensorflow_saved_runtime(), "keras-columns.zip");
  Rows rows = Rows::read();
  const auto scorer = model->bind(rows.features, {});
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  const Answers before = score(**scorer, rows, 50);
  rows.numbers[3 * rows.features.number_columns() + static_cast<std::size_t>(rows.features.column("n"))] = 0.5;
  rows.texts[6] = {};
  const Answers after = score(**scorer, rows, 50);
  for (std::size_t row = 0; row < rows.count; ++row) {
    ASSERT_EQ(after.failed[row], row == 3 || row == 6 ? 1 : 0) << row;
    if (after.failed[row] == 0) {
      EXPECT_EQ(after.numbers[row], before.numbers[row]);
    }
  }
  ASSERT_EQ(after.errors.count(), 2U);
  EXPECT_EQ(after.errors.entries()[1].message, "input 'n' is 0.5, the model takes int64");
  EXPECT_EQ(after.errors.entries()[0].message, "input 'kind' is missing, the model takes a text");
}

TEST(TensorFlow, GivesARowTheSameBitsInABatchOfAnySize) {
  expect_same_bits(*tensorflow_runtime(), "keras-frozen.pb", Rows::read(kNumbers));
  expect_same_bits(*tensorflow_saved_runtime(), "keras-saved.zip", Rows::read(kNumbers));
  expect_same_bits(*tensorflow_saved_runtime(), "keras-columns.zip", Rows::read());
  std::vector<Field> eleven;
  for (int i = 0; i < 11; ++i) eleven.push_back({"x" + std::to_string(i), FieldType::kNumber});
  expect_same_bits(*tensorflow_runtime(), "../../../bench/models/mlp.pb", Rows::made_up(eleven));
  const char* flights = "../../../examples/flights/models/tensorflow/2013-05.pb";
  expect_same_bits(*tensorflow_runtime(), flights, Rows::made_up(load(*tensorflow_runtime(), flights)->inputs()));
}

TEST(TensorFlow, BitsMayDependOnTheBatchWhereThatIsAllowed) {
  const auto model = tensorflow_runtime({.same_bits = false})->load(bytes_of("keras-frozen.pb"), {});
  const Rows rows = Rows::read(kNumbers);
  const auto scorer = model.value()->bind(rows.features, {}).value();
  const Answers alone = score(*scorer, rows, 1);
  const Answers together = score(*scorer, rows, 250);
  // When this fails TensorFlow has mended it, and the rows that fill a run are not needed any more.
  EXPECT_NE(alone.numbers, together.numbers);
  for (std::size_t i = 0; i < rows.count; ++i) EXPECT_NEAR(alone.numbers[i], together.numbers[i], 1e-6);
}

TEST(TensorFlow, OneSessionServesSeveralThreads) {
  const auto model = load(*tensorflow_saved_runtime(), "keras-saved.zip");
  const Rows rows = Rows::read(kNumbers);
  const std::shared_ptr<const Scorer> scorer = model->bind(rows.features, {}).value();
  const Answers expected = score(*scorer, rows, 1000);
  std::vector<Answers> answers(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < answers.size(); ++t)
    threads.emplace_back([&, t] { answers[t] = score(*scorer, rows, 1 + 13 * t); });
  for (std::thread& thread : threads) thread.join();
  for (const Answers& one : answers) EXPECT_EQ(one.numbers, expected.numbers);
}

}  // namespace
}  // namespace weir::test
