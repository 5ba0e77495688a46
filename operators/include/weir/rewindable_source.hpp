#pragma once
/// Sources that can step back: what paced() needs of the source it holds back.

#include <algorithm>
#include <cstdint>
#include <optional>

#include <weir/operator.hpp>

namespace weir {

/// A source that gives every record a position, growing within what one poll() puts out, side outputs included.
class RewindableSource : public Operator {
 public:
  /// As snapshot(), but as if of the latest poll() only the records before `position` had been made. `position` is that
  /// of one of its records.
  virtual void snapshot_from(std::uint64_t position, SnapshotBuilder& builder) = 0;
};

/// The watermark of a stream whose records come at most `out_of_orderness` after a record of a later time: a watermark
/// t says that no record with a time of t or before it will come.
class BoundedWatermark {
 public:
  explicit BoundedWatermark(Duration out_of_orderness = {}) : behind_(out_of_orderness + Duration{1}) {}
  void see(Timestamp time) noexcept { latest_ = std::max(latest_, time); }
  [[nodiscard]] Timestamp value() const noexcept {
    return latest_ < kMinTimestamp + behind_ ? kMinTimestamp : latest_ - behind_;
  }

 private:
  Duration behind_;
  Timestamp latest_ = kMinTimestamp;
};

}  // namespace weir
