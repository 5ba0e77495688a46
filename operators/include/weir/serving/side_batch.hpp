#pragma once
/// Records taken out of their batch and put into others, with the columns they had there.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <weir/batch.hpp>
#include <weir/time.hpp>

namespace weir::serving {

/// kMinTimestamp when the batch has no event times.
template <class T>
Timestamp time_of(const Batch<T>& batch, std::size_t index) {
  return batch.timestamps.empty() ? kMinTimestamp : batch.timestamps[index];
}
/// kNoPosition when the batch has no positions.
template <class T>
std::uint64_t position_of(const Batch<T>& batch, std::size_t index) {
  return batch.positions.empty() ? kNoPosition : batch.positions[index];
}
/// Appends a record with what is known of its time and position; columns nobody fills stay empty.
template <class R>
void append(Batch<R>& batch, R&& record, Timestamp time, std::uint64_t position) {
  batch.records.emplace(std::move(record));
  const std::size_t size = batch.records.size();
  if (time != kMinTimestamp || !batch.timestamps.empty()) {
    while (batch.timestamps.size() + 1 < size) batch.timestamps.emplace(kMinTimestamp);
    batch.timestamps.emplace(time);
  }
  if (position != kNoPosition || !batch.positions.empty()) {
    while (batch.positions.size() + 1 < size) batch.positions.emplace(kNoPosition);
    batch.positions.emplace(position);
  }
}
template <class T>
void add_record(Batch<T>& batch, T&& record, Timestamp time, std::uint64_t position) {
  batch.records.emplace(std::move(record));
  batch.timestamps.emplace(time);
  batch.positions.emplace(position);
}
/// Removes the columns in which nothing is known of any record.
template <class T>
void drop_unknown_columns(Batch<T>& batch) {
  if (std::all_of(batch.timestamps.begin(), batch.timestamps.end(),
                  [](Timestamp time) { return time == kMinTimestamp; })) {
    batch.timestamps.clear();
  }
  if (std::all_of(batch.positions.begin(), batch.positions.end(), [](std::uint64_t at) { return at == kNoPosition; })) {
    batch.positions.clear();
  }
}

}  // namespace weir::serving
