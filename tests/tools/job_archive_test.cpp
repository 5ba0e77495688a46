#include "tools/weirctl/job_archive.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

#include <gtest/gtest.h>

#include <weir/archive.hpp>
#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>
#include <weir/serving.hpp>

#include "support/temporary_directory.hpp"

namespace weirctl {
namespace {

using weir::testing_support::TemporaryDirectory;

struct Reading {
  std::string machine;
  double temperature = 0;
  double vibration = 0;
};

constexpr const char* kModels = "examples/serving/models/";

std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

weir::Timestamp at(std::int64_t micros) { return weir::Timestamp{weir::Duration{micros}}; }

/// A job that served ten readings of a machine: four without a model, six by version 1. Version 2 never scored.
class JobArchive : public ::testing::Test {
 protected:
  void SetUp() override {
    weir::Pipeline pipeline({.name = "machines"});
    pipeline.enable_checkpointing({.directory = job()});
    std::vector<Reading> readings;
    for (int i = 0; i < 10; ++i) readings.push_back({"press/1", 70.0 + i, 0.5 * i});
    std::vector<weir::ModelRecord> models(2);
    for (int i = 0; i < 2; ++i) {
      models[i].key = "press/1";
      models[i].name = "risk";
      models[i].type = "PMML";
      models[i].version = i + 1;
      models[i].data = bytes_of(std::string(kModels) + (i == 0 ? "spring.pmml" : "summer.pmml"));
      models[i].effective_at = at(i == 0 ? 74 : 1000);
    }
    auto stream =
        pipeline
            .from_source(weir::vector_source(
                readings, [](const Reading& reading) { return at(static_cast<std::int64_t>(reading.temperature)); }))
            .uid("readings")
            .key_by([](const Reading& reading) { return reading.machine; });
    auto model_stream = pipeline
                            .from_source(weir::vector_source(
                                models, [](const weir::ModelRecord& model) { return *model.effective_at; }))
                            .uid("models")
                            .key_by([](const weir::ModelRecord& model) { return model.key; });
    auto features = weir::features<Reading>()
                        .number("temperature", [](const Reading& reading) { return reading.temperature; })
                        .number("vibration", [](const Reading& reading) { return reading.vibration; });
    weir::ServeOptions options{.effect = weir::ModelEffect::kEventTime, .outputs = {"probability(1)"}};
    auto scores = stream.connect(model_stream)
                      .co_process(weir::ServeModel<Reading>({weir::pmml_runtime()}, features, options))
                      .uid("risk");
    scores.sink_to(weir::for_each_sink<weir::Scored<Reading>>([](const weir::Scored<Reading>&) {})).uid("risks");
    weir::archive(scores).uid("archive");
    const weir::Status outcome = pipeline.run();
    ASSERT_TRUE(outcome.is_ok()) << outcome.to_string();
  }
  [[nodiscard]] std::string job() const { return directory_.file("job"); }

  struct Printed {
    weir::Result<bool> outcome = false;
    std::string text;
  };
  [[nodiscard]] Printed replayed(ReplayRequest request) const {
    request.directory = job();
    std::ostringstream out;
    Printed printed;
    printed.outcome = replay(request, {weir::pmml_runtime()}, out);
    printed.text = out.str();
    return printed;
  }
  [[nodiscard]] Printed audited(AuditRequest request) const {
    request.directory = job();
    request.key = "press/1";
    std::ostringstream out;
    Printed printed;
    printed.outcome = audit(request, {weir::pmml_runtime()}, out);
    printed.text = out.str();
    return printed;
  }

  const TemporaryDirectory directory_;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_F(JobArchive, EveryScoreIsTheSameAgain) {
  const Printed text = replayed({});
  ASSERT_TRUE(text.outcome.is_ok()) << text.outcome.status().to_string();
  EXPECT_TRUE(*text.outcome);
  EXPECT_TRUE(has(text.text, "10 records: 6 scored by 1 versions, 4 without a model; ")) << text.text;
  EXPECT_TRUE(has(text.text, "ok every score is the same again, bit by bit")) << text.text;
  const Printed json = replayed({.key = "press/1", .json = true});
  EXPECT_TRUE(has(json.text, R"("scored":6,"without_model":4,"different":0)")) << json.text;
  EXPECT_TRUE(has(replayed({.key = "nobody"}).text, "0 records")) << "no such key, no differences";
}

TEST_F(JobArchive, AnotherVersionAndAnotherModelAreCompared) {
  const Printed version = replayed({.version = 2, .worst_rows = 3});
  ASSERT_TRUE(version.outcome.is_ok()) << version.outcome.status().to_string();
  EXPECT_TRUE(has(version.text, "10 records: 6 answered by both, 0 only before, 4 only after")) << version.text;
  EXPECT_TRUE(has(version.text, "numbers: 0 of 6 the same bit by bit")) << version.text;
  const std::string rows = version.text.substr(version.text.find("largest differences"));
  EXPECT_EQ(std::count(rows.begin(), rows.end(), '\n'), 4) << rows;
  const Printed same = replayed({.model_file = std::string(kModels) + "spring.pmml"});
  ASSERT_TRUE(same.outcome.is_ok()) << same.outcome.status().to_string();
  EXPECT_TRUE(has(same.text, "numbers: 6 of 6 the same bit by bit")) << same.text;
  EXPECT_FALSE(has(same.text, "largest differences")) << same.text;
  EXPECT_FALSE(replayed({.model_file = std::string(kModels) + "wrong-input.pmml"}).outcome.is_ok());
  EXPECT_FALSE(replayed({.version = 3}).outcome.is_ok());
  EXPECT_FALSE(replayed({.version = 2, .model_file = "x"}).outcome.is_ok());
  EXPECT_FALSE(replayed({.topic = "models"}).outcome.is_ok());
}

TEST_F(JobArchive, ARecordIsAudited) {
  const Printed scored = audited({.position = "6", .version = "2"});
  ASSERT_TRUE(scored.outcome.is_ok()) << scored.outcome.status().to_string();
  EXPECT_TRUE(*scored.outcome);
  for (const char* part :
       {"press/1 position 6 time 1970-01-01T00:00:00.000076Z", "scored by 'risk' version 1", "path current, status ok",
        "input temperature = 76", "the same again, bit by bit", "version 2 says: "})
    EXPECT_TRUE(has(scored.text, part)) << part << " in\n" << scored.text;
  const Printed early = audited({.time = "71"});
  EXPECT_TRUE(has(early.text, "met no model")) << early.text;
  const Printed none = audited({.position = "77", .json = true});
  ASSERT_TRUE(none.outcome.is_ok());
  EXPECT_FALSE(*none.outcome);
  EXPECT_TRUE(has(none.text, R"("records":[],"complete":true)")) << none.text;
  EXPECT_FALSE(audited({}).outcome.is_ok());
  EXPECT_FALSE(audited({.position = "1", .time = "1"}).outcome.is_ok());
  EXPECT_FALSE(audited({.position = "-1"}).outcome.is_ok());
  EXPECT_FALSE(audited({.time = "yesterday"}).outcome.is_ok());
  EXPECT_FALSE(audited({.position = "6", .version = "two"}).outcome.is_ok());
  EXPECT_FALSE(audited({.position = "6", .version = "0"}).outcome.is_ok());
  EXPECT_FALSE(audited({.position = "6", .version = "9"}).outcome.is_ok());
}

}  // namespace
}  // namespace weirctl
