// Serving with effect = event_time.

#include <gtest/gtest.h>

#include "operators/serving/serving_rig.hpp"

namespace weir::test {
namespace {

ServeOptions event_time() { return {.effect = ModelEffect::kEventTime}; }

TEST(ServeModelByEventTime, RecordsWaitForTheModelStream) {
  ServingRig rig(event_time());
  rig.open();
  rig.record("a", 0, 10);
  rig.record("a", 0, 20);
  EXPECT_EQ(rig.text(), "");
  rig.model(toy("a", "CONST 1", 0, 15), 15);
  rig.load_all();
  EXPECT_EQ(rig.text(), "");
  rig.model_watermark(14);
  EXPECT_EQ(rig.text(), "1:no_model");
  rig.model_watermark(30);
  rig.record("a", 0, 30);
  EXPECT_EQ(rig.text(), "1:no_model 2:ok:1 3:ok:1");
}

TEST(ServeModelByEventTime, AsksToBePolledWhenOnlyTheModelStreamsWatermarkMoves) {
  ServingRig rig(event_time());
  rig.open();
  rig.record("a", 0, 10);
  const int before = rig.context().wakes();
  // The records' watermark is ahead already, so the operator's own need not follow: no other call may come.
  rig.model_watermark(10);
  EXPECT_EQ(rig.context().wakes(), before + 1);
  EXPECT_EQ(rig.text(), "1:no_model");
  rig.model_watermark(20);
  EXPECT_EQ(rig.context().wakes(), before + 1);  // nothing waits any more
}

TEST(ServeModelByEventTime, AModelCountsFromItsTimeOnInclusive) {
  ServingRig rig(event_time());
  rig.open();
  rig.model(toy("a", "CONST 1", 0, 10), 10);
  rig.model(toy("a", "CONST 2", 0, 20), 20);
  rig.load_all();
  rig.model_watermark(100);
  for (const int time : {9, 10, 19, 20, 21}) rig.record("a", 0, time);
  EXPECT_EQ(rig.text(), "1:no_model 2:ok:1 3:ok:1 4:ok:2 5:ok:2");
  EXPECT_EQ(rig.history("a"), "ready:1 ready:2 current:1 retired:1 current:2");
  const serving::SwapLog log = rig.swaps("a");
  ASSERT_EQ(log.recent.size(), 2U);
  EXPECT_EQ(log.recent[1].effective_at, at(20));
  EXPECT_EQ(log.recent[1].first_event_time, at(20));
}

TEST(ServeModelByEventTime, TimeOfTheModelRecordCountsWhenItSaysNoOther) {
  ServingRig rig(event_time());
  rig.open();
  rig.model(toy("a", "CONST 1"), 10);
  rig.load_all();
  rig.model_watermark(100);
  rig.record("a", 0, 9);
  rig.record("a", 0, 10);
  EXPECT_EQ(rig.text(), "1:no_model 2:ok:1");
}

TEST(ServeModelByEventTime, OfTwoWithTheSameTimeTheLaterCounts) {
  ServingRig rig(event_time());
  rig.open();
  rig.model(toy("a", "CONST 1", 1, 10), 10);
  rig.model(toy("a", "CONST 2", 2, 10), 10);
  rig.load(1);
  rig.load(0);
  rig.model_watermark(100);
  rig.record("a", 0, 10);
  EXPECT_EQ(rig.text(), "1:ok:2");
}

TEST(ServeModelByEventTime, RecordsWaitForAModelThatStillLoadsAndOthersDoNot) {
  ServingRig rig(event_time());
  rig.open();
  rig.model(toy("a", "CONST 1", 0, 10), 10);
  rig.model_watermark(100);
  rig.record("a", 0, 5);   // before the model's time
  rig.record("a", 0, 10);  // must wait
  rig.record("b", 0, 10);  // another key
  rig.record("a", 0, 7);
  EXPECT_EQ(rig.text(), "1:no_model 3:no_model 4:no_model");
  EXPECT_FALSE(rig.watermark(10));
  rig.load_all();
  EXPECT_TRUE(rig.watermark(10));
  EXPECT_EQ(rig.text(), "1:no_model 3:no_model 4:no_model 2:ok:1");
}

TEST(ServeModelByEventTime, WaitingRecordsLeaveInOrderOfEventTime) {
  ServingRig rig(event_time(), 2);
  rig.open();
  for (const int time : {50, 20, 30, 20, 40}) rig.record("a", 0, time);
  rig.model(toy("a", "CONST 1", 0, 25), 25);
  rig.load_all();
  rig.model_watermark(45);
  EXPECT_EQ(rig.text(), "2:no_model 4:no_model 3:ok:1 5:ok:1");
  rig.model_watermark(50);
  EXPECT_EQ(rig.text(), "2:no_model 4:no_model 3:ok:1 5:ok:1 1:ok:1");
}

TEST(ServeModelByEventTime, ABadModelHoldsRecordsOnlyUntilItIsRefused) {
  ServingRig rig(event_time());
  rig.open();
  rig.model(toy("a", "CONST 1", 0, 10), 10);
  rig.model(toy("a", "rubbish", 0, 20), 20);
  rig.model_watermark(100);
  rig.record("a", 0, 30);
  rig.load(0);
  EXPECT_EQ(rig.text(), "");
  rig.load(0);
  EXPECT_EQ(rig.text(), "1:ok:1");
}

TEST(ServeModelByEventTime, AModelBehindItsStreamsWatermarkCountsRightAfterIt) {
  ServingRig rig(event_time());
  rig.open();
  rig.model_watermark(50);
  rig.record("a", 0, 20);
  rig.model(toy("a", "CONST 1", 0, 10), 60);
  rig.load_all();
  rig.model_watermark(100);
  rig.record("a", 0, 50);
  rig.record("a", 0, 51);
  EXPECT_EQ(rig.text(), "1:no_model 2:no_model 3:ok:1");
}

TEST(ServeModelByEventTime, RetireAndRollbackHaveTheirTimes) {
  ServingRig rig(event_time());
  rig.open();
  rig.model(toy("a", "CONST 1", 1, 10), 10);
  rig.model(toy("a", "CONST 2", 2, 20), 20);
  rig.model(order("a", ModelControl::kRollback, 0, 30), 30);
  rig.model(order("a", ModelControl::kRetire, 0, 40), 40);
  rig.model(toy("a", "CONST 3", 3, 50), 50);
  rig.load(2);
  rig.load(1);
  rig.load(0);
  rig.model_watermark(100);
  for (const int time : {10, 20, 30, 40, 50}) rig.record("a", 0, time);
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2 3:ok:1 4:no_model 5:ok:3");
}

TEST(ServeModelByEventTime, NothingWaitsWhenTheModelStreamHasEndedOrIsIdle) {
  ServingRig rig(event_time());
  rig.open();
  rig.model(toy("a", "CONST 1", 0, 10), 10);
  rig.load_all();
  rig.record("a", 0, 20);
  EXPECT_EQ(rig.text(), "");
  EXPECT_TRUE(rig.watermark(20)) << "an idle model stream does not hold back the operator's watermark";
  EXPECT_EQ(rig.text(), "1:ok:1");
  rig.record("a", 0, 30);
  EXPECT_TRUE(rig.end());
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:1");
}

TEST(ServeModelByEventTime, LeavesItsInputAloneAtTheBoundUnlessABarrierWaits) {
  ServeOptions options = event_time();
  options.max_held_records = 3;
  ServingRig rig(options, 2);
  rig.open();
  for (int i = 0; i < 6; ++i) rig.record("a", 0, 10 + i);
  EXPECT_EQ(rig.records_left(), 3U);
  EXPECT_EQ(rig.context().metric_value("records_held"), 3);
  rig.context().is_aligning = true;
  rig.drive();
  EXPECT_EQ(rig.records_left(), 0U);
  rig.context().is_aligning = false;
  rig.model_watermark(100);
  EXPECT_EQ(rig.results.size(), 6U);
  EXPECT_EQ(rig.context().metric_value("records_held"), 0);
}

TEST(ServeModelByEventTime, KeepsVersionsThatWaitForTheirTime) {
  ServeOptions options = event_time();
  options.keep_versions = 2;
  ServingRig rig(options);
  rig.open();
  for (int version = 1; version <= 6; ++version) {
    rig.model(toy("a", "CONST " + std::to_string(version), version, 10 * version), 10 * version);
  }
  rig.load_all();
  rig.model_watermark(1000);
  for (int time = 10; time <= 60; time += 10) {
    rig.record("a", 0, time);
    EXPECT_TRUE(rig.watermark(time));
  }
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2 3:ok:3 4:ok:4 5:ok:5 6:ok:6");
  rig.model(toy("a", "CONST 7", 7, 2000), 2000);
  rig.load_all();
  EXPECT_LE(rig.models("a").versions.size(), 3U) << "what no record can need any more goes";
}

TEST(ServeModelByEventTime, HoldMakesNoSense) {
  ServeOptions options = event_time();
  options.no_model = NoModelPolicy::kHold;
  const ServeModel<Event> definition({std::make_shared<const ToyRuntime>()}, features<Event>(), options);
  const auto made = definition.make_operator([](const Event& event) { return event.key; },
                                             [](const ModelRecord& model) { return model.key; });
  RigContext context({}, nullptr);
  EXPECT_EQ(made->open(context).code(), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace weir::test
