// Facts of the real data. Needs WEIR_FLIGHTS_DATA, the directory that fetch.sh filled (./dev test sets it).

#include <gtest/gtest.h>

#include <cstdlib>

#include "csv.hpp"
#include "features.hpp"

namespace flights {
namespace {

using namespace std::chrono;
using namespace std::chrono_literals;

class Dataset : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    const char* directory = std::getenv("WEIR_FLIGHTS_DATA");
    if (directory == nullptr) return;
    auto read = read_raw_data(directory);
    ASSERT_TRUE(read.is_ok()) << read.status().to_string();
    data_ = new RawData(std::move(read).value());
  }
  static void TearDownTestSuite() { delete data_; }
  void SetUp() override {
    if (data_ == nullptr) GTEST_SKIP() << "WEIR_FLIGHTS_DATA is not set";
  }
  static RawData* data_;
};
RawData* Dataset::data_ = nullptr;

TEST_F(Dataset, HasTheFlightsOfTheYear) {
  ASSERT_EQ(data_->flights.size(), 336776U);
  std::size_t cancelled = 0, without_arrival_delay = 0;
  for (const Flight& flight : data_->flights) {
    cancelled += flight.cancelled() ? 1U : 0U;
    without_arrival_delay += flight.arrival_delay_min ? 0U : 1U;
    ASSERT_GE(flight.scheduled_arrival - flight.scheduled_departure, 50min) << flight.id;
    ASSERT_LE(flight.scheduled_arrival - flight.scheduled_departure, 700min) << flight.id;
  }
  EXPECT_EQ(cancelled, 8255U);
  EXPECT_EQ(without_arrival_delay, 9430U);
}

TEST_F(Dataset, RequestsAndOutcomesAreOnePerFlightInOrderAndTheOutcomeComesLater) {
  const auto requests = make_requests(*data_);
  ASSERT_TRUE(requests.is_ok()) << requests.status().to_string();
  const auto outcomes = make_outcomes(data_->flights);
  ASSERT_EQ(requests->size(), 336776U);
  ASSERT_EQ(outcomes.size(), 336776U);
  std::vector<weir::Timestamp> requested(requests->size() + 1);
  for (std::size_t i = 0; i < requests->size(); ++i) {
    const FlightRequest& request = (*requests)[i];
    if (i > 0) {
      ASSERT_LT(std::pair((*requests)[i - 1].event_time, (*requests)[i - 1].id),
                std::pair(request.event_time, request.id));
    }
    requested[static_cast<std::size_t>(request.id)] = request.event_time;
  }
  std::size_t late = 0, on_time = 0;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    const FlightOutcome& outcome = outcomes[i];
    if (i > 0) {
      ASSERT_LT(std::pair(outcomes[i - 1].event_time, outcomes[i - 1].id), std::pair(outcome.event_time, outcome.id));
    }
    ASSERT_GE(outcome.event_time, requested[static_cast<std::size_t>(outcome.id)] + 1h);
    late += outcome.late == 1 ? 1U : 0U;
    on_time += outcome.late == 0 ? 1U : 0U;
  }
  EXPECT_EQ(late, 77630U);
  EXPECT_EQ(on_time, 249716U);
}

// The file also gives the clock reading at arrival, which the arithmetic does not use: the two must agree.
TEST_F(Dataset, ArrivalsAgreeWithTheClocksAtTheDestination) {
  const std::string directory = std::getenv("WEIR_FLIGHTS_DATA");
  const auto zones = parse_airports(read_text_file(directory + "/airports.csv").value());
  ASSERT_TRUE(zones.is_ok());
  std::string text = read_text_file(directory + "/flights.csv").value();
  std::string_view rest = std::string_view(text).substr(text.find('\n') + 1);
  CsvSplitter splitter;
  std::size_t agreeing = 0, differing = 0, lines = 0;
  for (const Flight& flight : data_->flights) {
    CsvRow row{"flights.csv", 0, {}, {}};
    ASSERT_TRUE(splitter.split(rest, row, lines).is_ok());
    if (!flight.arrival_delay_min) continue;
    const auto zone = zones->find(flight.dest);
    const LocalTime arrival = to_local(flight.scheduled_arrival + minutes{*flight.arrival_delay_min},
                                       zone == zones->end() ? kAtlanticStandard : zone->second);
    const auto clock = duration_cast<minutes>(arrival - floor<days>(arrival));
    const int shown = std::stoi(std::string(row.fields[6])) % 2400;
    (clock.count() == shown / 100 * 60 + shown % 100 ? agreeing : differing) += 1;
  }
  EXPECT_EQ(agreeing, 327345U);
  EXPECT_EQ(differing, 1U);  // one flight's schedule crosses the start of daylight-saving time
}

}  // namespace
}  // namespace flights
