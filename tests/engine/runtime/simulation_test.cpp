// Whole jobs under the seeded scheduler: any interleaving, any buffer size, crashes anywhere; always the same results.

#include <weir/testing.hpp>

#include <gtest/gtest.h>

#include "support/engine_fixtures.hpp"
#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using test::Committed;
using test::committing_sink;
using test::numbers;
using testing::Simulation;
using testing::SimulationOptions;
using testing_support::TemporaryDirectory;

const SideOutput<std::int64_t> kOdd{"odd"};

// Left and right numbers of a key (value mod 10) share a sum; at every 100 µs of event time a timer puts it out. Odd
// left numbers also go to a side output.
struct SumOfBoth : CoProcessFunction<std::int64_t, std::int64_t, std::int64_t, std::int64_t> {
  ValueState<std::int64_t> sum;
  MapState<std::int64_t, std::int64_t> seen;
  void open(OpenContext<std::int64_t>& context) {
    sum = context.value_state<std::int64_t>({.name = "sum"});
    seen = context.map_state<std::int64_t, std::int64_t>({.name = "seen"});
  }
  void add(std::int64_t value, ProcessContext<std::int64_t>& context) {
    sum.mutate() += value;
    ++seen.mutate(value % 7);
    context.event_time_timer(Timestamp{Duration{(value / 100 + 1) * 100 - 1}});
  }
  void process_left(const std::int64_t& value, ProcessContext<std::int64_t>& context, Collector<std::int64_t>&) {
    add(value, context);
    if (value % 2 != 0) context.side(kOdd, value);
  }
  void process_right(const std::int64_t& value, ProcessContext<std::int64_t>& context, Collector<std::int64_t>&) {
    add(value, context);
  }
  void on_timer(Timestamp time, ProcessContext<std::int64_t>& context, Collector<std::int64_t>& out) {
    // What both sides have up to `time`: the watermark guarantees that it is complete, but not that nothing later is
    // in.
    std::int64_t entries = 0;
    seen.for_each([&](std::int64_t, std::int64_t count) { entries += count; });
    (void)entries;
    out.collect(time.time_since_epoch().count() * 100 + context.key());
  }
};

struct Results {
  std::vector<std::string> timers;
  std::vector<std::string> odd;
  std::vector<std::string> sums;
  friend bool operator==(const Results&, const Results&) = default;
};

// The running sum of each key over a stream in order: exact values show every lost, doubled or reordered record.
struct RunningSum : ProcessFunction<std::int64_t, std::int64_t, std::int64_t> {
  ValueState<std::int64_t> sum;
  void open(OpenContext<std::int64_t>& context) { sum = context.value_state<std::int64_t>({.name = "sum"}); }
  void process(const std::int64_t& value, ProcessContext<std::int64_t>&, Collector<std::int64_t>& out) {
    out.collect(sum.mutate() += value);
  }
};

struct Finished {
  Results results;
  std::string description;
  std::size_t checkpoints = 0;
  std::size_t crashes = 0;
};

Finished run(const SimulationOptions& options, std::uint32_t parallelism, const std::string& directory) {
  auto timers = std::make_shared<Committed>();
  auto odd = std::make_shared<Committed>();
  auto sums = std::make_shared<Committed>();
  Pipeline pipeline({.name = "simulated", .parallelism = parallelism, .max_parallelism = 16});
  if (!directory.empty())
    pipeline.enable_checkpointing({.directory = directory, .interval = std::chrono::milliseconds(0)});
  const auto key = [](std::int64_t value) { return value % 10; };
  const auto left = pipeline.from_source(numbers(0, 700)).uid("left");
  const auto right = pipeline.from_source(numbers(0, 900)).uid("right");
  auto both = left.key_by(key).connect(right.key_by(key)).co_process(SumOfBoth{}).uid("both");
  both.sink_to(committing_sink<std::int64_t>(timers)).uid("timers");
  both.side_output(kOdd).sink_to(committing_sink<std::int64_t>(odd)).uid("odd");
  right.key_by(key).process(RunningSum{}).uid("running").sink_to(committing_sink<std::int64_t>(sums)).uid("sums");

  Simulation simulation(pipeline.graph(), pipeline.options(), options);
  const Status status = simulation.run();
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  return {{timers->sorted(), odd->sorted(), sums->sorted()},
          simulation.describe(),
          simulation.checkpoints(),
          simulation.crashes()};
}

Results expected() {
  Results results;
  std::map<std::int64_t, std::int64_t> sums;
  for (std::int64_t value = 0; value < 900; ++value) {
    results.sums.push_back(std::to_string(sums[value % 10] += value));
    if (value < 700 && value % 2 != 0) results.odd.push_back(std::to_string(value));
  }
  for (std::int64_t window = 1; window <= 9; ++window)
    for (std::int64_t key = 0; key < 10; ++key)
      results.timers.push_back(std::to_string((window * 100 - 1) * 100 + key));
  std::sort(results.timers.begin(), results.timers.end());
  std::sort(results.odd.begin(), results.odd.end());
  std::sort(results.sums.begin(), results.sums.end());
  return results;
}

TEST(Simulation, GivesTheSameResultsInAnyInterleavingAtAnyParallelism) {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    const std::uint32_t parallelism = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 2 : 5;
    const Finished result = run({.seed = seed}, parallelism, "");
    ASSERT_EQ(result.results, expected()) << result.description;
  }
}

TEST(Simulation, LosesAndDoublesNothingWhenItCrashesAnywhere) {
  std::size_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const TemporaryDirectory directory;
    const std::uint32_t parallelism = seed % 3 == 0 ? 1 : seed % 3 == 1 ? 2 : 5;
    const Finished result = run({.seed = seed, .checkpoint_steps = 60, .crash_steps = 250, .max_crashes = 4},
                                parallelism, directory.path());
    ASSERT_EQ(result.results, expected()) << result.description;
    crashes += result.crashes;
  }
  EXPECT_GT(crashes, 12U) << "the runs were not put to the test";
}

TEST(Simulation, IsReproducibleFromItsSeed) {
  const Finished first = run({.seed = 7}, 2, "");
  const Finished second = run({.seed = 7}, 2, "");
  EXPECT_EQ(first.description, second.description);
}

}  // namespace
}  // namespace weir
