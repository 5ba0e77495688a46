// BroadcastServeModel in whole jobs: simulated in any order, with crashes, at any parallelism.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/memory_source.hpp>
#include <weir/model_inbox.hpp>
#include <weir/pipeline.hpp>
#include <weir/serving.hpp>
#include <weir/testing.hpp>

#include "operators/serving/serving_rig.hpp"
#include "support/http_client.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

constexpr const char* kKeys[] = {"JFK", "LGA", "EWR"};

/// All results, several of one record after a crash included.
class Results {
 public:
  void put(const Scored<Event>& result) {
    {
      const std::lock_guard lock(mutex_);
      results_.push_back(result);
    }
    changed_.notify_all();
  }
  void wait_for(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return results_.size() >= count; });
  }
  [[nodiscard]] std::vector<Scored<Event>> take() const {
    const std::lock_guard lock(mutex_);
    return results_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Scored<Event>> results_;  // guarded by mutex_
};

Sink<Scored<Event>> collect(std::shared_ptr<Results> results) {
  const auto put = [results](const Scored<Event>& result) { results->put(result); };
  Sink<Scored<Event>> sink;
  sink.kind = "collect";
  sink.make_operator = [put] {
    return std::make_unique<weir::detail::ForEachOperator<Scored<Event>, decltype(put)>>(put);
  };
  return sink;
}

const std::string& key_of(const Event& event) { return event.key; }

auto serve(ServeOptions options) {
  return BroadcastServeModel({std::make_shared<const ToyRuntime>()},
                             features<Event>().number("value", [](const Event& event) { return event.value; }),
                             std::move(options), &key_of);
}

std::vector<Event> events(std::int64_t count, std::size_t keys = 3) {
  std::vector<Event> all;
  for (std::int64_t id = 0; id < count; ++id)
    all.push_back({kKeys[static_cast<std::size_t>(id) % keys], static_cast<double>(id), id});
  return all;
}

Pipeline pipeline_of(std::vector<Event> records, std::vector<ModelRecord> models, ServeOptions options,
                     std::shared_ptr<Results> results, std::uint32_t parallelism, bool with_inbox = false) {
  Pipeline pipeline({.name = "broadcast"});
  auto stream = pipeline.from_source(vector_source(std::move(records), [](const Event& event) { return at(event.id); }))
                    .uid("records")
                    .parallelism(1);
  auto model_stream =
      pipeline
          .from_source(vector_source(std::move(models),
                                     [](const ModelRecord& model) { return model.effective_at.value_or(at(0)); }))
          .uid("models")
          .parallelism(1);
  if (with_inbox) model_stream = model_stream.merge(pipeline.from_source(model_inbox_source()).uid("inbox"));
  stream.rebalance()
      .connect(model_stream.broadcast())
      .co_process(serve(std::move(options)))
      .uid("score")
      .parallelism(parallelism)
      .sink_to(collect(std::move(results)))
      .uid("answers");
  return pipeline;
}

TEST(BroadcastServe, ByEventTimeTheRecordsTimeDecidesWhateverTheParallelismTimingAndCrashes) {
  std::vector<ModelRecord> models;
  for (std::int64_t month = 1; month < 6; ++month)
    for (const char* key : kKeys) {
      const bool broken = month == 3 && key == kKeys[0];
      models.push_back(toy(key, broken ? "rubbish" : "CONST " + std::to_string(month), month, month * 100));
    }
  models.push_back(order("LGA", ModelControl::kRetire, 0, 550));
  const auto expected = [](std::int64_t id) {
    std::int64_t month = id / 100;
    if (month == 3 && id % 3 == 0) month = 2;
    if (id >= 550 && id % 3 == 1) month = 0;
    return month;
  };
  for (const std::uint32_t parallelism : {1U, 2U, 5U}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const weir::testing_support::TemporaryDirectory directory;
      const auto results = std::make_shared<Results>();
      Pipeline pipeline = pipeline_of(events(600), models, {.effect = ModelEffect::kEventTime}, results, parallelism);
      pipeline.enable_checkpointing({.directory = directory.path(), .interval = std::chrono::milliseconds(0)});
      weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                           {.seed = seed,
                                            .checkpoint_steps = 200,
                                            .crash_steps = seed % 2 == 0 ? std::size_t{500} : std::size_t{0},
                                            .max_crashes = 4});
      const Status outcome = simulation.run();
      ASSERT_TRUE(outcome.is_ok()) << outcome.to_string() << "\n" << simulation.describe();
      std::set<std::int64_t> seen;
      for (const Scored<Event>& result : results->take()) {
        seen.insert(result.record.id);
        ASSERT_EQ(result.model.version, expected(result.record.id)) << "record " << result.record.id << "\n"
                                                                    << simulation.describe();
        if (result.ok()) {
          ASSERT_EQ(result.number(), static_cast<double>(result.model.version));
        }
      }
      ASSERT_EQ(seen.size(), 600U) << simulation.describe();
    }
  }
}

// The switch is a cut through the stream: behind the first record of a version, on whatever task, comes none of an
// older one.
TEST(BroadcastServe, OnArrivalAllTasksSwitchAtOneCutOfTheStream) {
  std::size_t switches = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const auto results = std::make_shared<Results>();
    std::vector<ModelRecord> models;
    for (std::int64_t version = 1; version <= 6; ++version)
      models.push_back(toy("JFK", "CONST " + std::to_string(version), version));
    Pipeline pipeline = pipeline_of(events(3000, 1), models, {}, results, 3);
    weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = seed, .batch_size = 4});
    const Status outcome = simulation.run();
    ASSERT_TRUE(outcome.is_ok()) << outcome.to_string() << "\n" << simulation.describe();
    std::map<std::int64_t, std::int64_t> version_of;
    for (const Scored<Event>& result : results->take()) version_of[result.record.id] = result.model.version;
    ASSERT_EQ(version_of.size(), 3000U);
    std::int64_t newest = 0;
    for (const auto& [id, version] : version_of) {
      ASSERT_GE(version, newest) << "record " << id << " met an older version\n" << simulation.describe();
      if (version > newest) ++switches;
      newest = version;
    }
  }
  EXPECT_GT(switches, 40U) << "the models came into use while records flowed";
}

TEST(BroadcastServe, AWaitingRecordIsScoredByTheFirstModelOrAnsweredAtTheEnd) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const auto results = std::make_shared<Results>();
    Pipeline pipeline = pipeline_of(events(300), {toy("JFK", "CONST 1"), toy("LGA", "rubbish")},
                                    {.no_model = NoModelPolicy::kHold}, results, 3);
    weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = seed});
    const Status outcome = simulation.run();
    ASSERT_TRUE(outcome.is_ok()) << outcome.to_string() << "\n" << simulation.describe();
    std::map<std::int64_t, ScoreStatus> statuses;
    for (const Scored<Event>& result : results->take()) {
      EXPECT_TRUE(statuses.emplace(result.record.id, result.status).second) << "twice";
      EXPECT_EQ(result.status, result.record.key == "JFK" ? ScoreStatus::kOk : ScoreStatus::kNoModel);
    }
    ASSERT_EQ(statuses.size(), 300U) << simulation.describe();
  }
}

TEST(BroadcastServe, BeyondTheBoundTheOldestWaitingRecordIsAnswered) {
  const auto results = std::make_shared<Results>();
  Pipeline pipeline =
      pipeline_of(events(100), {}, {.no_model = NoModelPolicy::kHold, .max_held_records = 5}, results, 1);
  weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = 3});
  const Status outcome = simulation.run();
  ASSERT_TRUE(outcome.is_ok()) << outcome.to_string();
  const std::vector<Scored<Event>> all = results->take();
  ASSERT_EQ(all.size(), 100U);
  for (std::size_t i = 0; i < 95; ++i) EXPECT_EQ(all[i].record.id, static_cast<std::int64_t>(i));
}

TEST(BroadcastServe, WithoutARecordKeyAllRecordsMeetTheOneModel) {
  const auto results = std::make_shared<Results>();
  Pipeline pipeline({.name = "one"});
  auto records = pipeline.from_source(vector_source(events(100), [](const Event& event) { return at(event.id); }))
                     .uid("records")
                     .parallelism(1);
  auto models = pipeline
                    .from_source(vector_source(std::vector<ModelRecord>{toy("whatever", "CONST 7")},
                                               [](const ModelRecord&) { return at(0); }))
                    .uid("models")
                    .parallelism(1);
  records.rebalance()
      .connect(models.broadcast())
      .co_process(BroadcastServeModel({std::make_shared<const ToyRuntime>()},
                                      features<Event>().number("value", [](const Event& event) { return event.value; }),
                                      ServeOptions{.no_model = NoModelPolicy::kHold}))
      .uid("score")
      .parallelism(2)
      .sink_to(collect(results))
      .uid("answers");
  weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = 1});
  ASSERT_TRUE(simulation.run().is_ok());
  const auto all = results->take();
  ASSERT_EQ(all.size(), 100U);
  for (const Scored<Event>& result : all) {
    EXPECT_EQ(result.number(), 7);
    EXPECT_EQ(result.key, "all");
  }
}

// A fault of others is to lose broadcast models when the parallelism changes.
TEST(BroadcastServe, ModelsAndStatisticsSurviveAnyChangeOfParallelism) {
  const weir::testing_support::TemporaryDirectory directory;
  const std::vector<ModelRecord> models = {toy("JFK", "CONST 1"), toy("LGA", "CONST 2"), toy("EWR", "CONST 3")};
  std::int64_t runs = 0;
  for (const std::uint32_t parallelism : {2U, 5U, 1U, 3U}) {
    ++runs;
    const auto results = std::make_shared<Results>();
    Pipeline pipeline =
        pipeline_of(events(300 * runs), models, {.no_model = NoModelPolicy::kHold}, results, parallelism, true);
    pipeline.enable_checkpointing({.directory = directory.path(), .interval = std::chrono::milliseconds(0)});
    pipeline.serve_http({});
    Result<Job> job = pipeline.start();
    ASSERT_TRUE(job.is_ok()) << job.status().to_string();
    results->wait_for(300);
    HttpClient client(job->http_port());
    for (const char* key : kKeys) {
      const auto shown = client.get(std::string("/v1/models/") + key);
      ASSERT_TRUE(shown.is_ok());
      EXPECT_EQ(shown->status, 200);
      EXPECT_NE(shown->body.find("\"usage\":" + std::to_string(100 * runs) + ","), std::string::npos) << shown->body;
    }
    ASSERT_TRUE(job->stop().is_ok());
    const auto all = results->take();
    ASSERT_EQ(all.size(), 300U) << "the source goes on where it was";
    for (const Scored<Event>& result : all)
      EXPECT_EQ(result.number(), result.record.key == "JFK" ? 1 : result.record.key == "LGA" ? 2 : 3);
  }
}

TEST(BroadcastServe, AModelPublishedOverHttpComesIntoUseOnAllTasksAndCanBeRolledBack) {
  const auto results = std::make_shared<Results>();
  Pipeline pipeline =
      pipeline_of(events(3), {toy("JFK", "CONST 1")}, {.no_model = NoModelPolicy::kHold}, results, 2, true);
  pipeline.serve_http({});
  const weir::testing_support::TemporaryDirectory directory;
  pipeline.enable_checkpointing({.directory = directory.path(), .interval = std::chrono::milliseconds(0)});
  Result<Job> job = pipeline.start();
  ASSERT_TRUE(job.is_ok()) << job.status().to_string();
  HttpClient client(job->http_port());
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("version":1,"state":"current")"), "found");
  EXPECT_EQ(client.post("/v1/models?key=JFK&name=toy&type=TOY", "CONST 2", "application/octet-stream")->status, 202);
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("version":2,"state":"current")"), "found");
  EXPECT_EQ(client.post("/v1/models/JFK/rollback", "", "application/octet-stream")->status, 202);
  EXPECT_EQ(client.wait_for("/v1/models/JFK/1", R"("state":"current")"), "found");
  EXPECT_EQ(client.post("/v1/models?key=EWR&name=toy&type=TOY", "CONST 3", "application/octet-stream")->status, 202);
  results->wait_for(2);  // JFK's, and EWR's that waited
  EXPECT_EQ(client.wait_for("/v1/models/EWR", R"("usage":1)"), "found");
  EXPECT_EQ(client.wait_for("/v1/models", R"("key":"EWR")"), "found");
  ASSERT_TRUE(job->stop().is_ok());
}

TEST(KeyStatistics, MergedSharesAreThoseOfOneThatSawAll) {
  const ModelId first{intern_model_name("a"), 1, {}};
  const ModelId second{intern_model_name("a"), 2, {}};
  serving::KeyStatistics all;
  serving::KeyStatistics parts[2];
  std::uint32_t hint = 0;
  for (int i = 0; i < 1000; ++i) {
    const ModelId& model = i % 3 == 0 ? first : second;
    const auto records = static_cast<std::uint64_t>(i % 5 + 1);
    const std::int64_t elapsed = i * 37 % 1000 * (i % 7 + 1);
    all.of(model, hint, 4).add(records, 1, elapsed, at(i));
    parts[i % 2].of(model, hint, 4).add(records, 1, elapsed, at(i));
  }
  all.no_model = 5;
  parts[0].no_model = 2;
  parts[1].no_model = 3;
  serving::KeyStatistics merged;
  merged.merge(parts[1], 4);
  merged.merge(parts[0], 4);
  EXPECT_EQ(to_json(merged), to_json(all));
  EXPECT_EQ(merged.versions[0].latency, all.versions[0].latency);
  merged.merge(parts[0], 1);
  EXPECT_EQ(merged.versions.size(), 1U) << "the one used last stays";
}

}  // namespace
}  // namespace weir::test
