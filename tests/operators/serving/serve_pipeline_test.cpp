// ServeModel in whole jobs: simulated in any order with crashes, and over HTTP.

#include <chrono>
#include <map>
#include <mutex>
#include <optional>

#include <gtest/gtest.h>

#include <weir/memory_source.hpp>
#include <weir/model_inbox.hpp>
#include <weir/pipeline.hpp>
#include <weir/serving.hpp>
#include <weir/testing.hpp>

#include "operators/serving/serving_rig.hpp"
#include "state/support/temporary_directory.hpp"
#include "support/http_client.hpp"

namespace weir::test {
namespace {

/// Answers by record; a record answered twice (after a crash) must be answered alike.
class Answers {
 public:
  void put(const Scored<Event>& result) {
    std::string answer(to_string(result.status));
    if (result.ok()) answer += ":" + std::to_string(result.number()) + ":" + std::to_string(result.model.version);
    const std::lock_guard lock(mutex_);
    const auto [entry, added] = by_id_.emplace(result.record.id, answer);
    if (!added && entry->second != answer) changed_ += std::to_string(result.record.id) + " ";
  }
  std::map<std::int64_t, std::string> by_id() const {
    const std::lock_guard lock(mutex_);
    return by_id_;
  }
  std::string changed() const {
    const std::lock_guard lock(mutex_);
    return changed_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::string> by_id_;
  std::string changed_;
};

Sink<Scored<Event>> collect(std::shared_ptr<Answers> answers) {
  const auto put = [answers](const Scored<Event>& result) { answers->put(result); };
  Sink<Scored<Event>> sink;
  sink.kind = "collect";
  sink.make_operator = [put] {
    return std::make_unique<weir::detail::ForEachOperator<Scored<Event>, decltype(put)>>(put);
  };
  return sink;
}

ServeModel<Event> serve(ServeOptions options) {
  return {{std::make_shared<const ToyRuntime>()},
          features<Event>().number("value", [](const Event& event) { return event.value; }),
          std::move(options)};
}

constexpr const char* kKeys[] = {"JFK", "LGA", "EWR"};

std::vector<Event> year_of_events() {
  std::vector<Event> events;
  for (std::int64_t id = 0; id < 600; ++id) events.push_back({kKeys[id % 3], static_cast<double>(id), id});
  return events;
}

/// One model per key and 100 µs, a broken one among them; each answers its number.
std::vector<ModelRecord> year_of_models() {
  std::vector<ModelRecord> models;
  for (std::int64_t month = 1; month < 6; ++month) {
    for (const char* key : kKeys) {
      const bool broken = month == 3 && key == kKeys[0];
      models.push_back(toy(key, broken ? "rubbish" : "CONST " + std::to_string(month), month, month * 100));
    }
  }
  return models;
}

std::string expected_answer(std::int64_t id) {
  std::int64_t month = id / 100;
  if (month == 3 && id % 3 == 0) month = 2;
  return month == 0 ? "no_model" : "ok:" + std::to_string(static_cast<double>(month)) + ":" + std::to_string(month);
}

Pipeline year_pipeline(JobOptions options, std::shared_ptr<Answers> answers, std::uint32_t parallelism) {
  Pipeline pipeline(std::move(options));
  auto records = pipeline.from_source(vector_source(year_of_events(), [](const Event& event) { return at(event.id); }))
                     .uid("records")
                     .parallelism(1)
                     .key_by([](const Event& event) { return event.key; });
  auto models =
      pipeline
          .from_source(vector_source(year_of_models(), [](const ModelRecord& model) { return *model.effective_at; }))
          .uid("models")
          .parallelism(1)
          .key_by([](const ModelRecord& model) { return model.key; });
  records.connect(models)
      .co_process(serve({.effect = ModelEffect::kEventTime}))
      .uid("score")
      .parallelism(parallelism)
      .sink_to(collect(std::move(answers)))
      .uid("answers");
  return pipeline;
}

TEST(ServeModelInAJob, EventTimeGivesTheSameAtAnyParallelismTimingAndAfterCrashes) {
  for (const std::uint32_t parallelism : {1U, 2U, 5U}) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const weir::testing::TemporaryDirectory directory;
      const auto answers = std::make_shared<Answers>();
      Pipeline pipeline = year_pipeline({.name = "year"}, answers, parallelism);
      pipeline.enable_checkpointing({.directory = directory.path(), .interval = std::chrono::milliseconds(0)});
      weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                           {.seed = seed,
                                            .checkpoint_steps = 200,
                                            .crash_steps = seed % 2 == 0 ? std::size_t{500} : std::size_t{0},
                                            .max_crashes = 4});
      const Status outcome = simulation.run();
      ASSERT_TRUE(outcome.is_ok()) << outcome.to_string() << "\n" << simulation.describe();
      const auto by_id = answers->by_id();
      ASSERT_EQ(by_id.size(), 600U) << simulation.describe();
      for (const auto& [id, answer] : by_id)
        ASSERT_EQ(answer, expected_answer(id)) << "record " << id << "\n" << simulation.describe();
      ASSERT_EQ(answers->changed(), "") << simulation.describe();
    }
  }
}

TEST(ServeModelInAJob, ModelPublishedOverHttpIsShownRolledBackAndRetired) {
  const weir::testing::TemporaryDirectory directory;
  const auto answers = std::make_shared<Answers>();
  Pipeline pipeline({.name = "http"});
  pipeline.enable_checkpointing({.directory = directory.path(), .interval = std::chrono::milliseconds(0)});
  pipeline.serve_http({});
  auto records = pipeline
                     .from_source(vector_source(std::vector<Event>{{"JFK", 1, 1}},
                                                [](const Event& event) { return at(event.id); }))
                     .uid("records")
                     .key_by([](const Event& event) { return event.key; });
  auto models = pipeline.from_source(model_inbox_source()).uid("models").key_by([](const ModelRecord& model) {
    return model.key;
  });
  records.connect(models)
      .co_process(serve({.no_model = NoModelPolicy::kHold}))
      .uid("score")
      .sink_to(collect(answers))
      .uid("answers");
  Result<Job> started = pipeline.start();
  ASSERT_TRUE(started.is_ok()) << started.status().to_string();
  std::optional<Job> job(std::move(started).value());
  HttpClient client(job->http_port());

  const auto post = [&](const std::string& target, const std::string& body) {
    auto reply = client.post(target, body, "application/octet-stream");
    EXPECT_TRUE(reply.is_ok()) << reply.status().to_string();
    return reply.is_ok() ? *reply : HttpClientReply{};
  };

  EXPECT_EQ(post("/v1/models?name=toy&type=TOY", "CONST 1").status, 400) << "no key";
  EXPECT_EQ(post("/v1/models?key=JFK&name=toy", "CONST 1").status, 400) << "no type, and none to be seen";
  EXPECT_EQ(post("/v1/models?key=JFK&name=toy&type=TOY", "").status, 400) << "no bytes";
  EXPECT_EQ(client.get("/v1/models/nobody")->status, 404);
  const HttpClientReply posted = post("/v1/models?key=JFK&name=toy&type=TOY", "CONST 1");
  EXPECT_EQ(posted.status, 202) << posted.body;
  EXPECT_EQ(posted.header("location"), "/v1/models/JFK");
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("version":1,"state":"current")"), "found");
  EXPECT_EQ(post("/v1/models?key=JFK&name=toy&type=TOY", "CONST 2").status, 202);
  EXPECT_EQ(client.wait_for("/v1/models/JFK/2", R"("state":"current")"), "found");
  EXPECT_EQ(post("/v1/models?key=JFK&name=toy&type=TOY", "rubbish").status, 202);
  EXPECT_EQ(client.wait_for("/v1/models/JFK/3", "not a toy model"), "found");
  EXPECT_EQ(post("/v1/models/JFK/rollback", "").status, 202);
  EXPECT_EQ(client.wait_for("/v1/models/JFK/1", R"("state":"current")"), "found");
  EXPECT_EQ(post("/v1/models/JFK/retire", "").status, 202);
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("current":null)"), "found");
  EXPECT_EQ(client.wait_for("/v1/models", R"("key":"JFK")"), "found");
  EXPECT_EQ(client.get("/v1/models?uid=nothing")->status, 404);
  EXPECT_EQ(client.wait_for("/v1/audit/JFK?position=1000", R"("exact":false)"), "found") << "the key is retired";
  EXPECT_EQ(client.get("/v1/audit/JFK")->status, 400);
  EXPECT_EQ(client.get("/v1/audit/JFK?position=1&time=2")->status, 400);
  EXPECT_EQ(client.get("/v1/audit/JFK?position=-1")->status, 400);
  EXPECT_EQ(client.get("/v1/audit/JFK?time=yesterday")->status, 400);
  EXPECT_EQ(client.get("/v1/audit/nobody?position=1")->status, 404);
  EXPECT_EQ(client.get("/v1/models/JFK/x")->status, 400);
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("usage":1)"), "found")
      << "the held record was scored by the first model";
  ASSERT_TRUE(job->stop().is_ok());
  EXPECT_EQ(answers->by_id().at(1), "ok:" + std::to_string(1.0) + ":1");

  // After a restart the inbox goes on where it was, and everything is known again.
  job.reset();  // lets go of the job directory
  Result<Job> again = pipeline.start();
  ASSERT_TRUE(again.is_ok()) << again.status().to_string();
  HttpClient second(again->http_port());
  client = std::move(second);
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("current":null)"), "found");
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("usage":1)"), "found");
  EXPECT_EQ(post("/v1/models?key=JFK&name=toy&type=TOY", "CONST 9").status, 202);
  EXPECT_EQ(client.wait_for("/v1/models/JFK", R"("version":4,"state":"current")"), "found");
  ASSERT_TRUE(again->stop().is_ok());
}

}  // namespace
}  // namespace weir::test
