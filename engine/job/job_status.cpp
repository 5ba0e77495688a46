// What a job says of itself: status, metrics, the pipeline and its position as JSON.

#include <algorithm>

#include <weir/json.hpp>

#include "engine/http/metrics_text.hpp"
#include "engine/job/job_impl.hpp"

namespace weir {
namespace {

using http::MetricType;

std::string_view to_string(EdgeKind kind) {
  switch (kind) {
    case EdgeKind::kForward: return "forward";
    case EdgeKind::kHash: return "hash";
    case EdgeKind::kRebalance: return "rebalance";
    case EdgeKind::kBroadcast: return "broadcast";
  }
  return "unknown";
}

double seconds(std::int64_t ns) { return static_cast<double>(ns) / 1e9; }

}  // namespace

JobStatus Job::Impl::status() const {
  JobStatus status;
  {
    const std::lock_guard lock(mutex_);
    status.state = state_;
    status.fault = fault_;
    status.restarts = restarts_;
    status.last_checkpoint = last_checkpoint_;
    status.restored_checkpoint = restored_checkpoint_;
  }
  const std::shared_lock lock(attempt_mutex_);
  for (const NodeSpec& node : graph_.nodes) {
    OperatorStatus op;
    op.uid = node.uid;
    op.kind = node.kind;
    op.parallelism = node.parallelism;
    op.watermark = kMaxTimestamp;
    bool ended = attempt_.execution != nullptr;
    for (std::uint32_t index = 0; attempt_.execution && index < node.parallelism; ++index) {
      const auto [task, stage] = attempt_.execution->find(node.uid, index);
      const runtime::StageCounters& counters = task->stages()[stage]->counters;
      op.records_in += counters.records_in.value();
      op.records_out += counters.records_out.value();
      op.position += counters.records_out.value() + static_cast<std::int64_t>(counters.records_out_before);
      op.watermark = std::min(op.watermark, Timestamp{Duration{counters.watermark_us.value()}});
      ended = ended && task->ended();
    }
    if (!attempt_.execution) op.watermark = kMinTimestamp;
    if (ended) status.ended_operators.push_back(node.uid);
    status.operators.push_back(std::move(op));
  }
  return status;
}

std::string Job::Impl::metrics() const {
  http::MetricsText text;
  const JobStatus now = status();
  text.family("weir_job_up", "1 while the job runs", MetricType::kGauge);
  text.sample("weir_job_up", {{"job", options_.name}}, now.state == JobStatus::State::kRunning ? 1 : 0);
  text.family("weir_job_restarts_total", "restarts from a checkpoint since the process started", MetricType::kCounter);
  text.sample("weir_job_restarts_total", {{"job", options_.name}}, now.restarts);
  if (now.last_checkpoint) {
    text.family("weir_checkpoint_last_id", "the newest durable checkpoint", MetricType::kGauge);
    text.sample("weir_checkpoint_last_id", {}, static_cast<double>(now.last_checkpoint->id));
    text.family("weir_checkpoint_last_duration_seconds", "time to write it", MetricType::kGauge);
    text.sample("weir_checkpoint_last_duration_seconds", {},
                static_cast<double>(now.last_checkpoint->duration_ms) / 1e3);
    text.family("weir_checkpoint_last_bytes", "its size; most files are shared with others", MetricType::kGauge);
    text.sample("weir_checkpoint_last_bytes", {}, static_cast<double>(now.last_checkpoint->bytes));
    text.family("weir_checkpoint_last_completed_seconds", "when it became durable, since 1970", MetricType::kGauge);
    text.sample("weir_checkpoint_last_completed_seconds", {},
                static_cast<double>(now.last_checkpoint->completed.time_since_epoch().count()) / 1e6);
  }
  text.family("weir_operator_records_in_total", "records an operator has taken", MetricType::kCounter);
  text.family("weir_operator_records_out_total", "records an operator has put out", MetricType::kCounter);
  text.family("weir_operator_watermark_seconds", "the operator's watermark, since 1970", MetricType::kGauge);
  for (const OperatorStatus& op : now.operators) {
    const http::MetricLabels labels{{"uid", op.uid}, {"kind", op.kind}};
    text.sample_count("weir_operator_records_in_total", labels, static_cast<std::uint64_t>(op.records_in));
    text.sample_count("weir_operator_records_out_total", labels, static_cast<std::uint64_t>(op.records_out));
    if (op.watermark != kMinTimestamp && op.watermark != kMaxTimestamp)
      text.sample("weir_operator_watermark_seconds", labels,
                  static_cast<double>(op.watermark.time_since_epoch().count()) / 1e6);
  }
  text.family("weir_task_busy_seconds_total", "time a task spent working", MetricType::kCounter);
  text.family("weir_task_backpressured_seconds_total", "time a task waited for room behind it", MetricType::kCounter);
  text.family("weir_task_idle_seconds_total", "time a task waited for input", MetricType::kCounter);
  {
    const std::shared_lock lock(attempt_mutex_);
    if (attempt_.execution) {
      for (const auto& task : attempt_.execution->tasks()) {
        const http::MetricLabels labels{{"task", task->name()}};
        text.sample("weir_task_busy_seconds_total", labels, seconds(task->busy_ns.value()));
        text.sample("weir_task_backpressured_seconds_total", labels, seconds(task->backpressured_ns.value()));
        text.sample("weir_task_idle_seconds_total", labels, seconds(task->idle_ns.value()));
      }
    }
  }
  metrics_.for_each([&](const std::string& name, const std::string& help, const std::string& uid, std::uint32_t task,
                        const runtime::MetricsRegistry::Labels& more, std::int64_t value) {
    const std::string full = "weir_operator_" + name;
    text.family(full, help.empty() ? "see the operator's documentation" : help,
                name.ends_with("_total") ? MetricType::kCounter : MetricType::kGauge);
    http::MetricLabels labels{{"uid", uid}, {"task", std::to_string(task)}};
    labels.insert(labels.end(), more.begin(), more.end());
    text.sample(full, labels, static_cast<double>(value));
  });
  if (http_) {
    const http::HttpCounters http = http_->counters();
    text.family("weir_http_requests_total", "requests handed to a handler", MetricType::kCounter);
    text.sample_count("weir_http_requests_total", {}, http.requests);
    text.family("weir_http_connections_open", "connections now", MetricType::kGauge);
    text.sample_count("weir_http_connections_open", {}, http.connections_open);
    text.family("weir_http_streams_open", "answers that go on, now", MetricType::kGauge);
    text.sample_count("weir_http_streams_open", {}, http.streams_open);
    text.family("weir_http_streams_dropped_total", "streams ended because the client did not keep up",
                MetricType::kCounter);
    text.sample_count("weir_http_streams_dropped_total", {}, http.streams_dropped + events_->dropped());
  }
  return text.text();
}

std::string Job::Impl::pipeline_json() const {
  const JobStatus now = status();
  JsonWriter json;
  json.begin_object();
  json.key("job");
  json.string(options_.name);
  json.key("state");
  json.string(to_string(now.state));
  if (!now.fault.is_ok()) {
    json.key("fault");
    json.string(now.fault.to_string());
  }
  json.key("restarts");
  json.number(now.restarts);
  json.key("parallelism");
  json.number(options_.parallelism);
  json.key("max_parallelism");
  json.number(options_.max_parallelism);
  json.key("operators");
  json.begin_array();
  for (std::size_t index = 0; index < now.operators.size(); ++index) {
    const OperatorStatus& op = now.operators[index];
    json.begin_object();
    json.key("uid");
    json.string(op.uid);
    json.key("kind");
    json.string(op.kind);
    json.key("name");
    json.string(graph_.nodes[index].name.empty() ? op.kind : graph_.nodes[index].name);
    json.key("parallelism");
    json.number(op.parallelism);
    json.key("records_in");
    json.number(op.records_in);
    json.key("records_out");
    json.number(op.records_out);
    json.key("watermark");
    json.string(format_timestamp(op.watermark));
    json.end_object();
  }
  json.end_array();
  json.key("edges");
  json.begin_array();
  for (const EdgeSpec& edge : graph_.edges) {
    json.begin_object();
    json.key("from");
    json.string(graph_.nodes[edge.from].uid);
    json.key("to");
    json.string(graph_.nodes[edge.to].uid);
    json.key("input");
    json.number(edge.to_input);
    json.key("kind");
    json.string(to_string(edge.kind));
    if (!graph_.nodes[edge.from].outputs[edge.from_output].name.empty()) {
      json.key("side_output");
      json.string(graph_.nodes[edge.from].outputs[edge.from_output].name);
    }
    json.end_object();
  }
  json.end_array();
  json.key("tasks");
  json.begin_array();
  {
    const std::shared_lock lock(attempt_mutex_);
    if (attempt_.execution) {
      for (const auto& task : attempt_.execution->tasks()) {
        const auto total =
            static_cast<double>(task->busy_ns.value() + task->backpressured_ns.value() + task->idle_ns.value());
        const auto share = [&](const Metric& part) {
          return total == 0 ? 0.0 : static_cast<double>(part.value()) / total;
        };
        json.begin_object();
        json.key("task");
        json.string(task->name());
        json.key("busy");
        json.number(share(task->busy_ns));
        json.key("backpressured");
        json.number(share(task->backpressured_ns));
        json.key("idle");
        json.number(share(task->idle_ns));
        json.key("ended");
        json.boolean(task->ended());
        std::size_t waiting = 0;
        for (const auto& input : task->inputs()) waiting += input.channel->depth();
        json.key("input_queue");
        json.number(waiting);
        json.end_object();
      }
    }
  }
  json.end_array();
  json.end_object();
  return json.take();
}

std::string Job::Impl::position_json() const {
  const JobStatus now = status();
  JsonWriter json;
  json.begin_object();
  json.key("checkpoint");
  json.number(now.last_checkpoint ? now.last_checkpoint->id : now.restored_checkpoint);
  Timestamp watermark = kMaxTimestamp;
  for (std::size_t index = 0; index < now.operators.size(); ++index)
    if (graph_.nodes[index].is_sink) watermark = std::min(watermark, now.operators[index].watermark);
  json.key("watermark");
  json.string(format_timestamp(watermark));
  json.key("sources");
  json.begin_object();
  for (std::size_t index = 0; index < now.operators.size(); ++index) {
    if (graph_.nodes[index].inputs != 0) continue;
    json.key(now.operators[index].uid);
    json.number(now.operators[index].position);
  }
  json.end_object();
  json.end_object();
  return json.take();
}

}  // namespace weir
