// Where records go: several consumers, side outputs, merged streams, rebalance, broadcast; under the seeded scheduler,
// so that every buffer size and interleaving comes by.

#include <weir/testing.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>

namespace weir {
namespace {

using testing::Simulation;
using Number = std::int64_t;

Source<Number> numbers(Number begin, Number end) {
  return generator_source([begin](std::uint64_t index) { return begin + static_cast<Number>(index); },
                          {.count = static_cast<std::uint64_t>(end - begin)});
}
using Out = std::shared_ptr<Collected<Number>>;
Out made() { return std::make_shared<Collected<Number>>(); }
std::vector<Number> sorted(const Out& out) {
  std::vector<Number> records = out->records();
  std::sort(records.begin(), records.end());
  return records;
}
std::vector<Number> range(Number begin, Number end, Number step = 1) {
  std::vector<Number> values;
  for (Number value = begin; value < end; value += step) values.push_back(value);
  return values;
}
void simulate(const Pipeline& pipeline, std::uint64_t seed) {
  Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = seed});
  const Status status = simulation.run();
  ASSERT_TRUE(status.is_ok()) << status.to_string() << "\n" << simulation.describe();
}

TEST(Routing, EveryConsumerOfAStreamGetsEveryRecord) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Pipeline pipeline({.parallelism = static_cast<std::uint32_t>(1 + seed % 4)});
    const Out direct = made(), mapped = made(), keyed = made(), single = made();
    const auto stream = pipeline.from_source(numbers(0, 500)).uid("numbers");
    stream.sink_to(collect_sink(direct)).uid("direct");
    stream.map([](Number value) { return -value; }).sink_to(collect_sink(mapped)).uid("mapped");
    struct Pass : ProcessFunction<Number, Number, Number> {
      void process(const Number& value, ProcessContext<Number>&, Collector<Number>& out) { out.collect(value); }
    };
    stream.key_by([](Number value) { return value % 7; })
        .process(Pass{})
        .uid("pass")
        .sink_to(collect_sink(keyed))
        .uid("keyed");
    stream.filter([](Number value) { return value % 2 == 0; })
        .parallelism(1)
        .sink_to(collect_sink(single))
        .uid("single")
        .parallelism(1);
    simulate(pipeline, seed);
    ASSERT_EQ(sorted(direct), range(0, 500)) << seed;
    ASSERT_EQ(sorted(mapped), range(-499, 1)) << seed;
    ASSERT_EQ(sorted(keyed), range(0, 500)) << seed;
    ASSERT_EQ(sorted(single), range(0, 500, 2)) << seed;
  }
}

const SideOutput<Number> kEven{"even"};
struct Split : ProcessFunction<Number, Number, Number> {
  void process(const Number& value, ProcessContext<Number>& context, Collector<Number>& out) {
    value % 2 == 0 ? context.side(kEven, value) : out.collect(value);
  }
};

TEST(Routing, SideOutputsGoTheirOwnWay) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Pipeline pipeline({.parallelism = static_cast<std::uint32_t>(1 + seed % 3)});
    const Out odd = made(), even = made(), even_too = made();
    auto split = pipeline.from_source(numbers(0, 400))
                     .uid("numbers")
                     .key_by([](Number value) { return value % 5; })
                     .process(Split{})
                     .uid("split");
    split.sink_to(collect_sink(odd)).uid("odd");
    split.side_output(kEven).sink_to(collect_sink(even)).uid("even");
    split.side_output(kEven)
        .rebalance()
        .map([](Number value) { return value; })
        .parallelism(2)
        .sink_to(collect_sink(even_too))
        .uid("even-too");
    simulate(pipeline, seed);
    ASSERT_EQ(sorted(odd), range(1, 400, 2)) << seed;
    ASSERT_EQ(sorted(even), range(0, 400, 2)) << seed;
    ASSERT_EQ(sorted(even_too), range(0, 400, 2)) << seed;
  }
}

TEST(Routing, MergedStreamsHaveTheRecordsOfAll) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Pipeline pipeline({.parallelism = static_cast<std::uint32_t>(1 + seed % 3)});
    const Out out = made();
    const auto a = pipeline.from_source(numbers(0, 100)).uid("a");
    const auto b = pipeline.from_source(numbers(100, 250)).uid("b").parallelism(1);
    const auto c = pipeline.from_source(numbers(250, 250)).uid("c");
    const auto d = a.filter([](Number value) { return value < 10; }).map([](Number value) { return value + 250; });
    a.merge(b, c, d).map([](Number value) { return value; }).sink_to(collect_sink(out)).uid("out");
    simulate(pipeline, seed);
    ASSERT_EQ(sorted(out), range(0, 260)) << seed;
  }
}

TEST(Routing, MergingAStreamWithItselfDoublesIt) {
  Pipeline pipeline;
  const Out out = made();
  const auto a = pipeline.from_source(numbers(0, 10)).uid("a");
  a.merge(a).sink_to(collect_sink(out)).uid("out");
  simulate(pipeline, 1);
  EXPECT_EQ(out->size(), 20U);
}

// Which tasks a record came by.
class Stamp final : public Operator {
 public:
  explicit Stamp(std::shared_ptr<std::map<std::uint32_t, std::vector<Number>>> by_task)
      : by_task_(std::move(by_task)) {}
  Status open(OperatorContext& context) override {
    task_ = context.task_index();
    return {};
  }
  void process(std::size_t, BatchPtr& batch, Outbox&) override {
    auto& in = static_cast<Batch<Number>&>(*batch);
    for (; in.cursor < in.size(); ++in.cursor) (*by_task_)[task_].push_back(in.records[in.cursor]);
  }

 private:
  std::shared_ptr<std::map<std::uint32_t, std::vector<Number>>> by_task_;
  std::uint32_t task_ = 0;
};

TEST(Routing, RebalanceUsesEveryTaskAndKeepsOneTasksOrder) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    auto by_task = std::make_shared<std::map<std::uint32_t, std::vector<Number>>>();
    Sink<Number> sink;
    sink.kind = "stamp";
    sink.make_operator = [by_task] { return std::make_unique<Stamp>(by_task); };
    Pipeline pipeline;
    pipeline.from_source(numbers(0, 1000)).uid("numbers").rebalance().sink_to(sink).uid("stamp").parallelism(3);
    simulate(pipeline, seed);
    ASSERT_EQ(by_task->size(), 3U) << seed;
    std::vector<Number> all;
    for (const auto& [task, values] : *by_task) {
      EXPECT_TRUE(std::is_sorted(values.begin(), values.end()));
      all.insert(all.end(), values.begin(), values.end());
    }
    std::sort(all.begin(), all.end());
    ASSERT_EQ(all, range(0, 1000)) << seed;
  }
}

TEST(Routing, ABroadcastReachesEveryTaskInOrder) {
  struct Beside {
    using Output = Number;
    Number expected = 0;
    void process_left(const Number&, Collector<Number>&) {}
    void process_right(const Number& value, Collector<Number>& out) { out.collect(value == expected++ ? value : -1); }
  };
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    Pipeline pipeline({.parallelism = 4});
    const Out out = made();
    pipeline.from_source(numbers(0, 300))
        .uid("numbers")
        .connect(pipeline.from_source(numbers(0, 50)).uid("rules").parallelism(1).broadcast())
        .co_process(Beside{})
        .uid("beside")
        .sink_to(collect_sink(out))
        .uid("out");
    simulate(pipeline, seed);
    std::vector<Number> expected;
    for (Number value = 0; value < 50; ++value) expected.insert(expected.end(), 4, value);
    ASSERT_EQ(sorted(out), expected) << seed;
  }
}

// Records that can only be moved pass chains, exchanges and keys.
TEST(Routing, RecordsThatCannotBeCopiedAreMoved) {
  struct Owned {
    std::unique_ptr<Number> value;
  };
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    Pipeline pipeline({.parallelism = 2});
    auto sum = std::make_shared<Number>(0);
    pipeline
        .from_source(generator_source(
            [](std::uint64_t index) { return Owned{std::make_unique<Number>(static_cast<Number>(index))}; },
            {.count = 300}))
        .uid("owned")
        .filter([](const Owned& owned) { return *owned.value % 3 != 0; })
        .rebalance()
        .filter([](const Owned& owned) { return *owned.value % 5 != 0; })
        .parallelism(3)
        .sink_to(for_each_sink<Owned>([sum](const Owned& owned) { *sum += *owned.value; }));
    simulate(pipeline, seed);
    Number expected = 0;
    for (Number value = 0; value < 300; ++value) expected += value % 3 != 0 && value % 5 != 0 ? value : 0;
    ASSERT_EQ(*sum, expected) << seed;
  }
}

}  // namespace
}  // namespace weir
