#pragma once
/// Operators: what a task runs. Most users never see this header; it is for those who add an operator.
///
/// An operator instance belongs to one task and is only ever called on that task's thread, one call at a time: it holds
/// no locks. Several operators chained in one task hand batches on directly. The calls an operator gets:
///
///   open → { process | on_input_watermark | on_watermark | poll | snapshot | on_checkpoint_complete }* → on_end →
///   snapshot* → close
///
/// A call handles what it can and returns; it never blocks and should return within about a millisecond. What it cannot
/// finish (its outbox is full, a model is still loading) it leaves, and is called again.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include <weir/batch.hpp>
#include <weir/event_sink.hpp>
#include <weir/executor.hpp>
#include <weir/hash.hpp>
#include <weir/state_table.hpp>
#include <weir/status.hpp>
#include <weir/time.hpp>

namespace weir {

/// Where an operator puts what it makes. Output 0 is the main one; side outputs follow.
class Outbox {
 public:
  /// One output: the batch being filled, and emptied ones to fill next.
  struct Slot {
    std::function<BatchPtr()> make_batch;
    BatchPtr open;
    BatchPtr spare;
  };

  /// `batch_size` records make an output full (a soft bound: one input record's results are never split).
  Outbox(std::size_t outputs, std::size_t batch_size) : slots_(outputs), batch_size_(batch_size) {}

  /// The open batch of an output. T must be the output's record type. Append at most `room()` records, then return.
  template <class T>
  Batch<T>& batch(std::size_t output = 0) {
    Slot& slot = slots_[output];
    if (!slot.open) [[unlikely]]
      renew(slot);
    WEIR_DCHECK(dynamic_cast<Batch<T>*>(slot.open.get()) != nullptr, "the batch has the output's record type");
    return static_cast<Batch<T>&>(*slot.open);
  }
  /// Records the output can still take.
  [[nodiscard]] std::size_t room(std::size_t output = 0) const noexcept {
    const Slot& slot = slots_[output];
    const std::size_t used = slot.open ? slot.open->size() : 0;
    return used >= batch_size_ ? 0 : batch_size_ - used;
  }
  /// True when any output is full.
  [[nodiscard]] bool full() const noexcept {
    for (std::size_t output = 0; output < slots_.size(); ++output)
      if (room(output) == 0) return true;
    return false;
  }
  [[nodiscard]] bool empty() const noexcept {
    for (const Slot& slot : slots_)
      if (slot.open && slot.open->size() != 0) return false;
    return true;
  }
  [[nodiscard]] std::size_t outputs() const noexcept { return slots_.size(); }
  [[nodiscard]] std::size_t batch_size() const noexcept { return batch_size_; }

  /// Hands a whole input batch on as it is (same record type), without a copy; `batch` gets an emptied one or null.
  /// Precondition: nothing was put into this output in this call, and the batch is taken from its start (cursor 0).
  void pass(BatchPtr& batch, std::size_t output = 0) {
    Slot& slot = slots_[output];
    WEIR_DCHECK(!slot.open || slot.open->size() == 0, "pass() needs an untouched output");
    if (!slot.open) slot.open = std::move(slot.spare);
    slot.open.swap(batch);
    slot.open->cursor = 0;
  }
  /// True when nothing waits in `output` and it takes anything at all, so that pass() may be used.
  [[nodiscard]] bool can_pass(std::size_t output = 0) const noexcept {
    return batch_size_ != 0 && (!slots_[output].open || slots_[output].open->size() == 0);
  }

  /// Sends a watermark after everything put out so far. For sources and watermark operators; other operators forward
  /// the engine's. Lower values than sent before are ignored.
  void emit_watermark(Timestamp watermark) noexcept {
    if (!watermark_ || *watermark_ < watermark) watermark_ = watermark;
  }
  /// Says that this stream has nothing to say for now (true) and must not hold back others' watermarks, or is back.
  void set_idle(bool idle) noexcept { idle_ = idle; }

  // For the engine and test harnesses.
  Slot& slot(std::size_t output) noexcept { return slots_[output]; }
  std::optional<Timestamp> take_watermark() noexcept { return std::exchange(watermark_, std::nullopt); }
  std::optional<bool> take_idle() noexcept { return std::exchange(idle_, std::nullopt); }
  void set_batch_size(std::size_t batch_size) noexcept { batch_size_ = batch_size; }

 private:
  void renew(Slot& slot);

  std::vector<Slot> slots_;
  std::size_t batch_size_;
  std::optional<Timestamp> watermark_;
  std::optional<bool> idle_;
};

/// What an operator adds to a checkpoint beside its keyed state (which the engine takes care of).
class SnapshotBuilder {
 public:
  /// A named blob. At restore every task gets the blobs of all tasks of the operator, whatever the parallelism.
  void put(std::string name, std::string bytes) { entries.emplace_back(std::move(name), std::move(bytes)); }
  /// Something to commit once the checkpoint is durable (and again after a restore from it): NodeSpec::committer gets
  /// it.
  void add_committable(std::string bytes) { committables.push_back(std::move(bytes)); }
  /// Work that must succeed before the checkpoint counts and that must not run on a worker (flush, fsync). Runs once,
  /// on the checkpoint thread; must not touch the operator's unsynchronised state. A failure fails the job.
  void defer(std::function<Status()> work) { deferred.push_back(std::move(work)); }

  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<std::string> committables;
  std::vector<std::function<Status()>> deferred;
};

/// A number shown in /metrics and job status. One writer (the operator's thread), any number of readers.
class Metric {
 public:
  void add(std::int64_t amount) noexcept {
    value_.store(value_.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(std::int64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// What /metrics says of a metric beside its value.
struct MetricInfo {
  std::string help{};                                         ///< one line: what it counts
  std::vector<std::pair<std::string, std::string>> labels{};  ///< beside `uid` and `task`: `{"key", "JFK"}`
};

/// What an operator may know and use. Given to open(); stays valid until close().
class OperatorContext {
 public:
  virtual ~OperatorContext() = default;
  [[nodiscard]] virtual const std::string& uid() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t task_index() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t parallelism() const noexcept = 0;
  [[nodiscard]] virtual std::uint32_t max_parallelism() const noexcept = 0;
  /// Keyed state of this instance: its tables are frozen, drained and restored by the engine.
  [[nodiscard]] virtual StateContext& state() noexcept = 0;
  [[nodiscard]] virtual const Clock& clock() const noexcept = 0;
  [[nodiscard]] virtual Executor& executor() noexcept = 0;
  /// A function that makes the engine call poll() soon; from any thread, also after the task is gone (then it does
  /// nothing).
  [[nodiscard]] virtual std::function<void()> waker() = 0;
  /// True when the job starts from a checkpoint that holds this operator.
  [[nodiscard]] virtual bool is_restored() const noexcept = 0;
  /// The blobs put into the checkpoint by all tasks of this operator.
  [[nodiscard]] virtual std::span<const std::pair<std::string, std::string>> restored_entries() const noexcept = 0;
  /// The operator's watermark in the checkpoint; kMinTimestamp when not restored.
  [[nodiscard]] virtual Timestamp restored_watermark() const noexcept = 0;
  /// The job's directory, or empty when the job keeps none (no checkpointing).
  [[nodiscard]] virtual const std::string& job_directory() const noexcept = 0;
  /// True while a barrier waits on another input: an operator that holds back an input to bound its buffers must then
  /// take what comes before the barrier, or the checkpoint could never complete.
  [[nodiscard]] virtual bool aligning() const noexcept = 0;
  /// Output index of a side output by name, if somebody listens to it.
  [[nodiscard]] virtual std::optional<std::size_t> side_output(std::string_view name) const noexcept = 0;
  /// A metric `weir_operator_<name>{uid,task}`; lives as long as the job. `name` in snake_case with its unit, `_total`
  /// for counters.
  virtual Metric& metric(std::string_view name) = 0;
  /// The same with a help text, and labels. Of one name an operator has at most 1,000 sets of labels per task; all
  /// further ones share a last metric whose label values are `other`. Takes a lock: not for the record path.
  virtual Metric& described_metric(std::string_view name, const MetricInfo& info) {
    std::string text(name);  // where nothing else is known of labels: `name{label=value`
    for (const auto& [label, value] : info.labels) text.append("{").append(label).append("=").append(value);
    return metric(text);
  }
  /// The same with one label.
  Metric& metric(std::string_view name, std::string_view label, std::string_view value) {
    return described_metric(name, {.help = {}, .labels = {{std::string(label), std::string(value)}}});
  }
  /// Where to tell what happens to those who follow the job's events; null when nobody can (no HTTP server).
  [[nodiscard]] virtual EventSink* events() noexcept { return nullptr; }
  /// Asks for a barrier soon, though no checkpoint may be due: Operator::on_barrier() is then called on all tasks of
  /// the job, at the same cut of its streams. Requests made before that cut share one barrier. Any thread. Nothing
  /// happens where nobody makes barriers (an operator alone in a test).
  virtual void request_barrier() {}
  /// One object for all tasks of this operator, from `make` when there is none yet; a restart makes a new one. For what
  /// tasks share beside their streams; it must guard itself. Only in open(). An operator alone has its own.
  virtual std::shared_ptr<void> shared(const std::function<std::shared_ptr<void>()>& make) { return make(); }
  /// Asks for on_timer_tick() at or after this time of clock().now(). One request at a time: the earliest counts.
  virtual void schedule(Timestamp processing_time) = 0;
  /// Asks for poll() at or after this time of clock().monotonic_ns(), whatever the clock on the wall does. One request
  /// at a time: the earliest counts. Where nobody watches the monotonic clock (in tests), on_timer_tick() is called
  /// instead.
  virtual void wake_at(std::int64_t monotonic_ns) {
    const std::int64_t wait_ns = std::max<std::int64_t>(0, monotonic_ns - clock().monotonic_ns());
    schedule(clock().now() + Duration{(wait_ns + 999) / 1000});
  }
};

enum class PollResult : unsigned char {
  kIdle,      ///< nothing to do until woken
  kProgress,  ///< did something; may have more
  kEnd,       ///< sources only: the stream is over
};

class Operator {
 public:
  virtual ~Operator() = default;

  /// Makes state handles and restores. A failure fails the job's start with the operator's uid put before it.
  virtual Status open(OperatorContext& /*context*/) { return {}; }

  /// Takes records of `batch` from `batch->cursor` on, advancing the cursor, until the batch is used up, the outbox is
  /// full, or it cannot go on for now (then a waker must be pending, or another input must be what it waits for). May
  /// take the whole batch away (`Outbox::pass`).
  virtual void process(std::size_t input, BatchPtr& batch, Outbox& out) = 0;

  /// For sources (no inputs): make records. For others: called after the waker fired, to finish asynchronous work.
  virtual PollResult poll(Outbox& /*out*/) { return PollResult::kIdle; }

  /// Does this input's watermark count for the operator's? (A model stream's does not when models take effect on
  /// arrival.)
  [[nodiscard]] virtual bool counts_for_watermark(std::size_t /*input*/) const noexcept { return true; }
  /// One input's own watermark advanced. Before on_watermark().
  virtual void on_input_watermark(std::size_t /*input*/, Timestamp /*watermark*/) {}
  /// The operator's watermark (minimum over inputs that count and are not idle) advanced. False: not finished (outbox
  /// full, or waiting); call again. When true is returned the watermark goes on to the next operator.
  virtual bool on_watermark(Timestamp /*watermark*/, Outbox& /*out*/) { return true; }
  /// False for operators that make their own watermarks: only the end of the stream (kMaxTimestamp) passes them.
  [[nodiscard]] virtual bool forwards_watermark() const noexcept { return true; }
  /// The stream before it fell idle (true) or is back. False: not finished; call again. When true is returned the mark
  /// goes on to the next operator, if forwards_idle().
  virtual bool on_idle(bool /*idle*/, Outbox& /*out*/) { return true; }
  [[nodiscard]] virtual bool forwards_idle() const noexcept { return forwards_watermark(); }
  /// Processing time asked for by OperatorContext::schedule has come. False: outbox full; call again.
  virtual bool on_timer_tick(Timestamp /*now*/, Outbox& /*out*/) { return true; }
  /// All inputs have ended (after the watermark kMaxTimestamp). False: call again.
  virtual bool on_end(Outbox& /*out*/) { return true; }

  /// A barrier has reached the operator: everything before it has been processed, nothing after it, and so it is on
  /// every task. Barriers come in the same order everywhere; `barrier` grows. If it is a checkpoint's, snapshot()
  /// follows.
  virtual void on_barrier(std::uint64_t /*barrier*/) {}
  /// A checkpoint's barrier has reached the operator: everything before it has been processed, nothing after it.
  /// O(changes) is for defer(); this call must be short.
  virtual void snapshot(SnapshotBuilder& /*builder*/) {}
  virtual void on_checkpoint_complete(std::uint64_t /*checkpoint_id*/) {}  ///< the newest snapshot's; before the next
  virtual void close() noexcept {}
};

}  // namespace weir
