#pragma once
// The line that shows where a run is: rewritten in place on a terminal, a plain line now and then elsewhere.

#include <chrono>
#include <cstdint>
#include <set>
#include <string>

#include <weir/time.hpp>

#include "serving_facts.hpp"

namespace flights {

struct ProgressFigures {
  weir::Timestamp first;      // request
  weir::Timestamp last;       // request
  weir::Timestamp now;        // in the data
  std::uint64_t records = 0;  // requests and outcomes read since the start
  ServingFacts serving;
};

// One thread.
class Progress {
 public:
  // Quiet: shows nothing.
  explicit Progress(bool quiet);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Is it time to show() again?
  [[nodiscard]] bool due() const;
  void show(const ProgressFigures& figures);
  // Ends the line, so that other text can follow.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  const bool quiet_;
  const bool is_terminal_;
  Clock::time_point shown_;
  std::uint64_t shown_records_ = 0;
  std::set<std::string> shown_refusals_;
  double records_per_second_ = 0;
  bool is_open_ = false;
};

// `2013-05-12 [######......]  37 %    36,201 records/s   EWR 20130501  JFK 20130501  LGA -   swaps 12  refused 1`
std::string progress_line(const ProgressFigures& figures, double records_per_second);
// 1234567 as `1,234,567`.
std::string with_commas(std::uint64_t number);

}  // namespace flights
