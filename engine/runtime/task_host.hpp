#pragma once
// What a task needs from whoever runs it: a job's execution, or the seeded test scheduler.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <weir/executor.hpp>
#include <weir/operator.hpp>

#include "state/checkpoint_store.hpp"

namespace weir::runtime {

class Task;

// One task's part of a checkpoint.
struct TaskSnapshot {
  std::vector<OperatorSnapshot> operators;
  std::vector<std::function<Status()>> deferred;  // run before the manifest, off the workers
};

struct TaskFailure {
  Status status;  // names uid, task index and position
};

class TaskHost {
 public:
  virtual ~TaskHost() = default;
  // All from any thread.
  virtual void snapshot_taken(Task& task, std::uint64_t checkpoint_id, TaskSnapshot snapshot) = 0;
  virtual void task_ended(Task& task) = 0;
  virtual void task_failed(Task& task, Status status) = 0;
  // The barrier asked for by request_barrier() and nothing else: there is no snapshot to take.
  [[nodiscard]] virtual bool is_bare_barrier(std::uint64_t /*id*/) const noexcept { return false; }
  virtual void request_barrier() {}
  // While opening.
  virtual std::shared_ptr<void> shared(const std::string& /*uid*/, const std::function<std::shared_ptr<void>()>& make) {
    return make();
  }
  virtual void schedule_wake(Task& task, Timestamp processing_time) = 0;
  virtual void schedule_poll(std::function<void()> waker, std::int64_t monotonic_ns) = 0;
  virtual Metric& metric(std::string_view name, const std::string& uid, std::uint32_t task_index) = 0;
  virtual Metric& described_metric(std::string_view name, const std::string& uid, std::uint32_t task_index,
                                   const MetricInfo& /*info*/) {
    return metric(name, uid, task_index);
  }
  [[nodiscard]] virtual const Clock& clock() const = 0;
  [[nodiscard]] virtual Executor& executor() = 0;
  [[nodiscard]] virtual EventSink* events() noexcept { return nullptr; }
};

}  // namespace weir::runtime
