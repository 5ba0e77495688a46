#pragma once
/// ServingRig: one serving operator, called as the engine would, with everything around it in the test's hand.

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include <boost/describe/class.hpp>

#include <weir/serving.hpp>

#include "operators/serving/rig_context.hpp"
#include "operators/serving/toy_runtime.hpp"

namespace weir::test {

struct Event {
  std::string key;
  double value = 0;
  std::int64_t id = 0;
  friend bool operator==(const Event&, const Event&) = default;
};
BOOST_DESCRIBE_STRUCT(Event, (), (key, value, id))

inline Timestamp at(std::int64_t micros) { return Timestamp{Duration{micros}}; }

/// A toy model; its event time of effect in microseconds.
inline ModelRecord toy(std::string key, std::string bytes, std::int64_t version = 0,
                       std::optional<std::int64_t> effective_at = {}) {
  ModelRecord record;
  record.key = std::move(key);
  record.name = "toy";
  record.type = "TOY";
  record.version = version;
  if (effective_at) record.effective_at = at(*effective_at);
  record.data = std::move(bytes);
  return record;
}

inline ModelRecord order(std::string key, ModelControl control, std::int64_t version = 0,
                         std::optional<std::int64_t> effective_at = {}) {
  ModelRecord record;
  record.key = std::move(key);
  record.control = control;
  record.version = version;
  if (effective_at) record.effective_at = at(*effective_at);
  return record;
}

class ServingRig {
 public:
  explicit ServingRig(ServeOptions options = {}, std::size_t batch_size = 256, std::string directory = {},
                      const SavedState* saved = nullptr)
      : saved_(saved), context_(std::move(directory), saved), out_(1, batch_size) {
    options.on_event = [this](const ModelEvent& event) { events.push_back(event); };
    const ServeModel<Event> definition(
        {std::make_shared<const ToyRuntime>()},
        features<Event>().number("value", [](const Event& event) { return event.value; }), std::move(options));
    operator_ = definition.make_operator([](const Event& event) -> const std::string& { return event.key; },
                                         [](const ModelRecord& model) -> const std::string& { return model.key; });
    out_.slot(0).make_batch = [] { return std::make_unique<Batch<Scored<Event>>>(); };
  }

  void open() {
    const Status opened = operator_->open(context_);
    ASSERT_TRUE(opened.is_ok()) << opened.to_string();
  }

  /// One record, numbered from 1; taken as soon as the operator takes it.
  void record(std::string key, double value = 0, std::int64_t time = 0) {
    input_.emplace_back(Event{std::move(key), value, next_id_++}, at(time));
    drive();
  }
  /// One record with a number of its own.
  void record_as(std::int64_t id, std::string key, std::int64_t time) {
    next_id_ = id;
    record(std::move(key), 0, time);
  }
  void model(ModelRecord record, std::optional<std::int64_t> time = {}) {
    models_.emplace_back(std::move(record), time);
    drive();
  }
  /// Runs all loads, in order.
  void load_all() {
    while (!context_.manual().jobs.empty()) load(0);
  }
  /// Runs the load with this index among those that wait.
  void load(std::size_t index) {
    context_.manual().run(index);
    drive();
  }
  void model_watermark(std::int64_t micros) {
    operator_->on_input_watermark(1, at(micros));
    drive();
  }
  /// True when the watermark may go on.
  bool watermark(std::int64_t micros) { return watermark(at(micros)); }
  bool watermark(Timestamp time) {
    for (;;) {
      const bool passed = operator_->on_watermark(time, out_);
      const bool moved = !out_.empty();
      collect();
      if (passed || !moved) return passed;
    }
  }
  /// Both streams end. True when the operator is finished.
  bool end() {
    operator_->on_input_watermark(1, kMaxTimestamp);
    drive();
    if (!watermark(kMaxTimestamp)) return false;
    for (;;) {
      const bool done = operator_->on_end(out_);
      const bool moved = !out_.empty();
      collect();
      if (done || !moved) return done;
    }
  }

  /// A whole checkpoint as the engine would take it now.
  SavedState checkpoint() {
    SavedState saved = saved_ == nullptr ? SavedState{} : *saved_;
    SnapshotBuilder builder;
    operator_->snapshot(builder);
    saved.entries = builder.entries;
    for (const auto& table : context_.state().tables()) {
      StateDelta delta;
      table->freeze();
      while (!table->drain(16, delta)) {
      }
      StateRows& rows = saved.tables[table->descriptor().name];
      delta.for_each([&rows](std::string_view key, std::optional<std::string_view> value) {
        if (value) {
          rows[std::string(key)] = std::string(*value);
        } else {
          rows.erase(std::string(key));
        }
      });
      table->aborted();  // it stays dirty: the next checkpoint is made from the same base
    }
    return saved;
  }

  std::string show(const std::string& key, std::int64_t version = 0) {
    auto shown = dynamic_cast<serving::ServingView&>(*operator_).show_models(key, version);
    return shown.is_ok() ? *shown : shown.status().to_string();
  }
  template <class State>
  State state(const std::string& name, const std::string& key) {
    auto& table = static_cast<ValueTable<std::string, State>&>(*context_.state().find(name));
    const State* found = table.find(key, hash_key(key));
    return found == nullptr ? State{} : *found;
  }
  serving::KeyStatistics statistics(const std::string& key) {
    return state<serving::KeyStatistics>("serving-statistics", key);
  }
  serving::KeyModels models(const std::string& key) { return state<serving::KeyModels>("current-model", key); }
  serving::SwapLog swaps(const std::string& key) { return state<serving::SwapLog>("swap-log", key); }

  /// `ready:1 current:1 refused:2 ...`: what happened to the key's models after they were received.
  std::string history(const std::string& key) {
    std::string text;
    for (const ModelEvent& event : events) {
      if (event.key != key || event.state < ModelState::kReady) continue;
      if (!text.empty()) text += ' ';
      text += std::string(to_string(event.state)) + ":" + std::to_string(event.version);
    }
    return text;
  }
  /// Why the last refused model was refused.
  std::string last_reason() {
    for (auto event = events.rbegin(); event != events.rend(); ++event)
      if (event->state == ModelState::kRefused) return event->reason;
    return {};
  }
  [[nodiscard]] std::size_t records_left() const { return input_.size(); }
  [[nodiscard]] std::size_t models_left() const { return models_.size(); }
  RigContext& context() { return context_; }

  /// Calls the operator until nothing moves.
  void drive() {
    for (bool moved = true; moved;) {
      moved = operator_->poll(out_) == PollResult::kProgress;
      collect();
      moved = offer_model() || moved;
      moved = offer_records() || moved;
    }
  }

  /// `1:ok:3.5 2:no_model`: id, status and first number of each result, in the order they left.
  [[nodiscard]] std::string text() const {
    std::string text;
    for (const auto& result : results) {
      if (!text.empty()) text += ' ';
      text += std::to_string(result.record.id) + ':' + std::string(to_string(result.status));
      if (result.numbers.size() != 0 && result.status != ScoreStatus::kError) {
        std::string number = std::to_string(result.number());
        number.erase(number.find_last_not_of('0') + 1);
        if (number.back() == '.') number.pop_back();
        text += ':' + number;
      }
    }
    return text;
  }

  std::vector<Scored<Event>> results;
  std::vector<ModelEvent> events;

 private:
  bool offer_model() {
    if (models_.empty()) return false;
    auto batch = std::make_unique<Batch<ModelRecord>>();
    batch->hashes.emplace(hash_key(models_.front().first.key));
    if (models_.front().second) batch->timestamps.emplace(at(*models_.front().second));
    batch->records.emplace(models_.front().first);
    BatchPtr pointer = std::move(batch);
    operator_->process(1, pointer, out_);
    collect();
    const bool taken = pointer->remaining() == 0;
    if (taken) models_.pop_front();
    return taken;
  }
  bool offer_records() {
    if (input_.empty()) return false;
    auto batch = std::make_unique<Batch<Event>>();
    const std::size_t count = std::min<std::size_t>(input_.size(), out_.batch_size());
    for (std::size_t i = 0; i < count; ++i) {
      batch->hashes.emplace(hash_key(input_[i].first.key));
      batch->timestamps.emplace(input_[i].second);
      batch->positions.emplace(static_cast<std::uint64_t>(input_[i].first.id));
      batch->records.emplace(input_[i].first);
    }
    BatchPtr pointer = std::move(batch);
    operator_->process(0, pointer, out_);
    collect();
    input_.erase(input_.begin(), input_.begin() + static_cast<std::ptrdiff_t>(pointer->cursor));
    return pointer->cursor != 0;
  }
  void collect() {
    auto& slot = out_.slot(0);
    if (!slot.open) return;
    auto& batch = static_cast<Batch<Scored<Event>>&>(*slot.open);
    EXPECT_TRUE(batch.timestamps.empty() || batch.timestamps.size() == batch.size());
    EXPECT_TRUE(batch.positions.empty() || batch.positions.size() == batch.size());
    EXPECT_LE(batch.size(), out_.batch_size());
    for (Scored<Event>& result : batch.records) results.push_back(std::move(result));
    batch.clear();
  }

  const SavedState* saved_;
  RigContext context_;
  Outbox out_;
  std::unique_ptr<Operator> operator_;
  std::deque<std::pair<Event, Timestamp>> input_;
  std::deque<std::pair<ModelRecord, std::optional<std::int64_t>>> models_;
  std::int64_t next_id_ = 1;
};

}  // namespace weir::test
