#include "engine/runtime/stage.hpp"

#include "engine/runtime/task.hpp"

namespace weir {

void Outbox::renew(Slot& slot) {
  slot.open = slot.spare ? std::move(slot.spare) : slot.make_batch();
  slot.open->reserve(batch_size_);
}

}  // namespace weir

namespace weir::runtime {

const std::string& StageContext::uid() const noexcept { return stage_.options.node->uid; }
std::uint32_t StageContext::task_index() const noexcept { return stage_.options.task_index; }
std::uint32_t StageContext::parallelism() const noexcept { return stage_.options.parallelism; }
std::uint32_t StageContext::max_parallelism() const noexcept { return stage_.options.max_parallelism; }
StateContext& StageContext::state() noexcept { return *stage_.state; }
std::function<void()> StageContext::waker() { return task_.waker_for(stage_); }
bool StageContext::is_restored() const noexcept { return stage_.options.restored != nullptr; }
std::span<const std::pair<std::string, std::string>> StageContext::restored_entries() const noexcept {
  if (stage_.options.restored == nullptr) return {};
  return stage_.options.restored->entries;
}
Timestamp StageContext::restored_watermark() const noexcept {
  return stage_.options.restored == nullptr ? kMinTimestamp : stage_.options.restored->watermark;
}
const std::string& StageContext::job_directory() const noexcept { return stage_.options.job_directory; }
bool StageContext::aligning() const noexcept { return task_.aligning(); }
std::optional<std::size_t> StageContext::side_output(std::string_view name) const noexcept {
  const auto& outputs = stage_.options.node->outputs;
  for (std::size_t output = 1; output < outputs.size(); ++output)
    if (outputs[output].name == name) return output;
  return std::nullopt;
}
Metric& StageContext::metric(std::string_view name) { return host_.metric(name, uid(), task_index()); }
Metric& StageContext::described_metric(std::string_view name, const MetricInfo& info) {
  return host_.described_metric(name, uid(), task_index(), info);
}
void StageContext::schedule(Timestamp processing_time) {
  if (processing_time >= stage_.next_tick) return;
  stage_.next_tick = processing_time;
  host_.schedule_wake(task_, processing_time);
}

void StageContext::wake_at(std::int64_t monotonic_ns) {
  if (monotonic_ns >= stage_.next_wake_ns) return;
  stage_.next_wake_ns = monotonic_ns;
  host_.schedule_poll(task_.waker_for(stage_), monotonic_ns);
}

Stage::Stage(Options stage_options, Task& task, TaskHost& host)
    : options(std::move(stage_options)),
      context(*this, task, host),
      outbox(options.node->outputs.size(), options.batch_size),
      pending(std::max<std::uint32_t>(1, options.node->inputs)),
      pending_from(pending.size(), nullptr),
      task_(task),
      host_(host),
      by_output_(options.node->outputs.size()),
      copies_(options.node->outputs.size()) {
  for (std::size_t output = 0; output < options.node->outputs.size(); ++output)
    outbox.slot(output).make_batch = options.node->outputs[output].make_batch;
  StateContext::Options state_options;
  state_options.uid = options.node->uid;
  state_options.max_parallelism = options.max_parallelism;
  state_options.groups = key_group_range(options.task_index, options.parallelism, options.max_parallelism);
  state_options.memory_bytes = options.state_memory_bytes;
  if (options.reader) state_options.reader = options.reader;
  state = std::make_unique<StateContext>(std::move(state_options));
  counters.watermark_us.set(kMinTimestamp.time_since_epoch().count());
}

Stage::~Stage() = default;

Status Stage::open() {
  op = options.node->make_operator();
  watermark = context.restored_watermark();
  lasting_watermark_ = watermark;
  // All tasks' together, whatever their number was: the first one goes on from there.
  if (options.restored != nullptr && options.node->inputs == 0 && options.task_index == 0)
    counters.records_out_before = options.restored->records_out;
  counters.watermark_us.set(watermark.time_since_epoch().count());
  WEIR_RETURN_IF_ERROR(op->open(context));
  return state->fault();
}

// Then its watermark is the one it has made, not the one it was told.
bool Stage::makes_watermarks() const noexcept { return options.node->inputs == 0 || !op->forwards_watermark(); }

void Stage::reached(Timestamp time) {
  watermark = time;
  const bool is_end = time >= kBeforeTheEnd;
  counters.watermark_us.set((is_end ? kMaxTimestamp : time).time_since_epoch().count());
  if (!is_end) lasting_watermark_ = time;
}

void Stage::announce_restored() {
  if (!makes_watermarks() || watermark == kMinTimestamp) return;
  forward({Control::Kind::kWatermark, watermark.time_since_epoch().count()});
}

bool Stage::has_input() const noexcept {
  if (!controls_.empty()) return true;
  for (const BatchPtr& batch : pending)
    if (batch) return true;
  return false;
}

bool Stage::emitters_ready() const noexcept {
  for (const auto& emitter : emitters)
    if (!emitter->ready()) return false;
  return true;
}

bool Stage::can_emit() const noexcept { return (next_ == nullptr || !next_->has_input()) && emitters_ready(); }

bool Stage::step() {
  // The first stage takes a control event when its task has put it there: all records before it are done or must not
  // hold it up. Further down the chain the batch that came before the event goes first.
  if (previous_ == nullptr) return step_control() || step_batches();
  return step_batches() || (!pending[0] && step_control());
}

bool Stage::step_batches() {
  for (std::size_t tried = 0; tried < pending.size(); ++tried) {
    const std::size_t input = next_input_;
    next_input_ = next_input_ + 1 == pending.size() ? 0 : next_input_ + 1;
    BatchPtr& batch = pending[input];
    if (!batch) continue;
    if (options.hasher && batch->cursor == 0) options.hasher->hash(*batch);
    const std::size_t size = batch->size();
    const std::size_t before = batch->cursor;
    in_call_ = true;
    processing_ = &batch;
    op->process(input, batch, outbox);
    processing_ = nullptr;
    in_call_ = false;
    const std::size_t taken = batch && batch->size() != 0 ? batch->cursor - before : size - before;
    counters.records_in.add(static_cast<std::int64_t>(taken));
    const bool moved = taken != 0 || !outbox.empty();
    deliver();
    if (!batch || batch->remaining() == 0) settle(input);
    if (moved || !batch) return true;
  }
  return false;
}

// The batch of `input` is used up: its memory goes back to where it came from.
void Stage::settle(std::size_t input) {
  BatchPtr batch = std::move(pending[input]);
  if (!batch) return;
  if (pending_from[input] != nullptr) {
    pending_from[input]->give_back(std::move(batch));
    return;
  }
  if (previous_ != nullptr && !previous_->outbox.slot(0).spare) {
    batch->clear();
    previous_->outbox.slot(0).spare = std::move(batch);
  }
}

bool Stage::step_control() {
  if (controls_.empty()) return false;
  if (controls_.front().kind == Control::Kind::kBarrier) {
    // What became of the previous checkpoint is in the mail by now; the mail may also call this one off.
    task_.before_snapshot();
    if (controls_.empty() || controls_.front().kind != Control::Kind::kBarrier) return true;
  }
  const Control control = controls_.front();
  bool done = true;
  in_call_ = true;
  switch (control.kind) {
    case Control::Kind::kWatermark:
      if (control.time() > watermark) {
        done = op->on_watermark(control.time(), outbox);
        if (done && (op->forwards_watermark() || control.time() == kMaxTimestamp)) reached(control.time());
      }
      break;
    case Control::Kind::kTimerTick: done = op->on_timer_tick(control.time(), outbox); break;
    case Control::Kind::kEnd: done = op->on_end(outbox); break;
    case Control::Kind::kBarrier:
      op->on_barrier(static_cast<std::uint64_t>(control.value));
      if (!host_.is_bare_barrier(static_cast<std::uint64_t>(control.value))) begin_snapshot();
      break;
    case Control::Kind::kIdle: done = op->on_idle(true, outbox); break;
    case Control::Kind::kActive: done = op->on_idle(false, outbox); break;
  }
  in_call_ = false;
  const bool moved = done || !outbox.empty();
  deliver();
  if (!done) return moved;
  controls_.erase(controls_.begin());
  switch (control.kind) {
    case Control::Kind::kTimerTick: break;
    case Control::Kind::kWatermark:
      if (op->forwards_watermark() || control.time() == kMaxTimestamp) forward(control);
      break;
    case Control::Kind::kIdle:
    case Control::Kind::kActive:
      if (op->forwards_idle()) forward(control);
      break;
    case Control::Kind::kBarrier:
    case Control::Kind::kEnd: forward(control); break;
  }
  return true;
}

PollResult Stage::poll() {
  if (next_wake_ns != kNoWake && next_wake_ns <= host_.clock().monotonic_ns()) next_wake_ns = kNoWake;
  in_call_ = true;
  const PollResult result = op->poll(outbox);
  in_call_ = false;
  const bool moved = !outbox.empty();
  deliver();
  return result == PollResult::kIdle && moved ? PollResult::kProgress : result;
}

void Stage::deliver() {
  for (std::uint32_t output = 0; output < by_output_.size(); ++output) deliver_output(output);
  if (const std::optional<Timestamp> time = outbox.take_watermark()) {
    if (makes_watermarks()) reached(std::max(watermark, *time));
    forward({Control::Kind::kWatermark, time->time_since_epoch().count()});
  }
  if (const std::optional<bool> idle = outbox.take_idle(); idle && *idle != sent_idle_) {
    sent_idle_ = *idle;
    forward({*idle ? Control::Kind::kIdle : Control::Kind::kActive});
  }
}

void Stage::deliver_output(std::uint32_t output) {
  Outbox::Slot& slot = outbox.slot(output);
  if (!slot.open || slot.open->size() == 0) return;
  counters.records_out.add(static_cast<std::int64_t>(slot.open->size()));
  if (output == 0 && next_ != nullptr) {
    WEIR_CHECK(!next_->pending[0], "a stage runs only when the next one is free");
    next_->pending[0] = std::move(slot.open);
    next_->pending[0]->cursor = 0;
    return;
  }
  const std::vector<Emitter*>& targets = by_output_[output];
  std::vector<BatchPtr>& copies = copies_[output];
  copies.resize(targets.size());
  for (std::size_t target = 0; target + 1 < targets.size(); ++target) {
    if (!copies[target]) copies[target] = slot.make_batch();
    slot.open->copy_to(*copies[target]);
    targets[target]->offer(copies[target]);
  }
  if (targets.empty()) {
    slot.open->clear();  // nobody listens
    return;
  }
  targets.back()->offer(slot.open);
}

void Stage::forward(const Control& control) {
  if (control.kind == Control::Kind::kWatermark) {
    if (control.time() <= sent_watermark_) return;
    sent_watermark_ = control.time();
  }
  if (next_ != nullptr) next_->push_control(control);
  Message message;
  switch (control.kind) {
    case Control::Kind::kWatermark: message = Message::watermark(control.time()); break;
    case Control::Kind::kBarrier: message = Message::barrier(static_cast<std::uint64_t>(control.value)); break;
    case Control::Kind::kEnd: message = Message::control(Message::Kind::kEnd); break;
    case Control::Kind::kIdle: message = Message::control(Message::Kind::kIdle); break;
    case Control::Kind::kActive: message = Message::control(Message::Kind::kActive); break;
    case Control::Kind::kTimerTick: return;
  }
  for (const auto& emitter : emitters) emitter->send(message);
  if (next_ != nullptr) return;
  if (control.kind == Control::Kind::kBarrier) task_.barrier_passed(static_cast<std::uint64_t>(control.value));
  if (control.kind == Control::Kind::kEnd) task_.end_passed();
}

void Stage::add_emitter(std::uint32_t output, std::unique_ptr<Emitter> emitter) {
  by_output_[output].push_back(emitter.get());
  emitters.push_back(std::move(emitter));
}

bool Stage::flush(bool partial) {
  bool ready = true;
  for (const auto& emitter : emitters) ready = emitter->flush(partial) && ready;
  return ready;
}

void Stage::drop_barrier(std::uint64_t id) {
  std::erase_if(controls_, [&](const Control& control) {
    return control.kind == Control::Kind::kBarrier && static_cast<std::uint64_t>(control.value) <= id;
  });
}

void Stage::begin_snapshot() {
  WEIR_CHECK(!in_snapshot_, "one checkpoint at a time");
  in_snapshot_ = true;
  builder_.emplace();
  op->snapshot(*builder_);
  // The end of a stream is no time to remember: a job that was drained may go on with more records.
  snapshot_watermark_ = lasting_watermark_;
  snapshot_records_out_ = counters.records_out_before + static_cast<std::uint64_t>(counters.records_out.value());
  draining_ = 0;
  deltas_.clear();
  for (const auto& table : state->tables()) {
    table->freeze();
    deltas_.emplace_back().descriptor = table->descriptor();
  }
}

bool Stage::drain_snapshot(std::size_t max_entries) {
  const auto tables = state->tables();
  while (draining_ < tables.size()) {
    if (!tables[draining_]->drain(max_entries, deltas_[draining_])) return false;
    ++draining_;
  }
  return true;
}

OperatorSnapshot Stage::take_snapshot(std::vector<std::function<Status()>>& deferred) {
  OperatorSnapshot snapshot;
  snapshot.uid = options.node->uid;
  snapshot.task_index = options.task_index;
  snapshot.parallelism = options.parallelism;
  snapshot.watermark = snapshot_watermark_;
  if (options.node->inputs == 0) snapshot.records_out = snapshot_records_out_;
  snapshot.deltas = std::move(deltas_);
  snapshot.entries = std::move(builder_->entries);
  snapshot.committables = std::move(builder_->committables);
  for (auto& work : builder_->deferred) deferred.push_back(std::move(work));
  builder_.reset();
  deltas_.clear();
  return snapshot;
}

void Stage::checkpoint_complete(std::uint64_t id) {
  if (!in_snapshot_) return;
  in_snapshot_ = false;
  for (const auto& table : state->tables()) table->committed();
  in_call_ = true;
  op->on_checkpoint_complete(id);
  in_call_ = false;
}

void Stage::input_watermark(std::size_t input, Timestamp time) {
  in_call_ = true;
  op->on_input_watermark(input, time);
  in_call_ = false;
}

void Stage::checkpoint_aborted() {
  if (!in_snapshot_) return;
  in_snapshot_ = false;
  builder_.reset();
  deltas_.clear();
  for (const auto& table : state->tables()) table->aborted();
}

std::string Stage::label() const {
  return "operator '" + options.node->uid + "' task " + std::to_string(options.task_index);
}

std::string Stage::failing_record() const {
  if (processing_ == nullptr || !*processing_) return {};
  const BatchBase& batch = **processing_;
  if (batch.positions.size() <= batch.cursor) return {};
  return ", record at source position " + std::to_string(batch.positions[batch.cursor]);
}

}  // namespace weir::runtime
