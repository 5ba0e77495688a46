// Freeing a large model takes milliseconds: the task leaves that to the executor.

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "operators/serving/serving_rig.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

std::string large(std::string bytes) {
  bytes.resize(std::size_t{1} << 20, ' ');
  return bytes;
}

std::size_t run_frees(ServingRig& rig) {
  for (auto& job : rig.context().manual().frees) job();
  return std::exchange(rig.context().manual().frees, {}).size();
}

TEST(ModelFreeing, BytesOfAModelAreFreedOnTheExecutor) {
  ManualExecutor executor;
  executor.keeps_frees = true;
  serving::ModelLoader loader(std::make_shared<const serving::LoaderConfig>(), executor, [] {});
  auto bytes = std::make_shared<const std::string>(large("x"));
  const std::weak_ptr<const std::string> alive = bytes;
  loader.dispose(std::move(bytes));
  EXPECT_FALSE(alive.expired());
  ASSERT_EQ(executor.frees.size(), 1U);
  executor.frees.clear();
  EXPECT_TRUE(alive.expired());

  loader.dispose(std::make_shared<const std::string>("small"));
  loader.dispose(serving::SharedBytes());
  loader.dispose(std::shared_ptr<const Scorer>());
  EXPECT_TRUE(executor.frees.empty()) << "not worth a job";

  executor.is_full = true;
  bytes = std::make_shared<const std::string>(large("x"));
  const std::weak_ptr<const std::string> refused = bytes;
  loader.dispose(std::move(bytes));
  EXPECT_TRUE(refused.expired());
}

TEST(ModelFreeing, VersionsThatAreNoLongerKept) {
  const int before = ToyModel::alive();
  ServingRig rig({.keep_versions = 1});
  rig.context().manual().keeps_frees = true;
  rig.open();
  rig.model(toy("a", large("CONST 1")));
  rig.load_all();
  run_frees(rig);
  rig.model(toy("a", large("CONST 2")));
  rig.load_all();
  EXPECT_EQ(ToyModel::alive(), before + 2);
  EXPECT_EQ(run_frees(rig), 3U) << "the bytes as they came, the first version's model and its bytes";
  EXPECT_EQ(ToyModel::alive(), before + 1);
}

TEST(ModelFreeing, BytesThatTheJobDirectoryHas) {
  const testing_support::TemporaryDirectory directory;
  ServingRig rig({}, 256, directory.path());
  rig.context().manual().keeps_frees = true;
  rig.open();
  rig.model(toy("a", large("CONST 1")));
  rig.load_all();
  EXPECT_EQ(run_frees(rig), 2U) << "the task's hold on the bytes, and the load's";
}

TEST(ModelFreeing, ModelsRefusedAfterTheyWereLoaded) {
  const int before = ToyModel::alive();
  ServingRig rig;
  rig.context().manual().keeps_frees = true;
  rig.open();
  rig.model(toy("a", large("CONST 1"), 1));
  rig.model(toy("a", large("CONST 2"), 2));
  rig.load(1);
  run_frees(rig);
  rig.load(0);
  EXPECT_NE(rig.last_reason().find("stale"), std::string::npos) << rig.last_reason();
  EXPECT_EQ(ToyModel::alive(), before + 2);
  EXPECT_EQ(run_frees(rig), 3U) << "the bytes as they came, the model and its bytes";
  EXPECT_EQ(ToyModel::alive(), before + 1);
}

}  // namespace
}  // namespace weir::test
