// Promote, pause and resume; events; models that are unloaded and loaded again.

#include <gtest/gtest.h>

#include "operators/serving/serving_rig.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

TEST(ServeModelOrders, AManuallyPromotedModelIsACandidateUntilItsOrder) {
  ServingRig rig({.promotion = ModelPromotion::kManual});
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a");
  rig.model(order("a", ModelControl::kPromote));
  rig.record("a");
  rig.model(toy("a", "CONST 2"));
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:no_model 2:ok:1 3:ok:1");
  EXPECT_EQ(rig.models("a").versions.at(1).state, ModelState::kReady);
  rig.model(order("a", ModelControl::kPromote, 2));
  rig.record("a");
  rig.model(order("a", ModelControl::kRollback));
  rig.record("a");
  rig.model(order("a", ModelControl::kPromote, 2));
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:no_model 2:ok:1 3:ok:1 4:ok:2 5:ok:1 6:ok:2");
}

TEST(ServeModelOrders, PromotingWhatIsNotThereIsRefusedAndChangesNothing) {
  ServingRig rig({.promotion = ModelPromotion::kManual});
  rig.open();
  rig.model(order("a", ModelControl::kPromote));
  EXPECT_NE(rig.last_reason().find("no version is ready"), std::string::npos) << rig.last_reason();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.model(order("a", ModelControl::kPromote, 7));
  EXPECT_NE(rig.last_reason().find("version 7"), std::string::npos) << rig.last_reason();
  rig.model(order("a", ModelControl::kPromote, 1));
  rig.model(order("a", ModelControl::kPromote, 1));
  EXPECT_NE(rig.last_reason().find("current already"), std::string::npos) << rig.last_reason();
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1");
}

TEST(ServeModelOrders, APausedKeyHasNoModelUntilItIsResumed) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a");
  rig.model(order("a", ModelControl::kPause));
  rig.record("a");
  rig.record("b");
  rig.model(order("a", ModelControl::kResume));
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:ok:1 2:no_model 3:no_model 4:ok:1");
}

TEST(ServeModelOrders, ModelsThatCameDuringThePauseCountAfterIt) {
  ServingRig rig({.no_model = NoModelPolicy::kHold});
  rig.open();
  rig.model(order("a", ModelControl::kResume));
  EXPECT_NE(rig.last_reason().find("not paused"), std::string::npos);
  rig.model(order("a", ModelControl::kPause));
  rig.model(order("a", ModelControl::kPause));
  EXPECT_NE(rig.last_reason().find("paused already"), std::string::npos);
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.model(toy("a", "CONST 2"));
  rig.load_all();
  rig.record("a");
  EXPECT_EQ(rig.text(), "") << "held";
  EXPECT_TRUE(rig.models("a").paused);
  rig.model(order("a", ModelControl::kResume));
  EXPECT_EQ(rig.text(), "1:ok:2");
}

TEST(ServeModelOrders, APauseOutlivesARestart) {
  const testing_support::TemporaryDirectory directory;
  SavedState saved;
  {
    ServingRig rig({}, 256, directory.path());
    rig.open();
    rig.model(toy("a", "CONST 1"));
    rig.load_all();
    rig.model(order("a", ModelControl::kPause));
    saved = rig.checkpoint();
  }
  ServingRig rig({}, 256, directory.path(), &saved);
  rig.open();
  rig.load_all();
  rig.record("a");
  rig.model(order("a", ModelControl::kResume));
  rig.record("a");
  EXPECT_EQ(rig.text(), "1:no_model 2:ok:1");
}

TEST(ServeModelOrders, OrdersWithoutMeaningByEventTimeAreRefused) {
  ServingRig rig({.effect = ModelEffect::kEventTime});
  rig.open();
  for (const ModelControl control : {ModelControl::kPromote, ModelControl::kPause, ModelControl::kResume}) {
    rig.model(order("a", control, 0, 10), 10);
    EXPECT_NE(rig.last_reason().find("event_time"), std::string::npos) << rig.last_reason();
  }
}

// Each toy takes the same memory; the budget is that of two.
class ServeModelMemory : public ::testing::Test {
 protected:
  static ServeOptions options() {
    ServeOptions options;
    options.model_memory_bytes = 2 * sizeof(ToyModel) + sizeof(ToyModel) / 2;
    options.keep_versions = 1;
    return options;
  }
  testing_support::TemporaryDirectory directory_;
};

TEST_F(ServeModelMemory, BeyondTheBudgetTheLeastUsedModelIsUnloadedAndLoadedAgainWhenNeeded) {
  ServingRig rig(options(), 256, directory_.path());
  rig.open();
  for (const char* key : {"a", "b", "c", "d"}) {
    rig.model(toy(key, std::string("CONST ") + std::to_string(key[0] - 'a' + 1)));
    rig.load_all();
    rig.record(key);
  }
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2 3:ok:3 4:ok:4");
  EXPECT_GE(rig.context().metric_value("models_unloaded_total"), 2);
  EXPECT_LE(rig.context().metric_value("model_memory_bytes"), static_cast<std::int64_t>(options().model_memory_bytes));
  rig.record("a");
  rig.record("d");
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2 3:ok:3 4:ok:4 6:ok:4") << "a's model is loaded; d does not wait for it";
  rig.record("a");
  rig.load_all();
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2 3:ok:3 4:ok:4 6:ok:4 5:ok:1 7:ok:1");
}

TEST_F(ServeModelMemory, ARestartLoadsOnlyWhatFits) {
  SavedState saved;
  {
    ServingRig rig(options(), 256, directory_.path());
    rig.open();
    for (const char* key : {"a", "b", "c", "d"}) {
      rig.model(toy(key, std::string("CONST ") + std::to_string(key[0] - 'a' + 1)));
      rig.load_all();
    }
    saved = rig.checkpoint();
  }
  ServingRig rig(options(), 256, directory_.path(), &saved);
  rig.open();
  rig.load_all();
  EXPECT_LE(rig.context().metric_value("model_memory_bytes"), static_cast<std::int64_t>(options().model_memory_bytes));
  for (const char* key : {"a", "b", "c", "d"}) {
    rig.record(key);
    rig.load_all();
  }
  EXPECT_EQ(rig.text(), "1:ok:1 2:ok:2 3:ok:3 4:ok:4");
}

TEST_F(ServeModelMemory, RecordsInAnyOrderGetTheirKeysModelWhateverIsUnloaded) {
  ServingRig rig(options(), 256, directory_.path());
  rig.open();
  for (int key = 0; key < 20; ++key) rig.model(toy("k" + std::to_string(key), "CONST " + std::to_string(key)));
  rig.load_all();
  std::uint64_t state = 7;
  for (int i = 0; i < 500; ++i) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    rig.record("k" + std::to_string((state >> 33) % 20));
    if (i % 7 == 0) rig.load_all();
  }
  rig.load_all();
  ASSERT_EQ(rig.results.size(), 500U);
  std::map<std::string, std::int64_t> last;
  for (const Scored<Event>& result : rig.results) {
    EXPECT_EQ("k" + std::to_string(static_cast<int>(result.number())), result.key);
    EXPECT_LT(last[result.key], result.record.id) << "the order of a key's records is kept";
    last[result.key] = result.record.id;
  }
}

}  // namespace
}  // namespace weir::test
