#include <weir/topic.hpp>

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "state/support/temporary_directory.hpp"

namespace weir {
namespace {

using testing::TemporaryDirectory;

class TestClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const noexcept override { return micros_.load() * 1000; }
  [[nodiscard]] Timestamp now() const noexcept override { return Timestamp{Duration{micros_.load()}}; }
  void advance(Duration by) { micros_ += by.count(); }

 private:
  std::atomic<std::int64_t> micros_{1'700'000'000'000'000};
};

class TopicTest : public ::testing::Test {
 protected:
  std::shared_ptr<TopicStore> open(TopicStoreOptions options = {}) {
    options.clock = &clock_;
    auto store = TopicStore::open(directory_.path(), options);
    EXPECT_TRUE(store.is_ok()) << store.status().to_string();
    return store.is_ok() ? *store : nullptr;
  }
  std::shared_ptr<Topic> open_topic(TopicOptions options = {}) {
    auto topic = open()->topic("t", std::move(options));
    EXPECT_TRUE(topic.is_ok()) << topic.status().to_string();
    return topic.is_ok() ? *topic : nullptr;
  }
  static TopicAppend records(std::initializer_list<const char*> payloads) {
    TopicAppend append;
    for (const char* payload : payloads) append.records.push_back({payload});
    return append;
  }
  static std::vector<std::string> payloads(const Topic& topic, std::uint64_t from, TopicReadLimits limits = {}) {
    const auto read = topic.read(from, limits);
    EXPECT_TRUE(read.is_ok()) << read.status().to_string();
    std::vector<std::string> found;
    if (!read.is_ok()) return found;
    for (const TopicRecord& record : *read) {
      EXPECT_EQ(record.offset, from + found.size());
      found.push_back(record.payload);
    }
    return found;
  }
  static void stage(Topic& topic, const TopicTransaction& transaction, std::uint64_t first, std::uint64_t count) {
    std::vector<NewTopicRecord> staged;
    for (std::uint64_t i = 0; i < count; ++i)
      staged.push_back({transaction.producer + ":" + std::to_string(first + i), Timestamp{Duration{7}}});
    const Status status = topic.stage(transaction, first, std::move(staged), true);
    ASSERT_TRUE(status.is_ok()) << status.to_string();
  }

  TestClock clock_;
  const TemporaryDirectory directory_;
};

using Strings = std::vector<std::string>;

TEST_F(TopicTest, KeepsRecordsInOrderAndOverReopening) {
  {
    const auto topic = open_topic();
    EXPECT_EQ(*topic->append(records({"a", "b"})), 0U);
    clock_.advance(Duration{5});
    TopicAppend timed;
    timed.records.push_back({std::string(200'000, 'c'), Timestamp{Duration{-3}}});
    timed.records.push_back({""});
    EXPECT_EQ(*topic->append(std::move(timed)), 2U);
    EXPECT_EQ(topic->end(), 4U);
  }
  const auto topic = open_topic();
  EXPECT_EQ(topic->begin(), 0U);
  EXPECT_EQ(topic->end(), 4U);
  EXPECT_EQ(payloads(*topic, 0), (Strings{"a", "b", std::string(200'000, 'c'), ""}));
  const auto read = topic->read(1);
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[0].time, (*read)[0].appended) << "no event time given: that of the append";
  EXPECT_EQ((*read)[1].time, Timestamp{Duration{-3}});
  EXPECT_EQ((*read)[1].appended, (*read)[0].appended + Duration{5});
  EXPECT_EQ(topic->info().bytes, 200'002U);
  EXPECT_EQ(*topic->append(records({"e"})), 4U);
}

TEST_F(TopicTest, ReadsWithinLimitsAndAtLeastOneRecord) {
  const auto topic = open_topic();
  ASSERT_TRUE(topic->append(records({"1234", "5678", "9"})).is_ok());
  EXPECT_EQ(payloads(*topic, 0, {.records = 2, .bytes = 100}), (Strings{"1234", "5678"}));
  EXPECT_EQ(payloads(*topic, 0, {.records = 9, .bytes = 8}), (Strings{"1234", "5678"}));
  EXPECT_EQ(payloads(*topic, 0, {.records = 9, .bytes = 1}), (Strings{"1234"}));
  EXPECT_EQ(payloads(*topic, 3), Strings{});
  EXPECT_EQ(topic->read(4).status().code(), StatusCode::kDataLoss) << "behind the end";
}

TEST_F(TopicTest, TopicsOfOneStoreAreApart) {
  const auto store = open();
  const auto one = *store->topic("one");
  const auto two = *store->topic("two");
  ASSERT_TRUE(one->append(records({"1"})).is_ok());
  ASSERT_TRUE(two->append(records({"2", "22"})).is_ok());
  EXPECT_EQ(payloads(*one, 0), Strings{"1"});
  EXPECT_EQ(payloads(*two, 0), (Strings{"2", "22"}));
  EXPECT_EQ(store->topics(), (Strings{"one", "two"}));
  EXPECT_EQ(*store->topic("one"), one) << "the same topic for everybody";
  EXPECT_EQ(open(), store) << "the same store for everybody in the process";
}

TEST_F(TopicTest, RefusesBadNamesSizesAndOtherSchemas) {
  const auto store = open({.max_record_bytes = 10, .max_topics = 2});
  EXPECT_EQ(store->topic("").status().code(), StatusCode::kInvalidArgument);
  EXPECT_EQ(store->topic("a/b").status().code(), StatusCode::kInvalidArgument);
  const auto topic = *store->topic("a");
  EXPECT_EQ(topic->append(records({"12345678901"})).status().code(), StatusCode::kInvalidArgument);
  EXPECT_TRUE(topic->expect_schema("i32").is_ok());
  EXPECT_TRUE(topic->expect_schema("i32").is_ok());
  const Status other = topic->expect_schema("string");
  EXPECT_EQ(other.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(other.message().find("i32"), std::string::npos);
  EXPECT_NE(other.message().find("string"), std::string::npos);
  EXPECT_TRUE(store->topic("a").is_ok());
  EXPECT_TRUE(store->topic("b").is_ok());
  EXPECT_EQ(store->topic("c").status().code(), StatusCode::kResourceExhausted);
}

TEST_F(TopicTest, ManyThreadsAppendEachInItsOrder) {
  const auto topic = open_topic();
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  std::atomic<int> woken{0};
  const std::uint64_t listener = topic->listen([&woken] { ++woken; });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kEach; ++i) {
        TopicAppend append;
        append.records.push_back({std::to_string(thread) + "-" + std::to_string(i)});
        const auto offset = topic->append(std::move(append));
        ASSERT_TRUE(offset.is_ok()) << offset.status().to_string();
        ASSERT_LT(*offset, topic->end()) << "visible when it is acknowledged";
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  topic->unlisten(listener);
  EXPECT_GT(woken.load(), 0);
  const Strings all = payloads(*topic, 0);
  ASSERT_EQ(all.size(), static_cast<std::size_t>(kThreads * kEach));
  int next[kThreads] = {};
  for (const std::string& payload : all) {
    const int thread = payload[0] - '0';
    EXPECT_EQ(payload, std::to_string(thread) + "-" + std::to_string(next[thread]++));
  }
}

TEST_F(TopicTest, AsynchronousAppendsAreAnsweredInOrderAndBounded) {
  const auto store = open({.max_waiting_bytes = 1000});
  const auto topic = *store->topic("t");
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::uint64_t> offsets;
  std::size_t refused = 0;
  std::size_t answers = 0;
  bool hold_back = true;
  // The first answer keeps the writer's thread, so that what follows has to wait.
  topic->append_async(records({"first"}), [&](const Result<std::uint64_t>& offset) {
    std::unique_lock lock(mutex);
    changed.wait(lock, [&] { return !hold_back; });
    offsets.push_back(*offset);
    ++answers;
    changed.notify_all();
  });
  for (int i = 0; i < 40; ++i) {
    TopicAppend append;
    append.records.push_back({std::string(100, 'x')});
    topic->append_async(std::move(append), [&](const Result<std::uint64_t>& offset) {
      const std::lock_guard lock(mutex);
      ++answers;
      if (offset.is_ok()) {
        offsets.push_back(*offset);
      } else {
        EXPECT_EQ(offset.status().code(), StatusCode::kResourceExhausted);
        ++refused;
      }
      changed.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  hold_back = false;
  changed.notify_all();
  changed.wait(lock, [&] { return answers == 41; });
  EXPECT_GT(refused, 20U);
  for (std::size_t i = 0; i < offsets.size(); ++i) EXPECT_EQ(offsets[i], i);
  EXPECT_EQ(topic->end(), offsets.size());
}

TEST_F(TopicTest, FullTopicRefusesAppends) {
  const auto topic = open_topic({.retention = {}, .full_bytes = 10});
  ASSERT_TRUE(topic->append(records({"12345", "6789"})).is_ok());
  const auto refused = topic->append(records({"xx"}));
  ASSERT_FALSE(refused.is_ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kResourceExhausted);
  EXPECT_TRUE(topic->append(records({"x"})).is_ok());
  EXPECT_EQ(topic->end(), 3U);
}

TEST_F(TopicTest, MarksAreWrittenWithTheirRecords) {
  {
    const auto topic = open_topic();
    TopicAppend append = records({"a"});
    append.marks = {{"file:a", "digest"}, {"file:b", "other"}, {"x", "y"}};
    ASSERT_TRUE(topic->append(std::move(append)).is_ok());
  }
  const auto topic = open_topic();
  EXPECT_EQ(*topic->mark("file:a"), "digest");
  EXPECT_EQ(*topic->mark("nothing"), std::nullopt);
  EXPECT_EQ(topic->marks("file:")->size(), 2U);
  TopicAppend remove;
  remove.marks = {{"file:a", ""}};
  EXPECT_EQ(*topic->append(std::move(remove)), 1U) << "no records: the end";
  EXPECT_EQ(*topic->mark("file:a"), std::nullopt);
  EXPECT_EQ(topic->end(), 1U);
  TopicAppend large;
  large.marks = {{"m", std::string(100'000, 'x')}};
  EXPECT_EQ(topic->append(std::move(large)).status().code(), StatusCode::kInvalidArgument);
}

TEST_F(TopicTest, RemovesBySize) {
  const auto topic = open_topic({.retention = {.max_age = std::nullopt, .max_bytes = 1600}});
  for (int i = 0; i < 100; ++i) {
    TopicAppend append;
    append.records.push_back({std::string(100, static_cast<char>('a' + i % 26))});
    ASSERT_TRUE(topic->append(std::move(append)).is_ok());
    ASSERT_LE(topic->info().bytes, 1600U + 100 + 100) << "a sixteenth and the newest record more, at the most";
  }
  ASSERT_TRUE(topic->apply_retention().is_ok());
  EXPECT_EQ(topic->info().bytes, 1600U);
  EXPECT_EQ(topic->begin(), 84U);
  EXPECT_EQ(payloads(*topic, 84).size(), 16U);
  const auto gone = topic->read(83);
  ASSERT_FALSE(gone.is_ok());
  EXPECT_EQ(gone.status().code(), StatusCode::kDataLoss);
  EXPECT_NE(gone.status().message().find("begins at 84"), std::string::npos);
}

TEST_F(TopicTest, RemovesByAgeAndNeverUsesAnOffsetAgain) {
  const TopicOptions options{.retention = {.max_age = std::chrono::hours(1), .max_bytes = std::nullopt}};
  {
    const auto topic = open_topic(options);
    ASSERT_TRUE(topic->append(records({"a", "b"})).is_ok());
    clock_.advance(std::chrono::minutes(40));
    ASSERT_TRUE(topic->append(records({"c"})).is_ok());
    clock_.advance(std::chrono::minutes(40));
    ASSERT_TRUE(topic->apply_retention().is_ok());
    EXPECT_EQ(topic->begin(), 2U);
    EXPECT_EQ(payloads(*topic, 2), Strings{"c"});
    clock_.advance(std::chrono::hours(2));
    ASSERT_TRUE(topic->apply_retention().is_ok());
    EXPECT_EQ(topic->begin(), 3U);
    EXPECT_EQ(topic->end(), 3U);
  }
  const auto topic = open_topic(options);
  EXPECT_EQ(topic->begin(), 3U);
  EXPECT_EQ(topic->end(), 3U);
  EXPECT_EQ(*topic->append(records({"d"})), 3U);
  EXPECT_EQ(topic->info().bytes, 1U);
}

TEST_F(TopicTest, RetentionLeavesWhatRetainedCheckpointsNeed) {
  const TopicOptions options{.retention = {.max_age = std::nullopt, .max_bytes = 0}};
  {
    auto topic = open_topic();
    ASSERT_TRUE(topic->append(records({"0", "1", "2", "3", "4", "5"})).is_ok());
    const auto retained = [] { return std::vector<std::uint64_t>{6, 7, 8}; };
    ASSERT_TRUE(topic->hold("job", 6, 2, retained).is_ok());
    ASSERT_TRUE(topic->hold("job", 7, 4, retained).is_ok());
    ASSERT_TRUE(topic->set_position("reader", 1).is_ok()) << "a mere position holds nothing";
    topic = open_topic(options);
    ASSERT_TRUE(topic->apply_retention().is_ok());
    EXPECT_EQ(topic->begin(), 2U);
  }
  const auto topic = open_topic(options);
  EXPECT_EQ(topic->consumer("job")->holds, (std::map<std::uint64_t, std::uint64_t>{{6, 2}, {7, 4}}));
  EXPECT_EQ(topic->consumer("job")->position, 4U);
  EXPECT_EQ(topic->consumer("reader")->position, 1U);
  ASSERT_TRUE(topic->hold("job", 8, 5, [] { return std::vector<std::uint64_t>{7, 8}; }).is_ok());
  ASSERT_TRUE(topic->apply_retention().is_ok());
  EXPECT_EQ(topic->begin(), 4U) << "checkpoint 6 is gone, 7 is not";
  // Going back to checkpoint 7: what later ones held counts no more.
  ASSERT_TRUE(topic->hold("job", 7, 4, [] { return std::vector<std::uint64_t>{7}; }).is_ok());
  EXPECT_EQ(topic->consumer("job")->holds.size(), 1U);
  ASSERT_TRUE(topic->forget("job").is_ok());
  ASSERT_TRUE(topic->apply_retention().is_ok());
  EXPECT_EQ(topic->begin(), 6U);
  EXPECT_FALSE(topic->set_position("reader", 7).is_ok()) << "behind the end";
}

TEST_F(TopicTest, FindsTheOffsetOfATime) {
  const auto topic = open_topic();
  const Timestamp start = clock_.now();
  EXPECT_EQ(*topic->offset_at(start), 0U);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(topic->append(records({"x", "y"})).is_ok());
    clock_.advance(Duration{10});
  }
  EXPECT_EQ(*topic->offset_at(start), 0U);
  EXPECT_EQ(*topic->offset_at(start + Duration{1}), 2U);
  EXPECT_EQ(*topic->offset_at(start + Duration{50}), 10U);
  EXPECT_EQ(*topic->offset_at(start + Duration{91}), 20U);
}

TEST_F(TopicTest, TransactionsAppearWhenCommittedAndOnce) {
  const auto topic = open_topic();
  const TopicTransaction transaction{"sink/0", *topic->next_serial("sink/0")};
  stage(*topic, transaction, 0, 3);
  stage(*topic, transaction, 3, 2);
  ASSERT_TRUE(topic->append(records({"between"})).is_ok());
  EXPECT_EQ(topic->end(), 1U) << "staged is not visible";
  for (int repeat = 0; repeat < 3; ++repeat) ASSERT_TRUE(topic->commit(transaction, 5).is_ok());
  EXPECT_EQ(payloads(*topic, 0), (Strings{"between", "sink/0:0", "sink/0:1", "sink/0:2", "sink/0:3", "sink/0:4"}));
  EXPECT_EQ((*topic->read(1))[0].time, Timestamp{Duration{7}});
  EXPECT_EQ(*topic->next_serial("sink/0"), transaction.serial + 1);
  EXPECT_EQ(topic->stage(transaction, 0, {}, true).code(), StatusCode::kFailedPrecondition);
  EXPECT_TRUE(topic->staging("")->empty());
}

TEST_F(TopicTest, LargeTransactionsMoveInChunks) {
  const auto topic = open_topic();
  const TopicTransaction transaction{"p", 1};
  for (std::uint64_t first = 0; first < 10'000; first += 1000) stage(*topic, transaction, first, 1000);
  ASSERT_TRUE(topic->commit(transaction, 10'000).is_ok());
  EXPECT_EQ(topic->end(), 10'000U);
  EXPECT_EQ(payloads(*topic, 9'999), Strings{"p:9999"});
}

TEST_F(TopicTest, WhatWasNeverStagedIsALoss) {
  const auto topic = open_topic();
  EXPECT_EQ(topic->commit({"p", 1}, 1).code(), StatusCode::kDataLoss);
  stage(*topic, {"p", 1}, 0, 2);
  EXPECT_EQ(topic->commit({"p", 1}, 3).code(), StatusCode::kDataLoss);
  EXPECT_TRUE(topic->commit({"p", 2}, 0).is_ok()) << "nothing to commit is nothing lost";
}

TEST_F(TopicTest, DiscardsWhatOneProducerStaged) {
  {
    const auto topic = open_topic();
    stage(*topic, {"sink/0", 1}, 0, 2);
    stage(*topic, {"sink/0", 2}, 0, 2);
    stage(*topic, {"sink/1", 1}, 0, 2);
    stage(*topic, {"other", 4}, 0, 1);
  }
  const auto topic = open_topic();
  EXPECT_EQ(*topic->next_serial("sink/0"), 3U);
  EXPECT_EQ(*topic->staging("sink/"), (Strings{"sink/0", "sink/1"}));
  ASSERT_TRUE(topic->discard("sink/0").is_ok());
  EXPECT_EQ(*topic->staging(""), (Strings{"other", "sink/1"}));
  ASSERT_TRUE(topic->commit({"sink/1", 1}, 2).is_ok());
  EXPECT_EQ(topic->end(), 2U);
}

TEST_F(TopicTest, InMemoryIsATopicToo) {
  const auto store = TopicStore::in_memory();
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  const auto topic = *(*store)->topic("t");
  ASSERT_TRUE(topic->append(records({"a", "b"})).is_ok());
  EXPECT_EQ(payloads(*topic, 1), Strings{"b"});
  EXPECT_EQ((*store)->directory(), "");
}

TEST_F(TopicTest, FindsTheCheckpointsOfAJob) {
  for (const char* name : {"chk-000007", "chk-12", "chk-000008.tmp", "chk-", "other"})
    std::filesystem::create_directories(directory_ / ("checkpoints/" + std::string(name)));
  auto ids = retained_checkpoints(directory_.path());
  std::sort(ids.begin(), ids.end());
  EXPECT_EQ(ids, (std::vector<std::uint64_t>{7, 12}));
  EXPECT_TRUE(retained_checkpoints(directory_ / "nothing").empty());
}

}  // namespace
}  // namespace weir
