#include "engine/job/job_impl.hpp"

#include <pthread.h>

#include <weir/json.hpp>
#include <weir/log.hpp>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/job/restore_rules.hpp"

namespace weir {

namespace {

// Ids of events begin with it, so that those of another start of the process are told apart.
std::string epoch_text(Timestamp now) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, now.time_since_epoch().count(), 36).ptr;
  return {digits, end};
}

}  // namespace

Job::Impl::Impl(LogicalGraph graph, graph::Plan plan, JobOptions options)
    : graph_(std::move(graph)), plan_(std::move(plan)), options_(std::move(options)) {
  if (options_.checkpoint) directory_ = options_.checkpoint->directory;
}

Job::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    abandoned_ = true;
  }
  changed_.notify_all();
  {
    const std::shared_lock lock(attempt_mutex_);
    if (attempt_.coordinator) attempt_.coordinator->request_stop(false);
  }
  if (control_.joinable()) control_.join();
  if (http_) http_->stop();
  http_.reset();
  end_attempt(Status::unavailable("the job is gone"));
  if (executor_) executor_->stop();
}

void Job::Impl::set_state(JobStatus::State state, Status fault) {
  const std::string reason = fault.is_ok() ? std::string() : fault.to_string();
  {
    const std::lock_guard lock(mutex_);
    state = state == JobStatus::State::kRunning && stop_requested_ ? JobStatus::State::kStopping : state;
    state_ = state;
    if (!fault.is_ok()) fault_ = std::move(fault);
  }
  tell(state, reason);
  changed_.notify_all();
}

// To those who follow the job's events. After the last state none comes.
void Job::Impl::tell(JobStatus::State state, const std::string& reason) {
  if (!events_) return;
  JsonWriter json;
  json.begin_object();
  json.key("job");
  json.string(options_.name);
  json.key("state");
  json.string(to_string(state));
  if (!reason.empty()) {
    json.key("reason");
    json.string(reason);
  }
  json.end_object();
  events_->publish({"job", {}, {}, json.take()});
  using State = JobStatus::State;
  if (state == State::kFinished || state == State::kStopped || state == State::kFailed) events_->close();
}

Result<std::shared_ptr<HttpStream>> Job::Impl::follow_events(EventFilter filter, const std::string& after) {
  return events_->subscribe(std::move(filter), after);  // who asks came over HTTP
}

JobStatus::State Job::Impl::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

Status Job::Impl::start() {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != JobStatus::State::kCreated) return Status::failed_precondition("the job was started before");
    state_ = JobStatus::State::kStarting;
  }
  executor_ = std::make_unique<runtime::ThreadPool>(options_.background_threads);
  Status status = start_http();
  if (status.is_ok()) status = begin_attempt();
  if (!status.is_ok()) {
    end_attempt(status);
    set_state(JobStatus::State::kFailed, status);
    return status;
  }
  set_state(JobStatus::State::kRunning);
  control_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "weir-control");
    runtime::lower_thread_priority(runtime::kDeadlineNiceness);
    control_loop();
  });
  return {};
}

Status Job::Impl::start_http() {
  if (!options_.http) return {};
  EventHub::Options events;
  events.max_subscribers = options_.http->max_event_streams;
  events.epoch = epoch_text(system_clock().now());
  events_ = std::make_unique<EventHub>(std::move(events));
  std::vector<HttpRoute> routes = engine_routes(*this);
  std::set<std::pair<std::string, std::string>> known;
  for (const HttpRoute& route : routes) known.emplace(route.method, route.pattern);
  for (const NodeSpec& node : graph_.nodes) {
    if (!node.routes) continue;
    for (HttpRoute& route : node.routes(node.uid, *this))
      // Operators of one kind bring the same paths; the first one's serve all.
      if (known.emplace(route.method, route.pattern).second) routes.push_back(std::move(route));
  }
  WEIR_ASSIGN_OR_RETURN(http_, http::HttpServer::start(*options_.http, std::move(routes)));
  return {};
}

Status Job::Impl::open_store() {
  if (!options_.checkpoint) return {};
  std::unique_ptr<CheckpointStore> store;
  {
    const std::unique_lock lock(attempt_mutex_);
    store.swap(store_);
  }
  store.reset();  // before it is opened again: one at a time holds the directory
  CheckpointStore::Options options;
  options.checkpoint = *options_.checkpoint;
  options.job_name = options_.name;
  options.max_parallelism = options_.max_parallelism;
  WEIR_ASSIGN_OR_RETURN(store, CheckpointStore::open(std::move(options)));
  if (store->restored()) {
    for (const std::string& note : store->restored()->notes) log(LogLevel::kWarn, options_.name, note);
    WEIR_RETURN_IF_ERROR(check_restored(graph_, *options_.checkpoint, *store));
    WEIR_RETURN_IF_ERROR(commit_restored(graph_, *store->restored()));
  }
  const std::unique_lock lock(attempt_mutex_);
  store_ = std::move(store);
  return {};
}

Status Job::Impl::begin_attempt() {
  Attempt attempt;
  const RestoredJob* restored = nullptr;
  WEIR_RETURN_IF_ERROR(open_store());
  if (store_ && store_->restored()) restored = &*store_->restored();
  checkpoint::Coordinator::Options coordinator;
  coordinator.store = store_.get();
  coordinator.checkpoint = options_.checkpoint;
  coordinator.graph = &graph_;
  coordinator.clock = &system_clock();
  coordinator.first_id = restored == nullptr ? 1 : restored->checkpoint_id + 1;
  coordinator.completed = [this](const CheckpointInfo& info) {
    const std::lock_guard lock(mutex_);
    last_checkpoint_ = info;
  };
  attempt.coordinator = std::make_unique<checkpoint::Coordinator>(std::move(coordinator));

  runtime::Execution::Setup setup;
  setup.graph = &graph_;
  setup.plan = &plan_;
  setup.options = &options_;
  setup.store = store_.get();
  setup.restored = restored;
  setup.metrics = &metrics_;
  setup.listener = attempt.coordinator.get();
  setup.clock = &system_clock();
  setup.executor = executor_.get();
  setup.events = events_.get();
  attempt.execution = std::make_unique<runtime::Execution>(setup);
  attempt.coordinator->attach(*attempt.execution);
  const std::uint32_t workers =
      options_.workers != 0 ? options_.workers : std::max(1U, std::thread::hardware_concurrency());
  WEIR_RETURN_IF_ERROR(attempt.execution->open(workers));
  attempt.execution->start_workers();
  running_since_ns_ = system_clock().monotonic_ns();
  const std::unique_lock attempt_lock(attempt_mutex_);
  attempt_ = std::move(attempt);
  // From here on request_stop() finds the coordinator; who came before has left word.
  const std::lock_guard lock(mutex_);
  restored_checkpoint_ = restored == nullptr ? 0 : restored->checkpoint_id;
  if (stop_requested_) attempt_.coordinator->request_stop(drain_requested_);
  return {};
}

void Job::Impl::end_attempt(const Status& reason) {
  Attempt ended;
  {
    const std::unique_lock lock(attempt_mutex_);
    ended = std::move(attempt_);
  }
  if (ended.execution) {
    ended.execution->stop();
    ended.execution->refuse_mail();
  }
  if (ended.coordinator) ended.coordinator->shut_down(reason);
  ended.execution.reset();
  ended.coordinator.reset();
}

void Job::Impl::control_loop() {
  using Outcome = checkpoint::Coordinator::Outcome;
  while (true) {
    {
      const std::lock_guard lock(mutex_);
      if (abandoned_) return;
    }
    checkpoint::Coordinator& coordinator = *attempt_.coordinator;  // replaced by this thread only
    const Outcome outcome = coordinator.step();
    switch (outcome) {
      case Outcome::kRunning: coordinator.wait(); break;
      case Outcome::kFinished:
      case Outcome::kStopped:
        attempt_.execution->stop();
        attempt_.execution->refuse_mail();
        coordinator.shut_down(Status::unavailable("the job has ended"));
        set_state(outcome == Outcome::kFinished ? JobStatus::State::kFinished : JobStatus::State::kStopped);
        return;
      case Outcome::kFailed:
        if (!restart_after(coordinator.fault())) return;
        break;
    }
  }
}

// True: a new attempt runs. False: the job has failed for good.
bool Job::Impl::restart_after(Status fault) {
  log(LogLevel::kError, options_.name, "failed: " + fault.to_string());
  if (system_clock().monotonic_ns() - running_since_ns_ > options_.restart.reset_after.count() * 1'000'000)
    failures_in_a_row_ = 0;
  while (true) {
    end_attempt(Status::unavailable("the job is restarting"));
    if (!options_.checkpoint || failures_in_a_row_ >= options_.restart.attempts) {
      set_state(JobStatus::State::kFailed, fault);
      return false;
    }
    const auto backoff = std::min(options_.restart.initial_backoff * (1 << std::min(failures_in_a_row_, 16U)),
                                  options_.restart.max_backoff);
    ++failures_in_a_row_;
    set_state(JobStatus::State::kRestarting, fault);
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, backoff, [this] { return abandoned_ || stop_requested_; });
      if (abandoned_) return false;
      if (stop_requested_) {
        lock.unlock();
        set_state(JobStatus::State::kFailed, fault);
        return false;
      }
      ++restarts_;
    }
    fault = begin_attempt();
    if (fault.is_ok()) {
      set_state(JobStatus::State::kRunning);
      log(LogLevel::kWarn, options_.name, "restarted from checkpoint " + std::to_string(status().restored_checkpoint));
      return true;
    }
    log(LogLevel::kError, options_.name, "could not restart: " + fault.to_string());
  }
}

Status Job::Impl::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] {
    return state_ == JobStatus::State::kFinished || state_ == JobStatus::State::kStopped ||
           state_ == JobStatus::State::kFailed;
  });
  return state_ == JobStatus::State::kFailed ? fault_ : Status::ok();
}

void Job::Impl::request_stop(bool drain) {
  {
    const std::lock_guard lock(mutex_);
    if (stop_requested_) return;  // how it stops was said before
    drain_requested_ = drain;
    stop_requested_ = true;
    if (state_ == JobStatus::State::kRunning) state_ = JobStatus::State::kStopping;
  }
  tell(JobStatus::State::kStopping, {});
  changed_.notify_all();
  const std::shared_lock lock(attempt_mutex_);
  if (attempt_.coordinator) attempt_.coordinator->request_stop(drain);
}

Status Job::Impl::stop(StopOptions options) {
  if (state() == JobStatus::State::kCreated) return Status::failed_precondition("the job was not started");
  request_stop(options.drain);
  return wait();
}

void Job::Impl::checkpoint_async(checkpoint::Coordinator::CheckpointCallback callback) {
  const std::shared_lock lock(attempt_mutex_);
  if (!attempt_.coordinator) {
    callback(Status::unavailable("the job is not running"));
    return;
  }
  attempt_.coordinator->request_checkpoint(std::move(callback));
}

Result<CheckpointInfo> Job::Impl::checkpoint() {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<Result<CheckpointInfo>> answer;
  checkpoint_async([&](Result<CheckpointInfo> result) {
    const std::lock_guard lock(mutex);
    answer = std::move(result);
    answered.notify_all();
  });
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return answer.has_value(); });
  return std::move(*answer);
}

std::uint32_t Job::Impl::parallelism_of(std::string_view uid) const {
  for (const NodeSpec& node : graph_.nodes)
    if (node.uid == uid) return node.parallelism;
  return 0;
}

std::vector<CheckpointInfo> Job::Impl::checkpoints() const {
  const std::shared_lock lock(attempt_mutex_);
  return store_ ? store_->list() : std::vector<CheckpointInfo>{};
}

}  // namespace weir
