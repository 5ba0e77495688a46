#pragma once
/// SpeculationRig: one speculating operator under the harness, with clock, threads and streams in the test's hand.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <weir/speculation.hpp>

#include "operators/serving/serving_rig.hpp"
#include "state/support/table_queries.hpp"
#include "support/operator_harness.hpp"

namespace weir::test {

using std::chrono::milliseconds;
using testing_support::OperatorHarness;
using testing_support::StoredOperator;

inline ModelRecord named_model(const std::string& key, const std::string& name, std::string bytes,
                               std::int64_t version = 0) {
  ModelRecord record = toy(key, std::move(bytes), version);
  record.name = name;
  return record;
}

inline std::string short_number(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') text.pop_back();
  return text;
}

/// `3 answered 1.5 smart [smart=voted fast=voted]`, and ` !` when it was decided at the deadline.
inline std::string show_answer(const Speculated<Event>& result) {
  std::string text = std::to_string(result.record.id) + ' ' + std::string(to_string(result.status));
  if (result.numbers.size() != 0) text += ' ' + short_number(result.number());
  if (result.texts.size() != 0) text += ' ' + std::string(result.text());
  if (result.winner >= 0) text += ' ' + std::string(result.winner_name());
  text += " [";
  for (const MemberScore& score : result.scores) {
    if (text.back() != '[') text += ' ';
    text += std::string(score.model.name()) + '=' + std::string(to_string(score.status));
  }
  return text + (result.at_deadline ? "] !" : "]");
}

inline std::string show_late(const LateScore& late) {
  return std::to_string(late.position) + ' ' + std::string(late.score.model.name()) + ' ' +
         std::string(to_string(late.score.status)) +
         (late.score.numbers.size() == 0 ? "" : ' ' + short_number(late.score.numbers[0]));
}

/// Two members: the better one slow, the other fast.
inline SpeculationOptions smart_and_fast() {
  return {.members = {{.name = "smart", .priority = 2, .quality = 0.9, .slow = true},
                      {.name = "fast", .priority = 1, .quality = 0.5}},
          .deadline = milliseconds(100)};
}

struct KeyOfEvent {
  const std::string& operator()(const Event& event) const { return event.key; }
};
struct KeyOfModel {
  const std::string& operator()(const ModelRecord& model) const { return model.key; }
};

// The operator's template is instantiated once, in speculation_rig.cpp.
/// Members read the feature `value`; models are of type TOY.
std::unique_ptr<Operator> make_speculation(const SpeculationOptions& options);
/// Both streams keyed by `key`. `control` may be null.
Stream<Speculated<Event>> add_speculation(const Stream<Event>& records, const Stream<ModelRecord>& models,
                                          const Stream<SpeculationControl>* control, ModelRuntimes runtimes,
                                          SpeculationOptions options);

inline OperatorHarness::Options harness_options(const SpeculationOptions& options, std::string directory = {}) {
  OperatorHarness::Options harness;
  harness.context.job_directory = std::move(directory);
  harness.inputs = 3;
  harness.outputs = {testing_support::output_of<Speculated<Event>>(show_answer),
                     testing_support::output_of<LateScore>(show_late)};
  harness.context.side_outputs = {kLateScoresName};
  harness.make_operator = [options] { return make_speculation(options); };
  return harness;
}

class SpeculationRig {
 public:
  /// Restarts need a directory: models are read back from it.
  explicit SpeculationRig(const SpeculationOptions& options, std::string directory = {})
      : SpeculationRig(harness_options(options, std::move(directory))) {}
  explicit SpeculationRig(OperatorHarness::Options options) : harness_(std::move(options)) {}

  void open(std::shared_ptr<const StoredOperator> from = nullptr) {
    const Status opened = harness_.open(std::move(from));
    ASSERT_TRUE(opened.is_ok()) << opened.to_string();
  }

  /// With models of the key `k`: name and bytes each.
  void open(const std::vector<std::pair<std::string, std::string>>& models) {
    open();
    for (const auto& [name, bytes] : models) load("k", name, bytes);
  }

  /// A record with its number as position; taken now, or when the operator takes it.
  void record(std::int64_t id, const std::string& key, double value = 0) {
    auto batch = std::make_unique<Batch<Event>>();
    batch->records.emplace(Event{key, value, id});
    batch->hashes.emplace(hash_key(key));
    batch->positions.emplace(static_cast<std::uint64_t>(id));
    batch->timestamps.emplace(at(id));
    waiting_.push_back(std::move(batch));
    settle();
  }
  void model(ModelRecord record) {
    auto batch = std::make_unique<Batch<ModelRecord>>();
    batch->hashes.emplace(hash_key(record.key));
    batch->records.emplace(std::move(record));
    BatchPtr pointer = std::move(batch);
    EXPECT_TRUE(harness_.process_once(1, pointer));
  }
  /// Models that are there before anything else: loaded at once.
  void load(const std::string& key, const std::string& name, const std::string& bytes) {
    model(named_model(key, name, bytes));
    run_all();
  }
  void control(SpeculationControl control) {
    auto batch = std::make_unique<Batch<SpeculationControl>>();
    batch->records.emplace(std::move(control));
    BatchPtr pointer = std::move(batch);
    EXPECT_TRUE(harness_.process_once(2, pointer));
  }
  /// Runs every background job, loads and slow calls alike.
  void run_all() {
    while (executor().run_one()) settle();
    settle();
  }
  void run_one() {
    EXPECT_TRUE(executor().run_one());
    settle();
  }
  void advance(Duration by) {
    harness_.context().manual_clock().advance(by);
    settle();
  }
  /// Moves the clock without telling the operator.
  void advance_silently(Duration by) { harness_.context().manual_clock().advance(by); }
  /// Calls the operator until nothing moves.
  void settle() {
    for (int idle = 0; idle < 2;) {
      const std::size_t before = harness_.outputs().size();
      const bool progress = harness_.poll_once() == PollResult::kProgress;
      bool taken = false;
      while (!waiting_.empty() && harness_.process_once(0, waiting_.front())) {
        waiting_.erase(waiting_.begin());
        taken = true;
      }
      idle = progress || taken || harness_.outputs().size() != before ? 0 : idle + 1;
    }
    harness_.context().take_wakes();
  }
  void restart() {
    const auto stored = harness_.checkpoint();
    ASSERT_TRUE(stored.is_ok()) << stored.status().to_string();
    open(*stored);
  }

  [[nodiscard]] std::vector<std::string> answers() const { return harness_.texts(0); }
  [[nodiscard]] std::vector<std::string> late() const { return harness_.texts(1); }
  [[nodiscard]] std::size_t not_taken() const { return waiting_.size(); }
  [[nodiscard]] std::size_t jobs() { return executor().pending(); }
  [[nodiscard]] std::int64_t metric(const std::string& name) { return harness_.context().metric(name).value(); }
  [[nodiscard]] std::int64_t metric(const std::string& name, const std::string& member) {
    return metric(name + "{member=" + member);
  }
  [[nodiscard]] OperatorHarness& harness() { return harness_; }
  [[nodiscard]] Duration until_wake() {
    return harness_.context().scheduled ? *harness_.context().scheduled - harness_.context().clock().now()
                                        : Duration::max();
  }
  /// A state's JSON of one key.
  [[nodiscard]] std::string state(const std::string& name, const std::string& key) {
    for (const auto& table : harness_.context().state().tables()) {
      if (table->descriptor().name != name) continue;
      const auto json = testing::query_now(*table, key);
      return json.is_ok() ? *json : json.status().to_string();
    }
    return "no such state";
  }

 private:
  testing_support::ManualExecutor& executor() { return harness_.context().manual_executor(); }

  OperatorHarness harness_;
  std::vector<BatchPtr> waiting_;
};

using Lines = std::vector<std::string>;

}  // namespace weir::test
