#include <weir/paced.hpp>

#include <gtest/gtest.h>

#include <weir/memory_source.hpp>

#include "support/operator_harness.hpp"

namespace weir {
namespace {

using namespace testing_support;

Timestamp at(std::uint64_t seconds) { return Timestamp{std::chrono::seconds(seconds)}; }
auto by_value = [](std::uint64_t value) { return at(value); };

OperatorHarness::Options harness_of(const Source<std::uint64_t>& source) {
  EXPECT_TRUE(source.faults.empty());
  return {.make_operator = source.make_operator, .inputs = 0, .outputs = {output_of<std::uint64_t>()}};
}
Source<std::uint64_t> seconds(std::vector<std::uint64_t> times) { return vector_source(std::move(times), by_value); }

TEST(Paced, ReleasesARecordWhenTheLineReachesIt) {
  auto options = harness_of(paced(seconds({100, 101, 101, 110}), {.speed = 2.0}));
  OperatorHarness harness(options);
  ASSERT_TRUE(harness.open().is_ok());
  const Timestamp start = options.context.clock->now();
  std::size_t seen = 0;
  std::vector<Duration> released;
  while (harness.poll_once() != PollResult::kEnd) {
    for (; seen < harness.texts().size(); ++seen) released.push_back(options.context.clock->now() - start);
    if (harness.context().scheduled) harness.let_world_move();
  }
  using std::chrono::milliseconds;
  EXPECT_EQ(released,
            (std::vector<Duration>{milliseconds(0), milliseconds(500), milliseconds(500), milliseconds(5000)}));
}

TEST(Paced, MovesTheWatermarkWhileThereAreNoRecords) {
  OperatorHarness harness(
      harness_of(paced(seconds({100, 200, 300}), {.watermark_interval = std::chrono::seconds(10)})));
  ASSERT_TRUE(harness.open().is_ok());
  harness.run_source();
  std::vector<std::string> lines;
  for (const Output& out : harness.outputs())
    if (*out.time <= at(121)) lines.push_back(out.to_string());
  EXPECT_EQ(lines, (std::vector<std::string>{"100 @1970-01-01T00:01:40Z #0", "watermark @1970-01-01T00:01:40Z",
                                             "watermark @1970-01-01T00:01:50Z", "watermark @1970-01-01T00:02:00Z"}));
  Timestamp watermark = kMinTimestamp;
  for (const Output& out : harness.outputs()) {
    if (out.is_watermark)
      watermark = *out.time;
    else
      EXPECT_GT(*out.time, watermark);
  }
}

TEST(Paced, RestsUntilARecordOrTheNextWatermarkIsDue) {
  auto options = harness_of(paced(seconds({100, 200}), {.watermark_interval = std::chrono::seconds(10)}));
  OperatorHarness harness(options);
  ASSERT_TRUE(harness.open().is_ok());
  while (harness.poll_once() == PollResult::kProgress) {
  }
  const std::size_t before = harness.outputs().size();
  options.context.clock->advance(std::chrono::microseconds(7));  // nobody waits for such a watermark
  EXPECT_EQ(harness.poll_once(), PollResult::kIdle);
  EXPECT_EQ(harness.outputs().size(), before);
  ASSERT_TRUE(harness.context().scheduled);
  EXPECT_EQ(*harness.context().scheduled - options.context.clock->now(),
            std::chrono::seconds(10) - std::chrono::microseconds(7));
}

TEST(Paced, GivesTheSameRecordsInEveryMode) {
  std::vector<std::uint64_t> times;
  std::vector<std::string> expected;
  for (std::uint64_t i = 0; i < 300; ++i) {
    times.push_back(100 + i / 3 * 2);
    expected.push_back(std::to_string(times.back()) + " @" + format_timestamp(at(times.back())) + " #" +
                       std::to_string(i));
  }
  expect_same_source_in_all_modes(harness_of(paced(seconds(times), {.speed = 10})), expected);
  expect_same_source_in_all_modes(harness_of(paced(seconds(times), {.speed = Timeline::kMaxSpeed})), expected);
}

TEST(Paced, SourcesOnOneLineKeepStep) {
  auto line = std::make_shared<Timeline>(Timeline::Options{.speed = 1.0, .start = at(90)});
  auto options = harness_of(paced(seconds({100}), {.timeline = line}));
  OperatorHarness first(options);
  auto other = harness_of(paced(seconds({95}), {.timeline = line}));
  other.context.clock = options.context.clock;
  OperatorHarness second(other);
  ASSERT_TRUE(first.open().is_ok());
  ASSERT_TRUE(second.open().is_ok());
  const Timestamp start = options.context.clock->now();
  EXPECT_EQ(first.poll_once(), PollResult::kProgress);  // the watermark
  EXPECT_EQ(first.poll_once(), PollResult::kIdle);
  second.run_source();
  EXPECT_EQ(options.context.clock->now() - start, std::chrono::seconds(5));
  first.run_source();
  EXPECT_EQ(options.context.clock->now() - start, std::chrono::seconds(10));
}

TEST(Paced, ContinuesFromTheRestoredWatermark) {
  const auto make = [] { return harness_of(paced(seconds({100, 150, 200}), {})); };
  auto options = make();
  std::shared_ptr<const StoredOperator> stored;
  {
    OperatorHarness harness(options);
    ASSERT_TRUE(harness.open().is_ok());
    while (harness.last_watermark().value_or(kMinTimestamp) < at(160)) {
      harness.poll_once();
      harness.let_world_move();
    }
    EXPECT_EQ(harness.texts().size(), 2U);
    stored = *harness.checkpoint();
  }
  auto again = make();
  OperatorHarness harness(again);
  ASSERT_TRUE(harness.open(stored).is_ok());
  const Timestamp start = again.context.clock->now();
  harness.run_source();
  EXPECT_EQ(harness.texts(), std::vector<std::string>{"200"});
  EXPECT_EQ(again.context.clock->now() - start, at(200) - stored->watermark);
}

TEST(Paced, RefusesWhatItCannotPace) {
  EXPECT_EQ(paced(seconds({1}), {.speed = 0}).faults.size(), 1U);
  EXPECT_EQ(paced(seconds({1}), {.speed = std::numeric_limits<double>::quiet_NaN()}).faults.size(), 1U);
  OperatorHarness harness(harness_of(paced(vector_source<std::uint64_t>({1}), {})));
  ASSERT_TRUE(harness.open().is_ok());
  EXPECT_THROW(harness.poll_once(), std::runtime_error);
  class Plain final : public Operator {
    void process(std::size_t, BatchPtr&, Outbox&) override {}
  };
  Source<std::uint64_t> plain;
  plain.make_operator = [] { return std::make_unique<Plain>(); };
  OperatorHarness other(harness_of(paced(plain, {})));
  EXPECT_EQ(other.open().code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir
