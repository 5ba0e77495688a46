#pragma once
/// Runs weir beside a hand-written limit, in one process and alternately, and reports the medians.
///
/// Every run returns a checksum of its results: when any two runs of a pair differ, the pair is reported as wrong, gets
/// no figures and makes the command fail. One thread, except what the measured functions start themselves.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace weir::bench {

/// One measured run. The function times what it measures; set-up and tear-down stay outside.
struct Measured {
  std::uint64_t records = 0;
  double seconds = 0;
  std::uint64_t checksum = 0;
};

/// Seconds on the monotonic clock since an arbitrary start.
double now_seconds() noexcept;

/// One row: the same work done by weir and by the limit. Throughput, in million records a second.
struct Pair {
  std::string name;
  std::string parameters;  ///< for people: sizes, keys, threads
  std::function<Measured()> weir;
  std::function<Measured()> limit;
  int most_repetitions = 1'000;  ///< less where a run takes long to set up
};

/// A row made of two others: nanoseconds a record of pair `whole` beyond those of pair `part`, on either side.
struct Overhead {
  std::string name;
  std::string whole;
  std::string part;
};

/// A row that a benchmark measures by itself: nanoseconds, less is better. `limit`: what it is compared with.
struct Figure {
  std::string name;
  std::string parameters;
  double weir = 0;
  double limit = 0;
};
/// Rows that come of the same runs. Run when `name` is chosen.
struct Figures {
  std::string name;
  std::function<std::vector<Figure>()> measure;
};

/// What the command line asks for.
struct Options {
  bool quick = false;         ///< tiny inputs: results are checked, speed means nothing
  int repetitions = 7;        ///< measured runs of each side, after one that is not counted
  std::string json_file;      ///< empty: none
  std::string only;           ///< run pairs whose name contains this; empty: all
  std::uint64_t records = 0;  ///< 0: each pair's own default

  /// Records of one run: what was asked for, else 20,000 when quick, else `usual`.
  [[nodiscard]] std::uint64_t records_or(std::uint64_t usual) const noexcept {
    if (records != 0) return records;
    return quick ? 20'000 : usual;
  }
};

/// Parses --json FILE, --quick, --repetitions N, --records N, --only TEXT, --help. Ends the process on --help (0) and
/// on anything else it does not know (2).
Options parse_options(int argc, char** argv);

/// Runs pairs and figures, prints the table to standard output, writes the JSON file. An overhead is reported when both
/// of its pairs ran; weir's part of it is that of weir's side. Returns the exit code: 1 when a checksum differs, the
/// file cannot be written or nothing was chosen.
int run_pairs(const std::string& title, const Options& options, const std::vector<Pair>& pairs,
              const std::vector<Overhead>& overheads = {}, const std::vector<Figures>& figures = {});

}  // namespace weir::bench
