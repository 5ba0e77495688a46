// Whole jobs under the seeded scheduler, from generated records through broadcast, keys, event-time timers into files
// that hold each result once, whatever dies when.

#include <weir/testing.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <weir/file_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>

#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using testing::Simulation;
using testing::SimulationOptions;
using testing_support::TemporaryDirectory;

using Number = std::int64_t;
constexpr Number kRecords = 1200;
constexpr Number kRules = 90;

// Every task counts the rules it gets: rule n must be the n-th, through every restore.
struct CountRules {
  using Output = Number;
  Number rules = 0;
  void process_left(const Number& value, Collector<Number>& out) { out.collect(value); }
  void process_right(const Number& rule, Collector<Number>& out) {
    if (rule != rules) out.collect(-1'000'000 - rule);
    ++rules;
  }
  void weir_write(ByteWriter& writer) const { Serde<Number>::write(writer, rules); }
  void weir_read(ByteReader& reader) { Serde<Number>::read(reader, rules); }
};

// The sum of each window of 50 µs of a key, by a timer at its end.
struct WindowSum : ProcessFunction<Number, Number, std::string> {
  MapState<Number, Number> windows;
  void open(OpenContext<Number>& context) { windows = context.map_state<Number, Number>({.name = "windows"}); }
  void process(const Number& value, ProcessContext<Number>& context, Collector<std::string>& out) {
    if (value < 0) return out.collect("a rule was lost or doubled: " + std::to_string(value));
    const Number window = context.timestamp().time_since_epoch().count() / 50;
    windows.mutate(window) += value;
    context.event_time_timer(Timestamp{Duration{window * 50 + 49}});
  }
  void on_timer(Timestamp time, ProcessContext<Number>& context, Collector<std::string>& out) {
    const Number window = time.time_since_epoch().count() / 50;
    const Number* sum = windows.get(window);
    out.collect(std::to_string(context.key()) + " " + std::to_string(window) + " " +
                (sum == nullptr ? "gone" : std::to_string(*sum)));
    windows.remove(window);
  }
};

std::vector<std::string> expected() {
  std::map<std::pair<Number, Number>, Number> sums;
  for (Number value = 0; value < kRecords; ++value) sums[{value % 9, value / 50}] += value;
  std::vector<std::string> lines;
  for (const auto& [place, sum] : sums)
    lines.push_back(std::to_string(place.first) + " " + std::to_string(place.second) + " " + std::to_string(sum));
  std::sort(lines.begin(), lines.end());
  return lines;
}

struct Finished {
  std::vector<std::string> lines;
  std::string description;
  std::size_t crashes = 0;
};

Finished run(const SimulationOptions& options, std::uint32_t parallelism, bool checkpoints) {
  const TemporaryDirectory directory;
  Pipeline pipeline({.name = "windows", .parallelism = parallelism, .max_parallelism = 16});
  if (checkpoints)
    pipeline.enable_checkpointing({.directory = directory.path() + "/job", .interval = std::chrono::milliseconds(0)});
  const auto time_of = [](const Number& value) { return Timestamp{Duration{value}}; };
  const auto number = [](std::uint64_t index) { return static_cast<Number>(index); };
  Source<Number> rules = generator_source(number, time_of, {.count = kRules});
  rules.max_parallelism = 1;  // in order
  pipeline.from_source(generator_source(number, time_of, {.count = kRecords}))
      .uid("records")
      .connect(pipeline.from_source(rules).uid("rules").broadcast())
      .co_process(CountRules{})
      .uid("rules-beside")
      .key_by([](const Number& value) { return (value + 9'000'000) % 9; })
      .process(WindowSum{})
      .uid("windows")
      .sink_to(file_sink<std::string>({.directory = directory.path() + "/out",
                                       .format =
                                           [](const std::string& line, std::string& text) {
                                             text += line;
                                             text += '\n';
                                           }}))
      .uid("files");
  Simulation simulation(pipeline.graph(), pipeline.options(), options);
  const Status status = simulation.run();
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  Finished finished{{}, simulation.describe(), simulation.crashes()};
  for (const auto& entry : std::filesystem::directory_iterator(directory.path() + "/out")) {
    EXPECT_NE(entry.path().extension(), ".pending") << entry.path();
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) finished.lines.push_back(line);
  }
  std::sort(finished.lines.begin(), finished.lines.end());
  return finished;
}

std::uint32_t parallelism_of(std::uint64_t seed) { return seed % 3 == 0 ? 1 : seed % 3 == 1 ? 2 : 5; }

TEST(SimulatedFiles, HoldTheSameInAnyInterleaving) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    const Finished result = run({.seed = seed}, parallelism_of(seed), false);
    ASSERT_EQ(result.lines, expected()) << result.description;
  }
}

TEST(SimulatedFiles, HoldEachResultOnceThroughCrashes) {
  std::size_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Finished result =
        run({.seed = seed, .checkpoint_steps = 80, .crash_steps = 300, .max_crashes = 4}, parallelism_of(seed), true);
    ASSERT_EQ(result.lines, expected()) << result.description;
    crashes += result.crashes;
  }
  EXPECT_GT(crashes, 12U) << "the runs were not put to the test";
}

}  // namespace
}  // namespace weir
