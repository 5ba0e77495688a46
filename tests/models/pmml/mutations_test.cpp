// Damaged documents are refused or score; they never crash. The seed is printed with a failure's trace.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "models/csv_table.hpp"
#include "models/pmml/load_and_score.hpp"
#include "models/pmml/mutate.hpp"

namespace weir::test {
namespace {

TEST(PmmlMutations, AreRefusedOrScored) {
  std::vector<std::string> seeds;
  for (const char* folder : {"tests/models/pmml_conformance", "tests/models/pmml_sklearn"})
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.path().extension() == ".pmml" && entry.file_size() < 30'000) seeds.push_back(read_file(entry.path()));
  ASSERT_GT(seeds.size(), 20U);
  std::sort(seeds.begin(), seeds.end());
  std::size_t models = 0;
  for (unsigned seed = 0; seed < 2'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const LoadAndScore tried = load_and_score(mutate(seeds[random() % seeds.size()], random));
    EXPECT_EQ(tried.difference, "");
    models += tried.is_model ? 1 : 0;
  }
  EXPECT_GT(models, 100U) << "mutations that never load test little";
  EXPECT_LT(models, 2'000U);
}

}  // namespace
}  // namespace weir::test
