#pragma once
// A model of tests/models/runtime_models with its rows and what the library that trained it predicts.

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weir/runtimes.hpp>

namespace weir::test {

inline const std::filesystem::path kRuntimeModels = "tests/models/runtime_models";

// rows.csv: a, b, c, d and n are numbers, kind is a text.
struct Rows {
  FeatureSchema features;
  std::vector<double> numbers;
  std::vector<std::string> strings;
  std::vector<std::string_view> texts;
  std::size_t count = 0;

  // `names`: the columns to supply, in that order; empty: all.
  static Rows read(const std::vector<std::string>& names = {});
  // 1,000 rows for these inputs: normal numbers, texts of a few kinds.
  static Rows made_up(std::span<const Field> inputs);
  [[nodiscard]] FeatureRows some(std::size_t first, std::size_t rows) const;
};

struct Answers {
  std::vector<double> numbers;
  std::vector<std::string> texts;
  std::vector<unsigned char> failed;
  ScoreErrors errors;
};
// Scores rows [0, count) in calls of `batch` rows.
Answers score(const Scorer& scorer, const Rows& rows, std::size_t batch);

// Loads NAME and compares every output in its CSV file, in batches of 1, 7 and 1000. `columns`: what the job supplies.
void expect_predictions(const ModelRuntime& runtime, const std::string& file, const std::string& expected,
                        const std::vector<std::string>& columns, const ModelOptions& options = {},
                        double tolerance = 1e-6);

// Scores all rows alone and in batches of 2 to 70 and more: every number has the same bits in all of them.
void expect_same_bits(const Model& model, const Rows& rows);
void expect_same_bits(const ModelRuntime& runtime, const std::string& file, const Rows& rows,
                      const ModelOptions& options = {});

}  // namespace weir::test
