// co_process beside a broadcast stream: what is kept once, and comes back to every task.

#include <gtest/gtest.h>

#include <memory>

#include <weir/detail/broadcast_operator.hpp>
#include <weir/serde.hpp>

#include "support/operator_harness.hpp"

namespace weir {
namespace {

using testing_support::expect_same_in_all_modes;
using testing_support::OperatorHarness;
using testing_support::output_of;
using testing_support::Script;

using Number = std::int64_t;

// Adds the newest offset of the broadcast side to each number.
struct Offset {
  using Output = Number;
  Number offset = 0;
  void process_left(const Number& value, Collector<Number>& out) { out.collect(value + offset); }
  void process_right(const Number& value, Collector<Number>&) { offset = value; }
  void weir_write(ByteWriter& writer) const { Serde<Number>::write(writer, offset); }
  void weir_read(ByteReader& reader) { Serde<Number>::read(reader, offset); }
};

OperatorHarness::Options offsets(std::uint32_t task = 0, std::uint32_t parallelism = 1) {
  using Op = detail::BroadcastCoProcessOperator<Number, Number, Number, Offset>;
  OperatorHarness::Options options{
      .make_operator = [] { return std::make_unique<Op>(Offset{}); }, .inputs = 2, .outputs = {output_of<Number>()}};
  options.context.task_index = task;
  options.context.parallelism = parallelism;
  return options;
}

TEST(Broadcast, KeepsWhatCameFromTheBroadcastSide) {
  Script script;
  std::vector<std::string> expected;
  for (Number round = 1; round <= 5; ++round) {
    script.record(1, round * 100);
    for (Number value = 0; value < 4; ++value) {
      script.record(0, value);
      expected.push_back(std::to_string(round * 100 + value));
    }
  }
  expect_same_in_all_modes(offsets(), script, expected);
}

TEST(Broadcast, IsStoredOnceAndComesBackToEveryTask) {
  testing_support::StoredOperator all;
  for (const std::uint32_t task : {0U, 1U, 2U}) {
    OperatorHarness harness(offsets(task, 3));
    ASSERT_TRUE(harness.open().is_ok());
    BatchPtr batch = std::make_unique<Batch<Number>>();
    static_cast<Batch<Number>&>(*batch).records.emplace(700);
    ASSERT_TRUE(harness.push(1, batch));
    const auto stored = harness.checkpoint();
    ASSERT_TRUE(stored.is_ok());
    all.merge(**stored);
  }
  EXPECT_EQ(all.entries.size(), 1U);
  for (const std::uint32_t task : {0U, 4U}) {
    OperatorHarness harness(offsets(task, 5));
    ASSERT_TRUE(harness.open(std::make_shared<testing_support::StoredOperator>(all)).is_ok());
    BatchPtr batch = std::make_unique<Batch<Number>>();
    static_cast<Batch<Number>&>(*batch).records.emplace(7);
    ASSERT_TRUE(harness.push(0, batch));
    EXPECT_EQ(harness.texts(), std::vector<std::string>{"707"});
  }
}

TEST(Broadcast, RefusesAStateItCannotRead) {
  auto stored = std::make_shared<testing_support::StoredOperator>();
  stored->entries.emplace_back("broadcast-state", std::string(3, '\xff'));
  OperatorHarness harness(offsets());
  EXPECT_EQ(harness.open(stored).code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace weir
