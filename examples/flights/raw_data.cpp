#include "raw_data.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>

#include "csv.hpp"

namespace flights {

using weir::Result;
using weir::Status;
using namespace std::chrono;

namespace {

constexpr std::string_view kFlightColumns[] = {
    "year",           "month",     "day",     "dep_time", "sched_dep_time", "dep_delay", "arr_time",
    "sched_arr_time", "arr_delay", "carrier", "flight",   "tailnum",        "origin",    "dest",
    "air_time",       "distance",  "hour",    "minute",   "time_hour"};
constexpr std::string_view kWeatherColumns[] = {"origin",    "year",   "month",    "day",      "hour",
                                                "temp",      "dewp",   "humid",    "wind_dir", "wind_speed",
                                                "wind_gust", "precip", "pressure", "visib",    "time_hour"};
constexpr std::string_view kAirportColumns[] = {"faa", "name", "lat", "lon", "alt", "tz", "dst", "tzone"};
constexpr std::array<std::string_view, 4> kAtlanticAirports = {"BQN", "PSE", "SJU", "STT"};
constexpr double kMaxWindSpeedMph = 150;

// 1545 → 15 h 45 min; 2400 → 24 h.
minutes clock_minutes(std::int64_t hhmm) { return minutes{hhmm / 100 * 60 + hhmm % 100}; }

Result<Zone> zone_of(const CsvRow& row, std::size_t column, const std::string& airport, const Zones& zones) {
  const auto found = zones.find(airport);
  if (found != zones.end()) return found->second;
  if (std::ranges::find(kAtlanticAirports, airport) != kAtlanticAirports.end()) return kAtlanticStandard;
  return csv_error(row, column, "airports.csv has no airport '" + airport + "'");
}

// The first instant from `departure` on at which clocks in `zone` show `clock`.
weir::Timestamp next_clock_reading(weir::Timestamp departure, minutes clock, Zone zone) {
  const LocalTime local = to_local(departure, zone);
  const LocalTime midnight = floor<days>(local);
  const auto since_midnight = local - midnight;
  auto wait = clock - since_midnight;
  if (wait < 0min) wait += 24h;
  return to_utc(local + wait, zone);
}

Result<Flight> parse_flight(const CsvRow& row, const Zones& zones) {
  CsvFields fields(row);
  Flight flight;
  for (int column = 0; column < 5; ++column) fields.skip();  // year, month, day, dep_time, sched_dep_time
  flight.departure_delay_min = fields.maybe_integer("NA");
  fields.skip();  // arr_time
  const std::int64_t scheduled_arrival = fields.integer();
  flight.arrival_delay_min = fields.maybe_integer("NA");
  flight.carrier = fields.text();
  fields.skip();  // flight
  fields.skip();  // tailnum
  flight.origin = fields.text();
  flight.dest = fields.text();
  fields.skip();  // air_time
  flight.distance = fields.number();
  flight.hour = fields.integer();
  const minutes minute{fields.integer()};
  const weir::Timestamp hour_begin = fields.time();
  WEIR_RETURN_IF_ERROR(fields.finish());
  WEIR_ASSIGN_OR_RETURN(const Zone zone, zone_of(row, 13, flight.dest, zones));
  if (flight.cancelled() && flight.arrival_delay_min) return csv_error(row, 8, "an arrival without a departure");
  flight.scheduled_departure = hour_begin + minute;
  flight.scheduled_arrival = next_clock_reading(flight.scheduled_departure, clock_minutes(scheduled_arrival), zone);
  return flight;
}

}  // namespace

Result<Zones> parse_airports(std::string_view csv) {
  WEIR_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::open("airports.csv", csv, kAirportColumns));
  Zones zones;
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const auto row, reader.next());
    if (!row) return zones;
    CsvFields fields(*row);
    std::string airport(fields.text());
    for (int column = 0; column < 4; ++column) fields.skip();  // name, lat, lon, alt
    const double offset_hours = fields.number();
    const std::string_view daylight_saving = fields.text();
    fields.skip();  // tzone
    WEIR_RETURN_IF_ERROR(fields.finish());
    const hours offset{static_cast<int>(offset_hours)};
    // Places with half hours lie outside of the United States: no flight of the data goes there.
    if (static_cast<double>(offset.count()) != offset_hours) continue;
    zones.emplace(std::move(airport), Zone{offset, daylight_saving == "A"});
  }
}

Result<std::vector<Flight>> parse_flights(std::string_view csv, const Zones& zones) {
  WEIR_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::open("flights.csv", csv, kFlightColumns));
  std::vector<Flight> flights;
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const auto row, reader.next());
    if (!row) return flights;
    WEIR_ASSIGN_OR_RETURN(Flight flight, parse_flight(*row, zones));
    flight.id = static_cast<std::int64_t>(flights.size()) + 1;
    flights.push_back(std::move(flight));
  }
}

Result<std::vector<Weather>> parse_weather(std::string_view csv) {
  WEIR_ASSIGN_OR_RETURN(CsvReader reader, CsvReader::open("weather.csv", csv, kWeatherColumns));
  std::vector<Weather> observations;
  while (true) {
    WEIR_ASSIGN_OR_RETURN(const auto row, reader.next());
    if (!row) return observations;
    CsvFields fields(*row);
    Weather weather;
    weather.origin = fields.text();
    for (int column = 0; column < 4; ++column) fields.skip();  // year, month, day, hour
    weather.temperature = fields.maybe_number("NA");
    for (int column = 0; column < 3; ++column) fields.skip();  // dewp, humid, wind_dir
    weather.wind_speed = fields.maybe_number("NA");
    fields.skip();  // wind_gust
    weather.precipitation = fields.maybe_number("NA");
    fields.skip();  // pressure
    weather.visibility = fields.maybe_number("NA");
    weather.hour_begin = fields.time();
    WEIR_RETURN_IF_ERROR(fields.finish());
    if (weather.wind_speed > kMaxWindSpeedMph) weather.wind_speed.reset();
    observations.push_back(std::move(weather));
  }
}

Result<RawData> read_raw_data(const std::string& directory) {
  RawData data;
  WEIR_ASSIGN_OR_RETURN(const std::string airports, read_text_file(directory + "/airports.csv"));
  WEIR_ASSIGN_OR_RETURN(const Zones zones, parse_airports(airports));
  WEIR_ASSIGN_OR_RETURN(const std::string flights, read_text_file(directory + "/flights.csv"));
  WEIR_ASSIGN_OR_RETURN(data.flights, parse_flights(flights, zones));
  WEIR_ASSIGN_OR_RETURN(const std::string weather, read_text_file(directory + "/weather.csv"));
  WEIR_ASSIGN_OR_RETURN(data.weather, parse_weather(weather));
  return data;
}

namespace {
struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;
}  // namespace

Result<std::string> read_text_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) return Status::from_errno("open '" + path + "'", errno);
  std::string text;
  char buffer[1 << 16];
  while (true) {
    const std::size_t size = std::fread(buffer, 1, sizeof buffer, file.get());
    text.append(buffer, size);
    if (size == sizeof buffer) continue;
    if (std::ferror(file.get()) != 0) return Status::from_errno("read '" + path + "'", errno);
    return text;
  }
}

Status write_text_file(const std::string& path, std::string_view text) {
  const std::string temporary = path + ".tmp";
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (file == nullptr) return Status::from_errno("create '" + temporary + "'", errno);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int write_error = errno;
  if (std::fclose(file) != 0 || !written)
    return Status::from_errno("write '" + temporary + "'", written ? errno : write_error);
  if (std::rename(temporary.c_str(), path.c_str()) != 0)
    return Status::from_errno("rename '" + temporary + "' to '" + path + "'", errno);
  return Status::ok();
}

}  // namespace flights
