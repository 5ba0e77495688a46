// The demo from outside, as people run it. Needs WEIR_FLIGHTS_DATA, the directory that fetch.sh filled (./dev test sets
// it). Runs in processes of their own, so that they can be killed.

#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/json.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <sstream>

#include "examples/flights/demo_process.hpp"
#include "support/http_client.hpp"

namespace flights {
namespace {

namespace json = boost::json;
using test::DemoProcess;

constexpr std::size_t kFlights = 336'776;

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class Demo : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("WEIR_FLIGHTS_DATA");
    if (data == nullptr) GTEST_SKIP() << "WEIR_FLIGHTS_DATA is not set";
    data_ = data;
    directory_ = testing::TempDir() + "flights-demo-" + std::to_string(::getpid());
    std::filesystem::remove_all(directory_);
  }
  void TearDown() override {
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  [[nodiscard]] std::vector<std::string> command(const std::vector<std::string>& arguments) const {
    std::vector<std::string> line = {FLIGHTS_DEMO, "--data", data_, "--directory", directory_};
    line.insert(line.end(), arguments.begin(), arguments.end());
    return line;
  }
  // Runs to the end and gives the summary.
  json::object summary(std::vector<std::string> arguments) {
    const std::string file = directory_ + ".json";
    arguments.insert(arguments.end(), {"--quiet", "--json", file});
    DemoProcess demo(command(arguments));
    const int code = demo.wait();
    EXPECT_EQ(code, 0) << demo.output();
    if (code != 0) return {};
    json::object summary = json::parse(read_file(file)).as_object();
    std::filesystem::remove(file);
    return summary;
  }

  std::string data_;
  std::string directory_;
};

TEST_F(Demo, PutsOutTheSameAtAnyParallelismAndBatchSize) {
  struct Setting {
    const char* parallelism;
    const char* batch_size;
  };
  constexpr Setting kSettings[] = {{"1", "256"}, {"2", "256"}, {"5", "256"}, {"1", "3"}, {"2", "3"},
                                   {"5", "3"},   {"1", "1"},   {"2", "1"},   {"5", "1"}};
  std::string expected;
  for (const Setting& setting : kSettings) {
    const json::object found = summary({"--speed", "max", "--until", "2013-03-15", "--parallelism", setting.parallelism,
                                        "--batch-size", setting.batch_size});
    ASSERT_FALSE(found.empty());
    const std::string sha256(found.at("output_sha256").as_string());
    if (expected.empty()) expected = sha256;
    EXPECT_EQ(sha256, expected) << "parallelism " << setting.parallelism << ", batches of " << setting.batch_size;
    EXPECT_EQ(found.at("lost").to_number<int>(), 0);
    EXPECT_EQ(found.at("doubled").to_number<int>(), 0);
  }
}

class DemoYear : public Demo, public testing::WithParamInterface<const char*> {};

// ONNX and TensorFlow hold the logistic regressions of `lr`; ONNX computes as floats.
std::string oracle_of(const std::string& kind) { return kind == "boosting" ? kind : "lr"; }
double tolerance_of(const std::string& kind) { return kind == "onnx" ? 1e-6 : 1e-9; }

TEST_P(DemoYear, AgreesWithScikitLearnInEveryMonth) {
  const json::object found = summary({"--speed", "max", "--models", GetParam()});
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.at("records_in").to_number<std::size_t>(), kFlights);
  EXPECT_EQ(found.at("records_out").to_number<std::size_t>(), kFlights);
  EXPECT_EQ(found.at("swaps").to_number<int>(), 33);
  EXPECT_EQ(found.at("refused").to_number<int>(), 2);
  const json::value oracle =
      json::parse(read_file("examples/flights/expected/summary-" + oracle_of(GetParam()) + ".json"));
  const auto compare = [](const json::object& ours, const json::object& theirs) {
    for (const char* name : {"auc_live", "auc_frozen", "brier_live", "brier_frozen"}) {
      if (!theirs.contains(name)) {
        EXPECT_TRUE(ours.at(name).is_null()) << name;
        continue;
      }
      EXPECT_NEAR(ours.at(name).to_number<double>(), theirs.at(name).to_number<double>(), tolerance_of(GetParam()))
          << name;
    }
  };
  compare(found, oracle.as_object());
  const json::array& months = oracle.at("months").as_array();
  ASSERT_EQ(found.at("months").as_array().size(), months.size());
  for (std::size_t i = 0; i < months.size(); ++i) {
    SCOPED_TRACE("month " + std::to_string(i + 1));
    const json::object& ours = found.at("months").as_array()[i].as_object();
    compare(ours, months[i].as_object());
    for (const char* name : {"month", "requests", "labelled"})
      EXPECT_EQ(ours.at(name).to_number<int>(), months[i].at(name).to_number<int>()) << name;
    EXPECT_EQ(ours.at("version"), months[i].at("version"));
  }
}

INSTANTIATE_TEST_SUITE_P(Models, DemoYear, testing::Values("lr", "boosting"));
#ifdef WEIR_TEST_ONNX
INSTANTIATE_TEST_SUITE_P(OnnxRuntime, DemoYear, testing::Values("onnx"));
#endif
#ifdef WEIR_TEST_TENSORFLOW
INSTANTIATE_TEST_SUITE_P(TensorFlow, DemoYear, testing::Values("tensorflow"));
#endif

// Each run is killed up to five times, wherever it happens to be: starting, restoring, writing a checkpoint, ending.
TEST_F(Demo, SurvivesTwentyKillsAtRandomMoments) {
  constexpr int kKills = 20;
  constexpr int kMostRuns = 16;
  std::random_device random;
  int kills = 0;
  for (int run = 0; run < kMostRuns && kills < kKills; ++run) {
    const std::string seed = std::to_string(random());
    SCOPED_TRACE("--seed " + seed);
    DemoProcess demo(command({"--until", "2013-03-10", "--speed", "40", "--kill", "5", "--seed", seed, "--quiet",
                              "--checkpoint-interval", "100"}));
    const int code = demo.wait();
    ASSERT_EQ(code, 0) << demo.output();
    const std::size_t at = demo.output().find("killed ");
    ASSERT_NE(at, std::string::npos) << demo.output();
    kills += std::atoi(demo.output().c_str() + at + 7);
  }
  EXPECT_GE(kills, kKills);
}

// The live model of JFK, as GET /v1/models/JFK has it: `name version`; empty when there is none.
std::string current_model(weir::test::HttpClient& client) {
  const auto reply = client.get("/v1/models/JFK?uid=score-live");
  if (!reply.is_ok() || reply->status != 200) return {};
  const json::value answer = json::parse(reply->body);
  const json::value& current = answer.at("operators").at(0).at("serving").at("models").at("current");
  if (current.is_null()) return {};
  return std::string(current.at("name").as_string()) + ' ' + std::to_string(current.at("version").as_int64());
}

// Asks until the model is (or is not) what is said; the job moves on meanwhile. Bounded by its end: then there is no
// answer.
bool wait_for_model(weir::test::HttpClient& client, const std::string& prefix) {
  while (true) {
    const auto ready = client.get("/readyz");
    if (!ready.is_ok() || ready->status != 200) return false;
    if (current_model(client).starts_with(prefix)) return true;
  }
}

TEST_F(Demo, TakesModelsAndOrdersOverHttpWhileItRunsAndGoesOnAfterAStop) {
  std::uint16_t port = 0;
  {
    DemoProcess demo(command({"--speed", "3", "--until", "2013-04-01"}));
    ASSERT_TRUE(demo.read_until("HTTP: http://127.0.0.1:")) << demo.output();
    const std::string mark = "HTTP: http://127.0.0.1:";
    port = static_cast<std::uint16_t>(std::atoi(demo.output().c_str() + demo.output().find(mark) + mark.size()));
    weir::test::HttpClient client(port);
    const auto posted = client.post("/v1/models?key=JFK&name=posted&effective_at=2013-01-01T00:00:00Z",
                                    read_file("examples/flights/models/boosting/2013-02.pmml"), "application/xml");
    ASSERT_TRUE(posted.is_ok()) << posted.status().to_string();
    ASSERT_EQ(posted->status, 202) << posted->body;
    ASSERT_TRUE(wait_for_model(client, "posted 1")) << demo.output();

    const auto broken = client.post("/v1/models?key=JFK&name=posted&effective_at=2013-01-01T00:00:00Z",
                                    read_file("examples/flights/models/broken.pmml"), "application/xml");
    ASSERT_TRUE(broken.is_ok());
    EXPECT_EQ(broken->status, 202) << broken->body;
    const auto retired = client.post("/v1/models/JFK/retire?effective_at=2013-01-01T00:00:00Z", "");
    ASSERT_TRUE(retired.is_ok());
    EXPECT_EQ(retired->status, 202) << retired->body;
    while (!current_model(client).empty()) {
    }
    const auto models = client.get("/v1/models");
    ASSERT_TRUE(models.is_ok());
    EXPECT_EQ(models->status, 200);
    EXPECT_NE(models->body.find("line 209: no element found"), std::string::npos) << models->body;
    const auto states = client.get("/v1/state");
    ASSERT_TRUE(states.is_ok());
    EXPECT_NE(states->body.find("by-month"), std::string::npos) << states->body;
    const auto waiting = client.get("/v1/state/evaluate/waiting?limit=1");
    ASSERT_TRUE(waiting.is_ok());
    EXPECT_EQ(waiting->status, 200) << waiting->body;
    EXPECT_EQ(client.get("/v1/state/quality/no-such-state")->status, 404);
    const auto checkpoint = client.post("/v1/checkpoints", "");
    ASSERT_TRUE(checkpoint.is_ok());
    EXPECT_EQ(checkpoint->status, 200) << checkpoint->body;
    const auto stopped = client.post("/v1/stop", "");
    ASSERT_TRUE(stopped.is_ok());
    EXPECT_EQ(stopped->status, 202) << stopped->body;
    EXPECT_EQ(demo.wait(), 130) << demo.output();
  }
  // Without the posted model's order the rest would be scored by February's.
  const json::object found = summary({"--speed", "max", "--until", "2013-04-01"});
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.at("lost").to_number<int>(), 0);
  EXPECT_EQ(found.at("doubled").to_number<int>(), 0);
  EXPECT_GE(found.at("refused").to_number<int>(), 1);
}

TEST_F(Demo, SaysWhatIsWrongWithItsCommandLine) {
  DemoProcess demo(command({"--models", "forest"}));
  EXPECT_EQ(demo.wait(), 2);
  EXPECT_NE(demo.output().find("--models is 'forest'; it must be lr, pmml, boosting, onnx or tensorflow"),
            std::string::npos)
      << demo.output();
}

TEST_F(Demo, SaysHowToGetTheDataWhenItIsMissing) {
  std::filesystem::create_directories(directory_);
  DemoProcess demo({FLIGHTS_DEMO, "--data", directory_, "--directory", directory_});
  EXPECT_EQ(demo.wait(), 1);
  EXPECT_NE(demo.output().find("./dev setup fetches the data"), std::string::npos) << demo.output();
}

}  // namespace
}  // namespace flights
