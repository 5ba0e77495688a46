#include "events.hpp"

#include <gtest/gtest.h>

namespace flights {
namespace {

constexpr std::string_view kRequestLine =
    "17,2013-01-01T09:15:00Z,1,UA,EWR,IAH,Tue,5,1400,0.5,3.3333333333333335,2,39.02,11.5078,0,10";

TEST(FlightRequest, IsTheSameAfterWritingAndReading) {
  const auto request = parse_request_line(kRequestLine, 2);
  ASSERT_TRUE(request.is_ok()) << request.status().to_string();
  EXPECT_EQ(request->id, 17);
  EXPECT_EQ(request->month, 1);
  EXPECT_EQ(request->dest, "IAH");
  EXPECT_EQ(request->weekday, "Tue");
  EXPECT_EQ(request->carrier_delay, 10.0 / 3);
  EXPECT_EQ(request->visibility, 10);
  std::string csv;
  append_request(csv, *request);
  EXPECT_EQ(csv, std::string(kRequestLine) + "\n");
}

TEST(FlightRequest, HasAColumnForEachField) {
  std::string header;
  append_header(header, request_columns());
  EXPECT_EQ(
      header,
      "id,event_time,month,carrier,origin,dest,weekday,hour,distance,origin_delay,carrier_delay,overdue,temperature,"
      "wind_speed,precipitation,visibility\n");
}

TEST(FlightRequest, FaultsNameLineAndColumn) {
  EXPECT_EQ(
      parse_request_line("17,2013-01-01T09:15:00Z,1,UA,EWR,IAH,Tue,5,far,0,0,0,39,11,0,10", 31).status().message(),
      "requests.csv:31: column 9 'distance': 'far' is not a finite number");
  EXPECT_EQ(parse_request_line("17,2013-01-01T09:15:00Z,13,UA,EWR,IAH,Tue,5,1,0,0,0,39,11,0,10", 3).status().message(),
            "requests.csv:3: column 3 'month': a month is 1 to 12");
  EXPECT_EQ(parse_request_line("17", 4).status().message(),
            "requests.csv:4: column 2 'event_time': the row ends before this field");
  EXPECT_EQ(parse_request_line("", 5).status().message(), "requests.csv:5: column 1 'id': the line is empty");
}

TEST(FlightOutcome, IsLateOnTimeOrNeither) {
  EXPECT_EQ(parse_outcome_line("3,2013-01-01T09:15:00Z,JFK,1", 2)->late, 1);
  EXPECT_EQ(parse_outcome_line("3,2013-01-01T09:15:00Z,JFK,0", 2)->late, 0);
  EXPECT_EQ(parse_outcome_line("3,2013-01-01T09:15:00Z,JFK,", 2)->late, std::nullopt);
  EXPECT_EQ(parse_outcome_line("3,2013-01-01T09:15:00Z,JFK,2", 9).status().message(),
            "outcomes.csv:9: column 4 'late': expected 0, 1 or nothing");
  EXPECT_EQ(parse_outcome_line("3,2013-01-01T09:15:00Z,JFK,1\n3", 9).status().message(),
            "outcomes.csv:9: column 4 'late': text after the end of the record");
  std::string csv;
  append_outcome(csv, {3, {}, "J,K", std::nullopt});
  append_outcome(csv, {4, {}, "JFK", 1});
  EXPECT_EQ(csv, "3,1970-01-01T00:00:00Z,\"J,K\",\n4,1970-01-01T00:00:00Z,JFK,1\n");
}

}  // namespace
}  // namespace flights
