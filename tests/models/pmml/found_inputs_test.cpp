// What the fuzzer starts from loads; what it found does no harm any more (the sanitizer builds say so).

#include <gtest/gtest.h>

#include <filesystem>

#include "models/csv_table.hpp"
#include "models/pmml/load_and_score.hpp"

namespace weir::test {
namespace {

TEST(PmmlFuzz, SeedsAreModels) {
  std::size_t seeds = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/pmml/seeds")) {
    const auto model = pmml_runtime()->load(read_file(entry.path()), {});
    EXPECT_TRUE(model.is_ok() || model.status().to_string().find("verif") != std::string::npos)
        << entry.path() << ": " << model.status().to_string();
    ++seeds;
  }
  EXPECT_GE(seeds, 3U);
}

TEST(PmmlFuzz, InputsFoundDoNoHarm) {
  std::size_t found = 0;
  for (const auto& entry : std::filesystem::directory_iterator("tests/fuzz/pmml/found")) {
    SCOPED_TRACE(entry.path());
    load_and_score(read_file(entry.path()));
    ++found;
  }
  EXPECT_GE(found, 1U);
}

}  // namespace
}  // namespace weir::test
