#include "raw_data.hpp"

#include <gtest/gtest.h>

namespace flights {
namespace {

using namespace std::chrono_literals;

const std::string kFlightHeader =
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,"
    "air_time,distance,hour,minute,time_hour\n";
const Zones kZones = {{"IAH", {-6h, true}}, {"HNL", {-10h, false}}};

TEST(Flights, ArriveWhenTheClocksOfTheDestinationSaySo) {
  const auto flights =
      parse_flights(kFlightHeader +
                        "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n"
                        "2013,7,1,2300,2359,-59,344,340,4,B6,739,N739JB,JFK,PSE,183,1617,23,59,2013-07-02T03:00:00Z\n"
                        "2013,7,4,NA,1000,NA,NA,1430,NA,HA,51,NA,JFK,HNL,NA,4983,10,0,2013-07-04T14:00:00Z\n",
                    kZones);
  ASSERT_TRUE(flights.is_ok()) << flights.status().to_string();
  ASSERT_EQ(flights->size(), 3U);
  const Flight& houston = (*flights)[0];
  EXPECT_EQ(houston.id, 1);
  EXPECT_EQ(weir::format_timestamp(houston.scheduled_departure), "2013-01-01T10:15:00Z");
  EXPECT_EQ(weir::format_timestamp(houston.departure()), "2013-01-01T10:17:00Z");
  EXPECT_EQ(weir::format_timestamp(houston.scheduled_arrival), "2013-01-01T14:19:00Z");
  EXPECT_EQ(houston.arrival_delay_min, 11);
  EXPECT_EQ(houston.distance, 1400);
  // Over midnight into a zone that airports.csv lacks: 03:40 at UTC-4.
  EXPECT_EQ(weir::format_timestamp((*flights)[1].scheduled_arrival), "2013-07-02T07:40:00Z");
  const Flight& honolulu = (*flights)[2];
  EXPECT_TRUE(honolulu.cancelled());
  EXPECT_EQ(weir::format_timestamp(honolulu.scheduled_arrival), "2013-07-05T00:30:00Z");
}

TEST(Flights, FaultsNameLineAndColumn) {
  EXPECT_EQ(
      parse_flights(
          kFlightHeader + "2013,1,1,517,515,2,830,x,11,UA,1545,N1,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z\n", kZones)
          .status()
          .message(),
      "flights.csv:2: column 8 'sched_arr_time': 'x' is not an integer");
  EXPECT_EQ(parse_flights(
                kFlightHeader + "2013,1,1,517,515,2,830,819,11,UA,1545,N1,EWR,XXX,227,1400,5,15,2013-01-01T10:00:00Z\n",
                kZones)
                .status()
                .message(),
            "flights.csv:2: column 14 'dest': airports.csv has no airport 'XXX'");
}

TEST(Airports, HaveAZone) {
  const auto zones = parse_airports(
      "faa,name,lat,lon,alt,tz,dst,tzone\nIAH,\"Bush, George\",29.98,-95.34,97,-6,A,America/Chicago\n"
      "HNL,Honolulu Intl,21.3,-157.9,13,-10,N,Pacific/Honolulu\n");
  ASSERT_TRUE(zones.is_ok()) << zones.status().to_string();
  EXPECT_EQ(zones->at("IAH"), (Zone{-6h, true}));
  EXPECT_EQ(zones->at("HNL"), (Zone{-10h, false}));
}

TEST(WeatherFile, MissingAndImpossibleReadingsAreUnknown) {
  const auto weather = parse_weather(
      "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour\n"
      "EWR,2013,2,12,3,39.02,26.96,61.63,260,1048.36058,NA,0,1008.3,10,2013-02-12T08:00:00Z\n"
      "EWR,2013,2,12,4,NA,NA,NA,NA,11.5,NA,0.1,NA,2,2013-02-12T09:00:00Z\n");
  ASSERT_TRUE(weather.is_ok()) << weather.status().to_string();
  EXPECT_EQ((*weather)[0].temperature, 39.02);
  EXPECT_EQ((*weather)[0].wind_speed, std::nullopt);
  EXPECT_EQ((*weather)[1].temperature, std::nullopt);
  EXPECT_EQ((*weather)[1].wind_speed, 11.5);
  EXPECT_EQ((*weather)[1].visibility, 2);
  EXPECT_EQ(weir::format_timestamp((*weather)[1].hour_begin), "2013-02-12T09:00:00Z");
}

TEST(RawData, SaysWhichFileIsMissing) {
  EXPECT_EQ(read_raw_data("/nonexistent").status().to_string(),
            "not_found: open '/nonexistent/airports.csv': No such file or directory");
}

}  // namespace
}  // namespace flights
