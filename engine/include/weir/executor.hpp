#pragma once
/// Where blocking work runs: files, model loading, anything that must not hold up a worker.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
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

  /// An executor of its own for work that may take long or never end, so that it holds up nobody else: `threads` jobs
  /// run at once, others wait as above. Must not outlive this one. Destroying a lane drops what waits and gives what
  /// runs a second; a job that has not ended by then keeps its thread until it does, so a job must own everything it
  /// touches. Without threads of its own (in tests) a lane hands its jobs to this executor.
  virtual std::unique_ptr<Executor> lane(std::string name, std::uint32_t threads);
};

}  // namespace weir
