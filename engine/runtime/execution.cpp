#include "engine/runtime/execution.hpp"

#include <pthread.h>

#include <algorithm>

namespace weir::runtime {

Execution::Execution(Setup setup) : setup_(setup) {
  build_tasks();
  build_channels();
}

Execution::~Execution() { stop(); }

void Execution::build_tasks() {
  const LogicalGraph& graph = *setup_.graph;
  std::uint32_t stateful = 0;
  for (const NodeSpec& node : graph.nodes)
    if (node.stateful) stateful += node.parallelism;
  const std::size_t memory = setup_.options->state_memory_bytes / std::max(1U, stateful);
  const std::string directory = setup_.store == nullptr ? std::string() : setup_.store->directory();

  for (std::size_t index = 0; index < setup_.plan->vertices.size(); ++index) {
    const graph::Vertex& vertex = setup_.plan->vertices[index];
    std::vector<Task*>& row = by_vertex_.emplace_back();
    for (std::uint32_t task_index = 0; task_index < vertex.parallelism; ++task_index) {
      auto task =
          std::make_unique<Task>(tasks_.size(), vertex.name(graph) + " task " + std::to_string(task_index), *this);
      for (std::size_t stage = 0; stage < vertex.nodes.size(); ++stage) {
        const NodeSpec& node = graph.nodes[vertex.nodes[stage]];
        place_of_uid_[node.uid] = {index, stage};
        Stage::Options options;
        options.node = &node;
        options.task_index = task_index;
        options.parallelism = vertex.parallelism;
        options.max_parallelism = setup_.options->max_parallelism;
        options.batch_size = setup_.options->batch_size;
        options.state_memory_bytes = memory;
        options.job_directory = directory;
        options.hasher = vertex.hashers[stage];
        if (setup_.restored != nullptr) {
          const auto found = setup_.restored->operators.find(node.uid);
          if (found != setup_.restored->operators.end()) options.restored = &found->second;
        }
        if (setup_.store != nullptr) {
          options.reader = [this](const StateDescriptor& descriptor) -> std::shared_ptr<const StateReader> {
            auto reader = setup_.store->reader(descriptor);
            if (reader.is_ok()) return std::move(reader).value();
            if (reader_fault_.is_ok()) reader_fault_ = reader.status();
            return nullptr;
          };
        }
        task->add_stage(std::move(options));
      }
      row.push_back(task.get());
      tasks_.push_back(std::move(task));
    }
  }
}

void Execution::build_channels() {
  for (const graph::PlannedEdge& planned : setup_.plan->edges) {
    const EdgeSpec& edge = setup_.graph->edges[planned.edge];
    const std::vector<Task*>& producers = by_vertex_[planned.from];
    const std::vector<Task*>& consumers = by_vertex_[planned.to];
    for (std::size_t from = 0; from < producers.size(); ++from) {
      std::vector<Channel*> channels;
      for (std::size_t to = 0; to < consumers.size(); ++to) {
        if (planned.kind == EdgeKind::kForward && to != from) continue;
        channels_.push_back(
            std::make_unique<Channel>(*producers[from], *consumers[to], setup_.options->queue_capacity));
        channels.push_back(channels_.back().get());
        consumers[to]->add_input(*channels_.back(), edge.to_input);
      }
      Emitter::Options options;
      options.kind = planned.kind;
      options.hasher = edge.hasher;
      options.max_parallelism = setup_.options->max_parallelism;
      options.batch_size = setup_.options->batch_size;
      options.make_batch = setup_.graph->nodes[edge.from].outputs[edge.from_output].make_batch;
      producers[from]->stages()[planned.from_stage]->add_emitter(
          edge.from_output, std::make_unique<Emitter>(std::move(options), std::move(channels)));
    }
  }
}

// Tasks of an operator that has some for every worker go by their index: those that a forward edge connects share a
// worker, and no batch changes cores between them. All others go in turn.
void Execution::deal_tasks() {
  if (workers_.empty()) return;
  std::size_t turn = 0;
  for (const std::vector<Task*>& tasks : by_vertex_) {
    const bool for_every_worker = tasks.size() % workers_.size() == 0;
    for (std::size_t index = 0; index < tasks.size(); ++index)
      workers_[(for_every_worker ? index : turn++) % workers_.size()]->add(*tasks[index]);
  }
}

Status Execution::open(std::uint32_t workers) {
  // Whom to wake is settled before operators open: what they start in the background may be done at once.
  for (const auto& task : tasks_) task->set_notify([] {});
  for (std::uint32_t index = 0; index < workers; ++index) workers_.push_back(std::make_unique<Worker>());
  deal_tasks();
  for (const auto& task : tasks_) {
    Status status = task->open();
    if (!reader_fault_.is_ok()) status = reader_fault_;
    WEIR_RETURN_IF_ERROR(status);
  }
  return {};
}

void Execution::start_workers() {
  for (std::size_t index = 0; index < workers_.size(); ++index)
    workers_[index]->start("weir-w-" + std::to_string(index));
  timer_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "weir-timer");
    timer_loop();
  });
}

void Execution::refuse_mail() {
  for (const auto& task : tasks_) task->refuse_mail();
}

void Execution::stop() {
  for (const auto& worker : workers_) worker->stop();
  {
    const std::lock_guard lock(timer_mutex_);
    timer_stopping_ = true;
  }
  timer_changed_.notify_all();
  if (timer_.joinable()) timer_.join();
  for (const auto& task : tasks_) task->close();
}

std::pair<Task*, std::size_t> Execution::find(std::string_view uid, std::uint32_t task_index) const {
  const auto found = place_of_uid_.find(uid);
  if (found == place_of_uid_.end() || task_index >= by_vertex_[found->second.first].size()) return {nullptr, 0};
  return {by_vertex_[found->second.first][task_index], found->second.second};
}

void Execution::snapshot_taken(Task& task, std::uint64_t checkpoint_id, TaskSnapshot snapshot) {
  setup_.listener->snapshot_taken(task, checkpoint_id, std::move(snapshot));
}
void Execution::task_ended(Task& task) { setup_.listener->task_ended(task); }
void Execution::task_failed(Task& task, Status status) { setup_.listener->task_failed(task, std::move(status)); }
void Execution::request_barrier() { setup_.listener->barrier_requested(); }

void Execution::send_barrier(std::uint64_t id, bool bare) {
  if (bare) bare_barrier_.store(id, std::memory_order_release);
  for (const auto& task : tasks_)
    if (task->is_source()) task->request_barrier(id);
}

std::shared_ptr<void> Execution::shared(const std::string& uid, const std::function<std::shared_ptr<void>()>& make) {
  std::shared_ptr<void>& one = shared_[uid];
  if (!one) one = make();
  return one;
}

Metric& Execution::metric(std::string_view name, const std::string& uid, std::uint32_t task_index) {
  return setup_.metrics->metric(name, uid, task_index, {});
}
Metric& Execution::described_metric(std::string_view name, const std::string& uid, std::uint32_t task_index,
                                    const MetricInfo& info) {
  return setup_.metrics->metric(name, uid, task_index, info);
}

void Execution::schedule_wake(Task& task, Timestamp processing_time) {
  {
    const std::lock_guard lock(timer_mutex_);
    wakes_.emplace(processing_time, &task);
  }
  timer_changed_.notify_one();
}

void Execution::schedule_poll(std::function<void()> waker, std::int64_t monotonic_ns) {
  {
    const std::lock_guard lock(timer_mutex_);
    polls_.emplace(monotonic_ns, std::move(waker));
  }
  timer_changed_.notify_one();
}

std::optional<Timestamp> Execution::next_wake() const {
  const std::lock_guard lock(timer_mutex_);
  std::optional<Timestamp> next;
  if (!wakes_.empty()) next = wakes_.begin()->first;
  if (!polls_.empty()) {
    const std::int64_t wait_ns = polls_.begin()->first - setup_.clock->monotonic_ns();
    const Timestamp at = setup_.clock->now() + Duration{(std::max<std::int64_t>(wait_ns, 0) + 999) / 1000};
    if (!next || at < *next) next = at;
  }
  return next;
}

// Wakes those due; how long the next one has to wait, if there is one.
std::optional<Duration> Execution::wake_due_locked() {
  const Timestamp now = setup_.clock->now();
  while (!wakes_.empty() && wakes_.begin()->first <= now) {
    wakes_.begin()->second->request_tick();
    wakes_.erase(wakes_.begin());
  }
  std::optional<Duration> wait;
  if (!wakes_.empty()) wait = wakes_.begin()->first - now;
  if (polls_.empty()) return wait;
  const std::int64_t now_ns = setup_.clock->monotonic_ns();
  while (!polls_.empty() && polls_.begin()->first <= now_ns) {
    polls_.begin()->second();
    polls_.erase(polls_.begin());
  }
  if (polls_.empty()) return wait;
  const Duration by_poll{(polls_.begin()->first - now_ns + 999) / 1000};
  return wait ? std::min(*wait, by_poll) : by_poll;
}

void Execution::wake_due() {
  const std::lock_guard lock(timer_mutex_);
  wake_due_locked();
}

void Execution::timer_loop() {
  std::unique_lock lock(timer_mutex_);
  while (!timer_stopping_) {
    if (const std::optional<Duration> wait = wake_due_locked()) {
      timer_changed_.wait_for(lock, std::min<Duration>(*wait, std::chrono::hours(1)));
    } else {
      timer_changed_.wait(lock);
    }
  }
}

}  // namespace weir::runtime
