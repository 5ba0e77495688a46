#pragma once
/// Statistics of serving, per key and model version: state `serving-statistics`.

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/json.hpp>
#include <weir/model_id.hpp>
#include <weir/serde.hpp>
#include <weir/time.hpp>

namespace weir::serving {

/// Counts durations in buckets whose width grows with the value: values below 8 ns exactly, then 8 buckets per power of
/// two (at most 12.5 % wide). Few latencies of a model differ much: counts near the usual one are kept in place, small;
/// others, and what has grown, on the heap, 8 bytes per bucket between the smallest and the largest.
class LatencyHistogram {
 public:
  LatencyHistogram() = default;
  LatencyHistogram(const LatencyHistogram& other);
  LatencyHistogram(LatencyHistogram&&) noexcept = default;
  LatencyHistogram& operator=(const LatencyHistogram& other) { return *this = LatencyHistogram(other); }
  LatencyHistogram& operator=(LatencyHistogram&&) noexcept = default;
  ~LatencyHistogram() = default;

  void add(std::int64_t nanoseconds, std::uint64_t count) {
    const std::uint32_t bucket = bucket_of(nanoseconds);
    const std::uint32_t place = bucket - near_first_;
    if (place < kNear && count <= std::uint64_t{kMostNear} - near_[place]) [[likely]] {
      near_[place] = static_cast<std::uint8_t>(near_[place] + count);
    } else {
      add_elsewhere(bucket, count);
    }
  }
  /// Adds what `other` has counted.
  void merge(const LatencyHistogram& other);
  /// The value below or at which a share of `quantile` (0 to 1) of all lies: the upper end of its bucket; 0 when empty.
  [[nodiscard]] std::int64_t quantile(double quantile) const;
  [[nodiscard]] std::uint64_t total() const noexcept;

  static std::uint32_t bucket_of(std::int64_t nanoseconds) noexcept {
    const auto value = static_cast<std::uint64_t>(std::clamp<std::int64_t>(nanoseconds, 0, kLargest));
    if (value < 8) return static_cast<std::uint32_t>(value);
    const int shift = std::bit_width(value) - 4;
    return static_cast<std::uint32_t>(8 * (shift + 1) + static_cast<int>((value >> shift) & 7));
  }
  static std::int64_t upper_end(std::uint32_t bucket) noexcept;

  /// First bucket, number of buckets, counts; of the buckets from the smallest value to the largest.
  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  [[nodiscard]] std::size_t weir_heap_bytes() const noexcept;
  friend bool operator==(const LatencyHistogram& left, const LatencyHistogram& right);

 private:
  static constexpr std::int64_t kLargest = std::int64_t{1} << 40;  // 18 minutes
  static constexpr std::uint32_t kNear = 28;                       // buckets: three and a half powers of two
  static constexpr std::uint8_t kMostNear = 255;
  static constexpr std::uint16_t kNowhere = 0xffff;
  static constexpr std::uint8_t kMostStrays = 3;
  struct Counts {
    std::uint32_t first = 0;
    std::vector<std::uint64_t> counts;
    void add(std::uint32_t bucket, std::uint64_t count);
  };

  void add_elsewhere(std::uint32_t bucket, std::uint64_t count);
  void add_far(std::uint32_t bucket, std::uint64_t count);
  void empty_near();
  template <class Visitor>
  void for_each(const Visitor& visit) const;
  [[nodiscard]] Counts all() const;

  std::unique_ptr<Counts> far_;          // null: none
  std::uint16_t near_first_ = kNowhere;  // bucket of near_[0]
  std::uint8_t strays_ = 0;              // values elsewhere since near_first_ was chosen
  std::array<std::uint8_t, kNear> near_{};
};

struct VersionStatistics {
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
  [[nodiscard]] std::int64_t quantile_ns(double quantile) const;

  /// `records` records took `elapsed_ns` together, `failed` of them failed. Precondition: records > 0.
  void add(std::uint64_t records, std::uint64_t failed, std::int64_t elapsed_ns, Timestamp now) {
    const std::int64_t each = records == 1 ? elapsed_ns : elapsed_ns / static_cast<std::int64_t>(records);
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

/// What a key's versions counted, those that have scored, in order of first use. The newest is kept in place: it is the
/// one that scores.
class VersionList {
 public:
  VersionList() = default;
  VersionList(const VersionList& other) { assign(other.all()); }
  VersionList(VersionList&&) noexcept = default;
  VersionList& operator=(const VersionList& other) { return *this = VersionList(other); }
  VersionList& operator=(VersionList&&) noexcept = default;
  ~VersionList() = default;

  [[nodiscard]] std::size_t size() const noexcept { return older_size() + (empty() ? 0 : 1); }
  [[nodiscard]] bool empty() const noexcept { return newest_.usage == 0; }
  [[nodiscard]] const VersionStatistics& operator[](std::size_t index) const noexcept {
    return index < older_size() ? (*older_)[index] : newest_;
  }
  VersionStatistics& operator[](std::size_t index) noexcept {
    return index < older_size() ? (*older_)[index] : newest_;
  }
  /// The last one. Precondition: not empty.
  VersionStatistics& back() noexcept { return newest_; }
  [[nodiscard]] std::vector<VersionStatistics> all() const;
  void assign(std::vector<VersionStatistics> all);
  /// Adds one. References to the others end.
  VersionStatistics& add(VersionStatistics added);

  // Serde: as a std::vector.
  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  [[nodiscard]] std::size_t weir_heap_bytes() const noexcept;

 private:
  [[nodiscard]] std::size_t older_size() const noexcept { return older_ == nullptr ? 0 : older_->size(); }

  std::unique_ptr<std::vector<VersionStatistics>> older_;  // null: none
  VersionStatistics newest_;
};

/// State `serving-statistics`.
struct KeyStatistics {
  std::uint64_t no_model = 0;  ///< records that met no model
  VersionList versions;

  /// The entry of a version, made when there is none. `hint` remembers where it was. At most `keep` entries stay: the
  /// one unused longest goes.
  VersionStatistics& of(const ModelId& model, std::uint32_t& hint, std::size_t keep) {
    if (!versions.empty() && versions.back().model == model) [[likely]]
      return versions.back();
    if (hint < versions.size() && versions[hint].model == model) return versions[hint];
    return find_or_add(model, hint, keep);
  }
  /// Adds what another counted of the same key, keeping at most `keep` versions: those used last.
  void merge(const KeyStatistics& other, std::size_t keep);
  void weir_json(JsonWriter& json) const;

 private:
  VersionStatistics& find_or_add(const ModelId& model, std::uint32_t& hint, std::size_t keep);
};

}  // namespace weir::serving
