#pragma once
// The inside of a Job: the control thread that restores, runs, checkpoints, restarts and ends executions.

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <thread>

#include <weir/job.hpp>
#include <weir/job_control.hpp>

#include "engine/checkpoint/coordinator.hpp"
#include "engine/graph/plan.hpp"
#include "engine/http/http_server.hpp"
#include "engine/job/event_hub.hpp"
#include "engine/runtime/execution.hpp"
#include "engine/runtime/thread_pool.hpp"

namespace weir {

class Job::Impl final : public JobControl {
 public:
  Impl(LogicalGraph graph, graph::Plan plan, JobOptions options);
  ~Impl() override;

  Status start();
  Status wait();
  Status stop(StopOptions options);
  Result<CheckpointInfo> checkpoint();
  void checkpoint_async(checkpoint::Coordinator::CheckpointCallback callback);
  void request_stop(bool drain);
  JobStatus status() const;
  std::string metrics() const;
  std::vector<CheckpointInfo> checkpoints() const;
  std::uint16_t http_port() const noexcept { return http_ ? http_->port() : 0; }

  // JobControl
  void visit(std::string_view uid, std::uint32_t task_index, std::function<void(Operator&)> visit,
             std::function<void(Status)> refused) override;
  void list_state(std::string_view uid, std::uint32_t task_index, std::string_view state, PageQuery query,
                  std::function<void(Result<StatePage>)> done) override;
  [[nodiscard]] std::uint32_t parallelism_of(std::string_view uid) const override;
  [[nodiscard]] std::uint32_t max_parallelism() const override { return options_.max_parallelism; }
  [[nodiscard]] std::string position_json() const override;
  [[nodiscard]] const std::string& directory() const override { return directory_; }
  [[nodiscard]] bool is_running() const override { return state() == JobStatus::State::kRunning; }
  [[nodiscard]] Executor& executor() override { return *executor_; }
  Result<std::shared_ptr<HttpStream>> follow_events(EventFilter filter, const std::string& after) override;
  Metric& metric(std::string_view uid, std::string_view name, const MetricInfo& info) override {
    return metrics_.metric(name, std::string(uid), 0, info);
  }

  // For the engine's own HTTP routes: like visit(), with the stage, so that its state can be asked.
  void visit_stage(std::string_view uid, std::uint32_t task_index, std::function<void(runtime::Stage&)> visit,
                   std::function<void(Status)> refused);
  // Reads what a stage has stored, on a background thread beside the task: `read` may use only what is constant or made
  // for any thread. The job does not restart meanwhile; what `read` gives is called when it may again. `refused` as for
  // visit().
  void read_stage(std::string_view uid, std::uint32_t task_index,
                  std::function<std::function<void()>(const runtime::Stage&)> read,
                  const std::function<void(Status)>& refused);
  [[nodiscard]] const LogicalGraph& graph() const noexcept { return graph_; }
  [[nodiscard]] std::string pipeline_json() const;
  [[nodiscard]] const JobOptions& options() const noexcept { return options_; }
  [[nodiscard]] JobStatus::State state() const;

 private:
  struct Listing;
  void go_on(const std::shared_ptr<Listing>& listing);

  // One attempt's objects, in the order in which they may refer to each other.
  struct Attempt {
    std::unique_ptr<checkpoint::Coordinator> coordinator;
    std::unique_ptr<runtime::Execution> execution;
  };
  Status open_store();
  Status begin_attempt();
  void end_attempt(const Status& reason);
  void control_loop();
  bool restart_after(Status fault);
  void set_state(JobStatus::State state, Status fault = {});
  void tell(JobStatus::State state, const std::string& reason);
  Status start_http();

  LogicalGraph graph_;
  const graph::Plan plan_;
  const JobOptions options_;
  std::string directory_;
  runtime::MetricsRegistry metrics_;
  std::unique_ptr<runtime::ThreadPool> executor_;
  std::unique_ptr<EventHub> events_;  // null without HTTP
  std::unique_ptr<CheckpointStore> store_;
  std::unique_ptr<http::HttpServer> http_;
  std::thread control_;

  mutable std::shared_mutex attempt_mutex_;  // shared: reading attempt_ and store_; exclusive: replacing them
  Attempt attempt_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_:
  JobStatus::State state_ = JobStatus::State::kCreated;
  Status fault_;
  std::uint32_t restarts_ = 0;
  std::optional<CheckpointInfo> last_checkpoint_;
  std::uint64_t restored_checkpoint_ = 0;
  bool stop_requested_ = false;
  bool drain_requested_ = false;
  bool abandoned_ = false;  // the Job was destroyed

  // Control thread only.
  std::uint32_t failures_in_a_row_ = 0;
  std::int64_t running_since_ns_ = 0;
};

// The engine's own HTTP paths (docs/http.md).
std::vector<HttpRoute> engine_routes(Job::Impl& job);

}  // namespace weir
