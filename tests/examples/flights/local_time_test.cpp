#include "local_time.hpp"

#include <gtest/gtest.h>

namespace flights {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

LocalTime local(int month, int day, minutes clock) { return local_days{year{2013} / month / day} + clock; }
std::string utc(LocalTime time, Zone zone) { return weir::format_timestamp(to_utc(time, zone)); }

TEST(LocalTime, FollowsTheDaylightSavingRule) {
  // 2013: 10 March to 3 November.
  EXPECT_EQ(utc(local(3, 10, 1h + 59min), kNewYork), "2013-03-10T06:59:00Z");
  EXPECT_EQ(utc(local(3, 10, 3h), kNewYork), "2013-03-10T07:00:00Z");
  EXPECT_EQ(utc(local(11, 3, 59min), kNewYork), "2013-11-03T04:59:00Z");
  EXPECT_EQ(utc(local(11, 3, 2h), kNewYork), "2013-11-03T07:00:00Z");
  EXPECT_EQ(utc(local(7, 4, 12h), kAtlanticStandard), "2013-07-04T16:00:00Z");
  EXPECT_EQ(utc(local(7, 4, 12h), Zone{-7h, false}), "2013-07-04T19:00:00Z");
}

TEST(LocalTime, TakesADoubledReadingForTheFirstAndASkippedOneAsStandardTime) {
  EXPECT_EQ(utc(local(11, 3, 1h + 30min), kNewYork), "2013-11-03T05:30:00Z");
  EXPECT_EQ(utc(local(3, 10, 2h + 30min), kNewYork), "2013-03-10T07:30:00Z");
}

TEST(LocalTime, ToLocalUndoesToUtcOnEveryHourOfTheYearButTheDoubledOne) {
  for (const Zone zone : {kNewYork, kAtlanticStandard, Zone{-10h, false}, Zone{-9h, true}}) {
    int differing = 0;
    for (weir::Timestamp time = sys_days{year{2013} / 1 / 1}; time < sys_days{year{2014} / 1 / 1}; time += 1h)
      differing += to_utc(to_local(time, zone), zone) == time ? 0 : 1;
    EXPECT_EQ(differing, zone.daylight_saving ? 1 : 0);
  }
}

TEST(NewYorkMonth, ChangesAtLocalMidnight) {
  const weir::Timestamp february = sys_days{year{2013} / 2 / 1} + 5h;
  EXPECT_EQ(new_york_month(february - 1us), 1);
  EXPECT_EQ(new_york_month(february), 2);
  const weir::Timestamp april = sys_days{year{2013} / 4 / 1} + 4h;
  EXPECT_EQ(new_york_month(april - 1us), 3);
  EXPECT_EQ(new_york_month(april), 4);
}

}  // namespace
}  // namespace flights
