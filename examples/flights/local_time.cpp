#include "local_time.hpp"

namespace flights {

using namespace std::chrono;

namespace {

bool is_daylight_time(weir::Timestamp time, Zone zone) {
  if (!zone.daylight_saving) return false;
  const year in_year = year_month_day{floor<days>(time + zone.standard_offset)}.year();
  const weir::Timestamp begin = sys_days{in_year / March / Sunday[2]} + hours{2} - zone.standard_offset;
  const weir::Timestamp end = sys_days{in_year / November / Sunday[1]} + hours{1} - zone.standard_offset;
  return time >= begin && time < end;
}

}  // namespace

LocalTime to_local(weir::Timestamp time, Zone zone) {
  const hours offset = zone.standard_offset + hours{is_daylight_time(time, zone) ? 1 : 0};
  return LocalTime{time.time_since_epoch() + offset};
}

weir::Timestamp to_utc(LocalTime local, Zone zone) {
  const weir::Timestamp standard{local.time_since_epoch() - zone.standard_offset};
  const weir::Timestamp daylight = standard - hours{1};
  return is_daylight_time(daylight, zone) ? daylight : standard;
}

int new_york_month(weir::Timestamp time) {
  const year_month_day date{floor<days>(to_local(time, kNewYork))};
  return static_cast<int>(static_cast<unsigned>(date.month()));
}

const char* weekday_name(weekday day) {
  static constexpr const char* kNames[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  return kNames[day.c_encoding() % 7];
}

}  // namespace flights
