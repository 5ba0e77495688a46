#include "features.hpp"

#include <gtest/gtest.h>

#include <map>

namespace flights {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

const weir::Timestamp kNoon = sys_days{year{2013} / 7 / 4} + 16h;  // 12:00 in New York

// Built flight by flight; ids count from 1.
struct World {
  RawData data;
  World() {
    for (const char* origin : {"EWR", "JFK"}) observe(origin, kNoon - 24h, {70, 5, 0, 10});
  }
  void observe(const char* origin, weir::Timestamp hour_begin, std::array<std::optional<double>, 4> values) {
    data.weather.push_back({origin, hour_begin, values[0], values[1], values[2], values[3]});
  }
  std::int64_t fly(const char* carrier, const char* origin, weir::Timestamp scheduled,
                   std::optional<std::int64_t> departure_delay,
                   std::optional<std::int64_t> arrival_delay = std::nullopt) {
    const auto id = static_cast<std::int64_t>(data.flights.size()) + 1;
    data.flights.push_back({.id = id,
                            .scheduled_departure = scheduled,
                            .scheduled_arrival = scheduled + 3h,
                            .departure_delay_min = departure_delay,
                            .arrival_delay_min = arrival_delay,
                            .carrier = carrier,
                            .origin = origin,
                            .dest = "IAH"});
    return id;
  }
  FlightRequest request(std::int64_t id) const {
    const auto requests = make_requests(data);
    EXPECT_TRUE(requests.is_ok()) << requests.status().to_string();
    for (const FlightRequest& request : *requests)
      if (request.id == id) return request;
    ADD_FAILURE() << "no request " << id;
    return {};
  }
};

TEST(Requests, ComeAnHourBeforeScheduledDepartureInOrderOfTimeThenId) {
  World world;
  const auto late_one = world.fly("UA", "EWR", kNoon + 10min, 0);
  const auto first = world.fly("UA", "EWR", kNoon, 0);
  const auto second = world.fly("AA", "JFK", kNoon, 0);
  const auto requests = make_requests(world.data);
  ASSERT_TRUE(requests.is_ok());
  ASSERT_EQ(requests->size(), 3U);
  EXPECT_EQ((*requests)[0].id, first);
  EXPECT_EQ((*requests)[1].id, second);
  EXPECT_EQ((*requests)[2].id, late_one);
  EXPECT_EQ((*requests)[0].event_time, kNoon - 1h);
  EXPECT_EQ((*requests)[0].weekday, "Thu");
  EXPECT_EQ((*requests)[0].month, 7);
}

TEST(Requests, MeanDelaysCountDeparturesOfTheLastTwoHoursUpToNow) {
  World world;
  const weir::Timestamp now = kNoon - 1h;
  world.fly("UA", "EWR", now - 2h, 0);                // left two hours ago: out
  world.fly("UA", "EWR", now - 2h, 1);                // a minute less: in
  world.fly("UA", "EWR", now - 10min, 10);            // leaves now: in
  world.fly("UA", "EWR", now - 10min, 11);            // a minute later: out
  world.fly("UA", "JFK", now - 30min, 20);            // another origin, same carrier
  world.fly("AA", "EWR", now - 30min, -4);            // another carrier, same origin
  world.fly("UA", "EWR", now - 30min, std::nullopt);  // cancelled
  const FlightRequest request = world.request(world.fly("UA", "EWR", kNoon, 500));
  EXPECT_EQ(request.origin_delay, (1.0 + 10 - 4) / 3);
  EXPECT_EQ(request.carrier_delay, (1.0 + 10 + 20) / 3);
  EXPECT_EQ(world.request(world.fly("B6", "JFK", kNoon, 0)).carrier_delay, 0);
}

TEST(Requests, OverdueFlightsAreScheduledAndNotYetGone) {
  World world;
  const weir::Timestamp now = kNoon - 1h;
  world.fly("UA", "EWR", now, 1);                     // due now, leaves later: overdue
  world.fly("UA", "EWR", now, 0);                     // leaves now
  world.fly("UA", "EWR", now - 9h, 700);              // long overdue
  world.fly("UA", "EWR", now - 30min, 30);            // leaves now
  world.fly("UA", "EWR", now + 1min, 90);             // not due yet
  world.fly("UA", "EWR", now + 10min, -15);           // left before it was due
  world.fly("UA", "EWR", now - 10min, std::nullopt);  // cancelled
  world.fly("UA", "JFK", now - 10min, 60);            // elsewhere
  EXPECT_EQ(world.request(world.fly("UA", "EWR", kNoon, 0)).overdue, 2);
  EXPECT_EQ(world.request(world.fly("UA", "JFK", kNoon, 0)).overdue, 1);
}

TEST(Requests, WeatherIsOfTheLastHourThatHasEndedAndKeepsValuesThatAreMissing) {
  World world;
  const weir::Timestamp now = kNoon - 1h;
  world.observe("EWR", now - 1h, {80, std::nullopt, 0.5, std::nullopt});
  world.observe("EWR", now - 1h + 1min, {99, 99, 99, 99});  // its hour has not ended
  world.observe("JFK", now - 2h, {60, 60, 60, 60});
  const FlightRequest request = world.request(world.fly("UA", "EWR", kNoon, 0));
  EXPECT_EQ(request.temperature, 80);
  EXPECT_EQ(request.wind_speed, 5);
  EXPECT_EQ(request.precipitation, 0.5);
  EXPECT_EQ(request.visibility, 10);
}

TEST(Requests, FailWithoutAnyWeather) {
  World world;
  world.fly("UA", "LGA", kNoon, 0);
  EXPECT_EQ(make_requests(world.data).status().message(),
            "weather.csv has nothing for LGA before 2013-07-04T15:00:00Z");
}

// What is known at a request must not depend on anything that happens after it.
TEST(Requests, DoNotChangeWhenTheFutureDoes) {
  World world;
  for (int i = 0; i < 200; ++i)
    world.fly(i % 2 == 0 ? "UA" : "AA", i % 3 == 0 ? "EWR" : "JFK", kNoon + i * 3min, i * 7 % 60 - 10);
  const weir::Timestamp now = kNoon + 3h;
  World other = world;
  for (Flight& flight : other.data.flights)
    if (flight.departure() > now) flight.departure_delay_min = *flight.departure_delay_min + 100;
  other.observe("EWR", now - 59min, {0, 0, 0, 0});
  const auto before = make_requests(world.data);
  const auto after = make_requests(other.data);
  int compared = 0;
  for (std::size_t i = 0; i < before->size() && (*before)[i].event_time <= now; ++i, ++compared) {
    std::string left, right;
    append_request(left, (*before)[i]);
    append_request(right, (*after)[i]);
    EXPECT_EQ(left, right);
  }
  EXPECT_GT(compared, 70);
}

TEST(Outcomes, ComeWhenTheyAreKnown) {
  World world;
  const auto on_time = world.fly("UA", "EWR", kNoon, 0, 15);
  const auto late = world.fly("UA", "EWR", kNoon, 0, 16);
  const auto cancelled = world.fly("UA", "EWR", kNoon, std::nullopt);
  const auto diverted = world.fly("UA", "EWR", kNoon, 7);
  std::map<std::int64_t, FlightOutcome> outcomes;
  for (const FlightOutcome& outcome : make_outcomes(world.data.flights)) outcomes[outcome.id] = outcome;
  EXPECT_EQ(outcomes[on_time].late, 0);
  EXPECT_EQ(outcomes[late].late, 1);
  EXPECT_EQ(outcomes[cancelled].late, std::nullopt);
  EXPECT_EQ(outcomes[diverted].late, std::nullopt);
  EXPECT_EQ(outcomes[late].event_time, kNoon + 3h + 16min);
  EXPECT_EQ(outcomes[cancelled].event_time, kNoon);
  EXPECT_EQ(outcomes[diverted].event_time, kNoon + 3h + 7min);
  EXPECT_EQ(make_outcomes(world.data.flights).front().id, cancelled);
}

}  // namespace
}  // namespace flights
