#pragma once
// Runs one operator alone, against the contract of weir/operator.hpp, without an engine.
//
// TestContext     what an operator may know: virtual clock, an executor that runs jobs only when told, wakers counted.
// OperatorHarness drives one instance step by step: push(), watermark(), poll_until_idle(), checkpoint(), restore.
// expect_same_in_all_modes() runs a script (or a source to its end) in 18 ways: input batches of 1, 3 and 256 records;
// an
//                 outbox of the same size, of one record, or full at every other call; without and with snapshot →
//                 destroy → new instance → restore after every step; and wants the same output from each.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/operator.hpp>
#include <weir/serde.hpp>

namespace weir::testing_support {

// Monotonic and wall time move together, by advance() only.
class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t monotonic_ns() const noexcept override { return now_.time_since_epoch().count() * 1000; }
  [[nodiscard]] Timestamp now() const noexcept override { return now_; }
  void advance(Duration by) noexcept { now_ += by; }
  void advance_to(Timestamp time) noexcept {
    if (now_ < time) now_ = time;
  }

 private:
  Timestamp now_{std::chrono::hours{24 * 365 * 40}};
};

// Jobs wait until the test runs them. `capacity` 0 refuses every job.
class ManualExecutor final : public Executor {
 public:
  Status submit(std::string_view what, std::function<void()> job) override {
    if (jobs_.size() >= capacity)
      return Status::resource_exhausted(std::string(what) + ": the executor's queue is full");
    jobs_.push_back(std::move(job));
    return {};
  }
  [[nodiscard]] std::size_t pending() const noexcept { return jobs_.size(); }
  bool run_one() {
    if (jobs_.empty()) return false;
    const std::function<void()> job = std::move(jobs_.front());
    jobs_.pop_front();
    job();
    return true;
  }
  void run_all() {
    while (run_one()) {
    }
  }

  std::size_t capacity = 1024;

 private:
  std::deque<std::function<void()>> jobs_;
};

// What a checkpoint holds of one operator, of all its tasks. Rows went through StateDelta, so they were serialised.
struct StoredOperator {
  std::vector<std::pair<std::string, std::string>> entries;
  std::vector<std::string> committables;
  Timestamp watermark = kMinTimestamp;
  std::map<std::string, std::map<std::string, std::string>> states;  // by state name: row key → row value
  std::map<std::string, std::string> schemas;                        // by state name

  // Puts what another task of the same operator stored beside this.
  void merge(const StoredOperator& other);
};

struct ContextOptions {
  std::string uid = "operator";
  std::uint32_t task_index = 0;
  std::uint32_t parallelism = 1;
  std::uint32_t max_parallelism = 128;
  std::string job_directory;
  std::vector<std::string> side_outputs;  // names of outputs 1, 2, ...
  std::shared_ptr<ManualClock> clock = std::make_shared<ManualClock>();
  std::shared_ptr<ManualExecutor> executor = std::make_shared<ManualExecutor>();
};

class TestContext final : public OperatorContext {
 public:
  // `restored` null: the job starts from nothing.
  TestContext(ContextOptions options, std::shared_ptr<const StoredOperator> restored);

  [[nodiscard]] const std::string& uid() const noexcept override { return options_.uid; }
  [[nodiscard]] std::uint32_t task_index() const noexcept override { return options_.task_index; }
  [[nodiscard]] std::uint32_t parallelism() const noexcept override { return options_.parallelism; }
  [[nodiscard]] std::uint32_t max_parallelism() const noexcept override { return options_.max_parallelism; }
  [[nodiscard]] StateContext& state() noexcept override { return *state_; }
  [[nodiscard]] const Clock& clock() const noexcept override { return *options_.clock; }
  [[nodiscard]] Executor& executor() noexcept override { return *options_.executor; }
  [[nodiscard]] std::function<void()> waker() override {
    return [wakes = wakes_] { ++*wakes; };
  }
  [[nodiscard]] bool is_restored() const noexcept override { return restored_ != nullptr; }
  [[nodiscard]] std::span<const std::pair<std::string, std::string>> restored_entries() const noexcept override;
  [[nodiscard]] Timestamp restored_watermark() const noexcept override;
  [[nodiscard]] const std::string& job_directory() const noexcept override { return options_.job_directory; }
  [[nodiscard]] bool aligning() const noexcept override { return is_aligning; }
  [[nodiscard]] std::optional<std::size_t> side_output(std::string_view name) const noexcept override;
  Metric& metric(std::string_view name) override { return metrics_[std::string(name)]; }
  void schedule(Timestamp processing_time) override {
    if (!scheduled || processing_time < *scheduled) scheduled = processing_time;
  }

  // Wake-ups since the last call.
  std::uint64_t take_wakes() noexcept { return std::exchange(*wakes_, 0); }
  [[nodiscard]] ManualClock& manual_clock() noexcept { return *options_.clock; }
  [[nodiscard]] ManualExecutor& manual_executor() noexcept { return *options_.executor; }

  std::optional<Timestamp> scheduled;
  bool is_aligning = false;

 private:
  ContextOptions options_;
  std::shared_ptr<const StoredOperator> restored_;
  std::unique_ptr<StateContext> state_;
  std::shared_ptr<std::uint64_t> wakes_ = std::make_shared<std::uint64_t>(0);
  std::map<std::string, Metric, std::less<>> metrics_;
};

// How a record looks in comparisons: itself when it can be streamed, else its serialised bytes.
template <class T>
std::string show(const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    return value;
  } else if constexpr (requires(std::ostream & out) { out << value; }) {
    std::ostringstream out;
    out << value;
    return out.str();
  } else {
    return serialize(value);
  }
}

// One output of the operator under test.
struct OutputType {
  std::function<BatchPtr()> make_batch;
  std::function<std::string(const BatchBase&, std::size_t)> show;
};
template <class T>
OutputType output_of(std::function<std::string(const T&)> show_record = [](const T& value) { return show(value); }) {
  return {[] { return BatchPtr(std::make_unique<Batch<T>>()); },
          [show_record](const BatchBase& batch, std::size_t index) {
            return show_record(static_cast<const Batch<T>&>(batch).records[index]);
          }};
}

// What came out, in order. `text` is the record, or empty for a watermark.
struct Output {
  std::size_t output = 0;
  bool is_watermark = false;
  std::string text;
  std::optional<Timestamp> time;
  std::optional<std::uint64_t> position;

  friend bool operator==(const Output&, const Output&) = default;
  [[nodiscard]] std::string to_string() const;
};
std::ostream& operator<<(std::ostream& stream, const Output& output);

class OperatorHarness {
 public:
  struct Options {
    std::function<std::unique_ptr<Operator>()> make_operator;
    std::size_t inputs = 1;           // 0: a source
    std::vector<OutputType> outputs;  // empty: a sink
    std::size_t batch_size = 256;
    bool full_every_other_call = false;
    ContextOptions context = {};
    // Called when a checkpoint is complete, as the engine would.
    std::function<Status(std::span<const std::string>)> committer = nullptr;
  };

  explicit OperatorHarness(Options options);
  ~OperatorHarness();
  OperatorHarness(const OperatorHarness&) = delete;
  OperatorHarness& operator=(const OperatorHarness&) = delete;

  // Makes an instance, restored from `from` unless null, and opens it.
  Status open(std::shared_ptr<const StoredOperator> from = nullptr);
  // Takes a snapshot, runs what it deferred, and commits; what the checkpoint then holds.
  Result<std::shared_ptr<const StoredOperator>> checkpoint();
  // Only the first half of checkpoint(): what a crash between snapshot and commit leaves behind.
  Result<std::shared_ptr<const StoredOperator>> prepare();
  Status commit(const StoredOperator& stored);
  // Closes and destroys the instance; jobs it left behind run afterwards.
  void destroy();
  // checkpoint(), destroy(), open().
  Status restart();

  // One process() call. True when the batch is used up.
  bool process_once(std::size_t input, BatchPtr& batch);
  // Calls process(), runs jobs and moves time until the batch is used up; false when the operator waits for another
  // input.
  bool push(std::size_t input, BatchPtr& batch);
  void watermark(std::size_t input, Timestamp watermark);
  void end();
  // One poll() call.
  PollResult poll_once();
  // A source: polls, runs jobs and moves time until `kEnd`. Fails the test when it makes no progress.
  void run_source(const std::function<void()>& after_each_batch = nullptr);
  // Runs one job or, when there is none, moves time to what was scheduled. False: neither.
  bool let_world_move();

  [[nodiscard]] const std::vector<Output>& outputs() const noexcept { return collected_; }
  [[nodiscard]] std::vector<std::string> texts(std::size_t output = 0) const;
  [[nodiscard]] std::optional<Timestamp> last_watermark() const noexcept { return last_watermark_; }
  [[nodiscard]] Operator& instance() noexcept { return *operator_; }
  [[nodiscard]] TestContext& context() noexcept { return *context_; }
  [[nodiscard]] std::size_t calls() const noexcept { return calls_; }

 private:
  class FullTurn;
  void begin_call();
  void collect();
  void finish_waking();

  Options options_;
  std::unique_ptr<TestContext> context_;
  std::unique_ptr<Operator> operator_;
  Outbox outbox_;
  std::vector<Output> collected_;
  std::optional<Timestamp> last_watermark_;
  std::vector<Timestamp> input_watermarks_;
  Timestamp watermark_ = kMinTimestamp;
  std::map<std::string, std::map<std::string, std::string>> states_;
  std::map<std::string, std::string> schemas_;
  std::uint64_t checkpoint_id_ = 0;
  std::size_t calls_ = 0;
  bool full_turn_ = false;
};

// What is fed to an operator, record by record; modes cut it into batches. Records of one input that follow each other
// come in one batch when they fit.
class Script {
 public:
  struct Column {
    std::optional<Timestamp> time;
    std::optional<std::uint64_t> position;
    std::optional<std::uint64_t> hash;
  };
  template <class T>
  Script& record(std::size_t input, T value, Column column = {}) {
    auto shared = std::make_shared<T>(std::move(value));
    Step step;
    step.input = input;
    step.make_batch = [] { return BatchPtr(std::make_unique<Batch<T>>()); };
    step.append = [shared, column](BatchBase& batch) {
      static_cast<Batch<T>&>(batch).records.emplace(*shared);
      if (column.time) batch.timestamps.emplace(*column.time);
      if (column.position) batch.positions.emplace(*column.position);
      if (column.hash) batch.hashes.emplace(*column.hash);
    };
    steps_.push_back(std::move(step));
    return *this;
  }
  // A keyed record: the hash of `key` goes along.
  template <class T, class Key>
  Script& keyed(std::size_t input, const Key& key, T value, Timestamp time) {
    return record(input, std::move(value), {.time = time, .position = std::nullopt, .hash = hash_key(key)});
  }
  Script& watermark(std::size_t input, Timestamp watermark) {
    Step step;
    step.input = input;
    step.watermark = watermark;
    steps_.push_back(std::move(step));
    return *this;
  }

  struct Step {
    std::size_t input = 0;
    std::optional<Timestamp> watermark;
    std::function<BatchPtr()> make_batch;
    std::function<void(BatchBase&)> append;
  };
  [[nodiscard]] const std::vector<Step>& steps() const noexcept { return steps_; }

 private:
  std::vector<Step> steps_;
};

struct AllModes {
  bool unordered = false;          // outputs are compared sorted, and without watermarks
  bool compare_watermarks = true;  // a source's follow its batches, so they differ
  bool compare_positions = true;
};

// Runs the script in every mode and compares with `expected` (as Output::to_string writes it, watermarks left out).
// Empty `expected`: with the first mode's output.
void expect_same_in_all_modes(const OperatorHarness::Options& options, const Script& script,
                              const std::optional<std::vector<std::string>>& expected = std::nullopt,
                              AllModes modes = {});
// The same for a source, run to its end.
void expect_same_source_in_all_modes(const OperatorHarness::Options& options,
                                     const std::optional<std::vector<std::string>>& expected = std::nullopt,
                                     AllModes modes = {.compare_watermarks = false});

}  // namespace weir::testing_support
