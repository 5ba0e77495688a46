#pragma once
// The coordinator of one execution: triggers barriers, gathers what tasks froze, makes it durable, commits, and decides
// when the job is over. A state machine without a thread of its own: events come from any thread, step() is called by
// one (the job's control thread, or a test's scheduler).
//
// Moves of a checkpoint: triggered → all tasks answered → deferred work done → written → committed → completed;
// triggered → timed out → declined. Anything that fails after all tasks answered fails the job: a failed fsync is never
// tried again.

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <vector>

#include <weir/checkpoint.hpp>
#include <weir/result.hpp>

#include "engine/runtime/execution.hpp"

namespace weir::checkpoint {

class Coordinator final : public runtime::ExecutionListener {
 public:
  enum class Outcome : std::uint8_t {
    kRunning,   // nothing decided
    kFinished,  // all streams ended, everything committed
    kStopped,   // stop without drain: the last checkpoint is durable
    kFailed,    // see fault()
  };
  using CheckpointCallback = std::function<void(Result<CheckpointInfo>)>;

  struct Options {
    CheckpointStore* store = nullptr;  // null: nothing is written, committers run when the job ends
    std::optional<CheckpointOptions> checkpoint;
    const LogicalGraph* graph = nullptr;
    const Clock* clock = nullptr;
    std::uint64_t first_id = 1;
    std::function<void(const CheckpointInfo&)> completed;
  };
  explicit Coordinator(Options options) : options_(std::move(options)) {}

  // Before the execution starts.
  void attach(runtime::Execution& execution);

  // Any thread.
  void snapshot_taken(runtime::Task& task, std::uint64_t checkpoint_id, runtime::TaskSnapshot snapshot) override;
  void task_ended(runtime::Task& task) override;
  void task_failed(runtime::Task& task, Status status) override;
  void barrier_requested() override;
  void request_checkpoint(CheckpointCallback callback);
  void request_stop(bool drain);
  // Waits until there may be something for step(), or until the next deadline.
  void wait();

  // The control thread.
  Outcome step();
  [[nodiscard]] const Status& fault() const noexcept { return fault_; }
  // Refuses whoever still waits for a checkpoint.
  void shut_down(const Status& reason);

 private:
  enum class Kind : std::uint8_t {
    kPeriodic,
    kFinal,    // of a job whose streams have all ended
    kHalting,  // of a stop without drain
    kBare,     // no checkpoint: only a cut through the streams that an operator asked for
  };
  struct Running {
    std::uint64_t id = 0;
    std::int64_t started_ns = 0;
    Kind kind = Kind::kPeriodic;
    std::size_t missing = 0;
    std::vector<runtime::TaskSnapshot> snapshots;
    std::vector<CheckpointCallback> callbacks;
  };

  void trigger(std::unique_lock<std::mutex>& lock, Kind kind);
  void decline(std::unique_lock<std::mutex>& lock, const std::string& why);
  Outcome complete(std::unique_lock<std::mutex>& lock);
  Status make_durable(Running& running, CheckpointInfo& info);
  Outcome fail(Status status);
  [[nodiscard]] bool interval_due() const;
  [[nodiscard]] std::int64_t next_deadline_ns() const;

  const Options options_;
  runtime::Execution* execution_ = nullptr;
  Status fault_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  bool signalled_ = false;
  std::uint64_t next_id_ = 1;
  std::int64_t last_trigger_ns_ = 0;
  std::uint32_t declined_in_a_row_ = 0;
  std::size_t ended_ = 0;
  bool stop_requested_ = false;
  bool drain_requested_ = false;
  bool drain_sent_ = false;
  bool barrier_requested_ = false;
  bool shut_down_ = false;
  std::optional<Status> task_fault_;
  std::optional<Running> running_;
  std::vector<CheckpointCallback> requested_;
};

}  // namespace weir::checkpoint
