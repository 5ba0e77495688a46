#include <algorithm>
#include <array>

#include "bench/limits/limits.hpp"
#include "bench/support/readings.hpp"

namespace weir::bench {

Measured stateless_chain_limit(std::uint64_t records, unsigned key_bits) {
  std::array<Reading, kLimitBatch> made;
  std::array<Reading, kLimitBatch> mapped;
  std::array<Reading, kLimitBatch> kept;
  std::array<Reading, kLimitBatch> shifted;
  std::uint64_t checksum = 0;

  const double start = now_seconds();
  for (std::uint64_t first = 0; first < records; first += kLimitBatch) {
    const std::size_t count = std::min<std::uint64_t>(kLimitBatch, records - first);
    for (std::size_t i = 0; i < count; ++i) made[i] = reading_at(first + i, key_bits);
    for (std::size_t i = 0; i < count; ++i) mapped[i] = calibrated(made[i]);
    std::size_t left = 0;
    for (std::size_t i = 0; i < count; ++i) {
      kept[left] = mapped[i];
      left += is_wanted(mapped[i]) ? 1 : 0;
    }
    for (std::size_t i = 0; i < left; ++i) shifted[i] = offset_by_key(kept[i]);
    for (std::size_t i = 0; i < left; ++i) checksum += fingerprint(shifted[i]);
  }
  return {records, now_seconds() - start, checksum};
}

}  // namespace weir::bench
