#pragma once
/// Statistics of serving, per key and model version: state `serving-statistics`.

#include <algorithm>
#include <bit>
#include <cstdint>
#include <string>
#include <vector>

#include <weir/json.hpp>
#include <weir/model_id.hpp>
#include <weir/serde.hpp>
#include <weir/time.hpp>

namespace weir::serving {

/// Counts durations in buckets whose width grows with the value: values below 8 ns exactly, then 8 buckets per power of
/// two (at most 12.5 % wide). Memory: 8 bytes per bucket between the smallest and the largest value seen.
class LatencyHistogram {
 public:
  void add(std::int64_t nanoseconds, std::uint64_t count) {
    const std::uint32_t bucket = bucket_of(nanoseconds);
    if (bucket - first_ >= counts_.size()) [[unlikely]]
      widen(bucket);
    counts_[bucket - first_] += count;
  }
  /// Adds what `other` has counted.
  void merge(const LatencyHistogram& other);
  /// Asks the processor for the count of such a duration.
  void warm(std::int64_t nanoseconds) const noexcept {
    const std::uint32_t index = bucket_of(nanoseconds) - first_;
    __builtin_prefetch(counts_.data() + (index < counts_.size() ? index : 0));
  }
  /// The value below or at which a share of `quantile` (0 to 1) of all lies: the upper end of its bucket; 0 when empty.
  [[nodiscard]] std::int64_t quantile(double quantile) const noexcept;
  [[nodiscard]] std::uint64_t total() const noexcept;

  static std::uint32_t bucket_of(std::int64_t nanoseconds) noexcept {
    const auto value = static_cast<std::uint64_t>(std::clamp<std::int64_t>(nanoseconds, 0, kLargest));
    if (value < 8) return static_cast<std::uint32_t>(value);
    const int shift = std::bit_width(value) - 4;
    return static_cast<std::uint32_t>(8 * (shift + 1) + static_cast<int>((value >> shift) & 7));
  }
  static std::int64_t upper_end(std::uint32_t bucket) noexcept;

  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  friend bool operator==(const LatencyHistogram&, const LatencyHistogram&) = default;

 private:
  static constexpr std::int64_t kLargest = std::int64_t{1} << 40;  // 18 minutes
  void widen(std::uint32_t bucket);

  std::uint32_t first_ = 0;
  std::vector<std::uint64_t> counts_;
};

struct alignas(64) VersionStatistics {
  ModelId model;
  Timestamp since = kMinTimestamp;  ///< wall-clock time of its first record
  Timestamp last_used = kMinTimestamp;
  std::uint64_t usage = 0;   ///< records scored, those that failed included
  std::uint64_t errors = 0;  ///< records that failed
  std::int64_t total_ns = 0;
  std::int64_t min_ns = 0;  ///< meaningless while usage is 0
  std::int64_t max_ns = 0;
  LatencyHistogram latency;

  /// The latency that this share of records did not exceed: at most an eighth too high, and never above max_ns.
  [[nodiscard]] std::int64_t quantile_ns(double quantile) const noexcept;

  /// `records` records took `elapsed_ns` together, `failed` of them failed. Precondition: records > 0.
  void add(std::uint64_t records, std::uint64_t failed, std::int64_t elapsed_ns, Timestamp now) {
    const std::int64_t each = elapsed_ns / static_cast<std::int64_t>(records);
    if (usage == 0) [[unlikely]] {
      since = now;
      min_ns = max_ns = each;
    }
    min_ns = std::min(min_ns, each);
    max_ns = std::max(max_ns, each);
    last_used = now;
    usage += records;
    errors += failed;
    total_ns += elapsed_ns;
    latency.add(each, records);
  }
  /// Adds what another counted of the same version.
  void merge(const VersionStatistics& other);
  void weir_json(JsonWriter& json) const;
};

/// State `serving-statistics`.
struct KeyStatistics {
  std::uint64_t no_model = 0;               ///< records that met no model
  std::vector<VersionStatistics> versions;  ///< in order of first use

  /// The entry of a version, made when there is none. `hint` remembers where it was. At most `keep` entries stay: the
  /// one unused longest goes.
  VersionStatistics& of(const ModelId& model, std::uint32_t& hint, std::size_t keep) {
    if (hint < versions.size() && versions[hint].model == model) [[likely]]
      return versions[hint];
    return find_or_add(model, hint, keep);
  }
  /// Asks the processor for the newest version's entry; once it is there, for its count of such a latency.
  void warm() const noexcept {
    if (versions.empty()) return;
    __builtin_prefetch(&versions.back());
    __builtin_prefetch(&versions.back().latency);
  }
  void warm_latency(std::int64_t nanoseconds) const noexcept {
    if (!versions.empty()) versions.back().latency.warm(nanoseconds);
  }
  /// Adds what another counted of the same key, keeping at most `keep` versions: those used last.
  void merge(const KeyStatistics& other, std::size_t keep);
  /// of() without the hint.
  VersionStatistics& find_or_add(const ModelId& model, std::uint32_t& hint, std::size_t keep);
  void weir_json(JsonWriter& json) const;
};

}  // namespace weir::serving
