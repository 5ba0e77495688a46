// What ServeModel does with a model before it serves it, with real ones: verification, locations, limits, signatures.

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

#include <weir/runtimes.hpp>
#include <weir/serving/model_loader.hpp>

#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

const std::filesystem::path kModels = "tests/models/runtime_models";

std::string bytes_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The first numbers of a file with a header: of rows.csv the inputs, of others what the model's own library answers.
std::vector<double> first_row(const std::string& file) {
  std::ifstream in(kModels / file);
  std::string line;
  std::getline(in, line);
  std::getline(in, line);
  std::istringstream cells(line);
  std::vector<double> values;
  for (std::string cell; values.size() < 4 && std::getline(cells, cell, ',');)
    values.push_back(std::strtod(cell.c_str(), nullptr));
  return values;
}

class RuntimeModels : public ::testing::Test {
 protected:
  RuntimeModels() {
    const std::vector<double> row = first_row("rows.csv");
    const char* const names[] = {"a", "b", "c", "d"};
    std::vector<Field> fields;
    for (std::size_t i = 0; i < 4; ++i) {
      fields.push_back({names[i], FieldType::kNumber});
      inputs_.push_back({names[i], row[i]});
    }
    config_.runtimes = all_runtimes();
    config_.features = FeatureSchema(fields);
  }
  serving::LoadResult load(const std::string& type, const std::string& file) {
    record_.type = type;
    return serving::load_model(config_, {1, record_, std::make_shared<const std::string>(bytes_of(kModels / file)), {}},
                               note_stage_);
  }
  serving::LoadResult load_by_location(const std::string& location) {
    record_.location = location;
    return serving::load_model(config_, {1, record_, nullptr, {}}, note_stage_);
  }
  [[nodiscard]] VerificationCase case_of(const std::string& output, double expected) const {
    return {inputs_, {{output, expected}}, 1e-6};
  }

  std::vector<NamedValue> inputs_;
  serving::LoaderConfig config_;
  ModelRecord record_;
  std::vector<ModelState> stages_;
  const serving::OnStage note_stage_ = [this](ModelState stage) { stages_.push_back(stage); };
};

TEST_F(RuntimeModels, MustAnswerTheSendersCases) {
  struct Kind {
    const char* type;
    const char* file;
    const char* answers;
    const char* output;
  };
  for (const Kind& kind : {Kind{"ONNX", "linear.onnx", "linear.csv", "variable"},
                           Kind{"TENSORFLOW", "keras-frozen.pb", "keras-frozen.csv", "Identity"},
                           Kind{"TENSORFLOWSAVED", "keras-saved.zip", "keras-saved.csv", "value"}}) {
    SCOPED_TRACE(kind.type);
    const double right = first_row(kind.answers).front();
    stages_.clear();
    record_.verification = {case_of(kind.output, right)};
    const serving::LoadResult good = load(kind.type, kind.file);
    EXPECT_TRUE(good.status.is_ok()) << good.status.to_string();
    EXPECT_EQ(stages_, (std::vector{ModelState::kLoading, ModelState::kVerifying,
                                    ModelState::kWarming}));  // warm_up_rows are scored
    record_.verification.push_back(case_of(kind.output, right + 0.01));
    const serving::LoadResult bad = load(kind.type, kind.file);
    EXPECT_NE(bad.status.message().find("verification case 2 of 2: expected " + std::string(kind.output)),
              std::string::npos)
        << bad.status.to_string();
    EXPECT_EQ(bad.scorer, nullptr);
    record_.verification = {case_of("nothing", 1)};
    EXPECT_NE(load(kind.type, kind.file).status.message().find("output 'nothing' is not one of the model's"),
              std::string::npos);
  }
}

TEST_F(RuntimeModels, KeepTheBoundsOfTheJob) {
  config_.limits.max_memory_bytes = 1000;
  for (const auto& [type, file] : {std::pair{"ONNX", "forest.onnx"}, std::pair{"TENSORFLOW", "keras-frozen.pb"},
                                   std::pair{"TENSORFLOWSAVED", "keras-saved.zip"}}) {
    EXPECT_NE(load(type, file).status.message().find("1000"), std::string::npos) << load(type, file).status.to_string();
  }
  config_.limits = {};
  config_.limits.max_bytes = 100;
  EXPECT_EQ(load("ONNX", "forest.onnx").status.code(), StatusCode::kResourceExhausted);
}

TEST_F(RuntimeModels, SayEveryMismatchAtOnce) {
  config_.features = FeatureSchema({{"a", FieldType::kText}, {"b", FieldType::kNumber}});
  config_.outputs = {"one", "two"};
  const std::string reason = load("TENSORFLOWSAVED", "keras-columns.zip").status.message();
  for (const char* part : {"input 'a' is float [N, 1], but a text is supplied", "input 'c' is not supplied",
                           "input 'kind' is not supplied", "output 'one' is not", "output 'two' is not"})
    EXPECT_NE(reason.find(part), std::string::npos) << part << "\n" << reason;
}

TEST_F(RuntimeModels, ComeAsADirectoryByLocation) {
  const weir::testing::TemporaryDirectory directory;
  const std::string path = directory / "saved";
  std::filesystem::create_directories(path);
  ASSERT_EQ(std::system(("tar -x -C '" + path + "' -f " + (kModels / "keras-saved.tar").string()).c_str()), 0);
  config_.directories = {directory.path()};
  record_.type = "TENSORFLOWSAVED";
  record_.verification = {case_of("value", first_row("keras-saved.csv").front())};
  for (const std::string& location : {std::string("saved"), std::string("saved/model"), path}) {
    const serving::LoadResult result = load_by_location(location);
    EXPECT_TRUE(result.status.is_ok()) << location << ": " << result.status.to_string();
  }
  std::filesystem::create_directory_symlink("/etc", path + "/model/elsewhere");
  EXPECT_NE(load_by_location("saved").status.message().find("no regular file"), std::string::npos)
      << load_by_location("saved").status.to_string();
  EXPECT_FALSE(load_by_location("../saved").status.is_ok());
}

TEST_F(RuntimeModels, OfTheWrongTypeAreRefusedWithTheReason) {
  EXPECT_NE(load("ONNX", "keras-frozen.pb").status.message().find("not an ONNX model"), std::string::npos);
  EXPECT_NE(load("TENSORFLOW", "forest.onnx").status.message().find("not a TensorFlow graph"), std::string::npos);
  EXPECT_NE(load("TENSORFLOWSAVED", "forest.onnx").status.message().find("neither a zip nor a tar"), std::string::npos);
  EXPECT_FALSE(load("PMML", "forest.onnx").status.is_ok());
}

}  // namespace
}  // namespace weir::test
