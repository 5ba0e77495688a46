// Scoring allocates nothing once the scratch memory has grown: counted by replacing operator new.

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include <weir/model.hpp>

#include "models/csv_table.hpp"

namespace {
std::atomic<std::size_t> allocations{0};
}

#pragma GCC diagnostic ignored "-Wmismatched-new-delete"  // both are replaced here, to malloc and free
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace weir {
namespace {

class PmmlAllocation : public testing::TestWithParam<const char*> {};

TEST_P(PmmlAllocation, ScoringAllocatesNothing) {
  const auto model =
      pmml_runtime()->load(test::read_file(std::string("tests/models/pmml_sklearn/") + GetParam() + ".pmml"), {});
  ASSERT_TRUE(model.is_ok()) << model.status().to_string();
  const FeatureSchema schema(std::vector<Field>((*model)->inputs().begin(), (*model)->inputs().end()));
  const auto scorer = (*model)->bind(schema, {});
  ASSERT_TRUE(scorer.is_ok());
  constexpr std::size_t kRows = 100;
  std::vector<double> numbers(kRows * schema.number_columns(), 1.5), out(kRows);
  std::vector<std::string_view> texts(kRows * schema.text_columns(), "a text that the model does not know at all");
  std::vector<std::string> out_texts(kRows);
  unsigned char failed[kRows];
  ScoreErrors errors;
  ScoreScratch scratch;
  std::size_t counted = 0;
  for (int i = 0; i < 3; ++i) {
    const std::size_t before = allocations;
    (*scorer)->score({kRows, numbers.data(), schema.number_columns(), texts.data(), schema.text_columns()},
                     {out.data(), out_texts.data(), failed}, errors, scratch);
    counted = allocations - before;
  }
  EXPECT_EQ(errors.count(), 0U);
  EXPECT_EQ(counted, 0U);
}

INSTANTIATE_TEST_SUITE_P(Models, PmmlAllocation,
                         testing::Values("linear", "softmax", "tree", "forest", "boosting", "bins", "mlp", "svm"),
                         [](const auto& at) { return std::string(at.param); });

}  // namespace
}  // namespace weir
