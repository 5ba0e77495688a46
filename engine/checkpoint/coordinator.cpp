#include "engine/checkpoint/coordinator.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/checkpoint/guarded.hpp"

namespace weir::checkpoint {
namespace {

constexpr std::size_t kMaxWaiting = 64;  // requests for a checkpoint on demand
constexpr std::int64_t kNsPerMs = 1'000'000;

}  // namespace

void Coordinator::attach(runtime::Execution& execution) {
  execution_ = &execution;
  next_id_ = options_.first_id;
  last_trigger_ns_ = options_.clock->monotonic_ns();
}

void Coordinator::snapshot_taken(runtime::Task& /*task*/, std::uint64_t checkpoint_id, runtime::TaskSnapshot snapshot) {
  const std::lock_guard lock(mutex_);
  if (!running_ || running_->id != checkpoint_id || running_->missing == 0) return;  // of a declined checkpoint
  running_->snapshots.push_back(std::move(snapshot));
  if (--running_->missing == 0) {
    signalled_ = true;
    changed_.notify_all();
  }
}

void Coordinator::task_ended(runtime::Task& /*task*/) {
  const std::lock_guard lock(mutex_);
  ++ended_;
  signalled_ = true;
  changed_.notify_all();
}

void Coordinator::task_failed(runtime::Task& /*task*/, Status status) {
  const std::lock_guard lock(mutex_);
  if (!task_fault_) task_fault_ = std::move(status);
  signalled_ = true;
  changed_.notify_all();
}

void Coordinator::barrier_requested() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(barrier_requested_, true)) return;
  signalled_ = true;
  changed_.notify_all();
}

void Coordinator::request_checkpoint(CheckpointCallback callback) {
  Status refused;
  {
    const std::lock_guard lock(mutex_);
    if (shut_down_)
      refused = Status::unavailable("the job is not running");
    else if (options_.store == nullptr)
      refused =
          Status::failed_precondition("this job keeps no checkpoints; enable_checkpointing() gives it a directory");
    else if (requested_.size() >= kMaxWaiting)
      refused = Status::resource_exhausted("too many checkpoints are asked for");
    else
      requested_.push_back(std::move(callback));
    signalled_ = true;
    changed_.notify_all();
  }
  if (!refused.is_ok()) callback(refused);
}

void Coordinator::request_stop(bool drain) {
  const std::lock_guard lock(mutex_);
  (drain ? drain_requested_ : stop_requested_) = true;
  signalled_ = true;
  changed_.notify_all();
}

bool Coordinator::interval_due() const {
  if (!options_.checkpoint || options_.checkpoint->interval.count() == 0) return false;
  return options_.clock->monotonic_ns() - last_trigger_ns_ >= options_.checkpoint->interval.count() * kNsPerMs;
}

std::int64_t Coordinator::next_deadline_ns() const {
  const std::int64_t now = options_.clock->monotonic_ns();
  std::int64_t wait = 1000 * kNsPerMs;
  if (options_.checkpoint) {
    if (running_)
      wait = std::min(wait, running_->started_ns + options_.checkpoint->alignment_timeout.count() * kNsPerMs - now);
    else if (options_.checkpoint->interval.count() != 0)
      wait = std::min(wait, last_trigger_ns_ + options_.checkpoint->interval.count() * kNsPerMs - now);
  }
  return std::max<std::int64_t>(wait, 0);
}

void Coordinator::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, std::chrono::nanoseconds(next_deadline_ns()), [this] { return signalled_; });
  signalled_ = false;
}

Coordinator::Outcome Coordinator::step() {
  std::unique_lock lock(mutex_);
  if (task_fault_) return fail(*task_fault_);
  if (running_) {
    if (running_->missing == 0) return complete(lock);
    if (options_.checkpoint && options_.clock->monotonic_ns() - running_->started_ns >
                                   options_.checkpoint->alignment_timeout.count() * kNsPerMs) {
      decline(lock, "its barriers took longer than " + std::to_string(options_.checkpoint->alignment_timeout.count()) +
                        " ms");
      if (declined_in_a_row_ >= options_.checkpoint->declined_limit)
        return fail(
            Status::deadline_exceeded(std::to_string(declined_in_a_row_) + " checkpoints in a row were declined"));
    }
    return Outcome::kRunning;
  }
  if (drain_requested_ && !drain_sent_) {
    drain_sent_ = true;
    for (const auto& task : execution_->tasks())
      if (task->is_source()) task->request_end();
  }
  if (ended_ == execution_->tasks().size())
    trigger(lock, Kind::kFinal);
  else if (stop_requested_ && !drain_requested_)
    trigger(lock, Kind::kHalting);
  else if (options_.store != nullptr && (!requested_.empty() || interval_due()))
    trigger(lock, Kind::kPeriodic);
  else if (barrier_requested_)
    trigger(lock, Kind::kBare);
  return Outcome::kRunning;
}

void Coordinator::trigger(std::unique_lock<std::mutex>& lock, Kind kind) {
  running_.emplace();
  running_->id = next_id_++;
  running_->started_ns = options_.clock->monotonic_ns();
  running_->kind = kind;
  running_->missing = execution_->tasks().size();
  barrier_requested_ = false;  // any barrier is what was asked for
  if (kind != Kind::kBare) {
    running_->callbacks.swap(requested_);
    last_trigger_ns_ = running_->started_ns;
  }
  const std::uint64_t id = running_->id;
  lock.unlock();
  execution_->send_barrier(id, kind == Kind::kBare);
  lock.lock();
}

void Coordinator::decline(std::unique_lock<std::mutex>& lock, const std::string& why) {
  Running declined = std::move(*running_);
  running_.reset();
  if (declined.kind == Kind::kBare)
    barrier_requested_ = true;  // still wanted; every try is bounded
  else
    ++declined_in_a_row_;
  lock.unlock();
  for (const auto& task : execution_->tasks()) task->abort_checkpoint(declined.id);
  for (const auto& callback : declined.callbacks)
    callback(Status::deadline_exceeded("checkpoint " + std::to_string(declined.id) + " was declined: " + why));
  lock.lock();
}

Coordinator::Outcome Coordinator::complete(std::unique_lock<std::mutex>& lock) {
  Running done = std::move(*running_);
  if (done.kind == Kind::kBare) {
    running_.reset();
    signalled_ = true;
    return Outcome::kRunning;
  }
  lock.unlock();
  CheckpointInfo info;
  const Status status = make_durable(done, info);
  if (status.is_ok()) {
    for (const auto& task : execution_->tasks()) task->complete_checkpoint(done.id);
    if (options_.store != nullptr && options_.completed) options_.completed(info);
  }
  // Last: who is told finds the checkpoint in the job's status.
  for (const auto& callback : done.callbacks) status.is_ok() ? callback(info) : callback(status);
  lock.lock();
  running_.reset();
  if (!status.is_ok()) return fail(status.with_context("checkpoint " + std::to_string(done.id)));
  declined_in_a_row_ = 0;
  if (done.kind == Kind::kFinal) return Outcome::kFinished;
  if (done.kind == Kind::kHalting) return Outcome::kStopped;
  signalled_ = true;
  return Outcome::kRunning;
}

Status Coordinator::make_durable(Running& running, CheckpointInfo& info) {
  CheckpointContent content;
  content.id = running.id;
  std::map<std::string, std::vector<std::string>> committables;
  for (runtime::TaskSnapshot& snapshot : running.snapshots) {
    for (const auto& work : snapshot.deferred) WEIR_RETURN_IF_ERROR(guarded("prepare", work));
    for (OperatorSnapshot& part : snapshot.operators) {
      auto& list = committables[part.uid];
      list.insert(list.end(), part.committables.begin(), part.committables.end());
      content.operators.push_back(std::move(part));
    }
  }
  std::sort(content.operators.begin(), content.operators.end(),
            [](const OperatorSnapshot& a, const OperatorSnapshot& b) {
              return std::tie(a.uid, a.task_index) < std::tie(b.uid, b.task_index);
            });
  if (options_.store != nullptr) {
    WEIR_ASSIGN_OR_RETURN(info, options_.store->write(std::move(content)));
  }
  for (const NodeSpec& node : options_.graph->nodes) {
    const auto& list = committables[node.uid];
    if (list.empty()) continue;
    WEIR_CHECK(node.committer != nullptr, "an operator that prepares something to commit has a committer");
    WEIR_RETURN_IF_ERROR(guarded("commit of '" + node.uid + "'", [&] { return node.committer(list); }));
  }
  return {};
}

Coordinator::Outcome Coordinator::fail(Status status) {
  fault_ = std::move(status);
  return Outcome::kFailed;
}

void Coordinator::shut_down(const Status& reason) {
  std::vector<CheckpointCallback> waiting;
  {
    const std::lock_guard lock(mutex_);
    shut_down_ = true;
    waiting.swap(requested_);
    if (running_)
      for (auto& callback : running_->callbacks) waiting.push_back(std::move(callback));
    running_.reset();
  }
  for (const auto& callback : waiting) callback(reason);
}

}  // namespace weir::checkpoint
