#include "model_index.hpp"

#include <tuple>

#include "csv.hpp"

namespace flights {

using weir::Result;

std::string trained_as(std::string_view kind) {
  return kind == "onnx" || kind == "tensorflow" ? "lr" : std::string(kind);
}

Result<std::vector<ModelLine>> parse_model_index(std::string_view csv, std::string_view kind) {
  static constexpr std::string_view kColumns[] = {"kind", "key", "name", "version", "effective_at", "file"};
  WEIR_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::open("index.csv", csv, kColumns));
  std::vector<ModelLine> lines;
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const auto row, reader.next());
    if (!row) return lines;
    CsvFields fields(*row);
    ModelLine line;
    line.kind = fields.text();
    line.key = fields.text();
    line.name = fields.text();
    line.version = fields.integer();
    line.effective_at = fields.time();
    line.file = fields.text();
    WEIR_RETURN_IF_ERROR(fields.finish());
    if (line.kind != kind) continue;
    if (!lines.empty() && std::tie(line.effective_at, line.key) < std::tie(lines.back().effective_at, lines.back().key))
      return csv_error(*row, 4, "the line before takes effect later");
    lines.push_back(std::move(line));
  }
}

}  // namespace flights
