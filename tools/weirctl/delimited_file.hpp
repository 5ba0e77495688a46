#pragma once
/// A delimited file in memory: a header and rows of cells (RFC 4180 quoting).

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>

namespace weirctl {

struct DelimitedFile {
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;  ///< each as long as the header
  /// Empty lines at the end. In a file of one column an empty line is a missing value, at its end it may be nothing.
  std::size_t empty_lines_at_end = 0;

  /// Index of the named column (the first of several), or kNone.
  [[nodiscard]] std::size_t column(std::string_view name) const;
  /// The delimiter is a tab where the header holds one outside quotes, else a semicolon where it holds no comma but a
  /// semicolon, else a comma. A byte order mark and, in a file of several columns, empty
  /// lines are skipped; short rows are filled with empty cells.
  static weir::Result<DelimitedFile> parse(std::string_view bytes);
  static weir::Result<DelimitedFile> read(const std::filesystem::path& path);
};

/// `NA`, `N/A` and the empty cell.
bool is_missing(std::string_view cell);

weir::Result<std::string> read_file(const std::filesystem::path& path);

}  // namespace weirctl
