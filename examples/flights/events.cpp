#include "events.hpp"

namespace flights {

using weir::Result;

namespace {

constexpr std::string_view kRequestColumns[] = {
    "id",       "event_time",   "month",         "carrier", "origin",      "dest",       "weekday",       "hour",
    "distance", "origin_delay", "carrier_delay", "overdue", "temperature", "wind_speed", "precipitation", "visibility"};
constexpr std::string_view kOutcomeColumns[] = {"id", "event_time", "origin", "late"};

// A code of letters and digits never needs quotes, but a file made by others may have any text.
void append_text(std::string& csv, std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) {
    csv += text;
    return;
  }
  csv += '"';
  for (const char c : text) {
    if (c == '"') csv += '"';
    csv += c;
  }
  csv += '"';
}

template <class Event>
Result<Event> parse_line(std::string_view source, std::string_view line, std::size_t line_number,
                         std::span<const std::string_view> columns, Result<Event> (*parse)(const CsvRow&)) {
  CsvRow row{source, line_number, columns, {}};
  if (line.empty()) return csv_error(row, 0, "the line is empty");
  CsvSplitter splitter;
  std::size_t lines = 0;
  WEIR_RETURN_IF_ERROR(splitter.split(line, row, lines));
  if (!line.empty()) return csv_error(row, row.fields.size() - 1, "text after the end of the record");
  return parse(row);
}

}  // namespace

std::span<const std::string_view> request_columns() { return kRequestColumns; }
std::span<const std::string_view> outcome_columns() { return kOutcomeColumns; }

Result<FlightRequest> parse_request(const CsvRow& row) {
  CsvFields fields(row);
  FlightRequest request;
  request.id = fields.integer();
  request.event_time = fields.time();
  const std::int64_t month = fields.integer();
  request.carrier = fields.text();
  request.origin = fields.text();
  request.dest = fields.text();
  request.weekday = fields.text();
  request.hour = fields.number();
  request.distance = fields.number();
  request.origin_delay = fields.number();
  request.carrier_delay = fields.number();
  request.overdue = fields.number();
  request.temperature = fields.number();
  request.wind_speed = fields.number();
  request.precipitation = fields.number();
  request.visibility = fields.number();
  WEIR_RETURN_IF_ERROR(fields.finish());
  if (month < 1 || month > 12) return csv_error(row, 2, "a month is 1 to 12");
  request.month = static_cast<std::int32_t>(month);
  return request;
}

Result<FlightOutcome> parse_outcome(const CsvRow& row) {
  CsvFields fields(row);
  FlightOutcome outcome;
  outcome.id = fields.integer();
  outcome.event_time = fields.time();
  outcome.origin = fields.text();
  const auto late = fields.maybe_integer("");
  WEIR_RETURN_IF_ERROR(fields.finish());
  if (late && *late != 0 && *late != 1) return csv_error(row, 3, "expected 0, 1 or nothing");
  if (late) outcome.late = static_cast<std::int32_t>(*late);
  return outcome;
}

Result<FlightRequest> parse_request_line(std::string_view line, std::size_t line_number) {
  return parse_line<FlightRequest>("requests.csv", line, line_number, kRequestColumns, parse_request);
}

Result<FlightOutcome> parse_outcome_line(std::string_view line, std::size_t line_number) {
  return parse_line<FlightOutcome>("outcomes.csv", line, line_number, kOutcomeColumns, parse_outcome);
}

void append_request(std::string& csv, const FlightRequest& request) {
  csv += std::to_string(request.id) + ',' + weir::format_timestamp(request.event_time) + ',';
  csv += std::to_string(request.month);
  for (const std::string* text : {&request.carrier, &request.origin, &request.dest, &request.weekday}) {
    csv += ',';
    append_text(csv, *text);
  }
  for (const double number :
       {request.hour, request.distance, request.origin_delay, request.carrier_delay, request.overdue,
        request.temperature, request.wind_speed, request.precipitation, request.visibility}) {
    csv += ',';
    append_number(csv, number);
  }
  csv += '\n';
}

void append_outcome(std::string& csv, const FlightOutcome& outcome) {
  csv += std::to_string(outcome.id) + ',' + weir::format_timestamp(outcome.event_time) + ',';
  append_text(csv, outcome.origin);
  csv += ',';
  if (outcome.late) csv += std::to_string(*outcome.late);
  csv += '\n';
}

void append_header(std::string& csv, std::span<const std::string_view> columns) {
  for (std::size_t column = 0; column < columns.size(); ++column) {
    if (column > 0) csv += ',';
    csv += columns[column];
  }
  csv += '\n';
}

}  // namespace flights
