#include "report.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <cstdio>

#include "raw_data.hpp"

namespace flights {

namespace {

namespace json = boost::json;

constexpr const char* kMonthNames[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

std::string cell(const std::optional<double>& number, const char* format) {
  if (!number) return "-";
  char text[32];
  std::snprintf(text, sizeof text, format, *number);
  return text;
}

std::optional<double> difference(const std::optional<double>& left, const std::optional<double>& right) {
  if (!left || !right) return std::nullopt;
  return *left - *right;
}

std::string table_line(const char* name, const std::string& version, std::uint64_t requests, std::uint64_t labelled,
                       const Quality& quality) {
  char line[160];
  std::snprintf(line, sizeof line, "%-7s %-9s %9llu %9llu   %7s %7s %7s   %7s %7s %8s\n", name,
                version.empty() ? "-" : version.c_str(), static_cast<unsigned long long>(requests),
                static_cast<unsigned long long>(labelled), cell(quality.auc_frozen, "%.4f").c_str(),
                cell(quality.auc_live, "%.4f").c_str(),
                cell(difference(quality.auc_live, quality.auc_frozen), "%+.4f").c_str(),
                cell(quality.brier_frozen, "%.4f").c_str(), cell(quality.brier_live, "%.4f").c_str(),
                cell(difference(quality.brier_live, quality.brier_frozen), "%+.4f").c_str());
  return line;
}

json::value number_or_null(const std::optional<double>& number) {
  if (!number || !std::isfinite(*number)) return nullptr;
  return *number;
}

void put_quality(json::object& object, const Quality& quality) {
  object["auc_live"] = number_or_null(quality.auc_live);
  object["auc_frozen"] = number_or_null(quality.auc_frozen);
  object["brier_live"] = number_or_null(quality.brier_live);
  object["brier_frozen"] = number_or_null(quality.brier_frozen);
}

}  // namespace

std::string format_month_table(std::span<const MonthRow> months, const Quality& pooled) {
  std::string table =
      "                                       AUC (higher is better)    Brier (lower is better)\n"
      "month   version    requests  labelled    frozen    live    gain    frozen    live   change\n";
  std::uint64_t requests = 0, labelled = 0;
  for (const MonthRow& row : months) {
    const char* name = row.month >= 1 && row.month <= 12 ? kMonthNames[row.month - 1] : "?";
    table += table_line(name, row.version, row.requests, row.labelled, row.quality);
    requests += row.requests;
    labelled += row.labelled;
  }
  return table + table_line("all", "", requests, labelled, pooled);
}

std::string_view honest_limits() {
  return "Labelled: scored flights that arrived; cancelled and diverted ones pass through but have no label.\n"
         "One year of one city's flights. The set-up was chosen among many because its gain is visible. Most of the "
         "gain\n"
         "comes from having seen the season, not from more data. The frozen model hangs on one January: with other "
         "days\n"
         "drawn from it, its AUC varies by 0.03 to 0.04, more than the gain. Live is better on 3 days of 4, not on "
         "all.\n";
}

std::string to_json(const Summary& summary) {
  json::object object;
  object["models"] = summary.models;
  object["records_in"] = summary.records_in;
  object["records_out"] = summary.records_out;
  object["swaps"] = summary.swaps;
  object["refused"] = summary.refused;
  object["lost"] = summary.lost;
  object["doubled"] = summary.doubled;
  put_quality(object, summary.quality);
  object["records_per_second"] = number_or_null(summary.records_per_second);
  object["output_sha256"] = summary.output_sha256;

  // One line per member and per month: Boost.JSON writes none itself.
  std::string text = "{\n";
  for (const auto& [name, value] : object)
    text += "  " + json::serialize(json::string(name)) + ": " + json::serialize(value) + ",\n";
  text += "  \"months\": [";
  for (std::size_t i = 0; i < summary.months.size(); ++i) {
    const MonthRow& row = summary.months[i];
    json::object month;
    month["month"] = row.month;
    month["version"] = row.version;
    month["requests"] = row.requests;
    month["labelled"] = row.labelled;
    put_quality(month, row.quality);
    text += (i == 0 ? "\n    " : ",\n    ") + json::serialize(month);
  }
  return text + (summary.months.empty() ? "]\n}\n" : "\n  ]\n}\n");
}

weir::Status write_summary(const std::string& path, const Summary& summary) {
  return write_text_file(path, to_json(summary));
}

}  // namespace flights
