#include <weir/topic_sink.hpp>

#include <gtest/gtest.h>

#include "support/operator_harness.hpp"
#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using namespace testing_support;

class TopicSink : public ::testing::Test {
 protected:
  TopicSink() : store_(*TopicStore::in_memory()), topic_(*store_->topic("t")) {}

  OperatorHarness::Options harness(std::uint32_t task = 0, std::uint32_t parallelism = 1) const {
    const Sink<std::string> sink = topic_sink<std::string>("t", {.store = store_, .buffer_bytes = 200});
    EXPECT_TRUE(sink.faults.empty());
    OperatorHarness::Options options{.make_operator = sink.make_operator, .inputs = 1, .outputs = {}};
    options.committer = sink.committer;
    options.context.uid = "sink";
    options.context.task_index = task;
    options.context.parallelism = parallelism;
    return options;
  }
  static void push(OperatorHarness& harness, int from, int end) {
    auto typed = std::make_unique<Batch<std::string>>();
    for (int i = from; i < end; ++i) {
      typed->records.emplace(std::to_string(i));
      typed->timestamps.emplace(i % 2 == 0 ? Timestamp{Duration{i}} : kMinTimestamp);
    }
    BatchPtr batch = std::move(typed);
    ASSERT_TRUE(harness.push(0, batch));
  }
  std::vector<std::string> all() const {
    std::vector<std::string> found;
    const auto records = topic_->read(0, {.records = 100'000, .bytes = 100'000'000});
    EXPECT_TRUE(records.is_ok());
    for (const TopicRecord& record : *records) found.push_back(record.payload);
    return found;
  }
  static std::vector<std::string> numbers(int from, int end) {
    std::vector<std::string> texts;
    for (int i = from; i < end; ++i) texts.push_back(std::to_string(i));
    return texts;
  }

  std::shared_ptr<TopicStore> store_;
  std::shared_ptr<Topic> topic_;
};

TEST_F(TopicSink, RecordsAppearWithTheirCheckpoint) {
  OperatorHarness sink(harness());
  ASSERT_TRUE(sink.open().is_ok());
  push(sink, 0, 100);
  EXPECT_EQ(topic_->end(), 0U);
  const auto stored = sink.prepare();
  ASSERT_TRUE(stored.is_ok()) << stored.status().to_string();
  EXPECT_EQ(topic_->end(), 0U);
  ASSERT_TRUE(sink.commit(**stored).is_ok());
  EXPECT_EQ(all(), numbers(0, 100));
  EXPECT_EQ((*topic_->read(2))[0].time, Timestamp{Duration{2}});
  ASSERT_TRUE(sink.commit(**stored).is_ok());
  EXPECT_EQ(all(), numbers(0, 100)) << "a repeated commit is recognised";
  ASSERT_TRUE(sink.checkpoint().is_ok());
  push(sink, 100, 103);
  ASSERT_TRUE(sink.checkpoint().is_ok());
  EXPECT_EQ(all(), numbers(0, 103));
}

TEST_F(TopicSink, WhatIsInNoCheckpointIsDiscardedAtTheNextStart) {
  OperatorHarness sink(harness());
  ASSERT_TRUE(sink.open().is_ok());
  push(sink, 0, 50);
  const auto first = sink.checkpoint();
  push(sink, 50, 150);  // a part of it is staged already
  ASSERT_TRUE(sink.prepare().is_ok());
  sink.destroy();
  EXPECT_FALSE(topic_->staging("sink/")->empty());
  ASSERT_TRUE(sink.open(*first).is_ok());
  EXPECT_TRUE(topic_->staging("sink/")->empty());
  push(sink, 50, 60);
  ASSERT_TRUE(sink.checkpoint().is_ok());
  EXPECT_EQ(all(), numbers(0, 60));
}

TEST_F(TopicSink, ACheckpointThatWasNotCommittedIsAtTheRestore) {
  const OperatorHarness::Options options = harness();
  OperatorHarness sink(options);
  ASSERT_TRUE(sink.open().is_ok());
  push(sink, 0, 50);
  const auto stored = sink.prepare();
  push(sink, 50, 70);
  sink.destroy();
  ASSERT_TRUE(options.committer((*stored)->committables).is_ok());  // as the engine does before it opens operators
  ASSERT_TRUE(sink.open(*stored).is_ok());
  EXPECT_EQ(all(), numbers(0, 50));
}

TEST_F(TopicSink, ADeclinedCheckpointsRecordsComeWithTheNext) {
  OperatorHarness sink(harness());
  ASSERT_TRUE(sink.open().is_ok());
  push(sink, 0, 5);
  ASSERT_TRUE(sink.prepare().is_ok());  // never committed
  push(sink, 5, 9);
  ASSERT_TRUE(sink.checkpoint().is_ok());
  EXPECT_EQ(all(), numbers(0, 9));
  push(sink, 9, 12);
  ASSERT_TRUE(sink.checkpoint().is_ok());
  EXPECT_EQ(all(), numbers(0, 12));
}

TEST_F(TopicSink, TasksCleanUpForThoseThatAreGone) {
  for (std::uint32_t task = 0; task < 3; ++task) {
    OperatorHarness sink(harness(task, 3));
    ASSERT_TRUE(sink.open().is_ok());
    push(sink, 0, 100);
    ASSERT_TRUE(sink.prepare().is_ok());
  }
  EXPECT_EQ(topic_->staging("sink/")->size(), 3U);
  OperatorHarness first(harness(0, 2));
  ASSERT_TRUE(first.open().is_ok());
  EXPECT_EQ(*topic_->staging("sink/"), std::vector<std::string>{"sink/1"});
  OperatorHarness second(harness(1, 2));
  ASSERT_TRUE(second.open().is_ok());
  EXPECT_TRUE(topic_->staging("sink/")->empty());
}

TEST_F(TopicSink, InTheJobsDirectoryCommitsOfARestoreWaitForTheOpening) {
  const TemporaryDirectory job;
  std::shared_ptr<const StoredOperator> stored;
  const auto make = [&](const Sink<int>& sink) {
    OperatorHarness::Options options{.make_operator = sink.make_operator, .inputs = 1, .outputs = {}};
    options.committer = sink.committer;
    options.context.job_directory = job.path();
    return options;
  };
  {
    const Sink<int> sink = topic_sink<int>("t");
    OperatorHarness harness(make(sink));
    ASSERT_TRUE(harness.open().is_ok());
    auto typed = std::make_unique<Batch<int>>();
    typed->records.emplace(7);
    BatchPtr batch = std::move(typed);
    ASSERT_TRUE(harness.push(0, batch));
    stored = *harness.prepare();
  }
  const Sink<int> sink = topic_sink<int>("t");  // a new process
  OperatorHarness harness(make(sink));
  ASSERT_TRUE(sink.committer(stored->committables).is_ok());
  ASSERT_TRUE(harness.open(stored).is_ok());
  const auto store = TopicStore::open(job.file("topics"));
  EXPECT_EQ((*(*store)->topic("t"))->end(), 1U);
}

TEST_F(TopicSink, AFullTopicFailsTheJobInsteadOfLosingRecords) {
  store_->topic("t", TopicOptions{.retention = {}, .full_bytes = 100}).status().ignore("is there");
  OperatorHarness sink(harness());
  ASSERT_TRUE(sink.open().is_ok());
  auto typed = std::make_unique<Batch<std::string>>();
  typed->records.emplace(std::string(150, 'x'));
  BatchPtr batch = std::move(typed);
  ASSERT_TRUE(sink.push(0, batch));
  const auto prepared = sink.prepare();
  ASSERT_FALSE(prepared.is_ok());
  EXPECT_EQ(prepared.status().code(), StatusCode::kResourceExhausted);
}

TEST_F(TopicSink, RefusesBadOptions) {
  EXPECT_FALSE(topic_sink<int>("").faults.empty());
  EXPECT_FALSE(topic_sink<int>("t", {.buffer_bytes = 0}).faults.empty());
  EXPECT_FALSE(topic_sink<int>("t", {.buffers = 0}).faults.empty());
}

}  // namespace
}  // namespace weir
