#pragma once
/// Sources that need nothing outside: records made from their number, or held in a vector.
///
///   auto ticks = weir::generator_source([](std::uint64_t index) { return Tick{index}; },
///                                       [](const Tick& tick) { return tick.time; }, {.count = 1'000'000});
///   auto words = weir::vector_source<std::string>({"to", "be"});
///
/// A record's number is its position. Numbers are shared among the source's tasks (every p-th each, in ascending order)
/// and survive a change of parallelism; a checkpoint holds the next number of each task. Functions are called on the
/// task's thread, each task having its own copy, and must give the same record for the same number.

#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/detail/index_splits.hpp>
#include <weir/rewindable_source.hpp>
#include <weir/source.hpp>

namespace weir {

struct GeneratorOptions {
  std::uint64_t count = detail::IndexSplits::kEndless;  ///< records in all; the default never ends
  bool positions = true;                                ///< give each record its number as position
  /// With timestamps: emit watermarks, this far behind the latest record. Nothing: leave them to the pipeline.
  std::optional<Duration> watermarks = Duration{0};
};

struct VectorOptions {
  bool positions = true;                             ///< give each record its index as position
  std::optional<Duration> watermarks = Duration{0};  ///< as GeneratorOptions::watermarks
};

namespace detail {

struct NoTimestamps {};

template <class T, class Generate, class TimestampOf>
class IndexSource final : public RewindableSource {
 public:
  IndexSource(Generate generate, TimestampOf timestamp_of, const GeneratorOptions& options)
      : generate_(std::move(generate)),
        timestamp_of_(std::move(timestamp_of)),
        options_(options),
        watermark_(options.watermarks.value_or(Duration{0})) {}

  Status open(OperatorContext& context) override { return splits_.open(context, options_.count); }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}

  PollResult poll(Outbox& out) override {
    if (splits_.at_end()) return PollResult::kEnd;
    std::size_t room = out.room();
    if (room == 0) return PollResult::kProgress;
    Batch<T>& batch = out.batch<T>();
    splits_.begin_poll();
    while (room != 0) {
      const IndexSplits::Run run = splits_.next(room);
      if (run.count == 0) break;
      fill(batch, run);
      room -= run.count;
    }
    if constexpr (kTimed)
      if (options_.watermarks) out.emit_watermark(watermark_.value());
    return PollResult::kProgress;
  }

  void snapshot(SnapshotBuilder& builder) override { splits_.snapshot(builder); }
  void snapshot_from(std::uint64_t position, SnapshotBuilder& builder) override {
    splits_.snapshot_from(position, builder);
  }

 private:
  static constexpr bool kTimed = !std::is_same_v<TimestampOf, NoTimestamps>;

  void fill(Batch<T>& batch, const IndexSplits::Run& run) {
    const std::size_t start = batch.size();
    if (run.step == 1) {
      fill_records(batch, run, [first = run.first](std::size_t i) { return first + i; });
    } else {
      fill_records(batch, run, [first = run.first, step = run.step](std::size_t i) { return first + i * step; });
    }
    if (options_.positions) {
      batch.positions.resize_for_overwrite(start + run.count);
      std::uint64_t* positions = batch.positions.data() + start;
      for (std::size_t i = 0; i < run.count; ++i) positions[i] = run.first + i * run.step;
    }
    if constexpr (kTimed) {
      batch.timestamps.reserve(start + run.count);
      for (std::size_t i = start; i < batch.size(); ++i)
        watermark_.see(batch.timestamps.emplace_unchecked(timestamp_of_(std::as_const(batch.records[i]))));
    }
  }

  template <class IndexOf>
  void fill_records(Batch<T>& batch, const IndexSplits::Run& run, IndexOf index_of) {
    const std::size_t start = batch.size();
    if constexpr (std::is_trivially_copyable_v<T>) {
      batch.records.resize_for_overwrite(start + run.count);
      T* records = batch.records.data() + start;
      for (std::size_t i = 0; i < run.count; ++i) records[i] = generate_(index_of(i));
    } else {
      batch.records.reserve(start + run.count);
      for (std::size_t i = 0; i < run.count; ++i) batch.records.emplace_unchecked(generate_(index_of(i)));
    }
  }

  Generate generate_;
  [[no_unique_address]] TimestampOf timestamp_of_;
  const GeneratorOptions options_;
  BoundedWatermark watermark_;
  IndexSplits splits_;
};

template <class T, class Generate, class TimestampOf>
Source<T> index_source(std::string kind, Generate generate, TimestampOf timestamp_of, const GeneratorOptions& options) {
  Source<T> source;
  source.kind = std::move(kind);
  source.make_operator = [generate = std::move(generate), timestamp_of = std::move(timestamp_of), options] {
    return std::make_unique<IndexSource<T, Generate, TimestampOf>>(generate, timestamp_of, options);
  };
  if (options.watermarks && *options.watermarks < Duration{0})
    source.faults.push_back("watermarks cannot be ahead of the records: the out-of-orderness is negative");
  return source;
}

template <class Generate>
using Generated = std::remove_cvref_t<std::invoke_result_t<Generate&, std::uint64_t>>;

}  // namespace detail

/// Record number i is `generate(i)`, without timestamps.
template <class Generate>
Source<detail::Generated<Generate>> generator_source(Generate generate, GeneratorOptions options = {}) {
  return detail::index_source<detail::Generated<Generate>>("generator", std::move(generate), detail::NoTimestamps{},
                                                           options);
}
/// Record number i is `generate(i)`, its time `timestamp_of(record)`.
template <class Generate, class TimestampOf>
requires std::invocable < TimestampOf&, const detail::Generated<Generate>
& > Source<detail::Generated<Generate>> generator_source(Generate generate, TimestampOf timestamp_of,
                                                         GeneratorOptions options = {}) {
  return detail::index_source<detail::Generated<Generate>>("generator", std::move(generate), std::move(timestamp_of),
                                                           options);
}

/// The records of a vector, without timestamps. They are shared by the tasks and copied into batches.
template <class T>
Source<T> vector_source(std::vector<T> records, VectorOptions options = {}) {
  auto shared = std::make_shared<const std::vector<T>>(std::move(records));
  const GeneratorOptions generator{shared->size(), options.positions, options.watermarks};
  return detail::index_source<T>(
      "vector", [shared](std::uint64_t index) -> const T& { return (*shared)[index]; }, detail::NoTimestamps{},
      generator);
}
/// The records of a vector, each at the time `timestamp_of(record)`.
template <class T, class TimestampOf>
requires std::invocable<TimestampOf&, const T&> Source<T> vector_source(std::vector<T> records,
                                                                        TimestampOf timestamp_of,
                                                                        VectorOptions options = {}) {
  auto shared = std::make_shared<const std::vector<T>>(std::move(records));
  const GeneratorOptions generator{shared->size(), options.positions, options.watermarks};
  return detail::index_source<T>(
      "vector", [shared](std::uint64_t index) -> const T& { return (*shared)[index]; }, std::move(timestamp_of),
      generator);
}

}  // namespace weir
