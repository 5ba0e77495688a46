#pragma once
/// Records and functions of the engine benchmarks, the same for weir and for the hand-written limits. No weir in here.
///
/// A reading is 16 bytes, made from its index alone, so that no memory is read to produce it and any order of
/// processing gives the same records. Values are quarters below 256: sums of them are exact in any order.

#include <bit>
#include <cstdint>

namespace weir::bench {

struct Reading {
  std::int64_t key;
  double value;
};

/// Keys are spread evenly over [0, 2^key_bits).
inline Reading reading_at(std::uint64_t index, unsigned key_bits) noexcept {
  return {static_cast<std::int64_t>((index * 0x9e3779b97f4a7c15ULL) >> (64 - key_bits)),
          static_cast<double>(static_cast<std::int64_t>(index & 1023)) * 0.25};
}

/// The stateless chain is map(calibrated), filter(is_wanted), map(offset_by_key). is_wanted keeps 7 of 8.
inline Reading calibrated(const Reading& reading) noexcept { return {reading.key, reading.value * 1.5 + 1.0}; }
inline bool is_wanted(const Reading& reading) noexcept { return (reading.key & 7) != 0; }
inline Reading offset_by_key(const Reading& reading) noexcept {
  return {reading.key, reading.value - static_cast<double>(reading.key)};
}

/// What the sinks compute: a sum that does not depend on order, and changes when a record is lost, doubled or altered.
inline std::uint64_t fingerprint(const Reading& reading) noexcept {
  return std::bit_cast<std::uint64_t>(reading.value) + static_cast<std::uint64_t>(reading.key) * 0xd6e8feb86659fd93ULL;
}

}  // namespace weir::bench
