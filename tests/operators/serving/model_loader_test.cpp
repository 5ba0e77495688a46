#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include <weir/blob_store.hpp>
#include <weir/serving/model_loader.hpp>

#include "operators/serving/toy_runtime.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

using serving::LoadResult;

class LoadModel : public ::testing::Test {
 protected:
  LoadModel() {
    config_.runtimes = {std::make_shared<const ToyRuntime>()};
    config_.features = FeatureSchema({{"x", FieldType::kNumber}, {"c", FieldType::kText}});
    record_.type = "TOY";
  }
  LoadResult load(const std::string& bytes) {
    return serving::load_model(config_, {1, record_, std::make_shared<const std::string>(bytes), {}}, note_stage_);
  }
  LoadResult load_by_location(const std::string& location) {
    record_.location = location;
    return serving::load_model(config_, {1, record_, nullptr, {}}, note_stage_);
  }

  serving::LoaderConfig config_;
  ModelRecord record_;
  std::vector<ModelState> stages_;
  const serving::OnStage note_stage_ = [this](ModelState stage) { stages_.push_back(stage); };
};

TEST_F(LoadModel, GivesAScorerAndTheDigest) {
  const LoadResult result = load("LINEAR 1 2");
  ASSERT_TRUE(result.status.is_ok()) << result.status.to_string();
  EXPECT_NE(result.scorer, nullptr);
  EXPECT_EQ(result.digest, sha256("LINEAR 1 2"));
  EXPECT_EQ(stages_, (std::vector{ModelState::kLoading, ModelState::kVerifying, ModelState::kWarming}));
}

TEST_F(LoadModel, SaysWhyNot) {
  EXPECT_NE(load("rubbish").status.message().find("not a toy model"), std::string::npos);
  EXPECT_NE(load("LINEAR 1 2 3").status.message().find("reads 2 features"), std::string::npos);
  EXPECT_NE(load("THROW").status.message().find("the runtime threw: toy"), std::string::npos);
  record_.type = "PMML";
  EXPECT_NE(load("CONST 1").status.message().find("no runtime for type 'PMML' (there are: TOY)"), std::string::npos);
  record_.type = "TOY";
  config_.limits.max_bytes = 3;
  EXPECT_EQ(load("CONST 1").status.code(), StatusCode::kResourceExhausted);
  config_.limits = {};
  config_.limits.max_memory_bytes = 1;
  EXPECT_EQ(load("CONST 1").status.code(), StatusCode::kResourceExhausted);
  config_.limits = {};
  record_.sha256 = std::string(32, 'x');
  EXPECT_EQ(load("CONST 1").status.code(), StatusCode::kDataLoss);
  record_.sha256.clear();
  config_.outputs = {"probability"};
  EXPECT_NE(load("CONST 1").status.message().find("no output 'probability'"), std::string::npos);
}

TEST_F(LoadModel, VerificationCasesMustHold) {
  record_.verification = {{{{"x", 10.0}}, {{"score", 21.0}}, 1e-9}, {{{"x", 0.0}}, {{"score", 1.0}}, 1e-9}};
  EXPECT_TRUE(load("LINEAR 1 2").status.is_ok());
  record_.verification[1].expected[0].value = 1.1;
  const Status failed = load("LINEAR 1 2").status;
  EXPECT_NE(failed.message().find("verification case 2 of 2: expected score = 1.1"), std::string::npos)
      << failed.to_string();
  record_.verification = {{{{"x", std::string("ten")}}, {{"score", 21.0}}, 1e-9}};
  EXPECT_FALSE(load("LINEAR 1 2").status.is_ok()) << "a text for a number";
  record_.verification = {{{{"x", 1.0}}, {{"score", std::string("21")}}, 1e-9}};
  EXPECT_FALSE(load("LINEAR 1 2").status.is_ok()) << "a number where a text is expected";
  record_.verification = {{{{"x", -1.0}}, {{"score", 3.0}}, 1e-9}};
  EXPECT_NE(load("FAIL 3").status.message().find("the first feature is negative"), std::string::npos);
  record_.verification = {{{}, {}, 1e-9}};
  EXPECT_FALSE(load("CONST 3").status.is_ok()) << "expects nothing";
  record_.verification = {{{}, {{"label", std::string("yes")}}, 0}};
  EXPECT_TRUE(load("LABEL yes").status.is_ok());
  EXPECT_FALSE(load("LABEL no").status.is_ok());
}

TEST_F(LoadModel, LocationsAreReadBelowAllowedDirectoriesOnly) {
  const weir::testing::TemporaryDirectory allowed;
  const weir::testing::TemporaryDirectory other;
  std::ofstream(allowed / "good.toy") << "CONST 1";
  std::ofstream(allowed / "empty.toy");
  std::ofstream(other / "bad.toy") << "CONST 2";
  std::filesystem::create_symlink(other / "bad.toy", allowed / "link.toy");
  EXPECT_EQ(load_by_location(allowed / "good.toy").status.code(), StatusCode::kInvalidArgument) << "none is allowed";
  config_.directories = {allowed.path()};
  EXPECT_TRUE(load_by_location(allowed / "good.toy").status.is_ok());
  EXPECT_EQ(load_by_location(allowed / "empty.toy").status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(load_by_location(other / "bad.toy").status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(load_by_location(allowed / "link.toy").status.code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(
      load_by_location(allowed.path() + "/../" + std::filesystem::path(other.path()).filename().string() + "/bad.toy")
          .status.code(),
      StatusCode::kInvalidArgument);
  EXPECT_EQ(load_by_location(allowed / "missing.toy").status.code(), StatusCode::kNotFound);
  EXPECT_FALSE(load_by_location(allowed.path()).status.is_ok());
  config_.limits.max_bytes = 3;
  EXPECT_EQ(load_by_location(allowed / "good.toy").status.code(), StatusCode::kResourceExhausted);
}

}  // namespace
}  // namespace weir::test
