#pragma once
/// Simulation: a whole job on one thread, in an order that a seed chooses, under a clock of its own.
///
///   weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = 42});
///   ASSERT_TRUE(simulation.run().is_ok()) << simulation.describe();
///
/// Tasks, channels, checkpoints and restores are those of a real job; only the threads are not. Each step a random task
/// gets one call, or a random background job runs, or the clock moves, or a checkpoint is asked for, or the process
/// "dies" and starts again from its newest checkpoint. The same seed gives the same run. Queue capacity and batch size
/// are drawn from the seed unless given, so that every run tries another pipeline of buffers.
///
/// Thread: one. Sources and sinks that have threads of their own make a run irreproducible.

#include <cstdint>
#include <memory>
#include <string>

#include <weir/graph.hpp>
#include <weir/job.hpp>
#include <weir/status.hpp>

namespace weir::testing {

struct SimulationOptions {
  std::uint64_t seed = 1;
  std::size_t queue_capacity = 0;    ///< 0: 1 to 8 by the seed
  std::size_t batch_size = 0;        ///< 0: 1 to 64 by the seed
  std::size_t checkpoint_steps = 0;  ///< a checkpoint about every so many steps; 0: only the final one
  std::size_t crash_steps = 0;       ///< a crash about every so many steps (needs a checkpoint directory); 0: never
  std::size_t max_crashes = 10;
  std::size_t max_steps = 50'000'000;  ///< run() gives up after so many: kDeadlineExceeded
};

class Simulation {
 public:
  Simulation(LogicalGraph graph, JobOptions job, SimulationOptions options);
  ~Simulation();
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  /// Until the job has finished. kInvalidArgument: the graph is faulty. kDeadlineExceeded: max_steps, or nothing can
  /// move any more (a deadlock, with the tasks' states in the message). Else what failed the job.
  Status run();
  /// Seed, sizes drawn, steps, checkpoints and crashes: to print when a test fails.
  [[nodiscard]] std::string describe() const;
  [[nodiscard]] std::size_t checkpoints() const noexcept;
  [[nodiscard]] std::size_t crashes() const noexcept;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir::testing
