#pragma once
// An execution: one attempt to run a plan, from restore to end or failure. Builds tasks and channels; runs them on
// workers, or leaves them to a test's scheduler.

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <weir/job.hpp>

#include "engine/graph/plan.hpp"
#include "engine/runtime/metrics_registry.hpp"
#include "engine/runtime/task.hpp"
#include "engine/runtime/worker.hpp"

namespace weir::runtime {

// Who hears of what tasks report. Called from worker threads.
class ExecutionListener {
 public:
  virtual ~ExecutionListener() = default;
  virtual void snapshot_taken(Task& task, std::uint64_t checkpoint_id, TaskSnapshot snapshot) = 0;
  virtual void task_ended(Task& task) = 0;
  virtual void task_failed(Task& task, Status status) = 0;
  // An operator wants a barrier though no checkpoint may be due.
  virtual void barrier_requested() {}
};

class Execution final : public TaskHost {
 public:
  struct Setup {
    const LogicalGraph* graph = nullptr;
    const graph::Plan* plan = nullptr;
    const JobOptions* options = nullptr;
    CheckpointStore* store = nullptr;       // null: no checkpointing
    const RestoredJob* restored = nullptr;  // null: fresh
    MetricsRegistry* metrics = nullptr;
    ExecutionListener* listener = nullptr;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    EventSink* events = nullptr;  // null: nobody can follow
  };
  explicit Execution(Setup setup);
  ~Execution() override;

  // Makes and opens all operators, for so many workers to run; 0: somebody else does.
  Status open(std::uint32_t workers = 0);
  void start_workers();
  // Stops workers and the timer; tasks stay for their counters to be read.
  void stop();
  // After stop(): refuses who waits for a task's answer, or will. No lock of the caller's may be held that they take.
  void refuse_mail();

  [[nodiscard]] const std::vector<std::unique_ptr<Task>>& tasks() const noexcept { return tasks_; }
  // The task and stage that run an operator's instance; {null, 0} when there is none.
  [[nodiscard]] std::pair<Task*, std::size_t> find(std::string_view uid, std::uint32_t task_index) const;
  // Puts a barrier into all sources. One at a time: the next when all tasks have answered, or it was called off. A bare
  // one is no checkpoint: tasks answer with an empty snapshot.
  void send_barrier(std::uint64_t id, bool bare);
  // For schedulers without threads: the earliest wake asked for, and waking those due.
  [[nodiscard]] std::optional<Timestamp> next_wake() const;
  void wake_due();

  // TaskHost
  void snapshot_taken(Task& task, std::uint64_t checkpoint_id, TaskSnapshot snapshot) override;
  void task_ended(Task& task) override;
  void task_failed(Task& task, Status status) override;
  [[nodiscard]] bool is_bare_barrier(std::uint64_t id) const noexcept override {
    return bare_barrier_.load(std::memory_order_acquire) == id;
  }
  void request_barrier() override;
  std::shared_ptr<void> shared(const std::string& uid, const std::function<std::shared_ptr<void>()>& make) override;
  void schedule_wake(Task& task, Timestamp processing_time) override;
  void schedule_poll(std::function<void()> waker, std::int64_t monotonic_ns) override;
  Metric& metric(std::string_view name, const std::string& uid, std::uint32_t task_index) override;
  Metric& described_metric(std::string_view name, const std::string& uid, std::uint32_t task_index,
                           const MetricInfo& info) override;
  [[nodiscard]] const Clock& clock() const override { return *setup_.clock; }
  [[nodiscard]] Executor& executor() override { return *setup_.executor; }
  [[nodiscard]] EventSink* events() noexcept override { return setup_.events; }

 private:
  void build_tasks();
  void build_channels();
  void deal_tasks();
  void timer_loop();
  std::optional<Duration> wake_due_locked();

  Setup setup_;
  Status reader_fault_;
  std::atomic<std::uint64_t> bare_barrier_{0};
  std::map<std::string, std::shared_ptr<void>> shared_;  // by uid; outlives the operators
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<std::vector<Task*>> by_vertex_;
  std::vector<std::unique_ptr<Channel>> channels_;
  std::map<std::string, std::pair<std::size_t, std::size_t>, std::less<>> place_of_uid_;  // vertex, stage
  std::vector<std::unique_ptr<Worker>> workers_;

  mutable std::mutex timer_mutex_;
  std::condition_variable timer_changed_;
  std::multimap<Timestamp, Task*> wakes_;  // guarded by timer_mutex_; at most one per stage matters
  // By the monotonic clock; guarded by timer_mutex_; at most one per stage matters.
  std::multimap<std::int64_t, std::function<void()>> polls_;
  bool timer_stopping_ = false;  // guarded by timer_mutex_
  std::thread timer_;
};

}  // namespace weir::runtime
