#pragma once
// What the demo can be told on its command line.

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <weir/result.hpp>
#include <weir/time.hpp>

namespace flights {

struct DemoOptions {
  std::string data = ".weir/data/flights";     // where fetch.sh put the raw data, and where the event files go
  std::string model_files;                     // directory of index.csv; the repository's when not given
  std::string directory = ".weir/demo";        // state and output of runs
  std::string models = "lr";                   // or `boosting`, `onnx`, `tensorflow`
  std::optional<double> days_per_second = 18;  // of event time; none: as fast as it goes
  std::optional<weir::Timestamp> until;        // only flights requested before
  std::uint32_t parallelism = 2;
  std::size_t batch_size = 256;
  std::uint16_t port = 0;  // 0: a free one
  std::int64_t checkpoint_interval_ms = 1000;
  bool fresh = false;       // begin anew, whatever is in `directory`
  bool serve = false;       // keep the HTTP server up at the end
  bool quiet = false;       // print results only when something is wrong
  std::uint32_t kills = 0;  // --kill: how often
  std::uint64_t seed = 0;   // of the kills' moments; 0: from the clock
  std::string json;         // where the summary goes; empty: nowhere
  bool help = false;
};

// All faults of the command line in one status. `arguments` without the program's name.
weir::Result<DemoOptions> parse_options(std::span<const char* const> arguments);
std::string usage();

}  // namespace flights
