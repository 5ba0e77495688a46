#pragma once
/// Collector<T>: where user functions put their results.

#include <utility>

#include <weir/batch.hpp>

namespace weir {

/// Results inherit the event time and source position of the record they come from, unless a time is given. Valid for the
/// call it is passed to. Thread: the task's.
template <class T>
class Collector {
 public:
  void collect(T value) {
    if (from_ != nullptr)
      batch_->append_like(*from_, index_, std::move(value));
    else
      batch_->append_at(time_, kNoPosition, std::move(value));
  }
  /// With an event time of its own. It should not be below the watermark, or it is late at once.
  void collect(T value, Timestamp time) {
    const bool has_position = from_ != nullptr && !from_->positions.empty();
    batch_->append_at(time, has_position ? from_->positions[index_] : kNoPosition, std::move(value));
  }

  // For operators: where results go, and the record they come from or the time of the timer that fired.
  explicit Collector(Batch<T>& batch) noexcept : batch_(&batch) {}
  void set_record(const BatchBase& from, std::size_t index) noexcept {
    from_ = &from;
    index_ = index;
  }
  void set_time(Timestamp time) noexcept {
    from_ = nullptr;
    time_ = time;
  }

 private:
  Batch<T>* batch_;
  const BatchBase* from_ = nullptr;
  std::size_t index_ = 0;
  Timestamp time_ = kMinTimestamp;
};

}  // namespace weir
