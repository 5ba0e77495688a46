// Models kept for use outside of the stream.

#include "operators/inference/model_shelf.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "operators/serving/toy_runtime.hpp"

namespace weir::inference {
namespace {

using serving::ServedModel;

ServedModel unloaded(std::int64_t version, const std::string& bytes = "CONST 1") {
  auto config = std::make_shared<serving::LoaderConfig>();
  config->runtimes = {std::make_shared<const test::ToyRuntime>()};
  config->features = FeatureSchema({{"x", FieldType::kNumber}});
  ServedModel served;
  served.uid = "score";
  served.key = "JFK";
  served.version = version;
  served.config = config;
  served.load.record.type = "TOY";
  served.load.bytes = std::make_shared<const std::string>(bytes);
  return served;
}

TEST(ModelShelf, LoadsOnceAndKeepsTheLastOnes) {
  ModelShelf shelf(2);
  for (int round = 0; round < 3; ++round) EXPECT_TRUE(shelf.model(unloaded(1)).is_ok());
  EXPECT_EQ(shelf.loads(), 1U);
  EXPECT_TRUE(shelf.scorer(unloaded(1), {}).is_ok());
  EXPECT_EQ(shelf.loads(), 1U);
  EXPECT_TRUE(shelf.model(unloaded(2)).is_ok());
  EXPECT_TRUE(shelf.model(unloaded(1)).is_ok());  // used last now
  EXPECT_TRUE(shelf.model(unloaded(3)).is_ok());
  EXPECT_EQ(shelf.size(), 2U);
  EXPECT_EQ(shelf.loads(), 3U);
  EXPECT_TRUE(shelf.model(unloaded(1)).is_ok());
  EXPECT_EQ(shelf.loads(), 3U);
  EXPECT_TRUE(shelf.model(unloaded(2)).is_ok());
  EXPECT_EQ(shelf.loads(), 4U);
}

TEST(ModelShelf, MemoryIsBoundedAndGivenBack) {
  const int alive = test::ToyModel::alive();
  {
    ModelShelf shelf(16, sizeof(test::ToyModel));
    for (std::int64_t version = 1; version < 5; ++version) EXPECT_TRUE(shelf.scorer(unloaded(version), {}).is_ok());
    EXPECT_EQ(shelf.size(), 1U);
    EXPECT_EQ(test::ToyModel::alive(), alive + 1);
    ModelShelf tiny(16, 1);
    EXPECT_TRUE(tiny.scorer(unloaded(1), {}).is_ok()) << "too large to be kept, not to be used";
    EXPECT_EQ(tiny.size(), 0U);
  }
  EXPECT_EQ(test::ToyModel::alive(), alive);
}

TEST(ModelShelf, TheStreamsOwnModelIsUsedWhenItIsLoaded) {
  ModelShelf shelf;
  const auto copy = shelf.model(unloaded(1));
  ASSERT_TRUE(copy.is_ok());
  ServedModel loaded = unloaded(1);
  loaded.model = std::make_shared<const test::ToyModel>("CONST", std::vector<double>{2}, "");
  EXPECT_EQ(*shelf.model(loaded), loaded.model);
  ASSERT_TRUE(shelf.scorer(loaded, {}).is_ok());
  EXPECT_EQ(shelf.size(), 1U) << "in the place of the copy";
  EXPECT_EQ(*shelf.model(unloaded(1)), loaded.model) << "unloaded again, still here";
  EXPECT_EQ(shelf.loads(), 1U);
}

TEST(ModelShelf, WhatDoesNotLoadSaysWhy) {
  ModelShelf shelf;
  const auto failed = shelf.model(unloaded(7, "rubbish"));
  ASSERT_FALSE(failed.is_ok());
  EXPECT_NE(failed.status().message().find("load model 'JFK' version 7 again"), std::string::npos);
  EXPECT_NE(failed.status().message().find("not a toy model"), std::string::npos);
  EXPECT_EQ(shelf.size(), 0U);
}

}  // namespace
}  // namespace weir::inference
