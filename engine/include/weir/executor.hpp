#pragma once
/// Where blocking work runs: files, model loading, anything that must not hold up a worker.

#include <functional>
#include <string_view>

#include <weir/status.hpp>

namespace weir {

/// A bounded pool of background threads (in the seeded test scheduler: jobs run one at a time on the test's thread, at
/// moments the seed chooses). Thread: all methods from any thread.
class Executor {
 public:
  virtual ~Executor() = default;
  /// Runs `job` once, later, on another thread; jobs are started in order but may overlap. Fails with
  /// kResourceExhausted when the queue (1,024 jobs) is full: keep the work and try again at the next call of the task;
  /// with kCancelled when the job stops. `what` names the work in logs. A job must not throw.
  virtual Status submit(std::string_view what, std::function<void()> job) = 0;
};

}  // namespace weir
