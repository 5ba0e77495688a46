#include "tools/weirctl/delimited_file.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <sstream>

namespace weirctl {
namespace {

char delimiter_of(std::string_view bytes) {
  bool quoted = false, comma = false, semicolon = false;
  for (const char c : bytes) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n') break;
    if (c == '\t') return '\t';
    comma = comma || c == ',';
    semicolon = semicolon || c == ';';
  }
  return semicolon && !comma ? ';' : ',';
}

}  // namespace

bool is_missing(std::string_view cell) { return cell.empty() || cell == "NA" || cell == "N/A"; }

weir::Result<std::string> read_file(const std::filesystem::path& path) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return weir::Status::invalid_argument("read '" + path.string() + "': is a folder");
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) return weir::Status::from_errno("open '" + path.string() + "'", errno);
  std::ostringstream bytes;
  bytes << file.rdbuf();
  return std::move(bytes).str();
}

std::size_t DelimitedFile::column(std::string_view name) const {
  const auto found = std::find(header.begin(), header.end(), name);
  return found == header.end() ? kNone : static_cast<std::size_t>(found - header.begin());
}

weir::Result<DelimitedFile> DelimitedFile::parse(std::string_view bytes) {
  if (bytes.starts_with("\xEF\xBB\xBF")) bytes.remove_prefix(3);
  const char delimiter = delimiter_of(bytes);
  DelimitedFile file;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false;
  std::size_t line = 1;
  std::string wrong;
  const auto end_row = [&] {
    row.push_back(std::move(cell));
    cell.clear();
    const bool empty = row.size() == 1 && row[0].empty();
    if (file.header.empty()) {
      if (!empty) file.header = std::move(row);
    } else if (!empty || file.header.size() == 1) {
      if (row.size() > file.header.size() && wrong.empty())
        wrong = "line " + std::to_string(line) + " has " + std::to_string(row.size()) + " cells for " +
                std::to_string(file.header.size()) + " columns";
      row.resize(file.header.size());
      file.rows.push_back(std::move(row));
    }
    row.clear();
  };
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"')
        cell += c;
      else if (i + 1 < bytes.size() && bytes[i + 1] == '"')
        cell += bytes[++i];
      else
        quoted = false;
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == delimiter) {
      row.push_back(std::move(cell));
      cell.clear();
    } else if (c == '\n') {
      end_row();
    } else if (c != '\r') {
      cell += c;
    }
  }
  if (quoted) return weir::Status::invalid_argument("a quoted cell does not end");
  if (!cell.empty() || !row.empty()) end_row();
  if (!wrong.empty()) return weir::Status::invalid_argument(wrong);
  while (file.header.size() == 1 && !file.rows.empty() && file.rows.back()[0].empty()) {
    file.rows.pop_back();
    ++file.empty_lines_at_end;
  }
  if (file.header.empty()) return weir::Status::invalid_argument("the file is empty");
  return file;
}

weir::Result<DelimitedFile> DelimitedFile::read(const std::filesystem::path& path) {
  WEIR_ASSIGN_OR_RETURN(const std::string bytes, read_file(path));
  auto file = parse(bytes);
  if (!file) return file.status().with_context("read '" + path.string() + "'");
  return file;
}

}  // namespace weirctl
