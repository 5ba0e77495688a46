#pragma once
/// Batches: what moves between operators. Contiguous records with parallel columns of what the engine knows of each.
///
/// A batch belongs to one task at a time; it is handed on by pointer and comes back emptied, so memory settles.
/// No method is safe to call from two threads at once.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <weir/check.hpp>
#include <weir/time.hpp>

namespace weir {

/// A growable array that keeps its memory when cleared and lets hot loops append without a capacity check.
template <class T>
class Column {
 public:
  Column() noexcept = default;
  Column(const Column&) = delete;
  Column& operator=(const Column&) = delete;
  ~Column() {
    clear();
    ::operator delete (data_, std::align_val_t{kAlignment});
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] T* begin() noexcept { return data_; }
  [[nodiscard]] T* end() noexcept { return data_ + size_; }
  [[nodiscard]] const T* begin() const noexcept { return data_; }
  [[nodiscard]] const T* end() const noexcept { return data_ + size_; }
  T& operator[](std::size_t index) noexcept { return data_[index]; }
  const T& operator[](std::size_t index) const noexcept { return data_[index]; }

  void reserve(std::size_t capacity) {
    if (capacity > capacity_) grow(capacity);
  }
  template <class... Args>
  T& emplace(Args&&... args) {
    if (size_ == capacity_) [[unlikely]] {
      // Made before growing: the arguments may refer to an element of this column.
      T value(std::forward<Args>(args)...);
      grow(size_ + 1);
      return emplace_unchecked(std::move(value));
    }
    return emplace_unchecked(std::forward<Args>(args)...);
  }
  /// Precondition: size() < capacity().
  template <class... Args>
  T& emplace_unchecked(Args&&... args) {
    return *::new (static_cast<void*>(data_ + size_++)) T(std::forward<Args>(args)...);
  }
  /// Drops elements from the end. Precondition: size <= size().
  void truncate(std::size_t size) noexcept {
    if constexpr (!std::is_trivially_destructible_v<T>) std::destroy(data_ + size, data_ + size_);
    size_ = size;
  }
  void clear() noexcept { truncate(0); }
  /// For trivial T: sets the size without touching new elements, which the caller then writes.
  void resize_for_overwrite(std::size_t size) requires std::is_trivially_copyable_v<T> {
    reserve(size);
    size_ = size;
  }
  /// Says that the elements up to `size` have been made, in place, behind data(). Precondition: size <= capacity().
  void constructed(std::size_t size) noexcept { size_ = size; }
  void swap(Column& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

 private:
  static constexpr std::size_t kAlignment = std::max<std::size_t>(alignof(T), 64);

  void grow(std::size_t wanted) {
    const std::size_t capacity = std::max<std::size_t>({wanted, 2 * capacity_, 16});
    T* data = static_cast<T*>(::operator new (capacity * sizeof(T), std::align_val_t{kAlignment}));
    if constexpr (std::is_trivially_copyable_v<T>) {
      if (size_ != 0) std::memcpy(static_cast<void*>(data), data_, size_ * sizeof(T));
    } else {
      std::uninitialized_move(data_, data_ + size_, data);
      std::destroy(data_, data_ + size_);
    }
    ::operator delete (data_, std::align_val_t{kAlignment});
    data_ = data;
    capacity_ = capacity;
  }

  T* data_ = nullptr;
  std::size_t size_ = 0;
  std::size_t capacity_ = 0;
};

/// A record that comes from no place in a source (made by a timer, say).
inline constexpr std::uint64_t kNoPosition = ~std::uint64_t{0};

/// A batch without its record type: what the engine's exchange and chains handle.
///
/// Columns beside the records are either empty or as long as the batch; where records with and without a value meet,
/// those without have kMinTimestamp and kNoPosition:
/// - `timestamps`: event times; empty until a source or a watermark strategy assigns them.
/// - `positions`: where in its source each record comes from (a record number, an offset; the source says which).
/// - `hashes`: key hashes; filled on keyed edges.
class BatchBase {
 public:
  virtual ~BatchBase() = default;
  [[nodiscard]] virtual std::size_t size() const noexcept = 0;
  /// Forgets the records and the columns; keeps memory. Resets `cursor`.
  virtual void clear() noexcept = 0;
  virtual void reserve(std::size_t records) = 0;
  /// Moves record `indices[i]` (and its columns) of this batch to the end of `target`, in order. Same record type.
  virtual void move_selected(const std::uint32_t* indices, std::size_t count, BatchBase& target) = 0;
  /// Moves every record to the end of `target` and clears this batch. Same record type.
  virtual void move_to(BatchBase& target) = 0;
  /// Copies every record to the end of `target`. Precondition: copyable().
  virtual void copy_to(BatchBase& target) const = 0;
  [[nodiscard]] virtual bool copyable() const noexcept = 0;

  [[nodiscard]] bool has_timestamps() const noexcept { return !timestamps.empty(); }
  /// Records not yet consumed.
  [[nodiscard]] std::size_t remaining() const noexcept { return size() - cursor; }

  Column<Timestamp> timestamps;
  Column<std::uint64_t> positions;
  Column<std::uint64_t> hashes;
  std::size_t cursor = 0;  ///< the first record its consumer has not taken yet

 protected:
  void clear_columns() noexcept {
    timestamps.clear();
    positions.clear();
    hashes.clear();
    cursor = 0;
  }
};

using BatchPtr = std::unique_ptr<BatchBase>;

template <class T>
class Batch final : public BatchBase {
 public:
  using Record = T;

  [[nodiscard]] std::size_t size() const noexcept override { return records.size(); }
  void clear() noexcept override {
    records.clear();
    clear_columns();
  }
  void reserve(std::size_t count) override { records.reserve(count); }

  /// Appends a record that inherits the columns of record `index` of `from` (time and position; not the key hash).
  template <class... Args>
  void append_like(const BatchBase& from, std::size_t index, Args&&... args) {
    records.emplace(std::forward<Args>(args)...);
    if (!from.timestamps.empty() || !timestamps.empty())
      put_time(from.timestamps.empty() ? kMinTimestamp : from.timestamps[index]);
    if (!from.positions.empty() || !positions.empty())
      put_position(from.positions.empty() ? kNoPosition : from.positions[index]);
  }
  /// Gives the records from `size() - (end - begin)` on the columns of records [begin, end) of `from`, as append_like.
  void append_columns_like(const BatchBase& from, std::size_t begin, std::size_t end) {
    const std::size_t before = size() - (end - begin);
    append_column_like(timestamps, from.timestamps, begin, end, before, kMinTimestamp);
    append_column_like(positions, from.positions, begin, end, before, kNoPosition);
  }
  /// Appends a record with an event time and, when known, a position.
  template <class... Args>
  void append_at(Timestamp time, std::uint64_t position, Args&&... args) {
    records.emplace(std::forward<Args>(args)...);
    put_time(time);
    if (position != kNoPosition || !positions.empty()) put_position(position);
  }

  void move_selected(const std::uint32_t* indices, std::size_t count, BatchBase& target) override {
    auto& typed = static_cast<Batch<T>&>(target);
    match_columns(typed);
    move_column(records, typed.records, indices, count);
    if (!timestamps.empty()) move_column(timestamps, typed.timestamps, indices, count);
    if (!positions.empty()) move_column(positions, typed.positions, indices, count);
    if (!hashes.empty()) move_column(hashes, typed.hashes, indices, count);
  }
  void move_to(BatchBase& target) override {
    auto& typed = static_cast<Batch<T>&>(target);
    match_columns(typed);
    move_whole_column(records, typed.records);
    move_whole_column(timestamps, typed.timestamps);
    move_whole_column(positions, typed.positions);
    move_whole_column(hashes, typed.hashes);
    clear();
  }
  void copy_to(BatchBase& target) const override {
    if constexpr (std::is_copy_constructible_v<T>) {
      auto& typed = static_cast<Batch<T>&>(target);
      if (!timestamps.empty()) pad(typed.timestamps, typed.size(), kMinTimestamp);
      if (!positions.empty()) pad(typed.positions, typed.size(), kNoPosition);
      copy_column(records, typed.records);
      copy_column(timestamps, typed.timestamps);
      copy_column(positions, typed.positions);
      copy_column(hashes, typed.hashes);
      if (!typed.timestamps.empty()) pad(typed.timestamps, typed.size(), kMinTimestamp);
      if (!typed.positions.empty()) pad(typed.positions, typed.size(), kNoPosition);
    } else {
      WEIR_CHECK(false, "validation lets no record type that cannot be copied reach two consumers");
    }
  }
  [[nodiscard]] bool copyable() const noexcept override { return std::is_copy_constructible_v<T>; }

  Column<T> records;

 private:
  void put_time(Timestamp time) {
    pad(timestamps, records.size() - 1, kMinTimestamp);
    timestamps.emplace(time);
  }
  void put_position(std::uint64_t position) {
    pad(positions, records.size() - 1, kNoPosition);
    positions.emplace(position);
  }
  template <class U>
  static void pad(Column<U>& column, std::size_t size, U value) {
    while (column.size() < size) column.emplace(value);
  }
  template <class U>
  static void append_column_like(Column<U>& to, const Column<U>& from, std::size_t begin, std::size_t end,
                                 std::size_t before, U value) {
    if (to.empty() && from.empty()) return;
    to.reserve(before + (end - begin));
    pad(to, from.empty() ? before + (end - begin) : before, value);
    if (from.empty()) return;
    to.resize_for_overwrite(before + (end - begin));
    std::copy(from.begin() + begin, from.begin() + end, to.begin() + before);
  }
  // Before records of this batch join `target`: a column that one of them lacks is filled up.
  void match_columns(Batch<T>& target) {
    if (target.size() == 0) return;
    if (timestamps.empty() != target.timestamps.empty()) {
      pad(timestamps, size(), kMinTimestamp);
      pad(target.timestamps, target.size(), kMinTimestamp);
    }
    if (positions.empty() != target.positions.empty()) {
      pad(positions, size(), kNoPosition);
      pad(target.positions, target.size(), kNoPosition);
    }
    WEIR_DCHECK(hashes.empty() == target.hashes.empty(), "an edge is keyed or it is not");
  }
  template <class U>
  static void move_column(Column<U>& from, Column<U>& to, const std::uint32_t* indices, std::size_t count) {
    to.reserve(to.size() + count);
    for (std::size_t i = 0; i < count; ++i) to.emplace_unchecked(std::move(from[indices[i]]));
  }
  template <class U>
  static void move_whole_column(Column<U>& from, Column<U>& to) {
    to.reserve(to.size() + from.size());
    for (U& value : from) to.emplace_unchecked(std::move(value));
  }
  template <class U>
  static void copy_column(const Column<U>& from, Column<U>& to) {
    to.reserve(to.size() + from.size());
    for (const U& value : from) to.emplace_unchecked(value);
  }
};

}  // namespace weir
