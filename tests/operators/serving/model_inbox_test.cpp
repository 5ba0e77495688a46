// The model inbox in whole jobs: over HTTP by friends and enemies, over a crash, and beside other writers of its topic.

#include <weir/model_inbox.hpp>

#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>
#include <weir/topic_sink.hpp>

#include "state/support/temporary_directory.hpp"
#include "support/http_client.hpp"

namespace weir::test {
namespace {

using weir::testing::TemporaryDirectory;

// What came out of the inbox, by all runs.
struct Seen {
  void put(const ModelRecord& record) {
    const std::lock_guard lock(mutex);
    records.push_back(record);
  }
  [[nodiscard]] std::vector<ModelRecord> all() const {
    const std::lock_guard lock(mutex);
    return records;
  }
  mutable std::mutex mutex;
  std::vector<ModelRecord> records;
};

class ModelInboxJob : public ::testing::Test {
 protected:
  Pipeline pipeline(ModelInboxOptions options = {}, bool with_directory = true) {
    Pipeline made({.name = "inbox"});
    if (with_directory)
      made.enable_checkpointing({.directory = directory_.path(), .interval = std::chrono::milliseconds(0)});
    made.serve_http({});
    made.from_source(model_inbox_source(std::move(options)))
        .uid("models")
        .sink_to(for_each_sink<ModelRecord>([seen = seen_](const ModelRecord& record) { seen->put(record); }))
        .uid("seen");
    return made;
  }
  Job start(const Pipeline& pipeline) {
    Result<Job> job = pipeline.start();
    EXPECT_TRUE(job.is_ok()) << job.status().to_string();
    return std::move(job).value();
  }
  // Waits until `count` records have come; a job that fails ends the wait.
  std::vector<ModelRecord> wait_for(const Job& job, std::size_t count) {
    while (seen_->all().size() < count && job.status().state == JobStatus::State::kRunning) std::this_thread::yield();
    EXPECT_EQ(job.status().state, JobStatus::State::kRunning) << job.status().fault.to_string();
    return seen_->all();
  }
  static HttpClientReply post(Job& job, const std::string& target, const std::string& body,
                              const HttpClient::Headers& headers = {}) {
    HttpClient client(job.http_port());
    const auto reply = client.request("POST", target, body, headers);
    EXPECT_TRUE(reply.is_ok()) << reply.status().to_string();
    return reply.is_ok() ? *reply : HttpClientReply{};
  }

  const TemporaryDirectory directory_;
  const std::shared_ptr<Seen> seen_ = std::make_shared<Seen>();
};

TEST_F(ModelInboxJob, TakesFormsHeadersAndBodies) {
  const Pipeline with_inbox = pipeline();
  Job job = start(with_inbox);
  const std::string form =
      "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nLGA\r\n"
      "--b\r\nContent-Disposition: form-data; name=\"model\"; filename=\"m\"\r\n\r\n<PMML>2</PMML>\r\n--b--\r\n";
  const HttpClientReply first = post(job, "/v1/models?key=J%2FK&name=n", "<PMML>1</PMML>");
  EXPECT_EQ(first.status, 202) << first.body;
  EXPECT_EQ(first.header("location"), "/v1/models/J%2FK");
  EXPECT_NE(first.body.find("\"offset\":0"), std::string::npos) << first.body;
  EXPECT_NE(first.body.find("\"sha256\":\""), std::string::npos) << first.body;
  EXPECT_EQ(post(job, "/v1/models", form, {{"Content-Type", "multipart/form-data; boundary=b"}}).status, 202);
  EXPECT_EQ(post(job, "/v1/models", "own", {{"Weir-Key", "EWR"}, {"Weir-Type", "OWN"}}).status, 202);
  const std::string large(3 << 20, 'x');
  EXPECT_EQ(post(job, "/v1/models?key=large&type=OWN", large).status, 202);
  const std::vector<ModelRecord> records = wait_for(job, 4);
  ASSERT_EQ(records.size(), 4U);
  EXPECT_EQ(records[0].key, "J/K");
  EXPECT_EQ(records[0].data, "<PMML>1</PMML>");
  EXPECT_EQ(records[1].key, "LGA");
  EXPECT_EQ(records[1].data, "<PMML>2</PMML>");
  EXPECT_EQ(records[1].type, "PMML");
  EXPECT_EQ(records[2].type, "OWN");
  EXPECT_EQ(records[3].data, large);
  ASSERT_TRUE(job.stop().is_ok());
}

TEST_F(ModelInboxJob, HostileRequestsAreRefusedAndChangeNothing) {
  const Pipeline with_inbox = pipeline({.max_waiting_bytes = 1 << 20});
  Job job = start(with_inbox);
  const HttpClient::Headers form = {{"Content-Type", "multipart/form-data; boundary=b"}};
  EXPECT_EQ(post(job, "/v1/models?key=a", "hello").status, 400) << "no type to be seen";
  EXPECT_EQ(post(job, "/v1/models?key=", "<PMML/>").status, 400);
  EXPECT_EQ(post(job, "/v1/models?key=a&version=-4", "<PMML/>").status, 400);
  EXPECT_EQ(post(job, "/v1/models?key=a", "<PMML/>", {{"Weir-Key", "b"}}).status, 400);
  EXPECT_EQ(post(job, "/v1/models?key=a", "--b\r\n", form).status, 400);
  EXPECT_EQ(post(job, "/v1/models?key=a", "", form).status, 400);
  EXPECT_EQ(post(job, "/v1/models?key=a", "x", {{"Content-Type", "multipart/form-data"}}).status, 400);
  EXPECT_EQ(
      post(job, "/v1/models?key=a", "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nx\r\n--b--", form)
          .status,
      400)
      << "the form's model has no type either";
  EXPECT_EQ(post(job, "/v1/models?key=a&type=T", std::string(2 << 20, 'x')).status, 429) << "max_waiting_bytes";
  EXPECT_EQ(post(job, "/v1/models/a/rollback", std::string(100, 'x')).status, 413) << "orders take no body";
  EXPECT_EQ(post(job, "/v1/models/a/rollback?version=x", "").status, 400);
  HttpClient torn(job.http_port());
  ASSERT_TRUE(
      torn.send("POST /v1/models?key=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n<PMML").is_ok());
  torn.close();
  EXPECT_EQ(post(job, "/v1/models?key=last", "<PMML/>").status, 202);
  const std::vector<ModelRecord> records = wait_for(job, 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, "last");
  ASSERT_TRUE(job.stop().is_ok());
}

TEST_F(ModelInboxJob, WhatWasAcceptedSurvivesACrashAndComesInOrder) {
  const Pipeline with_inbox = pipeline();
  {
    Job job = start(with_inbox);
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(post(job, "/v1/models?key=k&type=T", "model " + std::to_string(i)).status, 202);
    wait_for(job, 5);
    ASSERT_TRUE(job.checkpoint().is_ok());
    for (int i = 5; i < 8; ++i)
      EXPECT_EQ(post(job, "/v1/models?key=k&type=T", "model " + std::to_string(i)).status, 202);
  }  // as a crash: no checkpoint
  {
    const std::lock_guard lock(seen_->mutex);
    seen_->records.clear();
  }
  Job job = start(with_inbox);
  EXPECT_EQ(post(job, "/v1/models?key=k&type=T", "model 8").status, 202);
  const std::vector<ModelRecord> records = wait_for(job, 4);
  ASSERT_EQ(records.size(), 4U);
  for (std::size_t i = 0; i < records.size(); ++i) EXPECT_EQ(records[i].data, "model " + std::to_string(i + 5));
  ASSERT_TRUE(job.stop().is_ok());
}

TEST_F(ModelInboxJob, OldRecordsGoWhenNoCheckpointNeedsThem) {
  const Pipeline with_inbox = pipeline({.retention = {.max_age = std::nullopt, .max_bytes = 0}});
  Job job = start(with_inbox);
  for (int i = 0; i < 5; ++i) post(job, "/v1/models?key=k&type=T", "model");
  wait_for(job, 5);
  const auto store = *TopicStore::open(directory_ / "topics");
  const auto topic = *store->topic("models");
  EXPECT_EQ(topic->begin(), 0U) << "no checkpoint yet";
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(job.checkpoint().is_ok());  // three are retained
  post(job, "/v1/models?key=k&type=T", "another");
  wait_for(job, 6);
  ASSERT_TRUE(topic->apply_retention().is_ok());
  EXPECT_EQ(topic->begin(), 5U);
  EXPECT_EQ(topic->consumer("models")->holds.size(), 3U);
  ASSERT_TRUE(job.stop().is_ok());
}

TEST_F(ModelInboxJob, WithoutAJobDirectoryTheTopicIsInMemory) {
  const Pipeline with_inbox = pipeline({}, false);
  Job job = start(with_inbox);
  EXPECT_EQ(post(job, "/v1/models?key=k&type=T", "model").status, 202);
  EXPECT_EQ(wait_for(job, 1).size(), 1U);
  ASSERT_TRUE(job.stop().is_ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory_.path()));
}

TEST_F(ModelInboxJob, AnotherJobMayWriteToItsTopic) {
  const auto store = *TopicStore::open(directory_ / "shared");
  const Pipeline with_inbox = pipeline({.store = store});
  Job job = start(with_inbox);
  ModelRecord record;
  record.key = "trained";
  record.type = "T";
  record.data = "bytes";
  Pipeline trainer({.name = "trainer"});
  trainer.from_source(vector_source<ModelRecord>({record}))
      .uid("made")
      .sink_to(topic_sink<ModelRecord>("models", {.store = store}))
      .uid("published");
  ASSERT_TRUE(trainer.run().is_ok());
  const std::vector<ModelRecord> records = wait_for(job, 1);
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0], record);
  ASSERT_TRUE(job.stop().is_ok());
}

TEST(ModelInboxOptions, AreChecked) {
  EXPECT_FALSE(model_inbox_source({.name = "a/b"}).faults.empty());
  EXPECT_TRUE(model_inbox_source({.name = "a-b_1"}).faults.empty());
}

}  // namespace
}  // namespace weir::test
