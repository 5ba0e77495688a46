#pragma once
// What a run has put out, read back from its files: counted, hashed, and scored again from the lines alone.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <weir/result.hpp>

#include "report.hpp"

namespace flights {

struct Output {
  std::vector<std::string> lines;        // one per flight, sorted
  std::string sha256;                    // of the sorted lines
  std::vector<std::int64_t> ids;         // of the lines, ascending
  std::vector<MonthRow> months;          // counted from the lines
  Quality pooled;                        // over all months
  std::vector<std::string> month_lines;  // what the job's own `quality` operator put out, sorted
};

// Reads the finished files of the two sinks. kDataLoss when a line is not as the job writes it. Blocks on the disk.
weir::Result<Output> read_output(const std::string& directory);

struct Differences {
  std::uint64_t lost = 0;     // in `expected` and not in `found`
  std::uint64_t doubled = 0;  // in `found` more often than in `expected`
};
// Both ascending.
Differences compare_ids(std::span<const std::int64_t> expected, std::span<const std::int64_t> found);

}  // namespace flights
