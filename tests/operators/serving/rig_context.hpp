#pragma once
/// What surrounds an operator, in the test's hand: executor, clock, stored state.

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <weir/operator.hpp>

namespace weir::test {

/// Runs jobs when told to; those that free a model at once, unless told otherwise.
class ManualExecutor final : public Executor {
 public:
  Status submit(std::string_view what, std::function<void()> job) override {
    if (is_full) return Status::resource_exhausted("full");
    if (what == "free a model") {
      keeps_frees ? frees.push_back(std::move(job)) : job();
    } else {
      jobs.push_back(std::move(job));
    }
    return {};
  }
  void run(std::size_t index = 0) {
    std::function<void()> job = std::move(jobs[index]);
    jobs.erase(jobs.begin() + static_cast<std::ptrdiff_t>(index));
    job();
  }
  std::deque<std::function<void()>> jobs;
  bool is_full = false;
  std::vector<std::function<void()>> frees;
  bool keeps_frees = false;
};

/// Goes forward by 10 ns at each look.
class StepClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const noexcept override { return nanoseconds_ += 10; }
  [[nodiscard]] Timestamp now() const noexcept override { return Timestamp{std::chrono::seconds(1'000'000)}; }

 private:
  mutable std::int64_t nanoseconds_ = 0;
};

/// Rows of one state, as a checkpoint holds them.
using StateRows = std::map<std::string, std::string>;

class StateRowsReader final : public StateReader {
 public:
  explicit StateRowsReader(StateRows rows) : rows_(std::move(rows)) {}
  [[nodiscard]] bool empty() const override { return rows_.empty(); }
  [[nodiscard]] std::uint64_t checkpoint() const override { return 0; }
  Status get(std::span<const std::string> keys, std::vector<std::optional<std::string>>& values) const override {
    values.clear();
    for (const std::string& key : keys) {
      const auto found = rows_.find(key);
      values.push_back(found == rows_.end() ? std::nullopt : std::optional(found->second));
    }
    return {};
  }
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override {
    for (auto row = rows_.lower_bound(std::string(prefix)); row != rows_.end() && row->first.starts_with(prefix); ++row)
      if (!visit(row->first, row->second)) break;
    return {};
  }

 private:
  StateRows rows_;
};

/// What a checkpoint holds of one operator.
struct SavedState {
  std::map<std::string, StateRows> tables;  ///< by state name
  std::vector<std::pair<std::string, std::string>> entries;
};

class RigContext final : public OperatorContext {
 public:
  RigContext(std::string directory, const SavedState* saved)
      : directory_(std::move(directory)), saved_(saved), state_(options(saved)) {}

  [[nodiscard]] const std::string& uid() const noexcept override { return uid_; }
  [[nodiscard]] std::uint32_t task_index() const noexcept override { return 0; }
  [[nodiscard]] std::uint32_t parallelism() const noexcept override { return 1; }
  [[nodiscard]] std::uint32_t max_parallelism() const noexcept override { return 128; }
  [[nodiscard]] StateContext& state() noexcept override { return state_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return clock_; }
  [[nodiscard]] Executor& executor() noexcept override { return executor_; }
  [[nodiscard]] std::function<void()> waker() override {
    return [wakes = wakes_] { ++*wakes; };
  }
  [[nodiscard]] bool is_restored() const noexcept override { return saved_ != nullptr; }
  [[nodiscard]] std::span<const std::pair<std::string, std::string>> restored_entries() const noexcept override {
    if (saved_ == nullptr) return {};
    return saved_->entries;
  }
  [[nodiscard]] Timestamp restored_watermark() const noexcept override { return kMinTimestamp; }
  [[nodiscard]] const std::string& job_directory() const noexcept override { return directory_; }
  [[nodiscard]] bool aligning() const noexcept override { return is_aligning; }
  [[nodiscard]] std::optional<std::size_t> side_output(std::string_view) const noexcept override {
    return std::nullopt;
  }
  Metric& metric(std::string_view name) override { return metrics_[std::string(name)]; }
  void schedule(Timestamp time) override { scheduled = time; }

  std::int64_t metric_value(const std::string& name) { return metrics_[name].value(); }
  ManualExecutor& manual() { return executor_; }
  /// How often the operator asked to be polled.
  [[nodiscard]] int wakes() const noexcept { return *wakes_; }

  bool is_aligning = false;
  std::optional<Timestamp> scheduled;

 private:
  static StateContext::Options options(const SavedState* saved) {
    StateContext::Options options;
    options.uid = "score";
    if (saved != nullptr) {
      options.reader = [saved](const StateDescriptor& descriptor) -> std::shared_ptr<const StateReader> {
        const auto found = saved->tables.find(descriptor.name);
        return std::make_shared<StateRowsReader>(found == saved->tables.end() ? StateRows{} : found->second);
      };
    }
    return options;
  }

  std::string uid_ = "score";
  std::string directory_;
  const SavedState* saved_;
  StateContext state_;
  StepClock clock_;
  ManualExecutor executor_;
  std::map<std::string, Metric> metrics_;
  std::shared_ptr<std::atomic<int>> wakes_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace weir::test
