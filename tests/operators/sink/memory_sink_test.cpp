#include <weir/memory_sink.hpp>

#include <gtest/gtest.h>

#include "support/operator_harness.hpp"

namespace weir {
namespace {

using namespace testing_support;

OperatorHarness::Options harness_of(const Sink<int>& sink, std::uint32_t task = 0, std::uint32_t parallelism = 1) {
  OperatorHarness::Options options{.make_operator = sink.make_operator, .inputs = 1, .outputs = {}};
  options.context.task_index = task;
  options.context.parallelism = parallelism;
  return options;
}
BatchPtr batch_of(std::initializer_list<int> values) {
  auto batch = std::make_unique<Batch<int>>();
  for (const int value : values) batch->records.emplace(value);
  return batch;
}
void push(OperatorHarness& harness, std::initializer_list<int> values) {
  BatchPtr batch = batch_of(values);
  ASSERT_TRUE(harness.push(0, batch));
}

TEST(CollectSink, HoldsRecordsInOrder) {
  auto collected = std::make_shared<Collected<int>>();
  Script script;
  for (int i = 0; i < 10; ++i) script.record(0, i);
  // In every mode the records come again, after those of the modes before were taken back.
  expect_same_in_all_modes(harness_of(collect_sink(collected)), script, std::vector<std::string>{});
  EXPECT_EQ(collected->records(), (std::vector<int>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST(CollectSink, TakesBackWhatCameAfterTheCheckpoint) {
  auto collected = std::make_shared<Collected<int>>();
  OperatorHarness harness(harness_of(collect_sink(collected)));
  ASSERT_TRUE(harness.open().is_ok());
  push(harness, {1, 2});
  const auto stored = *harness.checkpoint();
  push(harness, {3});
  ASSERT_TRUE(harness.open(stored).is_ok());
  EXPECT_EQ(collected->records(), (std::vector<int>{1, 2}));
  push(harness, {3, 4});
  EXPECT_EQ(collected->records(), (std::vector<int>{1, 2, 3, 4}));
  ASSERT_TRUE(harness.open().is_ok());
  EXPECT_EQ(collected->size(), 0U);
}

TEST(CollectSink, TakesBackAlsoWithAnotherParallelism) {
  auto collected = std::make_shared<Collected<int>>();
  const auto sink = collect_sink(collected);
  OperatorHarness first(harness_of(sink, 0, 2));
  OperatorHarness second(harness_of(sink, 1, 2));
  ASSERT_TRUE(first.open().is_ok());
  ASSERT_TRUE(second.open().is_ok());
  push(first, {1});
  push(second, {2});
  auto stored = std::make_shared<StoredOperator>(**first.checkpoint());
  stored->merge(**second.checkpoint());
  push(first, {8});
  push(second, {9});
  OperatorHarness alone(harness_of(sink));
  ASSERT_TRUE(alone.open(stored).is_ok());
  push(alone, {3});
  EXPECT_EQ(collected->records(), (std::vector<int>{1, 3, 2}));
  const auto later = *alone.checkpoint();
  ASSERT_TRUE(alone.open(later).is_ok());
  EXPECT_EQ(collected->size(), 3U);
}

TEST(CollectSink, FailsWhenItIsFull) {
  auto collected = std::make_shared<Collected<int>>(2);
  OperatorHarness harness(harness_of(collect_sink(collected)));
  ASSERT_TRUE(harness.open().is_ok());
  push(harness, {1});
  BatchPtr batch = batch_of({2, 3});
  EXPECT_THROW(harness.process_once(0, batch), std::runtime_error);
  EXPECT_EQ(collected->records(), std::vector<int>{1});
}

TEST(CollectSink, SinksOfOtherUidsAreKeptApart) {
  auto collected = std::make_shared<Collected<int>>();
  auto options = harness_of(collect_sink(collected));
  OperatorHarness one(options);
  options.context.uid = "other";
  OperatorHarness other(options);
  ASSERT_TRUE(one.open().is_ok());
  push(one, {1});
  ASSERT_TRUE(other.open().is_ok());
  push(other, {2});
  EXPECT_EQ(collected->size(), 2U);
}

TEST(ForEachSink, CallsTheFunctionWithRecordAndTime) {
  auto sum = std::make_shared<int>(0);
  OperatorHarness plain(harness_of(for_each_sink<int>([sum](const int& value) { *sum += value; })));
  ASSERT_TRUE(plain.open().is_ok());
  push(plain, {1, 2, 3});
  EXPECT_EQ(*sum, 6);
  auto times = std::make_shared<std::vector<Timestamp>>();
  OperatorHarness timed(
      harness_of(for_each_sink<int>([times](const int&, Timestamp time) { times->push_back(time); })));
  ASSERT_TRUE(timed.open().is_ok());
  push(timed, {1});
  BatchPtr batch = batch_of({2});
  batch->timestamps.emplace(Timestamp{Duration{7}});
  ASSERT_TRUE(timed.push(0, batch));
  EXPECT_EQ(*times, (std::vector<Timestamp>{kMinTimestamp, Timestamp{Duration{7}}}));
}

}  // namespace
}  // namespace weir
