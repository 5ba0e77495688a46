#pragma once
/// Process functions: user code with keyed state and timers.
///
///   struct CountPerKey : weir::ProcessFunction<std::string, Event, Count> {
///     weir::ValueState<std::int64_t> count;
///     void open(weir::OpenContext<Key>& ctx) { count = ctx.value_state<std::int64_t>({.name = "count"}); }
///     void process(const Event& event, weir::ProcessContext<Key>& ctx, weir::Collector<Count>& out) {
///       out.collect({ctx.key(), ++count.mutate()});
///     }
///   };
///   events.key_by(&Event::user).process(CountPerKey{}).uid("count")
///
/// Each task has a copy of the function. Thread: the task's, for every call. State handles speak of the current key, in
/// on_timer() of the timer's key. State and timers are in every checkpoint; members of the function are not.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <weir/collector.hpp>
#include <weir/detail/timer_table.hpp>
#include <weir/map_table.hpp>
#include <weir/operator.hpp>
#include <weir/serde.hpp>
#include <weir/state.hpp>
#include <weir/value_table.hpp>

namespace weir {

/// Names a side output: `inline const weir::SideOutput<Late> kLate{"late"};`
template <class T>
struct SideOutput {
  std::string name;
};

/// For open(): makes state handles.
template <class K>
class OpenContext {
 public:
  OpenContext(OperatorContext& context, CurrentKey<K>& current) : context_(context), current_(current) {}
  template <class V>
  ValueState<V> value_state(StateOptions options) {
    return ValueState<V>(context_.state().template emplace<ValueTable<K, V>>(&current_, std::move(options)));
  }
  template <class MK, class MV>
  MapState<MK, MV> map_state(StateOptions options) {
    return MapState<MK, MV>(context_.state().template emplace<MapTable<K, MK, MV>>(&current_, std::move(options)));
  }
  /// A counter or gauge in /metrics.
  Metric& metric(std::string_view name) { return context_.metric(name); }
  [[nodiscard]] std::uint32_t task_index() const noexcept { return context_.task_index(); }
  [[nodiscard]] OperatorContext& engine() noexcept { return context_; }

 private:
  OperatorContext& context_;
  CurrentKey<K>& current_;
};

/// For process() and on_timer(): the current key and time, timers, side outputs.
template <class K>
class ProcessContext {
 public:
  [[nodiscard]] const K& key() const noexcept { return *current_.key; }
  /// Event time of the record or timer; kMinTimestamp when the stream has none.
  [[nodiscard]] Timestamp timestamp() const noexcept { return timestamp_; }
  /// Where the record comes from, when its source says so; else kNoPosition.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }
  /// No record at or before this time is expected any more.
  [[nodiscard]] Timestamp watermark() const noexcept { return watermark_; }

  /// Calls on_timer() for the current key when the watermark reaches `time`. Once per key and time, however often
  /// asked.
  void event_time_timer(Timestamp time) { timers_->add(detail::TimerKind::kEventTime, timer_at(time)); }
  void delete_event_time_timer(Timestamp time) { timers_->remove(detail::TimerKind::kEventTime, timer_at(time)); }
  /// The same by the clock on the wall.
  void processing_time_timer(Timestamp time) {
    timers_->add(detail::TimerKind::kProcessingTime, timer_at(time));
    context_->schedule(time);
  }
  void delete_processing_time_timer(Timestamp time) {
    timers_->remove(detail::TimerKind::kProcessingTime, timer_at(time));
  }
  [[nodiscard]] Timestamp processing_time() const noexcept { return context_->clock().now(); }

  /// Puts a value into a side output; dropped when nobody listens. With the current event time.
  template <class T>
  void side(const SideOutput<T>& output, T value) {
    const std::optional<std::size_t> index = context_->side_output(output.name);
    if (index) out_->template batch<T>(*index).append_at(timestamp_, position_, std::move(value));
  }

 private:
  template <class, class, class>
  friend class KeyedOperatorCore;

  [[nodiscard]] detail::TimerTable::Timer timer_at(Timestamp time) const {
    return {time, key_group_of(current_.hash, context_->max_parallelism()), serialize(*current_.key)};
  }

  CurrentKey<K> current_;
  Timestamp timestamp_ = kMinTimestamp;
  Timestamp watermark_ = kMinTimestamp;
  std::uint64_t position_ = kNoPosition;
  OperatorContext* context_ = nullptr;
  Outbox* out_ = nullptr;
  detail::TimerTable* timers_ = nullptr;
};

/// Base of functions on one keyed stream. All calls are optional but process().
template <class K, class In, class Out>
class ProcessFunction {
 public:
  using Key = K;
  using Input = In;
  using Output = Out;

  void open(OpenContext<K>& /*context*/) {}
  // void process(const In& record, ProcessContext<K>& context, Collector<Out>& out);
  void on_timer(Timestamp /*time*/, ProcessContext<K>& /*context*/, Collector<Out>& /*out*/) {}
};

/// Base of functions on two streams keyed alike, which share state and timers.
template <class K, class Left, class Right, class Out>
class CoProcessFunction {
 public:
  using Key = K;
  using LeftInput = Left;
  using RightInput = Right;
  using Output = Out;

  void open(OpenContext<K>& /*context*/) {}
  // void process_left(const Left& record, ProcessContext<K>& context, Collector<Out>& out);
  // void process_right(const Right& record, ProcessContext<K>& context, Collector<Out>& out);
  void on_timer(Timestamp /*time*/, ProcessContext<K>& /*context*/, Collector<Out>& /*out*/) {}
};

}  // namespace weir
