#pragma once
// From raw data to the two event files: the one place where features and outcomes are defined. Training reads the files
// that this writes, so training and serving cannot disagree.
//
// A request is made at t = scheduled departure - 60 min and holds only what is known at t:
//   origin_delay, carrier_delay   mean departure delay in minutes over the departures in (t - 2 h, t]; 0 if there were
//   none overdue                       flights of the origin with scheduled departure <= t < departure. A cancellation
//   is taken
//                                 to be known at the scheduled departure (the data does not say when), so cancelled
//                                 flights are not overdue
//   weather                       of the newest hour at the origin that ended at or before t; a value that is not known
//                                 keeps the last one that was
// Schedule and calendar are known long before.

#include <string>
#include <vector>

#include <weir/result.hpp>

#include "events.hpp"
#include "raw_data.hpp"

namespace flights {

// One request for each flight, sorted by event time, then id. Fails if a request has no weather before it.
weir::Result<std::vector<FlightRequest>> make_requests(const RawData& data);
// One outcome for each flight, sorted alike.
std::vector<FlightOutcome> make_outcomes(const std::vector<Flight>& flights);

struct EventFiles {
  std::string requests;  // paths
  std::string outcomes;
};
// Where prepare_events() writes: `directory`/requests.csv and `directory`/outcomes.csv.
EventFiles event_files(const std::string& directory);
// Reads the raw files of `directory` and writes its event files. Takes about a second; blocks on the disk.
weir::Status prepare_events(const std::string& directory);

}  // namespace flights
