#include "features.hpp"

#include <algorithm>
#include <deque>
#include <unordered_map>

namespace flights {

using weir::Result;
using weir::Status;
using namespace std::chrono;

namespace {

constexpr minutes kLead = 60min;          // request before scheduled departure
constexpr minutes kDelayWindow = 120min;  // of the two mean delays
constexpr std::int64_t kLateAfterMinutes = 15;

// Sum of the delays of the departures in (now - kDelayWindow, now], in whole minutes: no rounding error builds up.
class MovingMean {
 public:
  void add(weir::Timestamp departure, std::int64_t delay_min) {
    departures_.emplace_back(departure, delay_min);
    sum_min_ += delay_min;
  }
  // `now` must not go back.
  double at(weir::Timestamp now) {
    while (!departures_.empty() && departures_.front().first <= now - kDelayWindow) {
      sum_min_ -= departures_.front().second;
      departures_.pop_front();
    }
    if (departures_.empty()) return 0;
    return static_cast<double>(sum_min_) / static_cast<double>(departures_.size());
  }

 private:
  std::deque<std::pair<weir::Timestamp, std::int64_t>> departures_;
  std::int64_t sum_min_ = 0;
};

struct OriginState {
  MovingMean delay;
  std::int64_t overdue = 0;
  std::optional<double> temperature, wind_speed, precipitation, visibility;

  void update(const Weather& weather) {
    if (weather.temperature) temperature = weather.temperature;
    if (weather.wind_speed) wind_speed = weather.wind_speed;
    if (weather.precipitation) precipitation = weather.precipitation;
    if (weather.visibility) visibility = weather.visibility;
  }
  [[nodiscard]] bool has_weather() const { return temperature && wind_speed && precipitation && visibility; }
};

// What happens at an instant, other than requests. All changes up to and at t are made before a request at t is filled;
// among themselves they commute.
struct Change {
  enum class Kind { kOverdueBegins, kDeparture, kWeather };
  weir::Timestamp time;
  Kind kind;
  const Flight* flight = nullptr;
  const Weather* weather = nullptr;
};

std::vector<Change> changes_in_order(const RawData& data) {
  std::vector<Change> changes;
  changes.reserve(2 * data.flights.size() + data.weather.size());
  for (const Flight& flight : data.flights) {
    if (flight.cancelled()) continue;
    if (flight.departure() > flight.scheduled_departure)
      changes.push_back({flight.scheduled_departure, Change::Kind::kOverdueBegins, &flight});
    changes.push_back({flight.departure(), Change::Kind::kDeparture, &flight});
  }
  for (const Weather& weather : data.weather)
    changes.push_back({weather.hour_begin + 1h, Change::Kind::kWeather, nullptr, &weather});
  std::ranges::stable_sort(changes, {}, &Change::time);
  return changes;
}

class Knowledge {
 public:
  void apply(const Change& change) {
    switch (change.kind) {
      case Change::Kind::kOverdueBegins: ++origins_[change.flight->origin].overdue; break;
      case Change::Kind::kDeparture: depart(*change.flight); break;
      case Change::Kind::kWeather: origins_[change.weather->origin].update(*change.weather); break;
    }
  }
  Status fill(FlightRequest& request) {
    OriginState& origin = origins_[request.origin];
    if (!origin.has_weather()) {
      return Status::invalid_argument("weather.csv has nothing for " + request.origin + " before " +
                                      weir::format_timestamp(request.event_time));
    }
    request.origin_delay = origin.delay.at(request.event_time);
    request.carrier_delay = carriers_[request.carrier].at(request.event_time);
    request.overdue = static_cast<double>(origin.overdue);
    request.temperature = *origin.temperature;
    request.wind_speed = *origin.wind_speed;
    request.precipitation = *origin.precipitation;
    request.visibility = *origin.visibility;
    return Status::ok();
  }

 private:
  void depart(const Flight& flight) {
    OriginState& origin = origins_[flight.origin];
    if (flight.departure() > flight.scheduled_departure) --origin.overdue;
    origin.delay.add(flight.departure(), *flight.departure_delay_min);
    carriers_[flight.carrier].add(flight.departure(), *flight.departure_delay_min);
  }
  std::unordered_map<std::string, OriginState> origins_;
  std::unordered_map<std::string, MovingMean> carriers_;
};

FlightRequest request_of(const Flight& flight) {
  FlightRequest request;
  request.id = flight.id;
  request.event_time = flight.scheduled_departure - kLead;
  request.month = new_york_month(request.event_time);
  request.carrier = flight.carrier;
  request.origin = flight.origin;
  request.dest = flight.dest;
  request.weekday = weekday_name(weekday{floor<days>(to_local(flight.scheduled_departure, kNewYork))});
  request.hour = static_cast<double>(flight.hour);
  request.distance = flight.distance;
  return request;
}

template <class Event>
void sort_by_time(std::vector<Event>& events) {
  std::ranges::sort(events, {}, [](const Event& event) { return std::pair(event.event_time, event.id); });
}

weir::Timestamp outcome_time(const Flight& flight) {
  if (flight.cancelled()) return flight.scheduled_departure;
  return flight.scheduled_arrival + minutes{flight.arrival_delay_min.value_or(*flight.departure_delay_min)};
}

}  // namespace

Result<std::vector<FlightRequest>> make_requests(const RawData& data) {
  std::vector<FlightRequest> requests;
  requests.reserve(data.flights.size());
  for (const Flight& flight : data.flights) requests.push_back(request_of(flight));
  sort_by_time(requests);

  const std::vector<Change> changes = changes_in_order(data);
  auto change = changes.begin();
  Knowledge knowledge;
  for (FlightRequest& request : requests) {
    for (; change != changes.end() && change->time <= request.event_time; ++change) knowledge.apply(*change);
    WEIR_RETURN_IF_ERROR(knowledge.fill(request));
  }
  return requests;
}

std::vector<FlightOutcome> make_outcomes(const std::vector<Flight>& flights) {
  std::vector<FlightOutcome> outcomes;
  outcomes.reserve(flights.size());
  for (const Flight& flight : flights) {
    FlightOutcome outcome{flight.id, outcome_time(flight), flight.origin, std::nullopt};
    if (flight.arrival_delay_min) outcome.late = *flight.arrival_delay_min > kLateAfterMinutes ? 1 : 0;
    outcomes.push_back(std::move(outcome));
  }
  sort_by_time(outcomes);
  return outcomes;
}

EventFiles event_files(const std::string& directory) {
  return {directory + "/requests.csv", directory + "/outcomes.csv"};
}

Status prepare_events(const std::string& directory) {
  WEIR_ASSIGN_OR_RETURN(const RawData data, read_raw_data(directory));
  WEIR_ASSIGN_OR_RETURN(const auto requests, make_requests(data));
  const EventFiles files = event_files(directory);

  std::string csv;
  append_header(csv, outcome_columns());
  for (const FlightOutcome& outcome : make_outcomes(data.flights)) append_outcome(csv, outcome);
  WEIR_RETURN_IF_ERROR(write_text_file(files.outcomes, csv));

  csv.clear();
  append_header(csv, request_columns());
  for (const FlightRequest& request : requests) append_request(csv, request);
  return write_text_file(files.requests, csv);
}

}  // namespace flights
