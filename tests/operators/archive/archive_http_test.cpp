// GET /v1/audit/{key} of a job that archives what its models see.

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

#include <weir/model_inbox.hpp>

#include "operators/archive/archive_job.hpp"
#include "support/http_client.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

/// A job with three records of JFK and models over HTTP; it runs until it is stopped.
class AuditOverHttp : public ::testing::Test {
 protected:
  void start(bool with_archive) {
    Pipeline pipeline({.name = "audited"});
    pipeline.enable_checkpointing({.directory = directory_.path(), .interval = std::chrono::milliseconds(0)});
    pipeline.serve_http({});
    const std::vector<Event> events{{"JFK", -0.0, 7}, {"JFK", 2, 8}, {"JFK", -3, 9}};
    auto records = pipeline.from_source(vector_source(events, [](const Event& event) { return at(event.id); }))
                       .uid("records")
                       .key_by([](const Event& event) { return event.key; });
    auto models = pipeline.from_source(model_inbox_source()).uid("models").key_by([](const ModelRecord& model) {
      return model.key;
    });
    ServeOptions options;
    options.no_model = NoModelPolicy::kHold;
    auto scores = records.connect(models)
                      .co_process(ServeModel<Event>({std::make_shared<const ToyRuntime>()}, odd_features(), options))
                      .uid("score");
    scores.sink_to(for_each_sink<Scored<Event>>([](const Scored<Event>&) {})).uid("answers");
    if (with_archive) archive(scores, {.topic = "inputs"}).uid("archive");
    auto started = pipeline.start();
    ASSERT_TRUE(started.is_ok()) << started.status().to_string();
    job_.emplace(std::move(*started));
    client_.emplace(job_->http_port());
    ASSERT_EQ(client_->post("/v1/models?key=JFK&name=toy&type=TOY", "FAIL 1.5", "text/plain")->status, 202);
    ASSERT_EQ(client_->wait_for("/v1/models/JFK", R"("usage":3)"), "found");
    ASSERT_EQ(client_->post("/v1/models?key=JFK&name=toy&type=TOY", "LINEAR 2 0.5", "text/plain")->status, 202);
    ASSERT_EQ(client_->wait_for("/v1/models/JFK/2", R"("state":"current")"), "found");
    ASSERT_TRUE(job_->checkpoint().is_ok());
  }
  int status_of(const std::string& query) { return client_->get("/v1/audit/" + query)->status; }
  std::string body_of(const std::string& query) { return client_->get("/v1/audit/" + query)->body; }

  const testing_support::TemporaryDirectory directory_;
  std::optional<Job> job_;
  std::optional<HttpClient> client_;
};

TEST_F(AuditOverHttp, TellsInputsAnswerAndWhatAnotherVersionSays) {
  start(true);
  const std::string first = body_of("JFK?position=0");
  EXPECT_NE(first.find(R"("archives":[{"topic":"inputs","found":{"records":[{"offset":)"), std::string::npos) << first;
  EXPECT_NE(first.find(R"("inputs":{"value":-0,"key":"")"), std::string::npos) << first;
  EXPECT_NE(first.find(R"("answer":{"status":"ok","outputs":{"score":1.5}},"reproduced":true)"), std::string::npos)
      << first;
  EXPECT_NE(first.find(R"("audit":{"key":"JFK","position":0)"), std::string::npos)
      << "beside the swap log's: " << first;
  EXPECT_EQ(first.find(R"("other")"), std::string::npos);

  const std::string other = body_of("JFK?position=1&version=2");
  EXPECT_NE(other.find(R"("other":{"model":{"name":"toy","version":2)"), std::string::npos) << other;
  EXPECT_NE(other.find(R"("answer":{"status":"ok","outputs":{"score":3}})"), std::string::npos) << other;
  const std::string failed = body_of("JFK?time=9");
  EXPECT_NE(failed.find(R"("answer":{"status":"error")"), std::string::npos) << failed;
  EXPECT_NE(failed.find(R"("reproduced":true)"), std::string::npos) << failed;
  const std::string nothing = body_of("JFK?position=4711");
  EXPECT_NE(nothing.find(R"("records":[],"complete":true)"), std::string::npos) << nothing;
}

TEST_F(AuditOverHttp, RefusesWhatIsNoQuestion) {
  start(true);
  EXPECT_EQ(status_of("JFK"), 400);
  EXPECT_EQ(status_of("JFK?version=1"), 400);
  EXPECT_EQ(status_of("JFK?position=0&time=7"), 400);
  for (const char* version : {"0", "-1", "x", "1x", "1.0", "99999999999999999999", "%00", "1%20"})
    EXPECT_EQ(status_of("JFK?position=0&version=" + std::string(version)), 400) << version;
  for (const char* position : {"-1", "x", "0x1", "18446744073709551616", "1e3", "%2e%2e%2f"})
    EXPECT_EQ(status_of("JFK?position=" + std::string(position)), 400) << position;
  EXPECT_EQ(status_of("JFK?position=18446744073709551615"), 200) << "a number, though no record has it";
  EXPECT_EQ(status_of("JFK?position=0&version=99"), 404);
  EXPECT_EQ(status_of("nobody?position=0"), 404);
  EXPECT_EQ(status_of("nobody?position=0&version=1"), 404);
  EXPECT_EQ(status_of("..%2f..%2fetc?position=0"), 404);
  EXPECT_EQ(status_of("JFK?position=0&uid=nothing"), 404);
  EXPECT_EQ(client_->post("/v1/audit/JFK?position=0", "", "text/plain")->status, 405);
}

TEST_F(AuditOverHttp, WithoutAnArchiveOnlyTheSwapLogAnswers) {
  start(false);
  const std::string answer = body_of("JFK?position=0");
  EXPECT_NE(answer.find(R"("audit":{"key":"JFK")"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("archives"), std::string::npos) << answer;
  EXPECT_EQ(status_of("JFK?position=0&version=1"), 409);
}

}  // namespace
}  // namespace weir::test
