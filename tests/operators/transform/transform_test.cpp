// map, filter, flat_map and pass, each alone: any batch size, any outbox, restored after every step.

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include <weir/detail/transform_operators.hpp>

#include "support/operator_harness.hpp"

namespace weir {
namespace {

using testing_support::expect_same_in_all_modes;
using testing_support::OperatorHarness;
using testing_support::output_of;
using testing_support::Script;

Timestamp at(int us) { return Timestamp{Duration{us}}; }

template <class Op, class Out, class... Args>
OperatorHarness::Options harness_of(Args... args) {
  return {
      .make_operator = [args...] { return std::make_unique<Op>(args...); }, .inputs = 1, .outputs = {output_of<Out>()}};
}

Script plain(int count) {
  Script script;
  for (int value = 0; value < count; ++value) script.record(0, value);
  return script;
}
Script timed(int count) {
  Script script;
  for (int value = 0; value < count; ++value) {
    script.record(0, value, {.time = at(value), .position = static_cast<std::uint64_t>(1000 + value), .hash = {}});
    if (value % 5 == 4) script.watermark(0, at(value));
  }
  return script;
}
std::string line(const std::string& text, int from) {
  return text + " @" + format_timestamp(at(from)) + " #" + std::to_string(1000 + from);
}

const auto kTwice = [](const int& value) { return value * 2; };
const auto kText = [](const int& value) { return "<" + std::to_string(value) + ">"; };
const auto kOdd = [](const int& value) { return value % 2 != 0; };
const auto kTextOdd = [](const std::string& value) { return value.size() % 2 != 0; };
const auto kRepeat = [](const int& value, Collector<std::string>& out) {
  for (int time = 0; time < value % 4; ++time) out.collect(std::to_string(value) + "." + std::to_string(time));
};

TEST(Map, ToTheSameTypeKeepsOrderTimesAndPositions) {
  std::vector<std::string> expected;
  for (int value = 0; value < 300; ++value) expected.push_back(line(std::to_string(value * 2), value));
  expect_same_in_all_modes(harness_of<detail::MapOperator<int, int, decltype(kTwice)>, int>(kTwice), timed(300),
                           expected);
}

TEST(Map, ToAnotherTypeKeepsOrderTimesAndPositions) {
  std::vector<std::string> expected;
  std::vector<std::string> untimed;
  for (int value = 0; value < 300; ++value) {
    untimed.push_back("<" + std::to_string(value) + ">");
    expected.push_back(line(untimed.back(), value));
  }
  const auto options = harness_of<detail::MapOperator<int, std::string, decltype(kText)>, std::string>(kText);
  expect_same_in_all_modes(options, timed(300), expected);
  expect_same_in_all_modes(options, plain(300), untimed);
}

TEST(Filter, KeepsWhatThePredicateWantsInOrder) {
  std::vector<std::string> expected;
  std::vector<std::string> untimed;
  for (int value = 1; value < 300; value += 2) {
    untimed.push_back(std::to_string(value));
    expected.push_back(line(untimed.back(), value));
  }
  const auto options = harness_of<detail::FilterOperator<int, decltype(kOdd)>, int>(kOdd);
  expect_same_in_all_modes(options, timed(300), expected);
  expect_same_in_all_modes(options, plain(300), untimed);
}

TEST(Filter, MovesRecordsThatOwnMemory) {
  Script script;
  std::vector<std::string> expected;
  for (int value = 0; value < 200; ++value) {
    const std::string text(static_cast<std::size_t>(value % 50), 'x');
    script.record(0, text);
    if (text.size() % 2 != 0) expected.push_back(text);
  }
  expect_same_in_all_modes(harness_of<detail::FilterOperator<std::string, decltype(kTextOdd)>, std::string>(kTextOdd),
                           script, expected);
}

TEST(Filter, OfNothingAndOfEverything) {
  const auto none = [](const int&) { return false; };
  const auto all = [](const int&) { return true; };
  std::vector<std::string> expected;
  expect_same_in_all_modes(harness_of<detail::FilterOperator<int, decltype(none)>, int>(none), timed(20), expected);
  for (int value = 0; value < 20; ++value) expected.push_back(line(std::to_string(value), value));
  expect_same_in_all_modes(harness_of<detail::FilterOperator<int, decltype(all)>, int>(all), timed(20), expected);
}

TEST(FlatMap, GivesAnyNumberOfResultsInOrder) {
  std::vector<std::string> expected;
  std::vector<std::string> untimed;
  for (int value = 0; value < 300; ++value)
    for (int time = 0; time < value % 4; ++time) {
      untimed.push_back(std::to_string(value) + "." + std::to_string(time));
      expected.push_back(line(untimed.back(), value));
    }
  const auto options = harness_of<detail::FlatMapOperator<int, std::string, decltype(kRepeat)>, std::string>(kRepeat);
  expect_same_in_all_modes(options, timed(300), expected);
  expect_same_in_all_modes(options, plain(300), untimed);
}

TEST(FlatMap, MayGiveResultsTimesOfTheirOwn) {
  const auto shift = [](const int& value, Collector<int>& out) {
    out.collect(value);
    out.collect(value, at(value + 500));
  };
  Script script = plain(3);
  std::vector<std::string> expected;
  for (int value = 0; value < 3; ++value) {
    expected.push_back(std::to_string(value) + " @" + format_timestamp(kMinTimestamp));
    expected.push_back(std::to_string(value) + " @" + format_timestamp(at(value + 500)));
  }
  OperatorHarness harness(harness_of<detail::FlatMapOperator<int, int, decltype(shift)>, int>(shift));
  ASSERT_TRUE(harness.open().is_ok());
  BatchPtr batch = std::make_unique<Batch<int>>();
  for (int value = 0; value < 3; ++value) static_cast<Batch<int>&>(*batch).records.emplace(value);
  ASSERT_TRUE(harness.push(0, batch));
  std::vector<std::string> lines;
  for (const auto& output : harness.outputs()) lines.push_back(output.to_string());
  EXPECT_EQ(lines, expected);
}

TEST(Pass, HandsBatchesOn) {
  std::vector<std::string> expected;
  for (int value = 0; value < 100; ++value) expected.push_back(line(std::to_string(value), value));
  expect_same_in_all_modes(harness_of<detail::PassOperator, int>(), timed(100), expected);
}

// Of a batch of ten whose record 6 makes the function throw: the cursor is at that record.
template <class Op, class Out, class Function>
void expect_cursor_at_failure(Function function) {
  OperatorHarness harness(harness_of<Op, Out>(function));
  ASSERT_TRUE(harness.open().is_ok());
  for (const bool with_times : {false, true}) {
    BatchPtr batch = std::make_unique<Batch<int>>();
    for (int value = 0; value < 10; ++value) {
      static_cast<Batch<int>&>(*batch).records.emplace(value);
      if (with_times) batch->timestamps.emplace(at(value));
    }
    Outbox out(1, 256);
    out.slot(0).make_batch = [] { return BatchPtr(std::make_unique<Batch<Out>>()); };
    EXPECT_THROW(harness.instance().process(0, batch, out), std::runtime_error);
    ASSERT_NE(batch, nullptr);
    EXPECT_EQ(batch->cursor, 6U);
  }
}

TEST(Transforms, LeaveTheCursorAtTheRecordThatFailed) {
  const auto map_same = [](const int& value) { return value == 6 ? throw std::runtime_error("six") : value; };
  const auto map_text = [](const int& value) -> std::string {
    return value == 6 ? throw std::runtime_error("six") : "x";
  };
  const auto filter = [](const int& value) -> bool {
    return value == 6 ? throw std::runtime_error("six") : value % 2 == 0;
  };
  const auto flat_map = [](const int& value, Collector<int>& out) {
    out.collect(value == 6 ? throw std::runtime_error("six") : value);
  };
  expect_cursor_at_failure<detail::MapOperator<int, int, decltype(map_same)>, int>(map_same);
  expect_cursor_at_failure<detail::MapOperator<int, std::string, decltype(map_text)>, std::string>(map_text);
  expect_cursor_at_failure<detail::FilterOperator<int, decltype(filter)>, int>(filter);
  expect_cursor_at_failure<detail::FlatMapOperator<int, int, decltype(flat_map)>, int>(flat_map);
}

}  // namespace
}  // namespace weir
