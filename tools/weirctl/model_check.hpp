#pragma once
/// Compares what a model answers for the rows of a file with the answers that another file expects.
///
/// Only expected columns that the model declares as a target or an output field count; the same order of rows in both
/// files. `NA`, `N/A` and the empty cell are missing values. Numbers agree when both are at most the tolerance in
/// magnitude or differ by at most tolerance x |expected|; a number is also `true`, `TRUE`, `false` or `FALSE` (1 and
/// 0). Texts must be equal.

#include <string>
#include <vector>

#include <weir/model.hpp>
#include <weir/result.hpp>

#include "tools/weirctl/delimited_file.hpp"

namespace weirctl {

/// A smaller tolerance counts as this one.
inline constexpr double kLeastTolerance = 1e-12;

struct Difference {
  std::size_t row;  ///< from 1
  std::string column;
  std::string expected;
  std::string got;
  std::string reason;  ///< why the row failed, when it did

  [[nodiscard]] std::string to_string() const;
};

struct CheckReport {
  static constexpr std::size_t kKept = 20;
  std::size_t rows = 0;
  std::vector<std::string> columns;     ///< that were compared
  std::vector<std::string> ignored;     ///< expected, but nothing that the model declares
  std::vector<std::string> absent;      ///< inputs of the model that the data lacks: missing values
  std::size_t different = 0;            ///< cells
  std::vector<Difference> differences;  ///< the first ones
  [[nodiscard]] bool passed() const { return different == 0; }
};

/// Fails when nothing can be compared: no expected column is one of the model's, or the files have different numbers
/// of rows.
weir::Result<CheckReport> check_model(const weir::Model& model, const DelimitedFile& data,
                                      const DelimitedFile& expected, double tolerance);

}  // namespace weirctl
