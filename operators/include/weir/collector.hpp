#pragma once
/// Collector<T>: where user functions put their results.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

#include <weir/batch.hpp>

namespace weir {

/// Results inherit the event time and source position of the record they come from, unless a time is given. Valid for
/// the call it is passed to. Thread: the task's.
template <class T>
class Collector {
 public:
  void collect(T value) { put(std::move(value), from_times_ != nullptr ? from_times_[index_] : time_); }
  /// With an event time of its own. It should not be below the watermark, or it is late at once.
  void collect(T value, Timestamp time) {
    need_times();
    put(std::move(value), time);
  }

  // For operators. The batch has all results when the collector is gone; until then only the collector may touch it. It
  // works on copies of the batch's pointers that a compiler can keep in registers, so nothing here hands out `this`.
  explicit Collector(Batch<T>& batch) : batch_(&batch) { load(!batch.timestamps.empty(), !batch.positions.empty()); }
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;
  ~Collector() { store(*batch_, size(), times_ != nullptr, positions_ != nullptr); }

  /// Results collected and not yet handed on.
  [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(next_ - first_); }
  /// What follows comes from records of `from`: says set_record() which.
  void set_source(const BatchBase& from) {
    from_times_ = from.timestamps.empty() ? nullptr : from.timestamps.data();
    from_positions_ = from.positions.empty() ? nullptr : from.positions.data();
    time_ = kMinTimestamp;
    if (from_times_ != nullptr) need_times();
    if (from_positions_ != nullptr && positions_ == nullptr) reopen(times_ != nullptr, true);
  }
  void set_record(std::size_t index) noexcept { index_ = index; }
  /// What follows comes from a timer.
  void set_time(Timestamp time) {
    from_times_ = nullptr;
    from_positions_ = nullptr;
    time_ = time;
    need_times();
  }

 private:
  void put(T&& value, Timestamp time) {
    if (next_ == end_) [[unlikely]] {
      grow(*batch_, size(), times_ != nullptr, positions_ != nullptr);
      load(times_ != nullptr, positions_ != nullptr);
    }
    const std::size_t at = size();
    ::new (static_cast<void*>(next_)) T(std::move(value));
    ++next_;
    if (times_ != nullptr) times_[at] = time;
    if (positions_ != nullptr) positions_[at] = from_positions_ != nullptr ? from_positions_[index_] : kNoPosition;
  }
  void need_times() {
    if (times_ == nullptr) [[unlikely]]
      reopen(true, positions_ != nullptr);
  }
  // The results get a column that they did not have.
  void reopen(bool times, bool positions) {
    store(*batch_, size(), times_ != nullptr, positions_ != nullptr);
    load(times, positions);
  }

  void load(bool times, bool positions) {
    open_columns(*batch_, times, positions);
    first_ = batch_->records.data();
    next_ = first_ + batch_->records.size();
    end_ = first_ + batch_->records.capacity();
    times_ = times ? batch_->timestamps.data() : nullptr;
    positions_ = positions ? batch_->positions.data() : nullptr;
  }
  static void store(Batch<T>& batch, std::size_t size, bool times, bool positions) noexcept {
    batch.records.constructed(size);
    if (times) batch.timestamps.constructed(size);
    if (positions) batch.positions.constructed(size);
  }
  // Room in each column for as many values as there is for records.
  static void open_columns(Batch<T>& batch, bool times, bool positions) {
    if (batch.records.capacity() == 0) batch.records.reserve(1);
    const std::size_t capacity = batch.records.capacity();
    if (times) {
      batch.timestamps.reserve(capacity);
      while (batch.timestamps.size() < batch.records.size()) batch.timestamps.emplace_unchecked(kMinTimestamp);
    }
    if (positions) {
      batch.positions.reserve(capacity);
      while (batch.positions.size() < batch.records.size()) batch.positions.emplace_unchecked(kNoPosition);
    }
  }
  [[gnu::noinline]] static void grow(Batch<T>& batch, std::size_t size, bool times, bool positions) {
    store(batch, size, times, positions);
    batch.records.reserve(2 * size);
  }

  Batch<T>* batch_;
  T* first_ = nullptr;
  T* next_ = nullptr;
  T* end_ = nullptr;
  Timestamp* times_ = nullptr;          // null: the results have no event times
  std::uint64_t* positions_ = nullptr;  // null: nor positions
  const Timestamp* from_times_ = nullptr;
  const std::uint64_t* from_positions_ = nullptr;
  std::size_t index_ = 0;
  Timestamp time_ = kMinTimestamp;
};

}  // namespace weir
