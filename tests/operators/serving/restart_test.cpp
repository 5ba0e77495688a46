// Restarts in each state of a model's life.

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "operators/serving/serving_rig.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

class ServeModelRestart : public ::testing::Test {
 protected:
  /// Replaces the rig by one that starts from its checkpoint.
  void restart() {
    saved_.push_back(rig_->checkpoint());
    rig_ = std::make_unique<ServingRig>(options_, 256, directory_.path(), &saved_.back());
    rig_->open();
  }
  void start() {
    rig_ = std::make_unique<ServingRig>(options_, 256, directory_.path());
    rig_->open();
  }

  const weir::testing::TemporaryDirectory directory_;
  ServeOptions options_;
  std::deque<SavedState> saved_;
  std::unique_ptr<ServingRig> rig_;
};

TEST_F(ServeModelRestart, CurrentModelIsLoadedAgainBeforeItsRecordsAreScored) {
  start();
  rig_->model(toy("a", "CONST 1"));
  rig_->load_all();
  rig_->record("a");
  restart();
  rig_->record("a");
  EXPECT_EQ(rig_->text(), "") << "the record waits";
  rig_->record("b");
  EXPECT_EQ(rig_->text(), "2:no_model") << "and nobody else waits for it";
  rig_->load_all();
  EXPECT_EQ(rig_->text(), "2:no_model 1:ok:1");
  EXPECT_EQ(rig_->results[1].model.version, 1);
  EXPECT_EQ(rig_->statistics("a").versions[0].usage, 2U) << "statistics go on";
  EXPECT_EQ(rig_->swaps("a").swaps, 1U) << "a restart is no swap";
}

TEST_F(ServeModelRestart, BytesAreKeptOnceByDigest) {
  start();
  rig_->model(toy("a", "CONST 1"));
  rig_->model(toy("b", "CONST 1"));
  rig_->load_all();
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path() + "/models"))
    files += entry.is_regular_file() ? 1 : 0;
  EXPECT_EQ(files, 1U);
  EXPECT_FALSE(rig_->models("a").versions.at(0).record.data.has_value()) << "not in the state a second time";
}

TEST_F(ServeModelRestart, ModelsThatWereReceivedOrLoadingAreLoaded) {
  options_.max_loads = 1;
  start();
  rig_->model(toy("a", "CONST 1"));  // loading
  rig_->model(toy("a", "CONST 2"));  // received
  restart();
  rig_->load_all();
  rig_->record("a");
  EXPECT_EQ(rig_->text(), "1:ok:2");
}

TEST_F(ServeModelRestart, RetiredStaysRetiredAndCanBeRolledBack) {
  start();
  rig_->model(toy("a", "CONST 1"));
  rig_->load_all();
  rig_->model(order("a", ModelControl::kRetire));
  restart();
  rig_->load_all();
  rig_->record("a");
  rig_->model(order("a", ModelControl::kRollback));
  rig_->record("a");
  EXPECT_EQ(rig_->text(), "1:no_model 2:ok:1");
}

TEST_F(ServeModelRestart, EarlierVersionsStayForRollback) {
  start();
  rig_->model(toy("a", "CONST 1"));
  rig_->model(toy("a", "CONST 2"));
  rig_->load_all();
  restart();
  rig_->load_all();
  rig_->model(order("a", ModelControl::kRollback));
  rig_->record("a");
  EXPECT_EQ(rig_->text(), "1:ok:1");
}

TEST_F(ServeModelRestart, StaleAndDuplicateAreKnownAfterIt) {
  start();
  rig_->model(toy("a", "CONST 5", 5));
  rig_->load_all();
  rig_->model(toy("a", "rubbish", 6));
  rig_->load_all();
  restart();
  rig_->load_all();
  EXPECT_EQ(rig_->models("a").refused.size(), 1U);
  rig_->model(toy("a", "CONST 4", 4));
  rig_->model(toy("a", "CONST 5", 5));
  rig_->load_all();
  EXPECT_EQ(rig_->history("a"), "refused:4 refused:5");
  rig_->model(toy("a", "CONST 7"));
  rig_->load_all();
  rig_->record("a");
  EXPECT_EQ(rig_->results.at(0).model.version, 7) << "numbering goes on behind the highest number seen";
}

TEST_F(ServeModelRestart, HeldRecordsAreAnsweredOnceAfterIt) {
  options_.effect = ModelEffect::kEventTime;
  start();
  rig_->model(toy("a", "CONST 1", 0, 10), 10);
  rig_->record("a", 0, 20);
  rig_->record("b", 0, 20);
  restart();
  rig_->model_watermark(100);
  EXPECT_EQ(rig_->text(), "2:no_model");
  rig_->load_all();
  EXPECT_EQ(rig_->text(), "2:no_model 1:ok:1");
  EXPECT_EQ(rig_->results[1].position, 1U);
  restart();
  EXPECT_TRUE(rig_->end() || (rig_->load_all(), rig_->end()));
  EXPECT_EQ(rig_->text(), "");
}

TEST_F(ServeModelRestart, ReadyModelsTakeEffectAtTheirTime) {
  options_.effect = ModelEffect::kEventTime;
  start();
  rig_->model(toy("a", "CONST 1", 0, 10), 10);
  rig_->model(toy("a", "CONST 2", 0, 20), 20);
  rig_->load_all();
  rig_->model_watermark(50);
  rig_->record("a", 0, 15);
  EXPECT_EQ(rig_->text(), "1:ok:1");
  restart();
  rig_->record("a", 0, 19);
  rig_->record("a", 0, 20);
  EXPECT_EQ(rig_->text(), "") << "its watermark is known, its models are still loading";
  rig_->load_all();
  EXPECT_EQ(rig_->text(), "1:ok:1 2:ok:2");
}

TEST_F(ServeModelRestart, DamagedBytesAreRefusedAndSaid) {
  start();
  rig_->model(toy("a", "CONST 1"));
  rig_->load_all();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory_.path() + "/models")) {
    if (!entry.is_regular_file()) continue;
    std::filesystem::permissions(entry, std::filesystem::perms::owner_all);
    std::ofstream(entry.path(), std::ios::binary | std::ios::trunc) << "CONST 2";
  }
  restart();
  rig_->record("a");
  rig_->load_all();
  EXPECT_EQ(rig_->text(), "1:no_model");
  EXPECT_NE(rig_->last_reason().find("load again"), std::string::npos);
  rig_->model(toy("a", "CONST 3"));
  rig_->load_all();
  rig_->record("a");
  EXPECT_EQ(rig_->text(), "1:no_model 2:ok:3");
}

TEST_F(ServeModelRestart, ModelsOfSeveralMegabytesComeBackWhole) {
  start();
  for (const std::size_t size : {std::size_t{70'000}, std::size_t{11} << 20}) {
    rig_->model(toy("a" + std::to_string(size), "CONST 1" + std::string(size, ' ')));
  }
  restart();  // while they load: the bytes are in the state
  rig_->load_all();
  restart();  // and now in the store
  rig_->load_all();
  for (const std::size_t size : {std::size_t{70'000}, std::size_t{11} << 20}) {
    const auto models = rig_->models("a" + std::to_string(size));
    EXPECT_EQ(models.versions.at(0).bytes, size + 7);
    EXPECT_EQ(models.versions.at(0).state, ModelState::kCurrent);
  }
}

}  // namespace
}  // namespace weir::test
