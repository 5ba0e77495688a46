#pragma once
/// The benchmarks' random numbers: splitmix64, the same on every machine (the distributions of <random> are not).

#include <cstdint>

namespace weir::bench {

class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}
  std::uint64_t next() noexcept {
    std::uint64_t value = state_ += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31);
  }
  /// Uniform enough in [0, bound) for bounds far below 2^64.
  std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }
  /// A multiple of 1/16 in [0, 16).
  double sixteenths() noexcept { return static_cast<double>(below(256)) / 16; }
  /// Any double in [0, 1): 53 random bits.
  double fraction() noexcept { return static_cast<double>(next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace weir::bench
