#pragma once
// What the demo shows at its end: a table by month, and a summary for programs.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/status.hpp>

namespace flights {

// Quality of the live and of the frozen (January) model over the labelled flights of one month, or of all.
struct Quality {
  std::optional<double> auc_live;
  std::optional<double> auc_frozen;
  std::optional<double> brier_live;
  std::optional<double> brier_frozen;
};

struct MonthRow {
  int month = 0;        // 1 to 12, of the request on New York's calendar
  std::string version;  // of the live model; empty when there was none
  std::uint64_t requests = 0;
  std::uint64_t labelled = 0;  // scored requests whose flight arrived: those that quality is measured on
  Quality quality;
};

struct Summary {
  std::string models;  // as DemoOptions::models
  std::uint64_t records_in = 0;
  std::uint64_t records_out = 0;
  std::uint64_t swaps = 0;
  std::uint64_t refused = 0;
  std::uint64_t lost = 0;
  std::uint64_t doubled = 0;
  Quality quality;  // pooled over February to December
  double records_per_second = 0;
  std::string output_sha256;
  std::vector<MonthRow> months;
};

// One line per month and a last line over all, with what the reader must know beside such figures. `-` where there is
// none.
std::string format_month_table(std::span<const MonthRow> months, const Quality& pooled);
// The limits that belong beside the table, a line each.
std::string_view honest_limits();

// JSON, indented; the fields in the order of Summary, those without a value null.
std::string to_json(const Summary& summary);
// Blocks on the disk; a reader sees the whole file or none.
weir::Status write_summary(const std::string& path, const Summary& summary);

}  // namespace flights
