// The border: what a plug-in is refused for, and models that come through it (examples/toy_runtime).

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <thread>

#include <weir/runtimes.hpp>

namespace weir {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

std::string refusal(const ModelRuntime& runtime) {
  const auto model = runtime.load("0.5 2 -1", {});
  return model.is_ok() ? "accepted" : model.status().to_string();
}

RuntimeOptions plugin(const char* path) { return {.plugin = path, .library = {}}; }

TEST(Plugin, ThatIsMissingSaysHowToInstallIt) {
  const std::string reason = refusal(*plugin_runtime("NONE", "libweir_there_is_none.so"));
  EXPECT_NE(reason.find("there is no libweir_there_is_none.so"), std::string::npos) << reason;
  EXPECT_NE(reason.find("./dev runtimes"), std::string::npos) << reason;
  EXPECT_NE(refusal(*plugin_runtime("NONE", "", plugin("/nowhere/libx.so"))).find("/nowhere/libx.so"),
            std::string::npos);
}

TEST(Plugin, OfAnotherAbiVersionIsRefused) {
  const std::string reason = refusal(*plugin_runtime("TOY", "", plugin(WEIR_TEST_OLD_PLUGIN)));
  EXPECT_NE(reason.find("was built for version 99"), std::string::npos) << reason;
}

TEST(Plugin, ThatIsNoneIsRefused) {
  EXPECT_NE(refusal(*plugin_runtime("TOY", "", plugin(WEIR_TEST_NO_PLUGIN))).find("is no weir runtime"),
            std::string::npos);
  EXPECT_NE(refusal(*plugin_runtime("TOY", "", plugin("README.md"))).find("README.md"), std::string::npos);
}

TEST(Plugin, OfAnotherTypeSaysSo) {
  EXPECT_NE(refusal(*plugin_runtime("OTHER", "libweir_toy.so")).find("it serves TOY only"), std::string::npos);
}

TEST(Plugin, ThatLacksItsLibraryIsAskedAgainAtTheNextLoad) {
  const auto runtime = plugin_runtime("LATE", "", plugin(WEIR_TEST_LATE_PLUGIN));
  EXPECT_NE(refusal(*runtime).find("libfoo is missing"), std::string::npos);
  EXPECT_EQ(refusal(*runtime), "accepted");
}

class ToyPlugin : public ::testing::Test {
 protected:
  std::shared_ptr<const Model> load(const char* text, const ModelOptions& options = {}) {
    const auto model = runtime_->load_with(text, options, {});
    EXPECT_TRUE(model.is_ok()) << model.status().to_string();
    return model.is_ok() ? *model : nullptr;
  }
  static std::string bind_fault(const Model& model, std::vector<Field> fields, std::vector<std::string> outputs = {}) {
    const auto scorer = model.bind(FeatureSchema(std::move(fields)), outputs);
    return scorer.is_ok() ? "accepted" : scorer.status().message();
  }
  std::shared_ptr<const ModelRuntime> runtime_ = plugin_runtime("TOY", "libweir_toy.so");
  const FeatureSchema xy_{{{"x", FieldType::kNumber}, {"t", FieldType::kText}, {"y", FieldType::kNumber}}};
};

TEST_F(ToyPlugin, ScoresRowsAndSaysWhichFailed) {
  const auto model = load("0.5 2 -1");
  const auto scorer = model->bind(xy_, {});
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  const double numbers[] = {1, 2, kMissing, 1, -3, 0.25};
  const std::string_view texts[] = {"a", "b", "c"};
  double scores[3];
  unsigned char failed[3] = {9, 9, 9};
  ScoreErrors errors;
  ScoreScratch scratch;
  (*scorer)->score({3, numbers, 2, texts, 1}, {scores, nullptr, failed}, errors, scratch);
  EXPECT_EQ(scores[0], 0.5);
  EXPECT_TRUE(std::isnan(scores[1]));
  EXPECT_EQ(scores[2], -5.75);
  EXPECT_EQ((std::vector<int>{failed[0], failed[1], failed[2]}), (std::vector<int>{0, 1, 0}));
  ASSERT_EQ(errors.entries().size(), 1U);
  EXPECT_EQ(errors.entries()[0].row, 1U);
  EXPECT_EQ(errors.entries()[0].message, "a feature is missing");
}

TEST_F(ToyPlugin, TakesFeaturesInTheOrderTheSenderNames) {
  const auto model = load("0 1 10", {.features = {"y", "x"}});
  EXPECT_EQ(model->inputs()[0], (Field{"y", FieldType::kNumber}));
  const auto scorer = model->bind(xy_, {});
  ASSERT_TRUE(scorer.is_ok()) << scorer.status().to_string();
  const double numbers[] = {3, 4};
  double score = 0;
  unsigned char failed = 0;
  ScoreErrors errors;
  ScoreScratch scratch;
  (*scorer)->score({1, numbers, 2, nullptr, 1}, {&score, nullptr, &failed}, errors, scratch);
  EXPECT_EQ(score, 34);
}

TEST_F(ToyPlugin, NamesEveryMismatch) {
  const auto model = load("0.5 2 -1");
  EXPECT_EQ(bind_fault(*model, {{"a", FieldType::kNumber}}, {"score", "other"}),
            "bind TOY model: input 'x' is [2], the job supplies 1 numbers: the sender may name the features; output "
            "'other' is not one of the model's (score)");
  const auto named = load("0.5 2 -1", {.features = {"a", "b"}});
  EXPECT_EQ(bind_fault(*named, {{"a", FieldType::kText}}),
            "bind TOY model: input 'a' is [2], but a text is supplied; input 'b' is not supplied");
  const auto three = load("0.5 2 -1", {.features = {"a", "b", "c"}});
  EXPECT_EQ(bind_fault(*three, {{"a", FieldType::kNumber}}),
            "bind TOY model: the sender named 3 features, the model's inputs take 2: 'x' [2]");
}

TEST_F(ToyPlugin, RefusesWhatIsNoModelOrTooLarge) {
  EXPECT_EQ(runtime_->load("1 two", {}).status().message(), "load TOY model: a toy model is a list of numbers");
  EXPECT_EQ(runtime_->load("", {}).status().message(), "load TOY model: there are no bytes");
  EXPECT_EQ(runtime_->load("1 2 3", {.max_bytes = 4}).status().code(), StatusCode::kResourceExhausted);
  EXPECT_EQ(runtime_->load("1 2 3", {.max_memory_bytes = 4}).status().code(), StatusCode::kResourceExhausted);
}

TEST_F(ToyPlugin, ServesSeveralThreadsAndOutlivesItsModelPointer) {
  auto model = load("0 1 1");
  const std::shared_ptr<const Scorer> scorer = model->bind(xy_, {}).value();
  model = nullptr;
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      ScoreErrors errors;
      ScoreScratch scratch;
      for (int i = 0; i < 1000; ++i) {
        const double numbers[] = {static_cast<double>(t), static_cast<double>(i)};
        double score = 0;
        unsigned char failed = 0;
        scorer->score({1, numbers, 2, nullptr, 1}, {&score, nullptr, &failed}, errors, scratch);
        if (score != t + i || failed != 0) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(ModelRuntime, ThatTakesNoOptionsRefusesThem) {
  const auto model = pmml_runtime()->load_with("<PMML/>", {.tag = "serve"}, {});
  EXPECT_NE(model.status().message().find("takes no features"), std::string::npos) << model.status().to_string();
}

}  // namespace
}  // namespace weir
