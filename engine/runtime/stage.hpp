#pragma once
// A stage: one operator instance inside a task, with what waits for it and where its outputs go.

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/graph.hpp>
#include <weir/operator.hpp>

#include "engine/runtime/emitter.hpp"
#include "engine/runtime/task_host.hpp"

namespace weir::runtime {

// The watermark when all that counts is over and something else is not. No time of a record.
inline constexpr Timestamp kBeforeTheEnd = kMaxTimestamp - Duration{1};

// A control event on its way through a chain.
struct Control {
  enum class Kind : std::uint8_t { kWatermark, kBarrier, kIdle, kActive, kEnd, kTimerTick };
  Kind kind;
  std::int64_t value = 0;
  [[nodiscard]] Timestamp time() const noexcept { return Timestamp{Duration{value}}; }
};

// Numbers one stage shows the outside. One writer; relaxed everywhere: each stands alone.
struct StageCounters {
  Metric records_in;
  Metric records_out;
  std::uint64_t records_out_before = 0;  // sources: put out before the checkpoint that was restored; constant once open
  Metric watermark_us;                   // microseconds; the minimum of int64 before the first
};

class Stage;

class StageContext final : public OperatorContext {
 public:
  StageContext(Stage& stage, Task& task, TaskHost& host) : stage_(stage), task_(task), host_(host) {}
  [[nodiscard]] const std::string& uid() const noexcept override;
  [[nodiscard]] std::uint32_t task_index() const noexcept override;
  [[nodiscard]] std::uint32_t parallelism() const noexcept override;
  [[nodiscard]] std::uint32_t max_parallelism() const noexcept override;
  [[nodiscard]] StateContext& state() noexcept override;
  [[nodiscard]] const Clock& clock() const noexcept override { return host_.clock(); }
  [[nodiscard]] Executor& executor() noexcept override { return host_.executor(); }
  [[nodiscard]] std::function<void()> waker() override;
  [[nodiscard]] bool is_restored() const noexcept override;
  [[nodiscard]] std::span<const std::pair<std::string, std::string>> restored_entries() const noexcept override;
  [[nodiscard]] Timestamp restored_watermark() const noexcept override;
  [[nodiscard]] const std::string& job_directory() const noexcept override;
  [[nodiscard]] bool aligning() const noexcept override;
  [[nodiscard]] std::optional<std::size_t> side_output(std::string_view name) const noexcept override;
  Metric& metric(std::string_view name) override;
  Metric& described_metric(std::string_view name, const MetricInfo& info) override;
  [[nodiscard]] EventSink* events() noexcept override { return host_.events(); }
  void request_barrier() override { host_.request_barrier(); }
  std::shared_ptr<void> shared(const std::function<std::shared_ptr<void>()>& make) override {
    return host_.shared(uid(), make);
  }
  void schedule(Timestamp processing_time) override;
  void wake_at(std::int64_t monotonic_ns) override;

 private:
  Stage& stage_;
  Task& task_;
  TaskHost& host_;
};

class Stage {
 public:
  static constexpr std::int64_t kNoWake = std::numeric_limits<std::int64_t>::max();
  struct Options {
    const NodeSpec* node = nullptr;  // lives as long as the job
    std::uint32_t task_index = 0;
    std::uint32_t parallelism = 1;
    std::uint32_t max_parallelism = 128;
    std::size_t batch_size = 256;
    std::size_t state_memory_bytes = 0;
    const RestoredOperator* restored = nullptr;  // null: fresh; lives as long as the execution
    std::string job_directory;
    std::function<std::shared_ptr<const StateReader>(const StateDescriptor&)> reader;
    std::shared_ptr<const KeyHasher> hasher;  // set when a keyed edge was chained: hashes are made here
  };
  Stage(Options options, Task& task, TaskHost& host);
  ~Stage();

  Status open();

  // What waits here and is not yet done.
  [[nodiscard]] bool has_input() const noexcept;
  // True when everything this stage makes can leave it.
  [[nodiscard]] bool can_emit() const noexcept;
  // Handles what waits. True when anything moved.
  bool step();
  // Sources: makes records. Others: finishes asynchronous work.
  PollResult poll();

  void set_next(Stage* next) noexcept {
    next_ = next;
    next->previous_ = this;
  }
  void add_emitter(std::uint32_t output, std::unique_ptr<Emitter> emitter);
  bool flush(bool partial);
  void push_control(Control control) { controls_.push_back(control); }
  [[nodiscard]] bool emitters_ready() const noexcept;

  // One input's own watermark advanced.
  void input_watermark(std::size_t input, Timestamp time);
  // After a restore, when all stages are open: who makes watermarks says again what it said before the checkpoint, so
  // that those behind need not wait for its next record.
  void announce_restored();

  // Checkpoints.
  bool drain_snapshot(std::size_t max_entries);  // true when all frozen entries are copied
  void drop_barrier(std::uint64_t id);           // forgets barriers up to `id` on their way through the chain
  OperatorSnapshot take_snapshot(std::vector<std::function<Status()>>& deferred);
  void checkpoint_complete(std::uint64_t id);
  void checkpoint_aborted();
  // `, record at source position 17`, when an exception left process(); for messages.
  [[nodiscard]] std::string failing_record() const;
  // True while (or, after an exception, because) the operator's own code runs.
  [[nodiscard]] bool in_call() const noexcept { return in_call_; }
  [[nodiscard]] bool has_control() const noexcept { return !controls_.empty(); }
  // `operator 'uid' task 3`
  [[nodiscard]] std::string label() const;

  Options options;
  std::unique_ptr<Operator> op;
  StageContext context;
  std::unique_ptr<StateContext> state;
  Outbox outbox;
  std::vector<BatchPtr> pending;       // one per input
  std::vector<Channel*> pending_from;  // where an emptied batch goes back to (stage 0 of a task)
  StageCounters counters;
  std::vector<std::unique_ptr<Emitter>> emitters;
  Timestamp watermark = kMinTimestamp;  // handled by the operator
  Timestamp next_tick = kMaxTimestamp;  // processing time asked for
  std::int64_t next_wake_ns = kNoWake;  // monotonic time asked for
  std::atomic<bool> poll_requested{false};

 private:
  [[nodiscard]] bool makes_watermarks() const noexcept;
  void reached(Timestamp time);
  void begin_snapshot();
  bool step_control();
  bool step_batches();
  void deliver();
  void deliver_output(std::uint32_t output);
  void forward(const Control& control);
  void settle(std::size_t input);

  Task& task_;
  TaskHost& host_;
  Stage* next_ = nullptr;
  Stage* previous_ = nullptr;
  std::vector<Control> controls_;
  std::vector<std::vector<Emitter*>> by_output_;
  std::vector<std::vector<BatchPtr>> copies_;  // for outputs with several consumers
  BatchPtr* processing_ = nullptr;
  bool in_call_ = false;
  Timestamp lasting_watermark_ = kMinTimestamp;  // `watermark`, but for the end of the stream
  Timestamp sent_watermark_ = kMinTimestamp;
  bool sent_idle_ = false;
  std::size_t next_input_ = 0;
  // The snapshot being taken, or waiting for its checkpoint's outcome.
  bool in_snapshot_ = false;
  std::optional<SnapshotBuilder> builder_;
  std::vector<StateDelta> deltas_;
  Timestamp snapshot_watermark_ = kMinTimestamp;
  std::uint64_t snapshot_records_out_ = 0;
  std::size_t draining_ = 0;  // index of the table being drained
};

}  // namespace weir::runtime
