#include <weir/topic_source.hpp>

#include <gtest/gtest.h>

#include "support/operator_harness.hpp"
#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using namespace testing_support;

Timestamp at(std::int64_t seconds) { return Timestamp{std::chrono::seconds(seconds)}; }

class TopicSource : public ::testing::Test {
 protected:
  TopicSource() : store_(*TopicStore::in_memory({.clock = &clock_})), topic_(*store_->topic("t")) {}

  void append(int from, int end) {
    for (int i = from; i < end; ++i) {
      TopicAppend one;
      one.records.push_back({detail::TopicCodec<int>::encode(i), at(i)});
      ASSERT_TRUE(topic_->append(std::move(one)).is_ok());
    }
  }
  TopicSourceOptions<int> options(bool until_end = true) const {
    TopicSourceOptions<int> options;
    options.store = store_;
    options.until_end = until_end;
    return options;
  }
  static OperatorHarness::Options harness_of(const Source<int>& source) {
    EXPECT_TRUE(source.faults.empty());
    return {.make_operator = source.make_operator, .inputs = 0, .outputs = {output_of<int>()}};
  }
  static std::vector<std::string> numbers(int from, int end) {
    std::vector<std::string> texts;
    for (int i = from; i < end; ++i) texts.push_back(std::to_string(i));
    return texts;
  }
  // Polls and lets jobs run until the source has nothing more to say.
  static void run_until_idle(OperatorHarness& harness) {
    for (std::size_t before = ~std::size_t{0}; before != harness.outputs().size();) {
      before = harness.outputs().size();
      for (int i = 0; i < 8; ++i) {
        while (harness.poll_once() == PollResult::kProgress) {
        }
        harness.let_world_move();
      }
    }
  }

  ManualClock clock_;
  std::shared_ptr<TopicStore> store_;
  std::shared_ptr<Topic> topic_;
};

TEST_F(TopicSource, GivesRecordsWithOffsetsAndTimesAtAnyBatchSizeAndAfterRestores) {
  append(0, 300);
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i)
    expected.push_back(std::to_string(i) + " #" + std::to_string(i) + " @" + format_timestamp(at(i)));
  const auto source = topic_source<int>("t", options());
  OperatorHarness probe(harness_of(source));
  ASSERT_TRUE(probe.open().is_ok());
  probe.run_source();
  ASSERT_EQ(probe.texts().size(), 300U);
  EXPECT_EQ(probe.last_watermark(), at(299) - Duration{1});
  expect_same_source_in_all_modes(harness_of(source));
  EXPECT_EQ(probe.texts(), numbers(0, 300));
  EXPECT_EQ(probe.outputs()[0].position, 0U);
  EXPECT_EQ(probe.outputs()[0].time, at(0));
}

TEST_F(TopicSource, FollowsTheTopicAndIsIdleAtItsEnd) {
  append(0, 3);
  OperatorHarness harness(harness_of(topic_source<int>("t", options(false))));
  ASSERT_TRUE(harness.open().is_ok());
  run_until_idle(harness);
  EXPECT_EQ(harness.texts(), numbers(0, 3));
  EXPECT_EQ(harness.poll_once(), PollResult::kIdle);
  harness.context().take_wakes();
  append(3, 5);
  EXPECT_GT(harness.context().take_wakes(), 0U) << "an append wakes the source";
  run_until_idle(harness);
  EXPECT_EQ(harness.texts(), numbers(0, 5));
}

TEST_F(TopicSource, GoesOnAtItsCheckpoint) {
  append(0, 10);
  OperatorHarness harness(harness_of(topic_source<int>("t", options(false))));
  ASSERT_TRUE(harness.open().is_ok());
  run_until_idle(harness);
  const auto stored = harness.checkpoint();
  ASSERT_TRUE(stored.is_ok());
  append(10, 12);
  run_until_idle(harness);
  harness.destroy();
  ASSERT_TRUE(harness.open(*stored).is_ok());
  run_until_idle(harness);
  std::vector<std::string> expected = numbers(0, 12);
  expected.insert(expected.end(), {"10", "11"});
  EXPECT_EQ(harness.texts(), expected);
}

TEST_F(TopicSource, BeginsWhereItIsTold) {
  append(0, 4);
  const Timestamp later = clock_.now() + std::chrono::hours(1);
  clock_.advance(std::chrono::hours(1));
  append(4, 8);
  ASSERT_TRUE(topic_->set_position("reader", 6).is_ok());
  const auto run = [&](TopicSourceOptions<int> options) {
    OperatorHarness harness(harness_of(topic_source<int>("t", std::move(options))));
    const Status opened = harness.open();
    EXPECT_TRUE(opened.is_ok()) << opened.to_string();
    harness.run_source();
    return harness.texts();
  };
  auto from_offset = options();
  from_offset.start_offset = 3;
  EXPECT_EQ(run(from_offset), numbers(3, 8));
  auto from_time = options();
  from_time.start_time = later;
  EXPECT_EQ(run(from_time), numbers(4, 8));
  auto from_end = options();
  from_end.start = TopicStart::kEnd;
  EXPECT_EQ(run(from_end), numbers(0, 0));
  auto from_position = options();
  from_position.start = TopicStart::kPosition;
  from_position.consumer = "reader";
  EXPECT_EQ(run(from_position), numbers(6, 8));
  auto wrong = options();
  wrong.start_offset = 9;
  OperatorHarness harness(harness_of(topic_source<int>("t", wrong)));
  EXPECT_EQ(harness.open().code(), StatusCode::kInvalidArgument);
}

TEST_F(TopicSource, EndsWhereTheTopicEndedWhenTheJobFirstStarted) {
  append(0, 5);
  OperatorHarness harness(harness_of(topic_source<int>("t", options())));
  ASSERT_TRUE(harness.open().is_ok());
  append(5, 9);
  const auto stored = harness.checkpoint();
  harness.destroy();
  ASSERT_TRUE(harness.open(*stored).is_ok());
  harness.run_source();
  EXPECT_EQ(harness.texts(), numbers(0, 5));
}

TEST_F(TopicSource, HoldsWhatItsRetainedCheckpointsNeed) {
  const TemporaryDirectory job;
  std::filesystem::create_directories(job.file("checkpoints/chk-000001"));
  append(0, 10);
  auto harness_options = harness_of(topic_source<int>("t", options(false)));
  harness_options.context.job_directory = job.path();
  harness_options.context.uid = "orders";
  OperatorHarness harness(harness_options);
  ASSERT_TRUE(harness.open().is_ok());
  store_->topic("t", TopicOptions{.retention = {.max_age = std::nullopt, .max_bytes = 0}}).status().ignore("is there");
  run_until_idle(harness);
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  EXPECT_EQ(topic_->begin(), 0U) << "no checkpoint yet: a restart begins at the beginning";
  ASSERT_TRUE(harness.checkpoint().is_ok());  // number 1
  append(10, 14);
  run_until_idle(harness);
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  EXPECT_EQ(topic_->begin(), 10U);
  std::filesystem::create_directories(job.file("checkpoints/chk-000002"));
  ASSERT_TRUE(harness.checkpoint().is_ok());
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  EXPECT_EQ(topic_->begin(), 10U) << "checkpoint 1 is still there";
  std::filesystem::remove_all(job.file("checkpoints/chk-000001"));
  const auto third = harness.checkpoint();
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  EXPECT_EQ(topic_->begin(), 14U);
  // Restored, it goes on holding.
  append(14, 16);
  harness.destroy();
  ASSERT_TRUE(harness.open(*third).is_ok());
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  run_until_idle(harness);
  EXPECT_EQ(harness.texts(), numbers(0, 16));
  EXPECT_EQ(topic_->consumer("orders")->name, "orders");
}

TEST_F(TopicSource, WithoutAJobDirectoryLetsGoWhatItHasRead) {
  store_->topic("t", TopicOptions{.retention = {.max_age = std::nullopt, .max_bytes = 0}}).status().ignore("is there");
  OperatorHarness harness(harness_of(topic_source<int>("t", options(false))));
  ASSERT_TRUE(harness.open().is_ok());
  append(0, 10);
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  EXPECT_EQ(topic_->begin(), 0U);
  run_until_idle(harness);
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  EXPECT_EQ(topic_->begin(), 10U);
  EXPECT_EQ(harness.texts(), numbers(0, 10));
}

TEST_F(TopicSource, APositionThatIsGoneFailsTheStart) {
  append(0, 10);
  OperatorHarness harness(harness_of(topic_source<int>("t", options(false))));
  ASSERT_TRUE(harness.open().is_ok());
  const auto stored = harness.checkpoint();
  run_until_idle(harness);
  harness.destroy();
  ASSERT_TRUE(topic_->forget("operator").is_ok());
  store_->topic("t", TopicOptions{.retention = {.max_age = std::nullopt, .max_bytes = 0}}).status().ignore("is there");
  ASSERT_TRUE(topic_->apply_retention().is_ok());
  const Status opened = harness.open(*stored);
  EXPECT_EQ(opened.code(), StatusCode::kDataLoss) << opened.to_string();
}

TEST_F(TopicSource, BadPayloadsGoToDeadLettersOrFail) {
  append(0, 1);
  TopicAppend bad;
  bad.records.push_back({"no int"});
  ASSERT_TRUE(topic_->append(std::move(bad)).is_ok());
  append(2, 3);
  auto with_letters = harness_of(topic_source<int>("t", options()));
  with_letters.outputs.push_back(output_of<DeadLetter>([](const DeadLetter& letter) { return letter.bytes; }));
  with_letters.context.side_outputs = {kDeadLetterOutput};
  OperatorHarness harness(with_letters);
  ASSERT_TRUE(harness.open().is_ok());
  harness.run_source();
  EXPECT_EQ(harness.texts(), (std::vector<std::string>{"0", "2"}));
  EXPECT_EQ(harness.texts(1), (std::vector<std::string>{"no int"}));

  OperatorHarness failing(harness_of(topic_source<int>("t", options())));
  ASSERT_TRUE(failing.open().is_ok());
  EXPECT_THROW(failing.run_source(), std::runtime_error);
}

TEST_F(TopicSource, RefusesATopicOfAnotherSchemaAndBadOptions) {
  ASSERT_TRUE(topic_->expect_schema("string").is_ok());
  OperatorHarness harness(harness_of(topic_source<int>("t", options())));
  EXPECT_EQ(harness.open().code(), StatusCode::kFailedPrecondition);
  EXPECT_FALSE(topic_source<int>("a/b").faults.empty());
  auto both = options();
  both.directory = "somewhere";
  EXPECT_FALSE(topic_source<int>("t", both).faults.empty());
  OperatorHarness nowhere(harness_of(topic_source<int>("t")));
  EXPECT_EQ(nowhere.open().code(), StatusCode::kInvalidArgument) << "no job directory and none given";
}

}  // namespace
}  // namespace weir
