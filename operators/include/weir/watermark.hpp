#pragma once
/// Watermark strategies: how a stream learns its event time.
///
/// A watermark t says that no record with event time <= t comes any more. Records that come all the same are late.

#include <algorithm>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/operator.hpp>

namespace weir {

/// What is known of a stream's order.
struct WatermarkOptions {
  /// Records may be this much behind the newest one before them. 0: event times never fall.
  Duration max_out_of_orderness{0};
  /// A stream silent for so long (processing time) no longer holds back others' watermarks, until it speaks. 0: never.
  Duration idle_after{0};
};

/// Event times never fall.
inline WatermarkOptions monotonous_watermarks() { return {}; }
/// Event times fall by at most `bound`.
inline WatermarkOptions bounded_out_of_orderness(Duration bound) { return {bound, Duration{0}}; }

namespace detail {

/// Sets timestamps by `timestamp_of(const T&)`; emits a watermark after each batch: the newest time seen, less the
/// bound, less a microsecond. `custom(const T&, Timestamp)`, when it gives a time, replaces that rule.
template <class T, class TimestampOf, class Custom>
class WatermarkOperator final : public Operator {
 public:
  WatermarkOperator(WatermarkOptions options, TimestampOf timestamp_of, Custom custom)
      : options_(options), timestamp_of_(std::move(timestamp_of)), custom_(std::move(custom)) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    watermark_ = context.restored_watermark();
    if (options_.idle_after.count() != 0) context.schedule(context.clock().now() + options_.idle_after);
    return {};
  }

  void process(std::size_t /*input*/, BatchPtr& in, Outbox& out) override {
    if (!out.can_pass()) return;
    auto& batch = static_cast<Batch<T>&>(*in);
    const std::size_t size = batch.size();
    batch.timestamps.resize_for_overwrite(size);
    Timestamp newest = newest_;
    std::size_t index = 0;
    try {
      for (; index < size; ++index) {
        const Timestamp time = timestamp_of_(std::as_const(batch.records[index]));
        batch.timestamps[index] = time;
        newest = std::max(newest, time);
        if constexpr (kIsCustom) {
          if (const std::optional<Timestamp> watermark = custom_(std::as_const(batch.records[index]), time))
            watermark_ = std::max(watermark_, *watermark);
        }
      }
    } catch (...) {
      batch.cursor = index;
      throw;
    }
    newest_ = newest;
    if constexpr (!kIsCustom) {
      // kMinTimestamp is the least there is: nothing can be subtracted from it.
      if (newest_ > kMinTimestamp + options_.max_out_of_orderness + Duration{1})
        watermark_ = std::max(watermark_, newest_ - options_.max_out_of_orderness - Duration{1});
    }
    spoke_ = true;
    if (idle_) {
      idle_ = false;
      out.set_idle(false);
    }
    batch.hashes.clear();
    batch.cursor = 0;
    out.pass(in);
    if (watermark_ != kMinTimestamp) out.emit_watermark(watermark_);
  }

  [[nodiscard]] bool forwards_watermark() const noexcept override { return false; }

  bool on_timer_tick(Timestamp now, Outbox& out) override {
    if (!spoke_ && !idle_) {
      idle_ = true;
      out.set_idle(true);
    }
    spoke_ = false;
    context_->schedule(now + options_.idle_after);
    return true;
  }

 private:
  static constexpr bool kIsCustom = !std::is_same_v<Custom, std::nullptr_t>;

  WatermarkOptions options_;
  TimestampOf timestamp_of_;
  Custom custom_;
  OperatorContext* context_ = nullptr;
  Timestamp newest_ = kMinTimestamp;
  Timestamp watermark_ = kMinTimestamp;
  bool spoke_ = false;
  bool idle_ = false;
};

}  // namespace detail
}  // namespace weir
