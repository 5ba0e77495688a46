// Serving with effect = arrival: the join sequences.

#include <gtest/gtest.h>

#include "operators/serving/serving_rig.hpp"

namespace weir::test {
namespace {

TEST(ServeModelOnArrival, AnswersWithoutAModelUntilOneIsReady) {
  ServingRig rig;
  rig.open();
  rig.record("a");
  rig.model(toy("a", "CONST 1"));
  rig.record("a");  // received is not ready
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:no_model 2:no_model 3:ok:1");
  EXPECT_EQ(rig.history("a"), "ready:1 current:1");
  EXPECT_EQ(rig.statistics("a").no_model, 2U);
}

TEST(ServeModelOnArrival, EachStepOfAModelsLifeIsToldInOrder) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.model(toy("a", "rubbish"));
  rig.load_all();
  std::vector<std::string> steps;
  for (const ModelEvent& event : rig.events)
    steps.push_back(std::string(to_string(event.state)) + ' ' + std::to_string(event.version));
  EXPECT_EQ(steps, (std::vector<std::string>{"received 0", "loading 1", "verifying 1", "warming 1", "ready 1",
                                             "current 1", "received 0", "loading 2", "refused 2"}));
}

TEST(ServeModelOnArrival, UsesModelThatArrivedBeforeTheRecord) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "LINEAR 1 2"));
  rig.load_all();
  rig.record("a", 10, 77);
  ASSERT_EQ(rig.results.size(), 1U);
  const Scored<Event>& result = rig.results[0];
  EXPECT_TRUE(result.ok());
  EXPECT_EQ(result.number(), 21);
  EXPECT_EQ(result.key, "a");
  EXPECT_EQ(result.event_time, at(77));
  EXPECT_EQ(result.position, 1U);
  EXPECT_EQ(result.model.name(), "toy");
  EXPECT_EQ(result.model.version, 1);
  EXPECT_NE(result.model.digest, ModelDigest{});
  EXPECT_EQ(result.path, ScorePath::kCurrent);
  EXPECT_EQ(result.latency_ns, 10);
}

TEST(ServeModelOnArrival, UpdateTakesEffectWithTheNextRecordAndNotOneLater) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a");
  rig.model(toy("a", "CONST 2"));
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2");
  EXPECT_EQ(rig.history("a"), "ready:1 current:1 ready:2 retired:1 current:2");
}

TEST(ServeModelOnArrival, BadModelNeitherDisplacesTheGoodOneNorTheOneStillLoading) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.model(toy("a", "CONST 2"));
  rig.model(toy("a", "rubbish"));
  rig.load(1);  // the bad one is refused while the good one is loading
  rig.record("a");
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2");
  EXPECT_EQ(rig.history("a"), "ready:1 current:1 refused:3 ready:2 retired:1 current:2");
  EXPECT_EQ(rig.context().metric_value("models_refused_total"), 1);
  EXPECT_NE(rig.last_reason().find("not a toy model"), std::string::npos);
}

TEST(ServeModelOnArrival, BadModelWithAHighVersionDoesNotBlockLaterOnes) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "rubbish", 99));
  rig.load_all();
  rig.model(toy("a", "CONST 5", 5));
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:5");
}

TEST(ServeModelOnArrival, SlowOlderModelDoesNotReplaceAFasterNewerOne) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1", 1));
  rig.model(toy("a", "CONST 2", 2));
  rig.load(1);
  rig.record("a");
  rig.load(0);
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:2 2:ok:2");
  EXPECT_EQ(rig.history("a"), "ready:2 current:2 refused:1");
  EXPECT_NE(rig.last_reason().find("stale"), std::string::npos);
}

TEST(ServeModelOnArrival, RefusesStaleVersionsAndDuplicates) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 7", 7));
  rig.load_all();
  rig.model(toy("a", "CONST 6", 6));
  EXPECT_NE(rig.last_reason().find("stale: version 6 comes after version 7"), std::string::npos);
  rig.model(toy("a", "CONST 7", 7));
  rig.load_all();
  EXPECT_EQ(rig.last_reason(), "duplicate of version 7");
  rig.model(toy("a", "CONST 7"));  // the same bytes, unnumbered
  rig.load_all();
  EXPECT_EQ(rig.last_reason(), "duplicate of version 7");
  rig.model(toy("a", "CONST 8", 7));
  rig.load_all();
  EXPECT_NE(rig.last_reason().find("with other bytes"), std::string::npos);
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:7");
  EXPECT_EQ(rig.context().metric_value("model_swaps_total"), 1);
  EXPECT_EQ(rig.context().metric_value("models_refused_total"), 4);
}

TEST(ServeModelOnArrival, TwoKeysOnOneTaskKeepTheirOwnModels) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.model(toy("b", "CONST 2"));
  rig.load_all();
  rig.record("a");
  rig.record("b");
  rig.record("c");
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2 3:no_model 4:ok:1");
  EXPECT_EQ(rig.statistics("a").versions[0].usage, 2U);
  EXPECT_EQ(rig.statistics("b").versions[0].usage, 1U);
}

TEST(ServeModelOnArrival, DeleteAddDelete) {
  ServingRig rig;
  rig.open();
  rig.model(order("a", ModelControl::kRetire));  // nothing there: nothing happens
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a");
  rig.model(order("a", ModelControl::kRetire));
  rig.record("a");
  rig.model(toy("a", "CONST 1"));  // the same bytes may come again after a retirement
  rig.load_all();
  rig.record("a");
  rig.model(order("a", ModelControl::kRetire));
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1 2:no_model 3:ok:1 4:no_model");
  EXPECT_EQ(rig.swaps("a").swaps, 4U);
}

TEST(ServeModelOnArrival, RetireAlsoStopsModelsThatAreStillLoading) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.model(order("a", ModelControl::kRetire));
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:no_model");
  EXPECT_EQ(rig.history("a"), "ready:1 retired:1");
}

TEST(ServeModelOnArrival, RollbackGoesBackStepByStepAndForwardByVersion) {
  ServingRig rig;
  rig.open();
  for (const char* bytes : {"CONST 1", "CONST 2", "CONST 3"}) {
    rig.model(toy("a", bytes));
    rig.load_all();
  }
  rig.model(order("a", ModelControl::kRollback));
  rig.record("a");
  rig.model(order("a", ModelControl::kRollback));
  rig.record("a");
  rig.model(order("a", ModelControl::kRollback));
  EXPECT_EQ(rig.last_reason(), "there is no earlier version to roll back to");
  rig.record("a");
  rig.model(order("a", ModelControl::kRollback, 3));
  rig.record("a");
  rig.model(order("a", ModelControl::kRollback, 9));
  EXPECT_EQ(rig.last_reason(), "version 9 is not among those kept");
  EXPECT_EQ(rig.text(), "1:ok:2 2:ok:1 3:ok:1 4:ok:3");
}

TEST(ServeModelOnArrival, RollbackIsNotUndoneByAModelThatWasLoadingBeforeIt) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.model(toy("a", "CONST 2"));
  rig.load_all();
  rig.model(toy("a", "CONST 3"));
  rig.model(order("a", ModelControl::kRollback));
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1");
}

TEST(ServeModelOnArrival, KeepsTheLastVersionsAndFreesOlderOnes) {
  const int before = ToyModel::alive();
  ServingRig rig({.keep_versions = 3});
  rig.open();
  for (int version = 1; version <= 200; ++version) {
    rig.model(toy("a", "CONST " + std::to_string(version)));
    rig.load_all();
  }
  EXPECT_EQ(ToyModel::alive() - before, 3);
  EXPECT_EQ(rig.models("a").versions.size(), 3U);
  EXPECT_EQ(rig.swaps("a").swaps, 200U);
  EXPECT_EQ(rig.swaps("a").recent.size(), 64U);
}

TEST(ServeModelOnArrival, ScoringErrorIsAResult) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "FAIL 3"));
  rig.load_all();
  rig.record("a", 1);
  rig.record("a", -1);
  EXPECT_EQ(rig.text(), "1:ok:3 2:error");
  EXPECT_EQ(rig.results[1].reason(), "the first feature is negative");
  EXPECT_TRUE(std::isnan(rig.results[1].number()));
  EXPECT_EQ(rig.statistics("a").versions[0].usage, 2U);
  EXPECT_EQ(rig.statistics("a").versions[0].errors, 1U);
}

TEST(ServeModelOnArrival, LabelsAreTexts) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "LABEL a-label-that-is-longer-than-what-fits-in-place"));
  rig.load_all();
  rig.record("a");
  ASSERT_EQ(rig.results.size(), 1U);
  EXPECT_EQ(rig.results[0].text(), "a-label-that-is-longer-than-what-fits-in-place");
  EXPECT_EQ(rig.results[0].numbers.size(), 0U);
}

TEST(ServeModelOnArrival, DropsOrFallsBackWithoutAModel) {
  ServingRig dropping({.no_model = NoModelPolicy::kDrop});
  dropping.open();
  dropping.record("a");
  EXPECT_EQ(dropping.text(), "");
  EXPECT_EQ(dropping.statistics("a").no_model, 1U);
  EXPECT_EQ(dropping.context().metric_value("records_without_model_total"), 1);

  ServingRig falling({.no_model = NoModelPolicy::kFallback, .fallback = {0.25}});
  falling.open();
  falling.record("a");
  EXPECT_EQ(falling.text(), "1:fallback:0.25");
  EXPECT_EQ(falling.results[0].path, ScorePath::kFallback);
  EXPECT_FALSE(falling.results[0].model.has_value());
}

TEST(ServeModelOnArrival, HoldsRecordsUntilTheFirstModelInOrder) {
  ServingRig rig({.no_model = NoModelPolicy::kHold}, 2);
  rig.open();
  for (int i = 0; i < 5; ++i) rig.record(i % 2 == 0 ? "a" : "b", 0, 100 - i);
  EXPECT_EQ(rig.text(), "");
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1 3:ok:1 5:ok:1 6:ok:1");
  EXPECT_EQ(rig.results[1].event_time, at(98));
  EXPECT_EQ(rig.results[1].position, 3U);
  EXPECT_TRUE(rig.end());
  EXPECT_EQ(rig.text(), "1:ok:1 3:ok:1 5:ok:1 6:ok:1 2:no_model 4:no_model");
}

TEST(ServeModelOnArrival, HoldsNoMoreThanItsBound) {
  ServingRig rig({.no_model = NoModelPolicy::kHold, .max_held_records = 2});
  rig.open();
  for (int i = 0; i < 4; ++i) rig.record("a");
  rig.record("b");
  EXPECT_EQ(rig.text(), "1:no_model 2:no_model 5:no_model");
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  EXPECT_EQ(rig.text(), "1:no_model 2:no_model 5:no_model 3:ok:1 4:ok:1");
}

TEST(ServeModelOnArrival, IgnoresModelsOfOtherNames) {
  ServingRig rig({.model_name = "live", .path = ScorePath::kShadow});
  rig.open();
  rig.model(toy("a", "CONST 1"));
  ModelRecord live = toy("a", "CONST 2");
  live.name = "live";
  rig.model(live);
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:2");
  EXPECT_EQ(rig.results[0].path, ScorePath::kShadow);
  EXPECT_EQ(rig.context().metric_value("models_ignored_total"), 1);
}

TEST(ServeModelOnArrival, WaitsWithTheModelStreamWhenTooManyLoad) {
  ServingRig rig({.max_loads = 1, .max_pending_models = 2});
  rig.open();
  for (int version = 1; version <= 4; ++version) rig.model(toy("a", "CONST " + std::to_string(version)));
  EXPECT_EQ(rig.models_left(), 2U);
  EXPECT_EQ(rig.context().manual().jobs.size(), 1U);
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:4");
}

TEST(ServeModelOnArrival, TriesAgainWhenTheExecutorIsFull) {
  ServingRig rig;
  rig.open();
  rig.context().manual().is_full = true;
  rig.model(toy("a", "CONST 1"));
  EXPECT_TRUE(rig.context().scheduled.has_value());
  rig.context().manual().is_full = false;
  rig.drive();
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1");
}

TEST(ServeModelOnArrival, EndWaitsForLoads) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  EXPECT_FALSE(rig.end());
  rig.load_all();
  EXPECT_TRUE(rig.end());
  EXPECT_EQ(rig.history("a"), "ready:1 current:1");
}

TEST(ServeModelOnArrival, StatisticsCountUsageErrorsAndLatency) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  for (int i = 0; i < 10; ++i) rig.record("a");
  const serving::VersionStatistics first = rig.statistics("a").versions[0];
  EXPECT_EQ(first.usage, 10U);
  EXPECT_EQ(first.min_ns, 10);
  EXPECT_EQ(first.max_ns, 10);
  EXPECT_EQ(first.total_ns, 100);
  EXPECT_EQ(first.latency.quantile(0.5), 10);
  EXPECT_EQ(first.since, rig.context().clock().now());
}

TEST(ServeModelOnArrival, SwapLogSaysWhichRecordWasFirst) {
  ServingRig rig;
  rig.open();
  rig.record("a", 0, 5);
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("b", 0, 6);
  rig.record("a", 0, 7);
  rig.record("a", 0, 8);
  const serving::SwapLog log = rig.swaps("a");
  ASSERT_EQ(log.recent.size(), 1U);
  EXPECT_EQ(log.recent[0].version, 1);
  EXPECT_EQ(log.recent[0].first_position, 3U);
  EXPECT_EQ(log.recent[0].first_event_time, at(7));
}

TEST(ServeModelOnArrival, ShowsAKeyAndOneOfItsVersions) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a");
  rig.model(toy("a", "CONST 2"));
  const std::string all = rig.show("a");
  EXPECT_NE(all.find(R"("key":"a")"), std::string::npos);
  EXPECT_NE(all.find(R"("state":"current")"), std::string::npos);
  EXPECT_NE(all.find(R"("state":"received")"), std::string::npos);
  EXPECT_NE(all.find(R"("usage":1)"), std::string::npos);
  EXPECT_EQ(all.find("CONST"), std::string::npos) << "the bytes are not shown";
  EXPECT_EQ(rig.show("a", 1).find(R"("version":2)"), std::string::npos);
  EXPECT_EQ(rig.show("a", 7).substr(0, 9), "not_found");
  EXPECT_EQ(rig.show("nobody").substr(0, 9), "not_found");
}

}  // namespace
}  // namespace weir::test
