#pragma once
/// map, filter and flat_map as operators: stateless, one tight loop per batch. Built by `weir/stream.hpp`.

#include <cstddef>
#include <type_traits>
#include <utility>

#include <weir/collector.hpp>
#include <weir/operator.hpp>

namespace weir::detail {

/// T to U by `function(const T&)`. Where T is U and the batch is whole, records are replaced in place and the batch
/// goes on as it is.
template <class T, class U, class Function>
class MapOperator final : public Operator {
 public:
  explicit MapOperator(Function function) : function_(std::move(function)) {}

  void process(std::size_t /*input*/, BatchPtr& in, Outbox& out) override {
    auto& batch = static_cast<Batch<T>&>(*in);
    if constexpr (std::is_same_v<T, U> && std::is_move_assignable_v<T>) {
      if (batch.cursor == 0 && out.can_pass()) {
        replace(batch);
        batch.hashes.clear();
        out.pass(in);
        return;
      }
    }
    append(batch, out.batch<U>(), out.room());
  }

 private:
  void replace(Batch<T>& batch) {
    T* const records = batch.records.data();
    const std::size_t size = batch.size();
    std::size_t index = 0;
    try {
      for (; index < size; ++index) records[index] = function_(std::as_const(records[index]));
    } catch (...) {
      batch.cursor = index;
      throw;
    }
  }
  void append(Batch<T>& batch, Batch<U>& results, std::size_t room) {
    const std::size_t end = batch.cursor + std::min(room, batch.remaining());
    const std::size_t begin = batch.cursor;
    results.records.reserve(results.size() + end - begin);
    std::size_t index = begin;
    try {
      for (; index < end; ++index) results.records.emplace_unchecked(function_(std::as_const(batch.records[index])));
    } catch (...) {
      results.append_columns_like(batch, begin, index);
      batch.cursor = index;
      throw;
    }
    results.append_columns_like(batch, begin, end);
    batch.cursor = end;
  }

  Function function_;
};

/// Keeps the records for which `predicate(const T&)` is true: compacts the batch in place and hands it on.
template <class T, class Predicate>
class FilterOperator final : public Operator {
 public:
  explicit FilterOperator(Predicate predicate) : predicate_(std::move(predicate)) {}

  void process(std::size_t /*input*/, BatchPtr& in, Outbox& out) override {
    auto& batch = static_cast<Batch<T>&>(*in);
    batch.hashes.clear();
    if (!out.can_pass()) return;  // the outbox still holds results: come back when they are gone
    const std::size_t kept =
        batch.timestamps.empty() && batch.positions.empty() ? compact(batch) : compact_with_columns(batch);
    batch.records.truncate(kept);
    if (kept == 0) {
      batch.clear();
      return;
    }
    batch.cursor = 0;
    out.pass(in);
  }

 private:
  std::size_t compact(Batch<T>& batch) {
    T* const records = batch.records.data();
    const std::size_t size = batch.size();
    std::size_t kept = 0;
    std::size_t index = 0;
    try {
      for (; index < size; ++index) {
        if constexpr (kCopiesAnyway) {
          const bool keep = predicate_(std::as_const(records[index]));
          records[kept] = records[index];
          kept += keep ? 1 : 0;
        } else {
          if (!predicate_(std::as_const(records[index]))) continue;
          if (kept != index) records[kept] = std::move(records[index]);
          ++kept;
        }
      }
    } catch (...) {
      batch.cursor = index;
      throw;
    }
    return kept;
  }
  std::size_t compact_with_columns(Batch<T>& batch) {
    const bool has_times = !batch.timestamps.empty();
    const bool has_positions = !batch.positions.empty();
    T* const records = batch.records.data();
    Timestamp* const times = batch.timestamps.data();
    std::uint64_t* const positions = batch.positions.data();
    const std::size_t size = batch.size();
    std::size_t kept = 0;
    std::size_t index = 0;
    try {
      for (; index < size; ++index) {
        const bool keep = predicate_(std::as_const(records[index]));
        if (has_times) times[kept] = times[index];
        if (has_positions) positions[kept] = positions[index];
        if constexpr (kCopiesAnyway) {
          records[kept] = records[index];
        } else {
          if (keep && kept != index) records[kept] = std::move(records[index]);
        }
        kept += keep ? 1 : 0;
      }
    } catch (...) {
      batch.cursor = index;
      throw;
    }
    if (has_times) batch.timestamps.truncate(kept);
    if (has_positions) batch.positions.truncate(kept);
    return kept;
  }

  // Small records are copied whether kept or not: cheaper than a branch that goes wrong.
  static constexpr bool kCopiesAnyway = std::is_trivially_copyable_v<T> && sizeof(T) <= 64;

  Predicate predicate_;
};

/// Any number of U per T: `function(const T&, Collector<U>&)`. The results of one record stay together.
template <class T, class U, class Function>
class FlatMapOperator final : public Operator {
 public:
  explicit FlatMapOperator(Function function) : function_(std::move(function)) {}

  void process(std::size_t /*input*/, BatchPtr& in, Outbox& out) override {
    auto& batch = static_cast<Batch<T>&>(*in);
    Collector<U> collector(out.batch<U>());
    collector.set_source(batch);
    const T* const records = batch.records.data();
    const std::size_t size = batch.size();
    const std::size_t room = out.batch_size();
    for (std::size_t index = batch.cursor; index < size && collector.size() < room; batch.cursor = ++index) {
      collector.set_record(index);
      function_(records[index], collector);
    }
  }

 private:
  Function function_;
};

/// Hands batches on as they are: for rebalance() and other nodes that only say how records travel.
class PassOperator final : public Operator {
 public:
  void process(std::size_t /*input*/, BatchPtr& in, Outbox& out) override {
    if (out.can_pass()) {
      in->hashes.clear();
      out.pass(in);
    }
  }
};

/// Calls `function(const T&)` for each record; the end of a stream.
template <class T, class Function>
class ForEachOperator final : public Operator {
 public:
  explicit ForEachOperator(Function function) : function_(std::move(function)) {}
  void process(std::size_t /*input*/, BatchPtr& in, Outbox& /*out*/) override {
    auto& batch = static_cast<Batch<T>&>(*in);
    std::size_t index = batch.cursor;
    const std::size_t size = batch.size();
    try {
      for (; index < size; ++index) function_(std::as_const(batch.records[index]));
    } catch (...) {
      batch.cursor = index;
      throw;
    }
    batch.cursor = size;
  }

 private:
  Function function_;
};

}  // namespace weir::detail
