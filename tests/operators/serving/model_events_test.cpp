// The life of models as server-sent events, from running jobs.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/model_inbox.hpp>
#include <weir/pipeline.hpp>
#include <weir/serving.hpp>

#include "operators/serving/serving_rig.hpp"
#include "support/http_client.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

/// A job that serves toy models posted over HTTP.
class EventsJob {
 public:
  explicit EventsJob(HttpOptions http = {}) {
    Pipeline pipeline({.name = "events"});
    pipeline.enable_checkpointing({.directory = directory_.path(), .interval = std::chrono::milliseconds(0)});
    token_ = http.token;
    pipeline.serve_http(std::move(http));
    auto records =
        pipeline.from_source(vector_source<Event>({{"JFK", 1, 1}})).uid("records").key_by([](const Event& event) {
          return event.key;
        });
    auto models = pipeline.from_source(model_inbox_source()).uid("models").key_by([](const ModelRecord& model) {
      return model.key;
    });
    records.connect(models)
        .co_process(
            ServeModel<Event>({std::make_shared<const ToyRuntime>()},
                              features<Event>().number("value", [](const Event& event) { return event.value; })))
        .uid("score")
        .sink_to(for_each_sink<Scored<Event>>([](const Scored<Event>&) {}))
        .uid("answers");
    auto started = pipeline.start();
    EXPECT_TRUE(started.is_ok()) << started.status().to_string();
    job.emplace(std::move(started).value());
  }
  [[nodiscard]] HttpClient client() const { return HttpClient(job->http_port(), token_); }
  void post(const std::string& target, const std::string& body = {}) {
    const auto reply = client().post(target, body, "application/octet-stream");
    ASSERT_TRUE(reply.is_ok()) << reply.status().to_string();
    ASSERT_EQ(reply->status, 202) << reply->body;
  }
  void publish(const std::string& key, const std::string& bytes) {
    post("/v1/models?key=" + key + "&name=toy&type=TOY", bytes);
  }

 private:
  std::string token_;
  weir::testing_support::TemporaryDirectory directory_;

 public:
  std::optional<Job> job;  // goes before its directory
};

/// `state version` (`?` before it is numbered) of each model event in the text; other types by name.
std::vector<std::string> steps_of(const std::string& text) {
  std::vector<std::string> steps;
  const auto member = [](const std::string& data, const std::string& name) {
    const std::size_t at = data.find("\"" + name + "\":");
    if (at == std::string::npos) return std::string("?");
    const std::size_t begin = at + name.size() + 3;
    return data.substr(begin, data.find_first_of(",}", begin) - begin);
  };
  for (std::size_t at = text.find("event: "); at != std::string::npos; at = text.find("event: ", at)) {
    const std::size_t end = text.find('\n', at);
    const std::string type = text.substr(at + 7, end - at - 7);
    const std::string data = text.substr(end + 1, text.find('\n', end + 1) - end - 1);
    steps.push_back(type == "model" ? member(data, "state") + " " + member(data, "version") : type);
    at = end;
  }
  return steps;
}
std::string last_id_of(const std::string& text) {
  const std::size_t at = text.rfind("id: ");
  return text.substr(at + 4, text.find('\n', at) - at - 4);
}

using Steps = std::vector<std::string>;
const Steps kFirstSteps = {"\"received\" ?", "\"loading\" 1", "\"verifying\" 1",
                           "\"warming\" 1",  "\"ready\" 1",   "\"current\" 1"};

TEST(ModelEvents, ASubscriberSeesEveryStepInOrderAndGoesOnWhereItWas) {
  EventsJob served;
  HttpClient subscriber = served.client();
  const auto opened = subscriber.open_stream("/v1/events?type=model&key=JFK");
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  ASSERT_EQ(opened->status, 200) << opened->body;
  EXPECT_EQ(opened->header("content-type"), "text/event-stream");
  ASSERT_TRUE(subscriber.read_until("retry: 1000\n\n").is_ok());
  served.publish("LGA", "CONST 9");  // not asked for
  served.publish("JFK", "CONST 1");
  const auto first = subscriber.read_until("\"state\":\"current\",");
  ASSERT_TRUE(first.is_ok()) << first.status().to_string();
  EXPECT_EQ(steps_of(*first), kFirstSteps);
  EXPECT_NE(first->find(R"(data: {"uid":"score","key":"JFK","name":"toy","version":1)"), std::string::npos) << *first;
  const std::string id = last_id_of(*first);
  subscriber.close();

  // What happens while nobody listens is told afterwards.
  served.publish("JFK", "CONST 2");
  ASSERT_EQ(served.client().wait_for("/v1/models/JFK/2", R"("state":"current")"), "found");
  served.publish("JFK", "rubbish");
  ASSERT_EQ(served.client().wait_for("/v1/models/JFK/3", "not a toy model"), "found");
  served.post("/v1/models/JFK/rollback");
  ASSERT_EQ(served.client().wait_for("/v1/models/JFK/1", R"("state":"current")"), "found");
  ASSERT_TRUE(subscriber.open_stream("/v1/events?type=model&key=JFK&after=0", {{"Last-Event-ID", id}}).is_ok());
  std::string rest;
  while (steps_of(rest).size() < 13) {
    const auto more = subscriber.read_until("\n\n");
    ASSERT_TRUE(more.is_ok()) << more.status().to_string();
    rest += *more;
  }
  EXPECT_EQ(steps_of(rest), (Steps{"\"received\" ?", "\"loading\" 2", "\"verifying\" 2", "\"warming\" 2", "\"ready\" 2",
                                   "\"retired\" 1", "\"current\" 2", "\"received\" ?", "\"loading\" 3", "\"refused\" 3",
                                   "\"received\" ?", "\"retired\" 2", "\"current\" 1"}))
      << rest;
  EXPECT_NE(rest.find("not a toy model"), std::string::npos);
}

TEST(ModelEvents, AKeyHasAPathOfItsOwnAndTheJobItsStates) {
  EventsJob served;
  HttpClient of_key = served.client();
  HttpClient of_all = served.client();
  ASSERT_EQ(of_key.open_stream("/v1/models/JFK/events?uid=score&after=0")->status, 200);
  ASSERT_EQ(of_all.open_stream("/v1/events?after=0")->status, 200);
  served.publish("LGA", "CONST 9");
  served.publish("JFK", "CONST 1");
  EXPECT_EQ(steps_of(*of_key.read_until("\"state\":\"current\",")), kFirstSteps);
  ASSERT_TRUE(served.job->stop().is_ok());
  const auto rest = of_key.read_to_end();
  ASSERT_TRUE(rest.is_ok()) << rest.status().to_string();
  EXPECT_EQ(steps_of(*rest), Steps{});
  const auto all = of_all.read_to_end();
  ASSERT_TRUE(all.is_ok()) << all.status().to_string();
  EXPECT_EQ(steps_of(*all).front(), "job");
  EXPECT_NE(all->find(R"({"uid":"","job":"events","state":"running"})"), std::string::npos) << *all;
  EXPECT_NE(all->find(R"("key":"LGA")"), std::string::npos);
  EXPECT_NE(all->find(R"({"uid":"","job":"events","state":"stopped"})"), std::string::npos) << *all;
  EXPECT_EQ(served.client().get("/v1/events")->status, 503) << "no event comes any more";
}

TEST(ModelEvents, ListenersAreBoundedAndNeedTheToken) {
  EventsJob served({.token = "secret", .max_event_streams = 1});
  HttpClient stranger(served.job->http_port());
  EXPECT_EQ(stranger.open_stream("/v1/events")->status, 401);
  EXPECT_EQ(stranger.open_stream("/v1/models/JFK/events")->status, 401);
  HttpClient first = served.client();
  ASSERT_EQ(first.open_stream("/v1/events")->status, 200);
  HttpClient second = served.client();
  const auto refused = second.open_stream("/v1/events");
  ASSERT_TRUE(refused.is_ok()) << refused.status().to_string();
  EXPECT_EQ(refused->status, 503);
  EXPECT_NE(refused->header("retry-after"), "");
  EXPECT_EQ(served.client().get("/v1/events?after=x")->status, 503) << "also with a wrong id";
  EXPECT_EQ(served.client().wait_for("/metrics", "weir_http_streams_open 1\n"), "found");
  first.close();
  EXPECT_EQ(served.client().wait_for("/metrics", "weir_http_streams_open 0\n"), "found");
  EXPECT_EQ(served.client().get("/v1/events?after=x")->status, 400);
  EXPECT_EQ(second.open_stream("/v1/events")->status, 200);
  EXPECT_EQ(served.client().post("/v1/events", "")->status, 405);
}

TEST(ModelEvents, AJobGoesThoughSomebodyListensAndDoesNotRead) {
  EventsJob served({.stop_timeout_ms = 100});
  HttpClient idle = served.client();
  HttpClient stuck = served.client();
  ASSERT_EQ(idle.open_stream("/v1/events")->status, 200);
  ASSERT_EQ(stuck.open_stream("/v1/events?after=0")->status, 200);
  for (int i = 0; i < 50; ++i) served.publish("JFK", "CONST " + std::to_string(i));
  served.job.reset();  // as a crash would end it
  EXPECT_TRUE(idle.read_to_end().is_ok());
}

}  // namespace
}  // namespace weir::test
