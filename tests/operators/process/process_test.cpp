// Process functions alone: keyed state, timers of both kinds, side outputs, two inputs.

#include <weir/process_function.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include <weir/detail/keyed_operator.hpp>

#include "support/operator_harness.hpp"

namespace weir {
namespace {

using testing_support::ContextOptions;
using testing_support::expect_same_in_all_modes;
using testing_support::OperatorHarness;
using testing_support::output_of;
using testing_support::Script;
using testing_support::StoredOperator;

using Number = std::int64_t;

Timestamp at(std::int64_t us) { return Timestamp{Duration{us}}; }
std::string line(const std::string& text, Timestamp time) { return text + " @" + format_timestamp(time); }

struct KeyOf {
  std::string operator()(const Number& value) const { return value % 2 == 0 ? "even" : "odd"; }
};
const SideOutput<std::string> kBig{"big"};
// Timers of one time fire in the order of key groups.
std::vector<std::string> keys_in_order() {
  std::vector<std::string> keys{"even", "odd"};
  std::sort(keys.begin(), keys.end(), [](const std::string& a, const std::string& b) {
    return key_group_of(hash_key(a), 128) < key_group_of(hash_key(b), 128);
  });
  return keys;
}

ContextOptions with_side_output() {
  ContextOptions options;
  options.side_outputs = {kBig.name};
  return options;
}

template <class Function, class In = Number>
OperatorHarness::Options keyed(Function function, ContextOptions context = {}) {
  using Op = detail::KeyedProcessOperator<std::string, In, std::string, KeyOf, Function>;
  OperatorHarness::Options options{.make_operator = [function] { return std::make_unique<Op>(KeyOf{}, function); },
                                   .inputs = 1,
                                   .outputs = {output_of<std::string>()}};
  for (std::size_t side = 0; side < context.side_outputs.size(); ++side)
    options.outputs.push_back(output_of<std::string>());
  options.context = std::move(context);
  return options;
}

Script numbers(Number count, Number watermark_every = 7) {
  Script script;
  for (Number value = 0; value < count; ++value) {
    script.keyed(0, KeyOf{}(value), value, at(value));
    if (value % watermark_every == watermark_every - 1) script.watermark(0, at(value));
  }
  return script;
}

struct Count : ProcessFunction<std::string, Number, std::string> {
  ValueState<Number> count;
  MapState<Number, Number> by_digit;
  void open(OpenContext<std::string>& context) {
    count = context.value_state<Number>({.name = "count"});
    by_digit = context.map_state<Number, Number>({.name = "by-digit"});
  }
  void process(const Number& value, ProcessContext<std::string>& context, Collector<std::string>& out) {
    ++count.mutate();
    ++by_digit.mutate(value % 10);
    if (value % 10 == 9) by_digit.clear();
    if (*count.get() == 50) count.clear();
    out.collect(context.key() + " " + std::to_string(count.has_value() ? *count.get() : -1) + " " +
                std::to_string(by_digit.size()));
  }
};

TEST(Process, KeepsStatePerKey) {
  std::vector<std::string> expected;
  std::map<std::string, Number> count;
  std::map<std::string, std::map<Number, Number>> digits;
  for (Number value = 0; value < 230; ++value) {
    const std::string key = KeyOf{}(value);
    auto& by_digit = digits[key];
    ++by_digit[value % 10];
    if (value % 10 == 9) by_digit.clear();
    if (++count[key] == 50) count.erase(key);
    expected.push_back(
        line(key + " " + std::to_string(count.contains(key) ? count[key] : -1) + " " + std::to_string(by_digit.size()),
             at(value)));
  }
  expect_same_in_all_modes(keyed(Count{}), numbers(230), expected);
}

// A timer at the end of each 10 µs; it says how many records the window of its key had. Odd windows are called off
// again.
struct Windows : ProcessFunction<std::string, Number, std::string> {
  MapState<Number, Number> windows;
  void open(OpenContext<std::string>& context) { windows = context.map_state<Number, Number>({.name = "windows"}); }
  void process(const Number& value, ProcessContext<std::string>& context, Collector<std::string>&) {
    EXPECT_EQ(context.timestamp(), at(value));
    EXPECT_LT(context.watermark(), context.timestamp());
    const Number window = value / 10;
    ++windows.mutate(window);
    context.event_time_timer(at(window * 10 + 9));
    context.event_time_timer(at(window * 10 + 9));  // once per key and time
    if (window % 2 != 0) context.delete_event_time_timer(at(window * 10 + 9));
  }
  void on_timer(Timestamp time, ProcessContext<std::string>& context, Collector<std::string>& out) {
    EXPECT_EQ(context.timestamp(), time);
    EXPECT_LT(context.watermark(), time);
    const Number window = time.time_since_epoch().count() / 10;
    const Number* count = windows.get(window);
    out.collect(context.key() + " " + std::to_string(window) + ": " +
                (count == nullptr ? "none" : std::to_string(*count)));
    windows.remove(window);
  }
};

TEST(Process, FiresEventTimeTimersInOrderOfTimeThenKeyGroup) {
  std::vector<std::string> expected;
  for (Number window = 0; window < 20; window += 2)
    for (const std::string& key : keys_in_order())
      expected.push_back(line(key + " " + std::to_string(window) + ": 5", at(window * 10 + 9)));
  expect_same_in_all_modes(keyed(Windows{}), numbers(200, 10), expected);
}

// A timer that sets the next one, five times, starting at the first record.
struct Chain : ProcessFunction<std::string, Number, std::string> {
  void process(const Number& value, ProcessContext<std::string>& context, Collector<std::string>&) {
    if (value < 2) context.event_time_timer(at(100));
  }
  void on_timer(Timestamp time, ProcessContext<std::string>& context, Collector<std::string>& out) {
    out.collect(context.key());
    if (time < at(500)) context.event_time_timer(time + Duration{100});
  }
};

TEST(Process, TimersMaySetTimers) {
  std::vector<std::string> expected;
  for (int round = 1; round <= 5; ++round)
    for (const std::string& key : keys_in_order()) expected.push_back(line(key, at(100 * round)));
  expect_same_in_all_modes(keyed(Chain{}), numbers(10), expected);
}

struct Alarm : ProcessFunction<std::string, Number, std::string> {
  void process(const Number& value, ProcessContext<std::string>& context, Collector<std::string>&) {
    context.processing_time_timer(context.processing_time() + Duration{100 * (value + 1)});
    if (value == 2) context.delete_processing_time_timer(context.processing_time() + Duration{300});
  }
  void on_timer(Timestamp time, ProcessContext<std::string>& context, Collector<std::string>& out) {
    EXPECT_GE(context.processing_time(), time);
    out.collect(context.key());
  }
};

TEST(Process, FiresProcessingTimeTimersByTheClockAlsoAfterARestore) {
  for (const bool restart : {false, true}) {
    OperatorHarness harness(keyed(Alarm{}));
    ASSERT_TRUE(harness.open().is_ok());
    const Timestamp start = harness.context().clock().now();
    BatchPtr batch = std::make_unique<Batch<Number>>();
    for (Number value = 0; value < 4; ++value) {
      static_cast<Batch<Number>&>(*batch).records.emplace(value);
      batch->hashes.emplace(hash_key(KeyOf{}(value)));
    }
    ASSERT_TRUE(harness.push(0, batch));
    EXPECT_EQ(harness.context().scheduled, start + Duration{100}) << "the earliest";
    if (restart) {
      ASSERT_TRUE(harness.restart().is_ok());
      EXPECT_EQ(harness.context().scheduled, start + Duration{100}) << "asked for again";
    }
    EXPECT_TRUE(harness.texts().empty());
    int ticks = 0;
    while (harness.let_world_move()) ++ticks;
    EXPECT_EQ(harness.texts(), (std::vector<std::string>{"even", "odd", "odd"}));
    EXPECT_EQ(ticks, 3);
    EXPECT_EQ(harness.context().clock().now(), start + Duration{400});
  }
}

// Side outputs have times too; a name nobody listens to drops.
struct Sides : ProcessFunction<std::string, Number, std::string> {
  void process(const Number& value, ProcessContext<std::string>& context, Collector<std::string>& out) {
    if (value > 5) context.side(kBig, "big " + std::to_string(value));
    context.side(SideOutput<std::string>{"nobody"}, std::string("lost"));
    out.collect(std::to_string(value));
    context.event_time_timer(at(1000));
  }
  void on_timer(Timestamp, ProcessContext<std::string>& context, Collector<std::string>&) {
    context.side(kBig, "timer of " + context.key());
  }
};

TEST(Process, PutsIntoSideOutputsWhatSomebodyListensTo) {
  Script script = numbers(9);
  OperatorHarness harness(keyed(Sides{}, with_side_output()));
  ASSERT_TRUE(harness.open().is_ok());
  BatchPtr batch = std::make_unique<Batch<Number>>();
  for (Number value = 4; value < 9; ++value) {
    static_cast<Batch<Number>&>(*batch).records.emplace(value);
    batch->timestamps.emplace(at(value));
    batch->hashes.emplace(hash_key(KeyOf{}(value)));
  }
  ASSERT_TRUE(harness.push(0, batch));
  harness.end();
  EXPECT_EQ(harness.texts(0), (std::vector<std::string>{"4", "5", "6", "7", "8"}));
  EXPECT_EQ(harness.texts(1), (std::vector<std::string>{"big 6", "big 7", "big 8", "timer of " + keys_in_order()[0],
                                                        "timer of " + keys_in_order()[1]}));
}

// A thousand timers due at once that write only into the side output: each call hands on a batch, not all of them.
struct ManyTimers : ProcessFunction<std::string, Number, std::string> {
  void process(const Number& value, ProcessContext<std::string>& context, Collector<std::string>&) {
    context.event_time_timer(at(value));
  }
  void on_timer(Timestamp, ProcessContext<std::string>& context, Collector<std::string>&) {
    context.side(kBig, context.key());
  }
};

TEST(Process, TimersThatWriteIntoASideOutputStopWhenItIsFull) {
  OperatorHarness::Options options = keyed(ManyTimers{}, with_side_output());
  OperatorHarness harness(options);
  ASSERT_TRUE(harness.open().is_ok());
  BatchPtr batch = std::make_unique<Batch<Number>>();
  for (Number value = 0; value < 1000; ++value) {
    static_cast<Batch<Number>&>(*batch).records.emplace(value);
    batch->hashes.emplace(hash_key(KeyOf{}(value)));
  }
  ASSERT_TRUE(harness.push(0, batch));
  Outbox out(2, 16);
  for (const std::size_t output : {0, 1})
    out.slot(output).make_batch = [] { return BatchPtr(std::make_unique<Batch<std::string>>()); };
  std::size_t calls = 0;
  std::size_t fired = 0;
  bool done = false;
  while (!done) {
    ASSERT_LT(++calls, 1001U);
    done = harness.instance().on_watermark(at(5000), out);
    const std::size_t size = out.slot(1).open ? out.slot(1).open->size() : 0;
    EXPECT_LE(size, 16U);
    fired += size;
    out.slot(1).open.reset();
  }
  EXPECT_EQ(fired, 1000U);
}

// Left numbers and right texts of a key share a state and timers.
struct Both : CoProcessFunction<std::string, Number, std::string, std::string> {
  ValueState<std::string> last;
  void open(OpenContext<std::string>& context) { last = context.value_state<std::string>({.name = "last"}); }
  void process_left(const Number& value, ProcessContext<std::string>& context, Collector<std::string>& out) {
    out.collect(context.key() + " " + std::to_string(value) + " after " + (last.has_value() ? *last.get() : "nothing"));
    last.set("left " + std::to_string(value));
    context.event_time_timer(at(value + 100));
  }
  void process_right(const std::string& text, ProcessContext<std::string>& context, Collector<std::string>& out) {
    out.collect(context.key() + " " + text + " after " + (last.has_value() ? *last.get() : "nothing"));
    last.set("right " + text);
  }
  void on_timer(Timestamp, ProcessContext<std::string>& context, Collector<std::string>& out) {
    out.collect(context.key() + " timer: " + *last.get());
  }
};
struct RightKeyOf {
  std::string operator()(const std::string& text) const { return text; }
};

TEST(CoProcess, SharesStateAndTimersBetweenItsInputs) {
  using Op = detail::KeyedCoProcessOperator<std::string, Number, std::string, std::string, KeyOf, RightKeyOf, Both>;
  const OperatorHarness::Options options{
      .make_operator = [] { return std::make_unique<Op>(KeyOf{}, RightKeyOf{}, Both{}); },
      .inputs = 2,
      .outputs = {output_of<std::string>()}};
  Script script;
  script.keyed(0, std::string("odd"), Number{1}, at(1));
  script.keyed(1, std::string("odd"), std::string("odd"), at(2));
  script.keyed(0, std::string("even"), Number{4}, at(4));
  script.watermark(0, at(101));
  script.keyed(1, std::string("even"), std::string("even"), at(102));
  script.watermark(1, at(101));
  script.keyed(0, std::string("odd"), Number{103}, at(103));
  const std::vector<std::string> expected{
      line("odd 1 after nothing", at(1)),      line("odd odd after left 1", at(2)),
      line("even 4 after nothing", at(4)),     line("even even after left 4", at(102)),
      line("odd timer: right odd", at(101)),   line("odd 103 after right odd", at(103)),
      line("even timer: right even", at(104)), line("odd timer: left 103", at(203))};
  expect_same_in_all_modes(options, script, expected);
}

// A checkpoint of two tasks, restored by one and by three: each key's state and timers are where the key is.
TEST(Process, StateAndTimersMoveWithTheirKeys) {
  struct PerKey : ProcessFunction<std::string, Number, std::string> {
    ValueState<Number> sum;
    void open(OpenContext<std::string>& context) { sum = context.value_state<Number>({.name = "sum"}); }
    void process(const Number& value, ProcessContext<std::string>& context, Collector<std::string>&) {
      sum.mutate() += value;
      context.event_time_timer(at(1000));
    }
    void on_timer(Timestamp, ProcessContext<std::string>& context, Collector<std::string>& out) {
      out.collect(context.key() + "=" + std::to_string(*sum.get()));
    }
  };
  struct ModuloKey {
    std::string operator()(const Number& value) const { return "k" + std::to_string(value % 20); }
  };
  using Op = detail::KeyedProcessOperator<std::string, Number, std::string, ModuloKey, PerKey>;
  const auto options = [](std::uint32_t task, std::uint32_t parallelism) {
    OperatorHarness::Options made{.make_operator = [] { return std::make_unique<Op>(ModuloKey{}, PerKey{}); },
                                  .inputs = 1,
                                  .outputs = {output_of<std::string>()}};
    made.context.task_index = task;
    made.context.parallelism = parallelism;
    return made;
  };
  StoredOperator all;
  all.watermark = kMaxTimestamp;
  for (const std::uint32_t task : {0U, 1U}) {
    OperatorHarness harness(options(task, 2));
    ASSERT_TRUE(harness.open().is_ok());
    BatchPtr batch = std::make_unique<Batch<Number>>();
    for (Number value = 0; value < 200; ++value) {
      const std::uint64_t hash = hash_key(ModuloKey{}(value));
      if (owner_of_key_group(key_group_of(hash, 128), 2, 128) != task) continue;
      static_cast<Batch<Number>&>(*batch).records.emplace(value);
      batch->hashes.emplace(hash);
    }
    ASSERT_TRUE(harness.push(0, batch));
    const auto stored = harness.checkpoint();
    ASSERT_TRUE(stored.is_ok());
    all.merge(**stored);
  }
  std::vector<std::string> expected;
  for (Number key = 0; key < 20; ++key)
    expected.push_back("k" + std::to_string(key) + "=" + std::to_string(10 * key + 20 * 45));
  std::sort(expected.begin(), expected.end());
  for (const std::uint32_t parallelism : {1U, 2U, 3U}) {
    std::vector<std::string> fired;
    for (std::uint32_t task = 0; task < parallelism; ++task) {
      OperatorHarness harness(options(task, parallelism));
      ASSERT_TRUE(harness.open(std::make_shared<StoredOperator>(all)).is_ok());
      harness.end();
      const auto texts = harness.texts();
      fired.insert(fired.end(), texts.begin(), texts.end());
    }
    std::sort(fired.begin(), fired.end());
    EXPECT_EQ(fired, expected) << parallelism << " tasks";
  }
}

}  // namespace
}  // namespace weir
