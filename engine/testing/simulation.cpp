#include <weir/testing.hpp>

#include <algorithm>
#include <random>
#include <vector>

#include "engine/checkpoint/coordinator.hpp"
#include "engine/graph/plan.hpp"
#include "engine/job/restore_rules.hpp"
#include "engine/runtime/execution.hpp"

namespace weir::testing {
namespace {

// So many fruitless steps per task in a row, with no timer and no background job left, are a deadlock.
constexpr std::size_t kFruitlessStepsPerTask = 2'000;

class SimulatedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const noexcept override { return ns_; }
  [[nodiscard]] Timestamp now() const noexcept override { return Timestamp{Duration{ns_ / 1000}}; }
  void advance(std::int64_t ns) noexcept { ns_ += ns; }

 private:
  std::int64_t ns_ = 1'000'000'000;
};

class SimulatedExecutor final : public Executor {
 public:
  Status submit(std::string_view what, std::function<void()> job) override {
    if (jobs_.size() >= 1024)
      return Status::resource_exhausted(std::string(what) + ": 1024 background jobs are waiting");
    jobs_.push_back(std::move(job));
    return {};
  }
  [[nodiscard]] bool empty() const noexcept { return jobs_.empty(); }
  void run_one(std::mt19937_64& random) {
    const std::size_t index = random() % jobs_.size();
    const std::function<void()> job = std::move(jobs_[index]);
    jobs_.erase(jobs_.begin() + static_cast<std::ptrdiff_t>(index));
    job();
  }
  void drop_all() { jobs_.clear(); }

 private:
  std::vector<std::function<void()>> jobs_;
};

}  // namespace

class Simulation::Impl {
 public:
  Impl(LogicalGraph graph, JobOptions job, SimulationOptions options)
      : graph_(std::move(graph)), job_(std::move(job)), options_(options), random_(options.seed) {
    job_.queue_capacity = options_.queue_capacity != 0 ? options_.queue_capacity : 1 + random_() % 8;
    job_.batch_size = options_.batch_size != 0 ? options_.batch_size : 1 + random_() % 64;
  }

  Status run() {
    WEIR_RETURN_IF_ERROR(graph::validate(graph_, {job_.parallelism, job_.max_parallelism}));
    plan_ = graph::make_plan(graph_);
    WEIR_RETURN_IF_ERROR(start());
    while (steps_ < options_.max_steps) {
      ++steps_;
      if (due(options_.crash_steps) && job_.checkpoint && crashes_ < options_.max_crashes) {
        ++crashes_;
        WEIR_RETURN_IF_ERROR(start());
        continue;
      }
      if (due(options_.checkpoint_steps) && job_.checkpoint)
        coordinator_->request_checkpoint([](const Result<CheckpointInfo>&) {});
      if (step()) fruitless_ = 0;
      switch (coordinator_->step()) {
        case checkpoint::Coordinator::Outcome::kRunning: break;
        case checkpoint::Coordinator::Outcome::kFinished:
        case checkpoint::Coordinator::Outcome::kStopped: return {};
        case checkpoint::Coordinator::Outcome::kFailed: return coordinator_->fault();
      }
      if (++fruitless_ > kFruitlessStepsPerTask * execution_->tasks().size() && !wake_sleepers())
        return Status::deadline_exceeded("nothing moves any more: " + describe() + stuck());
    }
    return Status::deadline_exceeded("not finished after max_steps: " + describe());
  }

  [[nodiscard]] std::string describe() const {
    return "seed " + std::to_string(options_.seed) + ", queue capacity " + std::to_string(job_.queue_capacity) +
           ", batch size " + std::to_string(job_.batch_size) + ", " + std::to_string(steps_) + " steps, " +
           std::to_string(checkpoints_) + " checkpoints, " + std::to_string(crashes_) + " crashes";
  }
  [[nodiscard]] std::size_t checkpoints() const noexcept { return checkpoints_; }
  [[nodiscard]] std::size_t crashes() const noexcept { return crashes_; }

 private:
  [[nodiscard]] bool due(std::size_t mean_steps) { return mean_steps != 0 && random_() % mean_steps == 0; }

  // A first start, or one after a crash: everything in memory is gone, the directory is as it was.
  Status start() {
    execution_.reset();
    coordinator_.reset();
    executor_.drop_all();
    store_.reset();
    const RestoredJob* restored = nullptr;
    if (job_.checkpoint) {
      CheckpointStore::Options store;
      store.checkpoint = *job_.checkpoint;
      store.job_name = job_.name;
      store.max_parallelism = job_.max_parallelism;
      WEIR_ASSIGN_OR_RETURN(store_, CheckpointStore::open(std::move(store)));
      if (store_->restored()) {
        restored = &*store_->restored();
        WEIR_RETURN_IF_ERROR(check_restored(graph_, *job_.checkpoint, *store_));
        WEIR_RETURN_IF_ERROR(commit_restored(graph_, *restored));
      }
    }
    checkpoint::Coordinator::Options coordinator;
    coordinator.store = store_.get();
    coordinator.checkpoint = job_.checkpoint;
    coordinator.graph = &graph_;
    coordinator.clock = &clock_;
    coordinator.first_id = restored == nullptr ? 1 : restored->checkpoint_id + 1;
    coordinator.completed = [this](const CheckpointInfo&) { ++checkpoints_; };
    coordinator_ = std::make_unique<checkpoint::Coordinator>(std::move(coordinator));
    runtime::Execution::Setup setup;
    setup.graph = &graph_;
    setup.plan = &plan_;
    setup.options = &job_;
    setup.store = store_.get();
    setup.restored = restored;
    setup.metrics = &metrics_;
    setup.listener = coordinator_.get();
    setup.clock = &clock_;
    setup.executor = &executor_;
    execution_ = std::make_unique<runtime::Execution>(setup);
    coordinator_->attach(*execution_);
    fruitless_ = 0;
    return execution_->open();
  }

  bool step() {
    clock_.advance(static_cast<std::int64_t>(random_() % 20'000));
    execution_->wake_due();
    const std::size_t tasks = execution_->tasks().size();
    const std::size_t choice = random_() % (tasks + 1);
    if (choice < tasks) return execution_->tasks()[choice]->run();
    if (executor_.empty()) return false;
    executor_.run_one(random_);
    return true;
  }

  // Nothing moves: if a timer is set, its time comes.
  bool wake_sleepers() {
    const std::optional<Timestamp> next = execution_->next_wake();
    if (!next) return false;
    if (*next > clock_.now()) clock_.advance((*next - clock_.now()).count() * 1000);
    fruitless_ = 0;
    return true;
  }

  [[nodiscard]] std::string stuck() const {
    std::string text;
    for (const auto& task : execution_->tasks()) {
      text +=
          "\n  " + task->name() + (task->ended() ? " ended" : "") + (task->aligning() ? " aligning" : "") + ", inputs:";
      for (const auto& input : task->inputs())
        text += " " + std::to_string(input.channel->depth()) + (input.at_barrier ? "|" : "") + (input.ended ? "." : "");
      for (const auto& stage : task->stages()) {
        text += "; " + stage->options.node->uid;
        for (const auto& batch : stage->pending)
          if (batch) text += " holds " + std::to_string(batch->remaining());
        if (stage->has_control()) text += " has control";
        if (!stage->emitters_ready()) text += " is blocked";
      }
    }
    return text;
  }

  LogicalGraph graph_;
  JobOptions job_;
  const SimulationOptions options_;
  std::mt19937_64 random_;
  graph::Plan plan_;
  SimulatedClock clock_;
  SimulatedExecutor executor_;
  runtime::MetricsRegistry metrics_;
  std::unique_ptr<CheckpointStore> store_;
  std::unique_ptr<checkpoint::Coordinator> coordinator_;
  std::unique_ptr<runtime::Execution> execution_;
  std::size_t steps_ = 0;
  std::size_t fruitless_ = 0;
  std::size_t checkpoints_ = 0;
  std::size_t crashes_ = 0;
};

Simulation::Simulation(LogicalGraph graph, JobOptions job, SimulationOptions options)
    : impl_(std::make_unique<Impl>(std::move(graph), std::move(job), options)) {}
Simulation::~Simulation() = default;
Status Simulation::run() { return impl_->run(); }
std::string Simulation::describe() const { return impl_->describe(); }
std::size_t Simulation::checkpoints() const noexcept { return impl_->checkpoints(); }
std::size_t Simulation::crashes() const noexcept { return impl_->crashes(); }

}  // namespace weir::testing
