#pragma once
/// A job: a pipeline that runs. Start it, watch it, checkpoint it, stop it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/checkpoint.hpp>
#include <weir/graph.hpp>
#include <weir/http.hpp>
#include <weir/result.hpp>

namespace weir {

/// What to do when a task fails (an operator threw, a checkpoint could not be written).
struct RestartOptions {
  std::uint32_t attempts = 5;                      ///< restarts in a row before the job fails; 0: fail at once
  std::chrono::milliseconds initial_backoff{100};  ///< doubled at each restart
  std::chrono::milliseconds max_backoff{10'000};
  std::chrono::milliseconds reset_after{60'000};  ///< running so long without a failure forgets earlier ones
};

struct JobOptions {
  std::string name = "weir";             ///< part of every checkpoint: a checkpoint of another name is refused
  std::uint32_t parallelism = 1;         ///< tasks per operator unless the operator says otherwise
  std::uint32_t max_parallelism = 128;   ///< key groups; fixed for the life of the state
  std::uint32_t workers = 0;             ///< worker threads; 0: one per core
  std::uint32_t background_threads = 2;  ///< for files, model loading and other blocking work
  std::size_t batch_size = 256;          ///< records in a full batch
  std::size_t queue_capacity = 8;        ///< batches and control messages under way on each channel, at least 1
  std::size_t state_memory_bytes = std::size_t{512} << 20;  ///< of keyed state in memory, all tasks together (soft)
  RestartOptions restart{};
  std::optional<CheckpointOptions> checkpoint{};  ///< nothing: no job directory, and a failed task fails the job
  std::optional<HttpOptions> http{};              ///< nothing: no server
};

struct OperatorStatus {
  std::string uid;
  std::string kind;
  std::uint32_t parallelism = 0;
  std::int64_t records_in = 0;
  std::int64_t records_out = 0;  ///< since the last start or restart
  /// Sources: records put out since the job's first start, those before the restored checkpoint included.
  std::int64_t position = 0;
  Timestamp watermark = kMinTimestamp;  ///< the least of its tasks
};

struct JobStatus {
  enum class State : unsigned char {
    kCreated,
    kStarting,
    kRunning,
    kRestarting,
    kStopping,
    kFinished,
    kStopped,
    kFailed
  };
  State state = State::kCreated;
  Status fault;  ///< why it failed, or why it restarted last
  std::uint32_t restarts = 0;
  std::optional<CheckpointInfo> last_checkpoint;
  std::uint64_t restored_checkpoint = 0;     ///< 0: started fresh
  std::vector<OperatorStatus> operators;     ///< in the order of the pipeline
  std::vector<std::string> ended_operators;  ///< uids all of whose tasks have seen the end of their streams
};
std::string_view to_string(JobStatus::State state) noexcept;

struct StopOptions {
  /// True: sources end, everything in flight and in windows is processed and put out, as if the streams were over.
  /// False: a checkpoint is taken and the job halts; the next start goes on from there.
  bool drain = false;
};

/// Thread: all methods from any thread. Destroying a running job stops it without a checkpoint, as a crash would.
class Job {
 public:
  /// Validates the graph. Nothing runs yet. kInvalidArgument lists all faults.
  static Result<Job> create(LogicalGraph graph, JobOptions options);
  Job(Job&&) noexcept;
  Job& operator=(Job&&) noexcept;
  ~Job();

  /// Opens the job directory, restores the newest checkpoint, opens operators, starts the threads. At most once.
  Status start();
  /// Until the job has ended: OK when it finished or was stopped, else why it failed.
  Status wait();
  /// Asks the job to end and waits for it. Calls after the first only wait.
  Status stop(StopOptions options = {});
  /// Takes a checkpoint now; blocks until it is durable or declined. kFailedPrecondition without checkpointing.
  Result<CheckpointInfo> checkpoint();

  [[nodiscard]] JobStatus status() const;
  /// Prometheus text, as /metrics gives it.
  [[nodiscard]] std::string metrics() const;
  /// Retained checkpoints, oldest first.
  [[nodiscard]] std::vector<CheckpointInfo> checkpoints() const;
  /// The port the HTTP server listens on; 0 when there is none.
  [[nodiscard]] std::uint16_t http_port() const noexcept;

  class Impl;  ///< the engine's own

 private:
  explicit Job(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// 0 when OK, else 1 after writing the status to standard error: `return weir::exit_code(pipeline.run());`
int exit_code(const Status& status);

}  // namespace weir
