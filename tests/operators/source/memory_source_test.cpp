#include <weir/memory_source.hpp>

#include <gtest/gtest.h>

#include <set>

#include "support/operator_harness.hpp"

namespace weir {
namespace {

using namespace testing_support;

Timestamp at(std::uint64_t seconds) { return Timestamp{std::chrono::seconds(seconds)}; }

template <class T>
OperatorHarness::Options harness_of(const Source<T>& source) {
  EXPECT_TRUE(source.faults.empty());
  return {.make_operator = source.make_operator, .inputs = 0, .outputs = {output_of<T>()}};
}

TEST(VectorSource, GivesItsRecordsInOrderWithPositionsAndTimes) {
  expect_same_source_in_all_modes(harness_of(vector_source<std::string>({"a", "b", "c", "d", "e"})),
                                  std::vector<std::string>{"a #0", "b #1", "c #2", "d #3", "e #4"});
  const auto timed =
      vector_source<std::uint64_t>({5, 7}, [](std::uint64_t value) { return at(value); }, {.positions = false});
  expect_same_source_in_all_modes(harness_of(timed),
                                  std::vector<std::string>{"5 @1970-01-01T00:00:05Z", "7 @1970-01-01T00:00:07Z"});
}

TEST(VectorSource, OfNoRecordsEndsAtOnce) {
  expect_same_source_in_all_modes(harness_of(vector_source<int>({})), std::vector<std::string>{});
}

TEST(GeneratorSource, MakesRecordsFromTheirNumber) {
  std::vector<std::string> expected;
  for (int i = 0; i < 700; ++i) expected.push_back(std::to_string(i * i) + " #" + std::to_string(i));
  expect_same_source_in_all_modes(harness_of(generator_source([](std::uint64_t i) { return i * i; }, {.count = 700})),
                                  expected);
}

TEST(GeneratorSource, WatermarkStaysBehindTheLatestRecord) {
  // Times go 0, 3, 2, 5, 4, 7, ...: at most one second out of order.
  const auto source = generator_source([](std::uint64_t i) { return i % 2 == 0 ? i : i + 2; },
                                       [](std::uint64_t value) { return at(value); },
                                       {.count = 100, .watermarks = std::chrono::seconds(1)});
  OperatorHarness harness(harness_of(source));
  ASSERT_TRUE(harness.open().is_ok());
  harness.run_source();
  Timestamp watermark = kMinTimestamp;
  for (const Output& out : harness.outputs()) {
    if (out.is_watermark)
      watermark = *out.time;
    else
      EXPECT_GT(*out.time, watermark);
  }
  EXPECT_EQ(watermark, at(100) - Duration{1});
}

TEST(GeneratorSource, WithoutACountNeverEnds) {
  OperatorHarness harness(harness_of(generator_source([](std::uint64_t i) { return i; })));
  ASSERT_TRUE(harness.open().is_ok());
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(harness.poll_once(), PollResult::kProgress);
  EXPECT_EQ(harness.texts().size(), 256'000U);
}

// One job with changing parallelism: between two stages all its tasks are stopped at a common checkpoint.
class Job {
 public:
  explicit Job(std::uint64_t count) : source_(generator_source([](std::uint64_t i) { return i; }, {.count = count})) {}

  // Task t of `parallelism` polls `polls(t)` times.
  template <class Polls>
  void run(std::uint32_t parallelism, Polls polls) {
    auto next = std::make_shared<StoredOperator>();
    next->watermark = kMaxTimestamp;
    for (std::uint32_t task = 0; task < parallelism; ++task) {
      OperatorHarness::Options options = harness_of(source_);
      options.batch_size = 7;
      options.context.task_index = task;
      options.context.parallelism = parallelism;
      options.context.max_parallelism = 12;
      OperatorHarness harness(options);
      ASSERT_TRUE(harness.open(stored_).is_ok());
      for (int i = 0; i < polls(task); ++i)
        if (harness.poll_once() == PollResult::kEnd) break;
      std::uint64_t before = 0;
      for (const Output& out : harness.outputs()) {
        if (out.is_watermark) continue;
        EXPECT_TRUE(seen_.insert(*out.position).second) << "number " << *out.position << " came twice";
        EXPECT_TRUE(*out.position == 0 || *out.position >= before) << "numbers of a task ascend";
        before = *out.position;
      }
      next->merge(**harness.checkpoint());
    }
    stored_ = next;
  }

  [[nodiscard]] const std::set<std::uint64_t>& seen() const { return seen_; }

 private:
  Source<std::uint64_t> source_;
  std::shared_ptr<const StoredOperator> stored_;
  std::set<std::uint64_t> seen_;
};

TEST(GeneratorSource, LosesAndDoublesNothingWhenTheParallelismChanges) {
  Job job(1000);
  job.run(2, [](std::uint32_t task) { return task == 0 ? 9 : 1; });
  job.run(5, [](std::uint32_t task) { return static_cast<int>(task) * 3; });
  job.run(1, [](std::uint32_t) { return 4; });
  job.run(12, [](std::uint32_t task) { return static_cast<int>(task % 3); });
  job.run(13, [](std::uint32_t) { return 2; });
  job.run(7, [](std::uint32_t) { return 3; });
  job.run(3, [](std::uint32_t) { return 1'000; });
  EXPECT_EQ(job.seen().size(), 1000U);
}

TEST(GeneratorSource, RefusesAPositionOfAnotherMaxParallelismOrOneThatIsBroken) {
  const auto source = generator_source([](std::uint64_t i) { return i; }, {.count = 9});
  OperatorHarness harness(harness_of(source));
  ASSERT_TRUE(harness.open().is_ok());
  const auto stored = *harness.checkpoint();
  OperatorHarness::Options other = harness_of(source);
  other.context.max_parallelism = 64;
  EXPECT_EQ(OperatorHarness(other).open(stored).code(), StatusCode::kFailedPrecondition);
  auto broken = std::make_shared<StoredOperator>(*stored);
  broken->entries[0].second.pop_back();
  EXPECT_EQ(harness.open(broken).code(), StatusCode::kDataLoss);
}

TEST(GeneratorSource, SaysThatAWatermarkCannotBeAhead) {
  EXPECT_EQ(generator_source([](std::uint64_t i) { return i; }, {.watermarks = Duration{-1}}).faults.size(), 1U);
}

}  // namespace
}  // namespace weir
