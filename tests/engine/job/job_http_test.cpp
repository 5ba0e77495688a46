// The engine's own HTTP paths about the job, asked by a real client while records flow, while it stops, and when it has
// failed.

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "engine/job/job_http_fixture.hpp"

namespace weir::test {
namespace {

// Every line is a comment or `name{labels} value`, every sample follows the TYPE of its family, no series comes twice.
void expect_prometheus_text(const std::string& text, std::map<std::string, double>& samples) {
  std::istringstream lines(text);
  std::set<std::string> typed;
  std::string current;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# TYPE ")) {
      current = line.substr(7, line.find(' ', 7) - 7);
      EXPECT_TRUE(typed.insert(current).second) << "a family comes once: " << current;
      continue;
    }
    if (line.starts_with("# HELP ")) continue;
    const std::size_t end = line.rfind(' ');
    ASSERT_NE(end, std::string::npos) << line;
    const std::string series = line.substr(0, end);
    EXPECT_EQ(series.substr(0, series.find('{')), current) << line;
    std::size_t parsed = 0;
    const double value = std::stod(line.substr(end + 1), &parsed);
    EXPECT_EQ(parsed, line.size() - end - 1) << line;
    EXPECT_TRUE(samples.emplace(series, value).second) << "a series comes once: " << series;
  }
}

TEST_F(JobHttp, SaysHowTheJobIsWhileRecordsFlow) {
  start();
  tap_->open_to(1'000'000);
  seen_->wait_for(10'000);
  EXPECT_EQ(get("/healthz").status, 200);
  EXPECT_EQ(get_json("/readyz").at("ready").as_bool(), true);
  const json::value pipeline = get_json("/v1/pipeline");
  EXPECT_EQ(pipeline.at("job").as_string(), "asked");
  EXPECT_EQ(pipeline.at("state").as_string(), "running");
  ASSERT_EQ(pipeline.at("operators").as_array().size(), 4U);
  const json::value& keep = pipeline.at("operators").as_array()[1];
  EXPECT_EQ(keep.at("uid").as_string(), "keep");
  EXPECT_EQ(keep.at("name").as_string(), "keeper");
  EXPECT_GE(keep.at("records_in").as_int64(), 10'000 - 2 * 256);
  ASSERT_EQ(pipeline.at("edges").as_array().size(), 3U);
  EXPECT_EQ(pipeline.at("edges").as_array()[0].at("kind").as_string(), "hash");
  EXPECT_EQ(pipeline.at("edges").as_array()[2].at("side_output").as_string(), "even");
  EXPECT_EQ(pipeline.at("tasks").as_array().size(), 6U);
}

TEST_F(JobHttp, MetricsAreWhatPrometheusReads) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  ASSERT_TRUE(job_->checkpoint().is_ok());
  const HttpClientReply reply = get("/metrics");
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.header("content-type").starts_with("text/plain; version=0.0.4")) << reply.header("content-type");
  std::map<std::string, double> samples;
  expect_prometheus_text(reply.body, samples);
  EXPECT_EQ(samples.at("weir_job_up{job=\"asked\"}"), 1);
  EXPECT_EQ(samples.at("weir_checkpoint_last_id"), 1);
  EXPECT_EQ(samples.at("weir_operator_records_in_total{uid=\"keep\",kind=\"process\"}"), 800);
  EXPECT_EQ(samples.at("weir_operator_keeps_total{uid=\"keep\",task=\"1\"}"), 0);
  EXPECT_NEAR(samples.at("weir_operator_watermark_seconds{uid=\"keep\",kind=\"process\"}"), 99e-6, 1e-9);
}
TEST_F(JobHttp, TakesAndListsCheckpoints) {
  start();
  tap_->open_to(1000);
  const HttpClientReply taken = post("/v1/checkpoints");
  ASSERT_EQ(taken.status, 200) << taken.body;
  const json::value info = json::parse(taken.body);
  EXPECT_EQ(info.at("id").as_int64(), 1);
  EXPECT_GT(info.at("bytes").as_int64(), 0);
  const json::value all = get_json("/v1/checkpoints");
  ASSERT_EQ(all.at("checkpoints").as_array().size(), 1U);
  EXPECT_EQ(all.at("checkpoints").as_array()[0], info);
}

TEST_F(JobHttp, DrainsAndGoesOnAnsweringWhenItHasEnded) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  EXPECT_EQ(post("/v1/stop?drain=perhaps").status, 400);
  EXPECT_EQ(post("/v1/stop?drain=true").status, 202);
  EXPECT_TRUE(job_->wait().is_ok());
  EXPECT_EQ(job_->status().state, JobStatus::State::kFinished);
  EXPECT_EQ(get_json("/healthz").at("state").as_string(), "finished");
  expect_error("/readyz", 503, "unavailable");
  expect_error("/v1/state/keep/sum/7", 503, "unavailable");
  expect_error("/v1/state/keep/sum", 503, "unavailable");
  expect_error("/v1/state", 503, "unavailable");
  EXPECT_EQ(post("/v1/checkpoints").status, 503);
  EXPECT_EQ(get_json("/v1/pipeline").at("state").as_string(), "finished");
  EXPECT_EQ(get("/metrics").status, 200);
  EXPECT_EQ(get_json("/v1/checkpoints").at("checkpoints").as_array().size(), 1U);
  EXPECT_EQ(post("/v1/stop").status, 202) << "stopping what has stopped changes nothing";
}

TEST_F(JobHttp, StopsByRequestAndIsGoneOnWhereItWas) {
  start();
  tap_->open_to(1'000'000);
  seen_->wait_for(1000);
  EXPECT_EQ(post("/v1/stop").status, 202);
  EXPECT_TRUE(job_->wait().is_ok());
  EXPECT_EQ(job_->status().state, JobStatus::State::kStopped);
  expect_error("/readyz", 503, "unavailable");
}

// Asks all the time while the job runs, stops, restarts its attempt and fails: every request gets an answer.
TEST_F(JobHttp, EveryRequestIsAnsweredWhileTheJobFailsAndRestarts) {
  auto fail = std::make_shared<std::atomic<int>>(0);
  Pipeline pipeline({.name = "asked",
                     .parallelism = 2,
                     .restart = {.attempts = 1000,
                                 .initial_backoff = std::chrono::milliseconds(1),
                                 .max_backoff = std::chrono::milliseconds(1)}});
  pipeline.enable_checkpointing({.directory = directory_.path() + "/job", .interval = std::chrono::milliseconds(5)});
  pipeline.serve_http({});
  Keep keep;
  keep.seen = seen_;
  pipeline.from_source(tap_source(tap_))
      .uid("tap")
      .map([fail](Number value) {
        if (fail->load() > 0 && fail->fetch_sub(1) > 0) throw std::runtime_error("planned");
        return value;
      })
      .uid("map")
      .key_by([](Number value) { return value % 16; })
      .process(keep)
      .uid("keep")
      .sink_to(for_each_sink<Number>([](const Number&) {}))
      .uid("sink");
  Result<Job> started = pipeline.start();
  ASSERT_TRUE(started.is_ok()) << started.status().to_string();
  job_.emplace(std::move(*started));
  tap_->open_to(100);
  std::atomic<bool> done{false};
  std::vector<std::thread> askers;
  std::mutex mutex;
  std::map<std::string, std::set<int>> statuses;
  for (const std::string path : {"/v1/state/keep/sum/3", "/v1/state/keep/sum/3?consistency=checkpoint",
                                 "/v1/state/keep/sum", "/v1/state", "/metrics", "/readyz"})
    askers.emplace_back([&, path] {
      HttpClient client(job_->http_port());
      while (!done) {
        const Result<HttpClientReply> reply = client.get(path);
        ASSERT_TRUE(reply.is_ok()) << path << ": " << reply.status().to_string();
        const std::lock_guard lock(mutex);
        statuses[path].insert(reply->status);
      }
    });
  for (int round = 1; round <= 10; ++round) {
    const std::uint32_t restarts = job_->status().restarts;
    fail->store(1);
    tap_->open_to(100 + round * 100);
    while (job_->status().restarts == restarts) std::this_thread::yield();
    while (job_->status().state != JobStatus::State::kRunning) std::this_thread::yield();
  }
  ASSERT_TRUE(job_->stop().is_ok());
  done = true;
  for (std::thread& asker : askers) asker.join();
  for (const auto& [path, seen] : statuses)
    for (const int status : seen)
      EXPECT_TRUE(status == 200 || status == 404 || status == 503) << path << ": " << status;
  EXPECT_EQ(statuses["/metrics"], std::set<int>{200});
}

TEST_F(JobHttp, AFailedJobSaysSo) {
  Pipeline pipeline({.name = "fails"});
  pipeline.serve_http({});
  pipeline.from_source(tap_source(tap_))
      .uid("tap")
      .map([](Number) -> Number { throw std::runtime_error("planned"); })
      .uid("map")
      .sink_to(for_each_sink<Number>([](const Number&) {}));
  Result<Job> started = pipeline.start();
  ASSERT_TRUE(started.is_ok());
  job_.emplace(std::move(*started));
  client_.emplace(job_->http_port());
  tap_->open_to(1);
  EXPECT_FALSE(job_->wait().is_ok());
  EXPECT_EQ(get("/healthz").status, 500);
  expect_error("/readyz", 503, "unavailable");
  const json::value said = get_json("/v1/pipeline");
  EXPECT_EQ(said.at("state").as_string(), "failed");
  EXPECT_NE(said.at("fault").as_string().find("operator 'map' task 0"), json::string::npos);
  expect_error("/v1/state/tap/x/7", 503, "unavailable");
  EXPECT_EQ(post("/v1/checkpoints").status, 503);
  std::map<std::string, double> samples;
  expect_prometheus_text(get("/metrics").body, samples);
  EXPECT_EQ(samples.at("weir_job_up{job=\"fails\"}"), 0);
}

}  // namespace
}  // namespace weir::test
