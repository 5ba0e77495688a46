#pragma once
/// Serving at a given rate, to see how long records wait: a job of weir's, and the same by hand.
///
/// Record i is due i / rate seconds after the start, whether the job keeps up or not; its latency is the time from then
/// to its result in the sink. A sink reads the clock once a batch.

#include <array>
#include <cstdint>
#include <string>

#include "bench/support/latency_counts.hpp"
#include "bench/support/serving_models.hpp"

namespace weir::bench {

struct PacedWork {
  std::span<const Sample> samples;  ///< cycled through
  double records_per_second = 1e6;
  double seconds = 1;           ///< and until all swaps have happened
  std::uint64_t swaps = 0;      ///< in all, after each key's first model
  double swaps_per_second = 0;  ///< 0: as fast as models are loaded
  std::uint32_t workers = 1;    ///< and tasks; records and their rate are shared out among them
  /// 0: records come one by one, and sources look at the clock all the time. Else the records of so many nanoseconds
  /// come, and are due, together, and workers rest when they are done with them.
  std::int64_t burst_ns = 0;
  /// Not null: each swap is of this PMML document, for a key without records; two of them are under way at any time.
  const std::string* slow_model = nullptr;
};

/// By tenths of the swaps; without swaps, of the time.
using LatencyTenths = std::array<LatencyCounts, 10>;

/// Linear models, kServingKeys keys, one worker. Ends the process when the job fails.
LatencyTenths serve_paced_by_weir(const PacedWork& work, const std::string& pmml);

}  // namespace weir::bench
