#pragma once
/// A small delimited file in memory, for fixtures: a header and rows of cells (RFC 4180 quoting).

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace weir::test {

struct CsvTable {
  std::vector<std::string> header;
  std::vector<std::vector<std::string>> rows;

  /// Index of the named column, or -1.
  [[nodiscard]] int column(std::string_view name) const;
  /// The delimiter is a tab where the header holds one, else a comma. Empty when the file cannot be read.
  static CsvTable read(const std::filesystem::path& path);
};

std::string read_file(const std::filesystem::path& path);

}  // namespace weir::test
