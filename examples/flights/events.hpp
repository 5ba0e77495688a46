#pragma once
// The two kinds of events of the demo, and their CSV form.
//
// requests.csv: a flight asks for a score 60 minutes before its scheduled departure, with all that is known then.
// outcomes.csv: what became of it, when it became known.
// Both are sorted by event time, then id; both have one line for each flight.

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <weir/result.hpp>
#include <weir/time.hpp>

#include "csv.hpp"

namespace flights {

struct FlightRequest {
  std::int64_t id = 0;         // line of the flight in flights.csv, the first flight being 1
  weir::Timestamp event_time;  // scheduled departure minus 60 minutes
  std::int32_t month = 0;      // of event_time on New York's calendar, 1 to 12
  // The features, in the models' order.
  std::string carrier;      // two letters: `UA`
  std::string origin;       // `EWR`, `JFK` or `LGA`; the key
  std::string dest;         // airport code
  std::string weekday;      // `Mon` to `Sun`, of the scheduled departure in New York
  double hour = 0;          // of the scheduled departure in New York, 0 to 23
  double distance = 0;      // miles
  double origin_delay = 0;  // mean departure delay (min) of the flights that left the origin in the last 2 h; 0 if none
  double carrier_delay = 0;  // the same over the carrier's flights from all three airports
  double overdue = 0;        // flights at the origin past their scheduled departure, neither departed nor cancelled
  double temperature = 0;    // degrees Fahrenheit
  double wind_speed = 0;     // mph
  double precipitation = 0;  // inches in the hour
  double visibility = 0;     // miles
};

struct FlightOutcome {
  std::int64_t id = 0;
  // Actual arrival; cancelled flights: scheduled departure; departed without a recorded arrival delay (diverted,
  // mostly): scheduled arrival plus departure delay.
  weir::Timestamp event_time;
  std::string origin;  // the key
  // Whether it arrived more than 15 minutes late: 1 or 0. None for flights that did not arrive as planned.
  std::optional<std::int32_t> late;
};

std::span<const std::string_view> request_columns();
std::span<const std::string_view> outcome_columns();

weir::Result<FlightRequest> parse_request(const CsvRow& row);
weir::Result<FlightOutcome> parse_outcome(const CsvRow& row);
// For sources that deliver line by line: one record without its line end. `line_number` is for messages.
weir::Result<FlightRequest> parse_request_line(std::string_view line, std::size_t line_number);
weir::Result<FlightOutcome> parse_outcome_line(std::string_view line, std::size_t line_number);

// Appends one line, with its line feed. Numbers read back as the same doubles.
void append_request(std::string& csv, const FlightRequest& request);
void append_outcome(std::string& csv, const FlightOutcome& outcome);
// `id,event_time,...` with its line feed.
void append_header(std::string& csv, std::span<const std::string_view> columns);

}  // namespace flights
