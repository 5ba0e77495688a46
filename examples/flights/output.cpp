#include "output.hpp"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <string_view>

#include <weir/blob_store.hpp>

#include "auc.hpp"
#include "csv.hpp"
#include "job.hpp"
#include "raw_data.hpp"
#include "stages.hpp"

namespace flights {

using weir::Result;
using weir::Status;

namespace {

struct Tally {
  MonthRow row;
  std::map<std::int64_t, std::uint64_t> versions;
  Auc auc_live;
  Auc auc_frozen;
  Brier brier_live;
  Brier brier_frozen;

  void add(double live, double frozen, bool late) {
    ++row.labelled;
    auc_live.add(live, late);
    auc_frozen.add(frozen, late);
    brier_live.add(live, late);
    brier_frozen.add(frozen, late);
  }
  Quality quality() { return {auc_live.value(), auc_frozen.value(), brier_live.value(), brier_frozen.value()}; }
};

Status read_lines(const std::string& directory, std::string_view prefix, std::vector<std::string>& lines) {
  std::error_code failed;
  for (const auto& entry : std::filesystem::directory_iterator(directory, failed)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(".csv")) continue;  // .pending, .superseded
    WEIR_ASSIGN_OR_RETURN(const std::string text, read_text_file(entry.path().string()));
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = text.find('\n', begin);
      if (end == std::string::npos) return Status::data_loss("read '" + name + "': its last line has no end");
      lines.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
  }
  if (failed) return Status::from_errno("list '" + directory + "'", failed.value());
  std::sort(lines.begin(), lines.end());
  return {};
}

// id,month,late,status,version,p_live,p_frozen
Status add_line(const std::string& line, std::map<int, Tally>& months, Tally& pooled, std::vector<std::int64_t>& ids) {
  static constexpr std::string_view kNames[] = {"id", "month", "late", "status", "version", "p_live", "p_frozen"};
  CsvSplitter splitter;
  CsvRow row{"output", 0, kNames, {}};
  std::string_view rest = line;
  std::size_t spanned = 0;
  WEIR_RETURN_IF_ERROR(splitter.split(rest, row, spanned));
  CsvFields fields(row);
  ids.push_back(fields.integer());
  const std::int64_t month = fields.integer();
  const std::optional<std::int64_t> late = fields.maybe_integer("");
  fields.skip();
  const std::int64_t version = fields.integer();
  const std::optional<double> live = fields.maybe_number("");
  const std::optional<double> frozen = fields.maybe_number("");
  WEIR_RETURN_IF_ERROR(fields.finish());
  Tally& tally = months[static_cast<int>(month)];
  ++tally.row.requests;
  if (version != 0) ++tally.versions[version];
  if (!late || !live || !frozen) return {};
  tally.add(*live, *frozen, *late == 1);
  pooled.add(*live, *frozen, *late == 1);
  return {};
}

std::string most_used(const std::map<std::int64_t, std::uint64_t>& versions) {
  std::uint64_t most = 0;
  std::string version;
  for (const auto& [candidate, flights] : versions) {
    if (flights < most) continue;
    most = flights;
    version = std::to_string(candidate);
  }
  return version;
}

}  // namespace

Result<Output> read_output(const std::string& directory) {
  Output output;
  WEIR_RETURN_IF_ERROR(read_lines(directory, kFlightsPrefix, output.lines));
  WEIR_RETURN_IF_ERROR(read_lines(directory, kMonthsPrefix, output.month_lines));
  std::map<int, Tally> months;
  Tally pooled;
  std::string text;
  for (const std::string& line : output.lines) {
    if (const Status fault = add_line(line, months, pooled, output.ids); !fault.is_ok())
      return Status::data_loss("read the output line '" + line + "': " + fault.message());
    text += line;
    text += '\n';
  }
  output.sha256 = weir::sha256_hex(text);
  std::sort(output.ids.begin(), output.ids.end());
  for (auto& [month, tally] : months) {
    tally.row.month = month;
    tally.row.version = most_used(tally.versions);
    tally.row.quality = tally.quality();
    output.months.push_back(tally.row);
  }
  output.pooled = pooled.quality();
  return output;
}

Differences compare_ids(std::span<const std::int64_t> expected, std::span<const std::int64_t> found) {
  Differences differences;
  std::size_t at = 0;
  for (const std::int64_t id : expected) {
    while (at < found.size() && found[at] < id) ++differences.doubled, ++at;
    if (at < found.size() && found[at] == id) {
      ++at;
    } else {
      ++differences.lost;
    }
  }
  differences.doubled += found.size() - at;
  return differences;
}

}  // namespace flights
