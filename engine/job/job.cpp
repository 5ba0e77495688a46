#include <weir/job.hpp>

#include <cstdio>

#include "engine/job/job_impl.hpp"

namespace weir {

std::string_view to_string(JobStatus::State state) noexcept {
  switch (state) {
    case JobStatus::State::kCreated: return "created";
    case JobStatus::State::kStarting: return "starting";
    case JobStatus::State::kRunning: return "running";
    case JobStatus::State::kRestarting: return "restarting";
    case JobStatus::State::kStopping: return "stopping";
    case JobStatus::State::kFinished: return "finished";
    case JobStatus::State::kStopped: return "stopped";
    case JobStatus::State::kFailed: return "failed";
  }
  return "unknown";
}

Result<Job> Job::create(LogicalGraph graph, JobOptions options) {
  WEIR_RETURN_IF_ERROR(graph::validate(graph, {options.parallelism, options.max_parallelism}));
  if (options.batch_size == 0) return Status::invalid_argument("batch_size must be at least 1");
  if (options.queue_capacity == 0) return Status::invalid_argument("queue_capacity must be at least 1");
  if (options.checkpoint && options.checkpoint->directory.empty())
    return Status::invalid_argument("checkpointing needs CheckpointOptions::directory");
  graph::Plan plan = graph::make_plan(graph);
  return Job(std::make_shared<Impl>(std::move(graph), std::move(plan), std::move(options)));
}

Job::Job(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Job::Job(Job&&) noexcept = default;
Job& Job::operator=(Job&&) noexcept = default;
Job::~Job() = default;

Status Job::start() { return impl_->start(); }
Status Job::wait() { return impl_->wait(); }
Status Job::stop(StopOptions options) { return impl_->stop(options); }
Result<CheckpointInfo> Job::checkpoint() { return impl_->checkpoint(); }
JobStatus Job::status() const { return impl_->status(); }
std::string Job::metrics() const { return impl_->metrics(); }
std::vector<CheckpointInfo> Job::checkpoints() const { return impl_->checkpoints(); }
std::uint16_t Job::http_port() const noexcept { return impl_->http_port(); }

int exit_code(const Status& status) {
  if (status.is_ok()) return 0;
  std::fprintf(stderr, "%s\n", status.to_string().c_str());
  return 1;
}

}  // namespace weir
