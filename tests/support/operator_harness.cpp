#include "support/operator_harness.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace weir::testing_support {
namespace {

// Rows as an earlier checkpoint stored them.
class StoredReader final : public StateReader {
 public:
  explicit StoredReader(std::map<std::string, std::string> rows) : rows_(std::move(rows)) {}
  [[nodiscard]] bool empty() const override { return rows_.empty(); }
  [[nodiscard]] std::uint64_t checkpoint() const override { return 0; }
  Status get(std::span<const std::string> keys, std::vector<std::optional<std::string>>& values) const override {
    values.assign(keys.size(), std::nullopt);
    for (std::size_t i = 0; i < keys.size(); ++i)
      if (const auto row = rows_.find(keys[i]); row != rows_.end()) values[i] = row->second;
    return {};
  }
  Status scan(std::string_view prefix,
              const std::function<bool(std::string_view key, std::string_view value)>& visit) const override {
    for (auto row = rows_.lower_bound(std::string(prefix)); row != rows_.end(); ++row) {
      if (!row->first.starts_with(prefix)) break;
      if (!visit(row->first, row->second)) break;
    }
    return {};
  }

 private:
  std::map<std::string, std::string> rows_;
};

void apply_delta(const StateDelta& delta, std::map<std::string, std::string>& rows) {
  std::set<std::string> seen;
  delta.for_each([&](std::string_view key, std::optional<std::string_view> value) {
    EXPECT_TRUE(seen.insert(std::string(key)).second) << "a delta holds a key once";
    if (value) {
      rows.insert_or_assign(std::string(key), std::string(*value));
    } else {
      rows.erase(std::string(key));
    }
  });
}

void expect_consistent(const BatchBase& batch, std::size_t output) {
  for (const std::size_t size : {batch.timestamps.size(), batch.positions.size(), batch.hashes.size()})
    EXPECT_TRUE(size == 0 || size == batch.size())
        << "output " << output << ": a column of " << size << " beside " << batch.size() << " records";
}

}  // namespace

void StoredOperator::merge(const StoredOperator& other) {
  entries.insert(entries.end(), other.entries.begin(), other.entries.end());
  committables.insert(committables.end(), other.committables.begin(), other.committables.end());
  watermark = std::min(watermark, other.watermark);
  for (const auto& [name, rows] : other.states) states[name].insert(rows.begin(), rows.end());
  schemas.insert(other.schemas.begin(), other.schemas.end());
}

TestContext::TestContext(ContextOptions options, std::shared_ptr<const StoredOperator> restored)
    : options_(std::move(options)), restored_(std::move(restored)) {
  StateContext::Options state;
  state.uid = options_.uid;
  state.max_parallelism = options_.max_parallelism;
  state.groups = key_group_range(options_.task_index, options_.parallelism, options_.max_parallelism);
  state.reader = [stored = restored_](const StateDescriptor& descriptor) -> std::shared_ptr<const StateReader> {
    if (!stored) return nullptr;
    const auto rows = stored->states.find(descriptor.name);
    if (rows == stored->states.end()) return nullptr;
    EXPECT_EQ(stored->schemas.at(descriptor.name), descriptor.schema()) << descriptor.label();
    return std::make_shared<StoredReader>(rows->second);
  };
  state_ = std::make_unique<StateContext>(std::move(state));
}

std::span<const std::pair<std::string, std::string>> TestContext::restored_entries() const noexcept {
  if (!restored_) return {};
  return restored_->entries;
}

Timestamp TestContext::restored_watermark() const noexcept { return restored_ ? restored_->watermark : kMinTimestamp; }

std::optional<std::size_t> TestContext::side_output(std::string_view name) const noexcept {
  for (std::size_t i = 0; i < options_.side_outputs.size(); ++i)
    if (options_.side_outputs[i] == name) return i + 1;
  return std::nullopt;
}

std::string Output::to_string() const {
  std::string out = is_watermark ? "watermark" : text;
  if (output != 0) out = "[" + std::to_string(output) + "] " + out;
  if (time) out += " @" + format_timestamp(*time);
  if (position) out += " #" + std::to_string(*position);
  return out;
}
std::ostream& operator<<(std::ostream& stream, const Output& output) { return stream << output.to_string(); }

OperatorHarness::OperatorHarness(Options options)
    : options_(std::move(options)),
      outbox_(options_.outputs.size(), options_.batch_size),
      input_watermarks_(options_.inputs, kMinTimestamp) {
  for (std::size_t output = 0; output < options_.outputs.size(); ++output)
    outbox_.slot(output).make_batch = options_.outputs[output].make_batch;
}

OperatorHarness::~OperatorHarness() { destroy(); }

Status OperatorHarness::open(std::shared_ptr<const StoredOperator> from) {
  destroy();
  if (from) {
    states_ = from->states;
    schemas_ = from->schemas;
    watermark_ = from->watermark;
  } else {
    watermark_ = kMinTimestamp;
  }
  input_watermarks_.assign(options_.inputs, kMinTimestamp);
  context_ = std::make_unique<TestContext>(options_.context, std::move(from));
  operator_ = options_.make_operator();
  return operator_->open(*context_);
}

void OperatorHarness::destroy() {
  if (!operator_) return;
  operator_->close();
  operator_.reset();
  TestContext& context = *context_;
  context.manual_executor().run_all();
  context_.reset();
}

Result<std::shared_ptr<const StoredOperator>> OperatorHarness::prepare() {
  finish_waking();
  for (const auto& table : context_->state().tables()) table->freeze();
  SnapshotBuilder builder;
  operator_->snapshot(builder);
  for (const auto& table : context_->state().tables()) {
    StateDelta delta;
    while (!table->drain(3, delta)) {
    }
    apply_delta(delta, states_[table->descriptor().name]);
    schemas_[table->descriptor().name] = table->descriptor().schema();
  }
  WEIR_RETURN_IF_ERROR(context_->state().fault());
  for (const std::function<Status()>& work : builder.deferred) WEIR_RETURN_IF_ERROR(work());
  auto stored = std::make_shared<StoredOperator>();
  stored->entries = std::move(builder.entries);
  stored->committables = std::move(builder.committables);
  stored->watermark = options_.inputs == 0 ? last_watermark_.value_or(watermark_) : watermark_;
  stored->states = states_;
  stored->schemas = schemas_;
  return std::shared_ptr<const StoredOperator>(std::move(stored));
}

Status OperatorHarness::commit(const StoredOperator& stored) {
  if (options_.committer && !stored.committables.empty()) WEIR_RETURN_IF_ERROR(options_.committer(stored.committables));
  for (const auto& table : context_->state().tables()) table->committed();
  operator_->on_checkpoint_complete(++checkpoint_id_);
  return {};
}

Result<std::shared_ptr<const StoredOperator>> OperatorHarness::checkpoint() {
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const StoredOperator> stored, prepare());
  WEIR_RETURN_IF_ERROR(commit(*stored));
  return stored;
}

Status OperatorHarness::restart() {
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const StoredOperator> stored, checkpoint());
  const std::vector<Timestamp> watermarks = input_watermarks_;
  WEIR_RETURN_IF_ERROR(open(std::move(stored)));
  // The channels' watermarks come again, as the sources' do after a restore.
  for (std::size_t input = 0; input < watermarks.size(); ++input)
    if (watermarks[input] != kMinTimestamp) watermark(input, watermarks[input]);
  return {};
}

void OperatorHarness::begin_call() {
  ++calls_;
  if (!options_.full_every_other_call) return;
  full_turn_ = !full_turn_;
  outbox_.set_batch_size(full_turn_ ? 0 : options_.batch_size);
}

void OperatorHarness::collect() {
  for (std::size_t output = 0; output < outbox_.outputs(); ++output) {
    Outbox::Slot& slot = outbox_.slot(output);
    if (!slot.open || slot.open->size() == 0) continue;
    EXPECT_FALSE(full_turn_) << "put a record into an outbox that was full";
    BatchBase& batch = *slot.open;
    expect_consistent(batch, output);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Output out{.output = output,
                 .is_watermark = false,
                 .text = options_.outputs[output].show(batch, i),
                 .time = {},
                 .position = {}};
      if (batch.has_timestamps()) out.time = batch.timestamps[i];
      if (!batch.positions.empty()) out.position = batch.positions[i];
      collected_.push_back(std::move(out));
    }
    slot.spare = std::move(slot.open);
    slot.spare->clear();
  }
  if (const std::optional<Timestamp> watermark = outbox_.take_watermark()) {
    if (last_watermark_ && *watermark <= *last_watermark_) return;
    last_watermark_ = watermark;
    collected_.push_back({.output = 0, .is_watermark = true, .text = {}, .time = watermark, .position = {}});
  }
}

bool OperatorHarness::let_world_move() {
  if (context_->manual_executor().run_one()) return true;
  if (!context_->scheduled) return false;
  const Timestamp due = *std::exchange(context_->scheduled, std::nullopt);
  context_->manual_clock().advance_to(due);
  for (int tries = 0; tries < 1000; ++tries) {
    begin_call();
    const bool done = operator_->on_timer_tick(context_->clock().now(), outbox_);
    collect();
    if (done) return true;
  }
  ADD_FAILURE() << "on_timer_tick() is never done";
  return false;
}

// Asynchronous work whose waker fired is finished by poll().
void OperatorHarness::finish_waking() {
  if (options_.inputs == 0) return;
  for (int tries = 0; tries < 1000 && context_->take_wakes() != 0; ++tries) {
    PollResult result = PollResult::kProgress;
    for (int polls = 0; polls < 1000 && result == PollResult::kProgress; ++polls) result = poll_once();
    EXPECT_NE(result, PollResult::kProgress) << "poll() never comes to rest";
    EXPECT_NE(result, PollResult::kEnd) << "kEnd is for sources";
  }
}

bool OperatorHarness::process_once(std::size_t input, BatchPtr& batch) {
  begin_call();
  operator_->process(input, batch, outbox_);
  collect();
  return !batch || batch->remaining() == 0;
}

bool OperatorHarness::push(std::size_t input, BatchPtr& batch) {
  int idle_calls = 0;
  while (true) {
    const std::size_t remaining = batch->remaining();
    const std::size_t collected = collected_.size();
    if (process_once(input, batch)) break;
    if (batch->remaining() != remaining || collected_.size() != collected) {
      idle_calls = 0;
      continue;
    }
    finish_waking();
    if (collected_.size() != collected) continue;
    // Twice: the outbox may have been full at the first.
    if (++idle_calls < 3) continue;
    if (!let_world_move()) return false;
    finish_waking();
    idle_calls = 0;
  }
  finish_waking();
  return true;
}

void OperatorHarness::watermark(std::size_t input, Timestamp watermark) {
  if (watermark <= input_watermarks_[input]) return;
  input_watermarks_[input] = watermark;
  operator_->on_input_watermark(input, watermark);
  Timestamp least = kMaxTimestamp;
  for (std::size_t i = 0; i < input_watermarks_.size(); ++i)
    if (operator_->counts_for_watermark(i)) least = std::min(least, input_watermarks_[i]);
  if (least <= watermark_) return;
  for (int tries = 0;; ++tries) {
    if (tries == 100'000) {
      ADD_FAILURE() << "on_watermark() is never done";
      return;
    }
    begin_call();
    const bool done = operator_->on_watermark(least, outbox_);
    collect();
    if (done) break;
    finish_waking();
    if (tries > 2) let_world_move();
  }
  watermark_ = least;
  last_watermark_ = least;
  if (!options_.outputs.empty())
    collected_.push_back({.output = 0, .is_watermark = true, .text = {}, .time = least, .position = {}});
  finish_waking();
}

void OperatorHarness::end() {
  for (std::size_t input = 0; input < options_.inputs; ++input) watermark(input, kMaxTimestamp);
  for (int tries = 0; tries < 100'000; ++tries) {
    begin_call();
    const bool done = operator_->on_end(outbox_);
    collect();
    if (done) return;
    finish_waking();
    if (tries > 2) {
      let_world_move();
      finish_waking();
    }
  }
  ADD_FAILURE() << "on_end() is never done";
}

PollResult OperatorHarness::poll_once() {
  begin_call();
  const PollResult result = operator_->poll(outbox_);
  collect();
  return result;
}

void OperatorHarness::run_source(const std::function<void()>& after_each_batch) {
  int idle = 0;
  while (true) {
    const std::size_t before = collected_.size();
    const PollResult result = poll_once();
    if (result == PollResult::kEnd) return;
    if (collected_.size() != before) {
      idle = 0;
      if (after_each_batch) after_each_batch();
      continue;
    }
    if (result == PollResult::kProgress) {
      if (++idle > 100'000) break;
      continue;
    }
    if (context_->take_wakes() != 0) continue;
    if (full_turn_) continue;  // it could not have put anything out
    if (!let_world_move()) break;
    if (++idle > 1'000'000) break;
  }
  ADD_FAILURE() << "the source is neither at its end nor makes progress, and nothing will wake it";
}

std::vector<std::string> OperatorHarness::texts(std::size_t output) const {
  std::vector<std::string> texts;
  for (const Output& out : collected_)
    if (!out.is_watermark && out.output == output) texts.push_back(out.text);
  return texts;
}

}  // namespace weir::testing_support
