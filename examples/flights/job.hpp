#pragma once
// The demo's pipeline:
//
//   requests.csv ─┬─ by origin ─ score-live ───┐
//   model files ──┼─ merge ──────┘   (inbox)   ├─ by flight ─ evaluate ─┬─ flights-out (files)
//                 └─ by origin ─ score-frozen ─┘      │                 └─ by month ─ quality ─ months-out (files)
//   outcomes.csv ─────────────────────────────────────┘

#include <string>

#include <weir/pipeline.hpp>

#include "input.hpp"
#include "options.hpp"

namespace flights {

// Where a run keeps what.
struct RunDirectory {
  std::string root;
  [[nodiscard]] std::string job() const { return root + "/job"; }        // checkpoints, models
  [[nodiscard]] std::string output() const { return root + "/output"; }  // of the two sinks
  [[nodiscard]] std::string slice() const { return root + "/slice"; }    // event files cut by --until
  [[nodiscard]] std::string settings() const { return root + "/settings"; }
};

inline constexpr const char* kFlightsPrefix = "flights";  // of the output's files
inline constexpr const char* kMonthsPrefix = "months";
inline constexpr const char* kLastOperator = "flights-out";  // has seen everything when its watermark is kMaxTimestamp

weir::Pipeline make_pipeline(const DemoOptions& options, const DemoInput& input, const RunDirectory& directory);

}  // namespace flights
