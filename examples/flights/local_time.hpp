#pragma once
// Local time at US airports, in years in which the daylight-saving rule of 2007 holds: from 02:00 standard time on the
// second Sunday of March to 02:00 daylight time on the first Sunday of November (Energy Policy Act of 2005, section
// 110).

#include <chrono>

#include <weir/time.hpp>

namespace flights {

using LocalTime = std::chrono::local_time<std::chrono::microseconds>;

struct Zone {
  std::chrono::hours standard_offset{0};  // local standard time minus UTC: -5 h in New York
  bool daylight_saving = false;           // an hour more between March and November
  friend bool operator==(const Zone&, const Zone&) = default;
};

inline constexpr Zone kNewYork{std::chrono::hours{-5}, true};
// Puerto Rico and the Virgin Islands: the zone of the four destinations that airports.csv lacks.
inline constexpr Zone kAtlanticStandard{std::chrono::hours{-4}, false};

LocalTime to_local(weir::Timestamp time, Zone zone);
// A clock reading that occurs twice (the hour after daylight time ends) is taken for the first; one that is skipped
// (the hour after it begins) for the instant as if standard time went on.
weir::Timestamp to_utc(LocalTime local, Zone zone);

// Month (1 to 12) and weekday (`Mon` to `Sun`) that New York's calendar shows.
int new_york_month(weir::Timestamp time);
const char* weekday_name(std::chrono::weekday day);

}  // namespace flights
