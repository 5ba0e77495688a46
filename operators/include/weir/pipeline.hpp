#pragma once
/// A pipeline: sources, verbs and sinks, and the options of the job that runs them.
///
///   weir::Pipeline pipeline({.name = "totals", .parallelism = 2});
///   pipeline.enable_checkpointing({.directory = "/var/lib/weir/totals"});
///   pipeline.from_source(...)...sink_to(...);
///   return weir::exit_code(pipeline.run());
///
/// Building does no I/O and reports nothing; start() and run() report all faults of the pipeline together.

#include <memory>
#include <string>
#include <utility>

#include <weir/job.hpp>
#include <weir/source.hpp>
#include <weir/stream.hpp>

namespace weir {

class Pipeline {
 public:
  explicit Pipeline(JobOptions options = {}) : options_(std::move(options)), graph_(std::make_shared<LogicalGraph>()) {}

  /// The job keeps checkpoints in a directory, restores the newest when it starts, and restarts from it after a
  /// failure.
  Pipeline& enable_checkpointing(CheckpointOptions options) { return options_.checkpoint = std::move(options), *this; }
  /// Serves status, metrics, queryable state and control while the job runs (docs/http.md).
  Pipeline& serve_http(HttpOptions options) { return options_.http = std::move(options), *this; }

  /// Begins a stream. Needs a uid: the source's position is in checkpoints.
  template <class T>
  Stream<T> from_source(const Source<T>& source) {
    NodeSpec node;
    node.kind = source.kind;
    node.inputs = 0;
    node.stateful = true;
    node.max_parallelism_limit = source.max_parallelism;
    node.faults = source.faults;
    node.outputs.push_back(detail::output_of<T>());
    node.make_operator = source.make_operator;
    if (source.routes)
      node.routes = [routes = source.routes](const std::string&, JobControl& job) { return routes(job); };
    return Stream<T>(graph_, {{graph_->add(std::move(node)), 0}});
  }

  /// Starts the job. The pipeline may be dropped afterwards.
  Result<Job> start() const {
    WEIR_ASSIGN_OR_RETURN(Job job, Job::create(*graph_, options_));
    WEIR_RETURN_IF_ERROR(job.start());
    return job;
  }
  /// Starts the job and waits for its end.
  Status run() const {
    WEIR_ASSIGN_OR_RETURN(Job job, start());
    return job.wait();
  }

  [[nodiscard]] const LogicalGraph& graph() const noexcept { return *graph_; }
  [[nodiscard]] const JobOptions& options() const noexcept { return options_; }

 private:
  JobOptions options_;
  std::shared_ptr<LogicalGraph> graph_;
};

}  // namespace weir
