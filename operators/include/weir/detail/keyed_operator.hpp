#pragma once
/// The operator behind process() and co_process(): keys, state, timers around a user's function.

#include <type_traits>
#include <utility>

#include <weir/process_function.hpp>

namespace weir {

/// What the one- and two-input operators share. `Function` is held by value, so its calls are direct.
template <class K, class Out, class Function>
class KeyedOperatorCore : public Operator {
 public:
  explicit KeyedOperatorCore(Function function) : function_(std::move(function)) {}

  Status open(OperatorContext& operator_context) final {
    context_.context_ = &operator_context;
    context_.watermark_ = operator_context.restored_watermark();
    timers_ = &operator_context.state().template emplace<detail::TimerTable>(schema_of<K>());
    context_.timers_ = timers_;
    OpenContext<K> open_context(operator_context, context_.current_);
    function_.open(open_context);
    if (const auto* timer = timers_->first(detail::TimerKind::kProcessingTime)) operator_context.schedule(timer->time);
    return {};
  }

  bool on_watermark(Timestamp watermark, Outbox& out) final {
    if (!fire(detail::TimerKind::kEventTime, watermark, out)) return false;
    context_.watermark_ = watermark;
    return true;
  }

  bool on_timer_tick(Timestamp now, Outbox& out) final {
    if (!fire(detail::TimerKind::kProcessingTime, now, out)) return false;
    if (const auto* timer = timers_->first(detail::TimerKind::kProcessingTime))
      context_.context_->schedule(timer->time);
    return true;
  }

 protected:
  // Calls `call(record)` with the context set for each record that fits.
  template <class Record, class KeyOf, class Call>
  void each(Batch<Record>& batch, Outbox& out, const KeyOf& key_of, Call&& call) {
    Collector<Out> collector(out.batch<Out>());
    collector.set_source(batch);
    context_.out_ = &out;
    const bool has_times = !batch.timestamps.empty();
    const bool has_positions = !batch.positions.empty();
    const Record* const records = batch.records.data();
    const std::uint64_t* const hashes = batch.hashes.data();
    const std::size_t size = batch.size();
    const std::size_t room = out.batch_size();
    for (std::size_t index = batch.cursor; index < size && collector.size() < room; batch.cursor = ++index) {
      const Record& record = records[index];
      decltype(auto) key = key_of(record);
      static_assert(std::is_same_v<std::remove_cvref_t<decltype(key)>, K>,
                    "the key function and the process function name different key types");
      context_.current_.key = &key;
      context_.current_.hash = hashes[index];
      context_.timestamp_ = has_times ? batch.timestamps[index] : kMinTimestamp;
      context_.position_ = has_positions ? batch.positions[index] : kNoPosition;
      collector.set_record(index);
      call(record, context_, collector);
    }
  }

  Function function_;
  ProcessContext<K> context_;

 private:
  bool fire(detail::TimerKind kind, Timestamp until, Outbox& out) {
    Collector<Out> collector(out.batch<Out>());
    context_.out_ = &out;
    for (const auto* next = timers_->first(kind); next != nullptr && next->time <= until; next = timers_->first(kind)) {
      // Side outputs count too: timers are as many as there are keys.
      if (collector.size() >= out.batch_size() || out.full()) return false;
      const detail::TimerTable::Timer timer = timers_->pop(kind);
      Result<K> key = deserialize<K>(timer.key);
      WEIR_CHECK(key.is_ok(), "a timer's key was written by this operator");
      context_.current_.key = &*key;
      context_.current_.hash = hash_key(*key);
      context_.timestamp_ = timer.time;
      context_.position_ = kNoPosition;
      collector.set_time(timer.time);
      function_.on_timer(timer.time, context_, collector);
    }
    return true;
  }

  detail::TimerTable* timers_ = nullptr;
};

namespace detail {

template <class K, class In, class Out, class KeyOf, class Function>
class KeyedProcessOperator final : public KeyedOperatorCore<K, Out, Function> {
  using Core = KeyedOperatorCore<K, Out, Function>;

 public:
  KeyedProcessOperator(KeyOf key_of, Function function) : Core(std::move(function)), key_of_(std::move(key_of)) {}
  void process(std::size_t /*input*/, BatchPtr& in, Outbox& out) override {
    this->each(static_cast<Batch<In>&>(*in), out, key_of_,
               [this](const In& record, ProcessContext<K>& context, Collector<Out>& collector) {
                 this->function_.process(record, context, collector);
               });
  }

 private:
  KeyOf key_of_;
};

template <class K, class Left, class Right, class Out, class LeftKeyOf, class RightKeyOf, class Function>
class KeyedCoProcessOperator final : public KeyedOperatorCore<K, Out, Function> {
  using Core = KeyedOperatorCore<K, Out, Function>;

 public:
  KeyedCoProcessOperator(LeftKeyOf left_key_of, RightKeyOf right_key_of, Function function)
      : Core(std::move(function)), left_key_of_(std::move(left_key_of)), right_key_of_(std::move(right_key_of)) {}
  void process(std::size_t input, BatchPtr& in, Outbox& out) override {
    if (input == 0) {
      this->each(static_cast<Batch<Left>&>(*in), out, left_key_of_,
                 [this](const Left& record, ProcessContext<K>& context, Collector<Out>& collector) {
                   this->function_.process_left(record, context, collector);
                 });
    } else {
      this->each(static_cast<Batch<Right>&>(*in), out, right_key_of_,
                 [this](const Right& record, ProcessContext<K>& context, Collector<Out>& collector) {
                   this->function_.process_right(record, context, collector);
                 });
    }
  }

 private:
  LeftKeyOf left_key_of_;
  RightKeyOf right_key_of_;
};

}  // namespace detail
}  // namespace weir
