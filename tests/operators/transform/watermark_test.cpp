// Watermark strategies: bounded, monotonous, custom, idle, and what a checkpoint keeps of them.

#include <weir/watermark.hpp>

#include <gtest/gtest.h>

#include <memory>

#include "support/operator_harness.hpp"

namespace weir {
namespace {

using testing_support::OperatorHarness;
using testing_support::output_of;

Timestamp at(std::int64_t us) { return Timestamp{Duration{us}}; }
const auto kTime = [](const int& value) { return at(value); };

template <class Custom = std::nullptr_t>
OperatorHarness::Options strategy(WatermarkOptions options, Custom custom = nullptr) {
  using Op = detail::WatermarkOperator<int, decltype(kTime), Custom>;
  return {.make_operator = [=] { return std::make_unique<Op>(options, kTime, custom); },
          .inputs = 1,
          .outputs = {output_of<int>()}};
}

void push(OperatorHarness& harness, std::initializer_list<int> values) {
  BatchPtr batch = std::make_unique<Batch<int>>();
  for (const int value : values) {
    static_cast<Batch<int>&>(*batch).records.emplace(value);
    batch->positions.emplace(static_cast<std::uint64_t>(value));
  }
  ASSERT_TRUE(harness.push(0, batch));
}

TEST(Watermarks, MonotonousFollowTheNewestRecord) {
  OperatorHarness harness(strategy(monotonous_watermarks()));
  ASSERT_TRUE(harness.open().is_ok());
  push(harness, {3, 5, 9});
  EXPECT_EQ(harness.last_watermark(), at(8)) << "another record of 9 may come";
  push(harness, {9});
  EXPECT_EQ(harness.last_watermark(), at(8));
  push(harness, {20});
  EXPECT_EQ(harness.last_watermark(), at(19));
  ASSERT_EQ(harness.outputs().front().to_string(), "3 @" + format_timestamp(at(3)) + " #3")
      << "records get their times";
}

TEST(Watermarks, BoundedStayBehindAndNeverFall) {
  OperatorHarness harness(strategy(bounded_out_of_orderness(Duration{10})));
  ASSERT_TRUE(harness.open().is_ok());
  push(harness, {100, 95, 91});
  EXPECT_EQ(harness.last_watermark(), at(89));
  push(harness, {50});
  EXPECT_EQ(harness.last_watermark(), at(89));
  push(harness, {101, 200, 150});
  EXPECT_EQ(harness.last_watermark(), at(189));
}

TEST(Watermarks, TimesAtTheBeginningOfTimeMakeNone) {
  const auto min = [](const int&) { return kMinTimestamp; };
  using Op = detail::WatermarkOperator<int, decltype(min), std::nullptr_t>;
  OperatorHarness harness(
      {.make_operator = [min] { return std::make_unique<Op>(bounded_out_of_orderness(Duration{10}), min, nullptr); },
       .inputs = 1,
       .outputs = {output_of<int>()}});
  ASSERT_TRUE(harness.open().is_ok());
  push(harness, {1, 2});
  EXPECT_EQ(harness.last_watermark(), std::nullopt);
}

TEST(Watermarks, ACustomRuleDecidesAlone) {
  const auto every_tenth = [](const int& value, Timestamp time) -> std::optional<Timestamp> {
    if (value % 10 != 0) return std::nullopt;
    return time;
  };
  OperatorHarness harness(strategy(WatermarkOptions{}, every_tenth));
  ASSERT_TRUE(harness.open().is_ok());
  push(harness, {1, 2, 13});
  EXPECT_EQ(harness.last_watermark(), std::nullopt);
  push(harness, {20, 21, 15});
  EXPECT_EQ(harness.last_watermark(), at(20));
  push(harness, {10});
  EXPECT_EQ(harness.last_watermark(), at(20));
}

TEST(Watermarks, GoOnFromACheckpoint) {
  OperatorHarness harness(strategy(bounded_out_of_orderness(Duration{10})));
  auto stored = std::make_shared<testing_support::StoredOperator>();
  stored->watermark = at(500);
  ASSERT_TRUE(harness.open(stored).is_ok());
  push(harness, {300});
  ASSERT_TRUE(harness.last_watermark().has_value());
  EXPECT_EQ(*harness.last_watermark(), at(500)) << "a record that was late before the restore is late after it";
}

TEST(Watermarks, ASilentStreamIsIdleUntilItSpeaks) {
  OperatorHarness harness(strategy({.max_out_of_orderness = Duration{0}, .idle_after = Duration{1000}}));
  ASSERT_TRUE(harness.open().is_ok());
  Outbox out(1, 256);
  out.slot(0).make_batch = [] { return BatchPtr(std::make_unique<Batch<int>>()); };
  auto& context = harness.context();
  const auto tick_now = [&] {
    EXPECT_TRUE(context.scheduled.has_value());
    context.manual_clock().advance_to(*std::exchange(context.scheduled, std::nullopt));
    EXPECT_TRUE(harness.instance().on_timer_tick(context.clock().now(), out));
    return out.take_idle();
  };
  const auto speak = [&](int value) {
    BatchPtr batch = std::make_unique<Batch<int>>();
    static_cast<Batch<int>&>(*batch).records.emplace(value);
    harness.instance().process(0, batch, out);
    out.slot(0).open.reset();
    return out.take_idle();
  };
  EXPECT_EQ(speak(1), std::nullopt);
  EXPECT_EQ(tick_now(), std::nullopt) << "it spoke since";
  EXPECT_EQ(tick_now(), true);
  EXPECT_EQ(tick_now(), std::nullopt) << "said once";
  EXPECT_EQ(speak(2), false);
  EXPECT_EQ(tick_now(), std::nullopt);
  EXPECT_EQ(tick_now(), true);
}

TEST(Watermarks, WithoutIdleAfterNoTimerRuns) {
  OperatorHarness harness(strategy(monotonous_watermarks()));
  ASSERT_TRUE(harness.open().is_ok());
  EXPECT_EQ(harness.context().scheduled, std::nullopt);
}

}  // namespace
}  // namespace weir
