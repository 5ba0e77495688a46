// The engine's own HTTP paths, asked by a real client while records flow, while the job stops, and when it has failed.

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include <algorithm>
#include <atomic>
#include <limits>
#include <set>
#include <sstream>
#include <thread>

#include <weir/memory_sink.hpp>
#include <weir/pipeline.hpp>

#include "support/http_client.hpp"
#include "support/tap.hpp"
#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using test::Counter;
using test::HttpClient;
using test::HttpClientReply;
using test::Tap;
using test::tap_source;
using testing_support::TemporaryDirectory;

using Number = std::int64_t;
namespace json = boost::json;

const SideOutput<Number> kEven{"even"};

// Records from `first` on hold up their task until somebody adds to `left`.
struct Gate {
  std::atomic<Number> first{std::numeric_limits<Number>::max()};
  Counter entered;
  Counter left;
};

// Keeps a queryable sum and map per key, and a state that is not queryable.
struct Keep : ProcessFunction<Number, Number, Number> {
  ValueState<Number> sum;
  ValueState<Number> hidden;
  MapState<Number, Number> last;
  std::shared_ptr<Counter> seen;
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  void open(OpenContext<Number>& context) {
    sum = context.value_state<Number>({.name = "sum", .queryable = true});
    hidden = context.value_state<Number>({.name = "hidden"});
    last = context.map_state<Number, Number>({.name = "last", .queryable = true});
    context.metric("keeps_total").set(0);
  }
  void process(const Number& value, ProcessContext<Number>& context, Collector<Number>& out) {
    if (value >= gate->first) {
      gate->entered.add();
      gate->left.wait_for(1);
    }
    sum.mutate() += 1;
    hidden.mutate() = value;
    last.put(value % 2, value);
    if (value % 2 == 0) context.side(kEven, value);
    out.collect(value);
    seen->add();
  }
};

class JobHttp : public ::testing::Test {
 protected:
  // 16 keys: the numbers modulo 16.
  [[nodiscard]] Pipeline build(bool checkpoints = true, std::uint32_t parallelism = 2) const {
    Pipeline pipeline({.name = "asked", .parallelism = parallelism, .max_parallelism = 16});
    if (checkpoints)
      pipeline.enable_checkpointing(
          {.directory = directory_.path() + "/job", .interval = std::chrono::milliseconds(0)});
    pipeline.serve_http({});
    Keep keep;
    keep.seen = seen_;
    keep.gate = gate_;
    auto kept = pipeline.from_source(tap_source(tap_))
                    .uid("tap")
                    .key_by([](Number value) { return value % 16; })
                    .process(keep)
                    .uid("keep");
    kept.name("keeper").sink_to(for_each_sink<Number>([](const Number&) {})).uid("sink");
    kept.side_output(kEven).sink_to(for_each_sink<Number>([](const Number&) {})).uid("evens");
    return pipeline;
  }
  void start(bool checkpoints = true, std::uint32_t parallelism = 2) {
    Result<Job> started = build(checkpoints, parallelism).start();
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    job_.emplace(std::move(*started));
    client_.emplace(job_->http_port());
  }
  HttpClientReply get(const std::string& path) { return ask("GET", path); }
  HttpClientReply post(const std::string& path) { return ask("POST", path); }
  HttpClientReply ask(const std::string& method, const std::string& path) {
    Result<HttpClientReply> reply = client_->request(method, path);
    EXPECT_TRUE(reply.is_ok()) << method << " " << path << ": " << reply.status().to_string();
    return reply.is_ok() ? *reply : HttpClientReply{};
  }
  json::value get_json(const std::string& path, int status = 200) {
    const HttpClientReply reply = get(path);
    EXPECT_EQ(reply.status, status) << path << ": " << reply.body;
    boost::system::error_code error;
    json::value value = json::parse(reply.body, error);
    EXPECT_FALSE(error) << path << ": " << reply.body;
    return error ? json::value(json::object()) : value;
  }
  void expect_error(const std::string& path, int status, const std::string& code) {
    const json::value value = get_json(path, status);
    ASSERT_TRUE(value.is_object() && value.as_object().contains("error")) << json::serialize(value);
    EXPECT_EQ(value.at("error").at("code").as_string(), code) << json::serialize(value);
  }

  const TemporaryDirectory directory_;
  std::shared_ptr<Tap> tap_ = std::make_shared<Tap>();
  std::shared_ptr<Counter> seen_ = std::make_shared<Counter>();
  std::shared_ptr<Gate> gate_ = std::make_shared<Gate>();
  std::optional<Job> job_;
  std::optional<HttpClient> client_;
};

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

TEST_F(JobHttp, ListsStatesAndPagesThroughKeys) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  const json::value states = get_json("/v1/state");
  std::map<std::string, bool> queryable;
  for (const json::value& state : states.at("states").as_array())
    queryable[std::string(state.at("uid").as_string()) + "/" + std::string(state.at("state").as_string())] =
        state.at("queryable").as_bool();
  EXPECT_EQ(queryable, (std::map<std::string, bool>{
                           {"keep/hidden", false}, {"keep/last", true}, {"keep/sum", true}, {"keep/timers", false}}));

  for (const int limit : {1, 3, 100}) {
    std::map<std::string, Number> entries;
    std::string cursor;
    int pages = 0;
    do {
      const json::value page =
          get_json("/v1/state/keep/sum?limit=" + std::to_string(limit) + (cursor.empty() ? "" : "&cursor=" + cursor));
      EXPECT_LE(page.at("entries").as_array().size(), static_cast<std::size_t>(limit));
      for (const json::value& entry : page.at("entries").as_array())
        EXPECT_TRUE(entries.emplace(entry.at("key").as_string(), entry.at("value").as_int64()).second)
            << "a key comes once";
      EXPECT_TRUE(page.at("position").as_object().contains("sources"));
      cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
      ASSERT_LT(++pages, 100);
    } while (!cursor.empty());
    EXPECT_EQ(entries.size(), 16U) << "limit " << limit;
    for (const auto& [key, value] : entries) EXPECT_EQ(value, 50) << key;
  }
  std::set<std::string> with_prefix;
  std::string cursor;
  do {
    const json::value page = get_json("/v1/state/keep/sum?prefix=1" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const json::value& entry : page.at("entries").as_array())
      with_prefix.insert(std::string(entry.at("key").as_string()));
    cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(with_prefix, (std::set<std::string>{"1", "10", "11", "12", "13", "14", "15"}));
}

TEST_F(JobHttp, AnswersForOneKeyAndRefusesWhatIsNotThere) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  const json::value value = get_json("/v1/state/keep/sum/7");
  EXPECT_EQ(value.at("uid").as_string(), "keep");
  EXPECT_EQ(value.at("state").as_string(), "sum");
  EXPECT_EQ(value.at("key").as_string(), "7");
  EXPECT_EQ(value.at("value").as_int64(), 50);
  EXPECT_EQ(value.at("position").at("sources").at("tap").as_int64(), 800);
  EXPECT_EQ(get_json("/v1/state/keep/last/7").at("value"), (json::value{{"1", 791}}));

  expect_error("/v1/state/keep/sum/99", 404, "not_found");
  expect_error("/v1/state/keep/sum/seven", 400, "invalid_argument");
  expect_error("/v1/state/keep/nothing/7", 404, "not_found");
  expect_error("/v1/state/keep/nothing", 404, "not_found");
  expect_error("/v1/state/nobody/sum/7", 404, "not_found");
  expect_error("/v1/state/nobody/sum", 404, "not_found");
  expect_error("/v1/state/keep/hidden/7", 409, "failed_precondition");
  expect_error("/v1/state/keep/hidden", 409, "failed_precondition");
  expect_error("/v1/state/keep/sum?limit=0", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?limit=10001", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?limit=x", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?cursor=7", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?cursor=2:", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum/7?consistency=none", 400, "invalid_argument");
  expect_error("/v1/state/keep/sum?consistency=none", 400, "invalid_argument");
  expect_error("/v1/nothing", 404, "not_found");
  EXPECT_EQ(ask("DELETE", "/v1/pipeline").status, 405);
}

// After a restore every task can read what any task stored: only the owner knows what it is by now.
TEST_F(JobHttp, LiveAnswersComeFromTheOwnerAfterARestore) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  ASSERT_TRUE(job_->stop().is_ok());
  job_.reset();
  start();
  tap_->open_to(200);
  seen_->wait_for(1600);
  for (int key = 0; key < 16; ++key) {
    EXPECT_EQ(get_json("/v1/state/keep/sum/" + std::to_string(key)).at("value").as_int64(), 100) << key;
    EXPECT_EQ(get_json("/v1/state/keep/last/" + std::to_string(key)).at("value"),
              (json::value{{std::to_string(key % 2), 1584 + key}}))
        << key;
  }
}

// After a restore a key is in memory only when a record has asked for it; what is live is then what is stored.
TEST_F(JobHttp, LiveAnswersAreReadFromTheStoreWhenNoRecordHasAskedYet) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  ASSERT_TRUE(job_->stop().is_ok());
  job_.reset();
  tap_->open_to(0);
  start();
  for (int key = 0; key < 16; ++key) {
    const json::value answer = get_json("/v1/state/keep/sum/" + std::to_string(key));
    EXPECT_EQ(answer.at("value").as_int64(), 50) << key;
    EXPECT_TRUE(answer.at("position").as_object().contains("sources"))
        << "the position of the job, not of a checkpoint";
  }
  EXPECT_EQ(ask("GET", "/v1/state/keep/sum/99").status, 404);
  std::map<std::string, Number> entries;
  std::string cursor;
  do {
    const json::value page = get_json("/v1/state/keep/sum?limit=3" + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const json::value& entry : page.at("entries").as_array())
      entries.emplace(entry.at("key").as_string(), entry.at("value").as_int64());
    cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
  } while (!cursor.empty());
  EXPECT_EQ(entries.size(), 16U);
  for (const auto& [key, value] : entries) EXPECT_EQ(value, 50) << key;
}

// A source's position counts from the job's first start: what a restart replays does not count twice.
TEST_F(JobHttp, SourcePositionsGoOnAfterARestore) {
  const auto position = [this] {
    return get_json("/v1/state/keep/sum/7").at("position").at("sources").at("tap").as_int64();
  };
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  EXPECT_EQ(position(), 800);
  ASSERT_TRUE(job_->checkpoint().is_ok());
  tap_->open_to(150);
  seen_->wait_for(1200);
  EXPECT_EQ(position(), 1200);
  job_.reset();  // as by a crash: back to the checkpoint
  tap_->open_to(0);
  start(true, 5);
  EXPECT_EQ(position(), 800);
  tap_->open_to(200);
  seen_->wait_for(1200 + 800);
  EXPECT_EQ(position(), 1600);
}

// Keys of the second task only: the first page comes from there, and is not an empty one of the first.
TEST_F(JobHttp, APageIsEmptyOnlyWhenNothingFollows) {
  start();
  tap_->open_to(100);
  seen_->wait_for(800);
  for (int key = 0; key < 16; ++key) {
    // One key's text as the prefix: all but its owner have nothing.
    const json::value page = get_json("/v1/state/keep/sum?limit=1&prefix=" + std::to_string(key));
    ASSERT_EQ(page.at("entries").as_array().size(), 1U) << key;
  }
  const json::value none = get_json("/v1/state/keep/sum?prefix=nothing");
  EXPECT_TRUE(none.at("entries").as_array().empty());
  EXPECT_TRUE(none.at("next_cursor").is_null());
}

TEST_F(JobHttp, ListingsOfACheckpointShowItAndNothingLater) {
  start();
  const auto listing = [this](const std::string& state) {
    std::map<std::string, json::value> entries;
    std::string cursor;
    do {
      const json::value page = get_json("/v1/state/keep/" + state + "?consistency=checkpoint&limit=3" +
                                        (cursor.empty() ? "" : "&cursor=" + cursor));
      EXPECT_EQ(page.at("position").as_object().size(), 1U);
      EXPECT_EQ(page.at("position").at("checkpoint").as_int64(), 1);
      for (const json::value& entry : page.at("entries").as_array())
        EXPECT_TRUE(entries.emplace(entry.at("key").as_string(), entry.at("value")).second);
      cursor = page.at("next_cursor").is_null() ? "" : std::string(page.at("next_cursor").as_string());
    } while (!cursor.empty());
    return entries;
  };
  tap_->open_to(100);
  seen_->wait_for(800);
  const json::value before = get_json("/v1/state/keep/sum?consistency=checkpoint");
  EXPECT_TRUE(before.at("entries").as_array().empty());
  EXPECT_EQ(before.at("position").at("checkpoint").as_int64(), 0) << "none was taken";
  ASSERT_TRUE(job_->checkpoint().is_ok());
  tap_->open_to(200);
  seen_->wait_for(1600);
  const auto sums = listing("sum");
  EXPECT_EQ(sums.size(), 16U);
  for (const auto& [key, value] : sums) EXPECT_EQ(value.as_int64(), 50) << key;
  const auto last = listing("last");
  EXPECT_EQ(last.size(), 16U);
  EXPECT_EQ(last.at("7"), (json::value{{"1", 791}}));
}

TEST_F(JobHttp, CheckpointReadsNeverShowWhatACrashCouldRollBack) {
  start();
  const auto stored = [this](int key) {
    return get_json("/v1/state/keep/sum/" + std::to_string(key) + "?consistency=checkpoint");
  };
  tap_->open_to(100);
  seen_->wait_for(800);
  expect_error("/v1/state/keep/sum/7?consistency=checkpoint", 404, "not_found");
  ASSERT_TRUE(job_->checkpoint().is_ok());
  EXPECT_EQ(stored(7).at("value").as_int64(), 50);
  EXPECT_EQ(stored(7).at("position").at("checkpoint").as_int64(), 1);

  tap_->open_to(200);
  seen_->wait_for(1600);
  for (int key = 0; key < 16; ++key) {
    EXPECT_EQ(get_json("/v1/state/keep/sum/" + std::to_string(key)).at("value").as_int64(), 100) << "live";
    EXPECT_EQ(stored(key).at("value").as_int64(), 50) << "the checkpoint's";
  }
  EXPECT_EQ(get_json("/v1/state/keep/last/7?consistency=checkpoint").at("value"), (json::value{{"1", 791}}));
  // The crash: what was shown is what is there afterwards.
  job_.reset();
  tap_->open_to(0);
  start(true, 5);
  for (int key = 0; key < 16; ++key) {
    EXPECT_EQ(get_json("/v1/state/keep/sum/" + std::to_string(key)).at("value").as_int64(), 50);
    EXPECT_EQ(stored(key).at("value").as_int64(), 50);
    EXPECT_EQ(stored(key).at("position").at("checkpoint").as_int64(), 1);
  }
  tap_->open_to(300);
  seen_->wait_for(1600 + 1600);
  ASSERT_TRUE(job_->checkpoint().is_ok());
  EXPECT_EQ(stored(7).at("value").as_int64(), 150);
  EXPECT_EQ(stored(7).at("position").at("checkpoint").as_int64(), 2);
  expect_error("/v1/state/keep/hidden/7?consistency=checkpoint", 409, "failed_precondition");
  expect_error("/v1/state/keep/sum/99?consistency=checkpoint", 404, "not_found");
}

// While checkpoints come and records flow: each value read belongs to the checkpoint that is named beside it.
TEST_F(JobHttp, CheckpointReadsNeedNoTurnOfTheTask) {
  start(true, 1);
  tap_->open_to(10);
  seen_->wait_for(80);
  ASSERT_EQ(post("/v1/checkpoints").status, 200);
  gate_->first = 80;
  tap_->open_to(11);
  gate_->entered.wait_for(1);
  EXPECT_EQ(get_json("/v1/state/keep/sum/7?consistency=checkpoint").at("value").as_int64(), 5);
  EXPECT_EQ(get_json("/v1/state/keep/last?consistency=checkpoint").at("entries").as_array().size(), 16U);
  gate_->left.add();
  seen_->wait_for(88);
  EXPECT_EQ(get_json("/v1/state/keep/sum/7?consistency=checkpoint").at("value").as_int64(), 5);
  EXPECT_EQ(get_json("/v1/state/keep/sum/7").at("value").as_int64(), 6);
}

TEST_F(JobHttp, CheckpointReadsNameTheCheckpointTheyAreOf) {
  start();
  std::map<std::int64_t, std::int64_t> sum_of;  // by checkpoint
  for (std::int64_t round = 1; round <= 20; ++round) {
    tap_->open_to(round * 20);
    const HttpClientReply taken = post("/v1/checkpoints");
    ASSERT_EQ(taken.status, 200) << taken.body;
    const std::int64_t id = json::parse(taken.body).at("id").as_int64();
    EXPECT_EQ(id, round);
    for (int time = 0; time < 2; ++time) {
      const HttpClientReply reply = get("/v1/state/keep/sum/3?consistency=checkpoint");
      if (reply.status == 404) continue;
      const json::value value = json::parse(reply.body);
      EXPECT_EQ(value.at("position").at("checkpoint").as_int64(), id);
      const auto [known, added] = sum_of.emplace(id, value.at("value").as_int64());
      EXPECT_EQ(known->second, value.at("value").as_int64());
    }
  }
  std::int64_t last = 0;
  for (const auto& [id, sum] : sum_of) {
    EXPECT_GE(sum, last);
    last = sum;
  }
}

TEST_F(JobHttp, WithoutCheckpointsThereAreNoneToTakeOrRead) {
  start(false);
  tap_->open_to(100);
  seen_->wait_for(800);
  EXPECT_EQ(post("/v1/checkpoints").status, 409);
  EXPECT_TRUE(get_json("/v1/checkpoints").at("checkpoints").as_array().empty());
  expect_error("/v1/state/keep/sum/7?consistency=checkpoint", 409, "failed_precondition");
  expect_error("/v1/state/keep/sum?consistency=checkpoint", 409, "failed_precondition");
  EXPECT_EQ(get_json("/v1/state/keep/sum/7").at("value").as_int64(), 50);
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
}  // namespace weir
