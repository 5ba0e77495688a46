#pragma once
/// LatencyCounts: how often each latency occurred, in buckets at most 1/32 wide. No weir in here.

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace weir::bench {

class LatencyCounts {
 public:
  void add(std::int64_t nanoseconds) noexcept {
    const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0));
    ++counts_[bucket_of(value)];
    ++total_;
    worst_ = std::max(worst_, value);
  }
  void add(const LatencyCounts& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    worst_ = std::max(worst_, other.worst_);
  }
  [[nodiscard]] std::uint64_t total() const noexcept { return total_; }
  [[nodiscard]] double worst() const noexcept { return static_cast<double>(worst_); }
  /// The least latency that a share of `quantile` does not exceed, rounded up to its bucket; 0 when there is none.
  [[nodiscard]] double quantile(double quantile) const noexcept {
    const double rank = std::max(1.0, std::ceil(quantile * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (static_cast<double>(seen) >= rank) return static_cast<double>(std::min(upper_end(i), worst_));
    }
    return 0;
  }

 private:
  static constexpr int kBits = 5;  // buckets to a power of two: 32

  static std::size_t bucket_of(std::uint64_t value) noexcept {
    const int shift = std::max(static_cast<int>(std::bit_width(value)) - kBits - 1, 0);
    return (static_cast<std::size_t>(shift) << kBits) + (value >> shift);
  }
  static std::uint64_t upper_end(std::size_t bucket) noexcept {
    if (bucket < (2U << kBits)) return bucket;
    const std::size_t shift = (bucket >> kBits) - 1;
    return ((((std::uint64_t{1} << kBits) + (bucket & ((1U << kBits) - 1))) + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - kBits + 1) << kBits> counts_{};
  std::uint64_t total_ = 0;
  std::uint64_t worst_ = 0;
};

}  // namespace weir::bench
