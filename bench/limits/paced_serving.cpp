#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "bench/limits/keyed_server.hpp"
#include "bench/limits/limits.hpp"

namespace weir::bench {

LatencyTenths paced_serving_limit(const PacedWork& work, const LinearModel& model) {
  const auto now_ns = clock_ns<std::chrono::steady_clock>;
  KeyedServer<LinearModel> server(kServingKeys, model);
  LatencyTenths latencies;
  std::array<Sample, kServingBatch> made;
  std::array<std::int64_t, kServingBatch> due_ns;
  std::uint64_t first = 0;
  std::uint64_t swaps = 0;
  const std::int64_t start_ns = now_ns();
  while (true) {
    const double seconds = static_cast<double>(now_ns() - start_ns) * 1e-9;
    if (seconds >= work.seconds) return latencies;
    const auto due = static_cast<std::uint64_t>(seconds * work.records_per_second);
    const std::size_t count = std::min<std::uint64_t>(kServingBatch, due - first);
    if (count == 0) continue;
    if (work.swaps_per_second != 0 && seconds * work.swaps_per_second >= static_cast<double>(swaps + 1))
      server.swap(swaps++ % kServingKeys, std::make_unique<const LinearModel>(model));
    for (std::size_t i = 0; i < count; ++i) {
      made[i] = work.samples[(first + i) % work.samples.size()];
      due_ns[i] =
          start_ns + static_cast<std::int64_t>(static_cast<double>(first + i + 1) / work.records_per_second * 1e9);
    }
    server.serve(made.data(), count, first);
    const std::int64_t now = now_ns();
    LatencyCounts& counts = latencies[std::min<std::size_t>(static_cast<std::size_t>(seconds / work.seconds * 10), 9)];
    for (std::size_t i = 0; i < count; ++i) counts.add(now - due_ns[i]);
    first += count;
  }
}

}  // namespace weir::bench
