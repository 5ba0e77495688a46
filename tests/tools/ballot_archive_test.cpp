// What weirctl says of an archive of speculate().

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/archive.hpp>
#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>
#include <weir/speculation.hpp>

#include "support/temporary_directory.hpp"
#include "tools/weirctl/job_archive.hpp"

namespace weirctl {
namespace {

using weir::testing_support::TemporaryDirectory;

struct Reading {
  std::string machine;
  double temperature = 0;
  double vibration = 0;
};

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// Ten readings, scored by two models; the answer is in the middle.
class JobOfSeveralModels : public ::testing::Test {
 protected:
  void SetUp() override {
    std::vector<Reading> readings;
    for (int i = 0; i < 10; ++i) readings.push_back({"press", 70.0 + i, 0.5 * i});
    std::vector<weir::ModelRecord> models(2);
    for (int i = 0; i < 2; ++i) {
      models[i].key = "press";
      models[i].name = i == 0 ? "spring" : "summer";
      models[i].type = "PMML";
      models[i].data = bytes_of("examples/serving/models/" + models[i].name + ".pmml");
    }
    weir::Pipeline pipeline({.name = "machines"});
    pipeline.enable_checkpointing({.directory = job()});
    auto stream =
        pipeline.from_source(weir::vector_source(readings)).uid("readings").key_by([](const Reading& reading) {
          return reading.machine;
        });
    auto model_stream =
        pipeline.from_source(weir::vector_source(models)).uid("models").key_by([](const weir::ModelRecord& model) {
          return model.key;
        });
    auto features = weir::features<Reading>()
                        .number("temperature", [](const Reading& reading) { return reading.temperature; })
                        .number("vibration", [](const Reading& reading) { return reading.vibration; });
    weir::SpeculationOptions options{
        .members = {{.name = "spring", .quality = 0.9, .outputs = {"probability(1)"}, .wait_for_model = true},
                    {.name = "summer", .quality = 0.5, .outputs = {"probability(0)"}, .wait_for_model = true}},
        .policies = {weir::median()},
        .deadline = std::chrono::hours(1)};
    auto answers =
        weir::speculate(stream, model_stream, weir::Speculation<Reading>({weir::pmml_runtime()}, features, options))
            .uid("risk");
    answers.sink_to(weir::for_each_sink<weir::Speculated<Reading>>([](const weir::Speculated<Reading>&) {}))
        .uid("risks");
    weir::archive(answers).uid("archive");
    const weir::Status outcome = pipeline.run();
    ASSERT_TRUE(outcome.is_ok()) << outcome.to_string();
  }
  [[nodiscard]] std::string job() const { return directory_.file("job"); }
  void expect_in(const std::string& part) const {
    EXPECT_NE(out_.str().find(part), std::string::npos) << part << " in\n" << out_.str();
  }

  const TemporaryDirectory directory_;
  std::ostringstream out_;
};

TEST_F(JobOfSeveralModels, IsReplayedInVotesAndDecisions) {
  const auto outcome = replay({.directory = job()}, {weir::pmml_runtime()}, out_);
  ASSERT_TRUE(outcome.is_ok()) << outcome.status().to_string();
  EXPECT_TRUE(*outcome);
  expect_in("10 records: 10 scored by 2 versions");
  expect_in("10 decisions derived again, 0 by policies that are code");
  expect_in("ok every score is the same again, bit by bit");
}

TEST_F(JobOfSeveralModels, IsComparedWithAModelInPlaceOfOne) {
  const std::string summer = "examples/serving/models/summer.pmml";
  const auto outcome =
      replay({.directory = job(), .name = "spring", .model_file = summer}, {weir::pmml_runtime()}, out_);
  ASSERT_TRUE(outcome.is_ok()) << outcome.status().to_string();
  expect_in("decisions: 10 of 10 are others; 0 would have waited");
  expect_in("vote of 'spring'");
  EXPECT_FALSE(replay({.directory = job(), .model_file = summer}, {weir::pmml_runtime()}, out_).is_ok())
      << "which of the two does it replace?";
}

TEST_F(JobOfSeveralModels, IsAuditedWithEveryVote) {
  const auto outcome = audit({.directory = job(), .key = "press", .position = "6"}, {weir::pmml_runtime()}, out_);
  ASSERT_TRUE(outcome.is_ok()) << outcome.status().to_string();
  EXPECT_TRUE(*outcome);
  for (const char* part :
       {"press position 6", "input temperature = 76", "answered by policy 'median': 0.", "vote of 'spring' version 1",
        "vote of 'summer' version 1", "the same again, bit by bit", "the votes give the same answer again"})
    expect_in(part);
}

}  // namespace
}  // namespace weirctl
