#include "engine/runtime/task.hpp"

#include <algorithm>
#include <exception>

namespace weir::runtime {
namespace {

constexpr int kStepsPerRun = 256;  // bounds a call; each step handles at most a batch
constexpr int kStepsPerClockRead = 16;
constexpr std::int64_t kRunBudgetNs = 1'000'000;
constexpr std::size_t kDrainEntriesPerRun = 4096;

}  // namespace

void WakeTarget::wake(std::size_t stage) {
  const std::lock_guard lock(mutex_);
  if (task_ == nullptr) return;
  task_->stages_[stage]->poll_requested.store(true, std::memory_order_release);
  task_->wake();
}

void WakeTarget::detach() {
  const std::lock_guard lock(mutex_);
  task_ = nullptr;
}

Task::Task(std::size_t id, std::string name, TaskHost& host)
    : id_(id), name_(std::move(name)), host_(host), wake_target_(std::make_shared<WakeTarget>(this)) {}

Task::~Task() {
  wake_target_->detach();
  refuse_mail();
}

Stage& Task::add_stage(Stage::Options options) {
  if (stages_.empty()) {
    is_source_ = options.node->inputs == 0;
    input_watermarks_.assign(options.node->inputs, kMinTimestamp);
  }
  stages_.push_back(std::make_unique<Stage>(std::move(options), *this, host_));
  if (stages_.size() > 1) stages_[stages_.size() - 2]->set_next(stages_.back().get());
  return *stages_.back();
}

void Task::add_input(Channel& channel, std::uint32_t input) {
  Input added;
  added.channel = &channel;
  added.input = input;
  inputs_.push_back(added);
}

Status Task::open() {
  for (const auto& stage : stages_) {
    Status status;
    try {
      status = stage->open();
    } catch (const std::exception& error) {
      status = Status::internal(std::string("open threw: ") + error.what());
    } catch (...) {
      status = Status::internal("open threw something that is not a std::exception");
    }
    if (!status.is_ok()) return status.with_context(stage->label());
  }
  for (const auto& stage : stages_) stage->announce_restored();
  last_ns_ = host_.clock().monotonic_ns();
  return {};
}

void Task::close() noexcept {
  if (std::exchange(closed_, true)) return;
  wake_target_->detach();
  for (const auto& stage : stages_)
    if (stage->op) stage->op->close();
}

void Task::refuse_mail() {
  std::vector<Letter> letters;
  {
    const std::lock_guard lock(mail_mutex_);
    mail_closed_ = true;
    letters.swap(mail_);
  }
  for (Letter& letter : letters)
    if (letter.refuse) letter.refuse(Status::unavailable("the task was stopped"));
}

std::function<void()> Task::waker_for(const Stage& stage) {
  std::size_t index = 0;
  while (stages_[index].get() != &stage) ++index;
  return [target = wake_target_, index] { target->wake(index); };
}

void Task::request_barrier(std::uint64_t id) {
  requested_barrier_.store(id, std::memory_order_release);
  wake();
}
void Task::request_end() {
  requested_end_.store(true, std::memory_order_release);
  wake();
}
void Task::request_tick() {
  tick_requested_.store(true, std::memory_order_release);
  wake();
}

bool Task::post(Letter letter) {
  {
    const std::lock_guard lock(mail_mutex_);
    if (mail_closed_ || mail_.size() >= kMailboxCapacity) return false;
    mail_.push_back(std::move(letter));
  }
  has_mail_.store(true, std::memory_order_release);
  wake();
  return true;
}

// The two below are the engine's own: at most a few per checkpoint, so they are not refused by a full mailbox.
void Task::abort_checkpoint(std::uint64_t id) {
  {
    const std::lock_guard lock(mail_mutex_);
    mail_.push_back({[id](Task& task) {
                       task.aborted_ = std::max(task.aborted_, id);
                       if (task.draining_ <= id) task.draining_ = 0;
                       if (task.aligning_ <= id) {
                         task.aligning_ = 0;
                         for (Input& input : task.inputs_) input.at_barrier = false;
                       }
                       for (const auto& stage : task.stages_) {
                         stage->drop_barrier(id);
                         stage->checkpoint_aborted();
                       }
                     },
                     {}});
  }
  has_mail_.store(true, std::memory_order_release);
  wake();
}

void Task::complete_checkpoint(std::uint64_t id) {
  {
    const std::lock_guard lock(mail_mutex_);
    mail_.push_back({[id](Task& task) {
                       for (const auto& stage : task.stages_) stage->checkpoint_complete(id);
                     },
                     {}});
  }
  has_mail_.store(true, std::memory_order_release);
  wake();
}

bool Task::read_mail() {
  if (!has_mail_.load(std::memory_order_acquire)) return false;
  std::vector<Letter> letters;
  {
    const std::lock_guard lock(mail_mutex_);
    letters.swap(mail_);
    has_mail_.store(false, std::memory_order_relaxed);
  }
  for (std::size_t index = 0; index < letters.size(); ++index) {
    try {
      letters[index].read(*this);
    } catch (...) {
      // The task fails; who wrote this letter and the ones after it hears of it.
      for (; index < letters.size(); ++index)
        if (letters[index].refuse) letters[index].refuse(Status::unavailable("the task has failed"));
      throw;
    }
  }
  return !letters.empty();
}

bool Task::run() {
  if (failed_) return false;
  const std::int64_t started = host_.clock().monotonic_ns();
  bool progress = false;
  try {
    progress = read_mail();
    if (tick_requested_.exchange(false, std::memory_order_acquire)) tick();
    if (draining_ != 0) progress = drain_snapshot() || progress;
    for (int steps = 1; steps <= kStepsPerRun; ++steps) {
      if (!step()) break;
      progress = true;
      if (steps % kStepsPerClockRead == 0 && host_.clock().monotonic_ns() - started > kRunBudgetNs) break;
    }
    for (Input& input : inputs_)
      if (std::exchange(input.popped, false)) release_producer(input);
    for (const auto& stage : stages_) {
      if (progress) stage->state->keep_to_budget();
      stage->flush(true);
      if (const Status fault = stage->state->fault(); !fault.is_ok()) {
        fail("reading state failed: " + fault.to_string());
        return true;
      }
    }
  } catch (const std::exception& error) {
    fail(error.what());
    return true;
  } catch (...) {
    fail("something that is not a std::exception was thrown");
    return true;
  }
  account(started, progress);
  return progress;
}

// What the time since the last call was spent on: busy in this call; before it, waiting for room or for input.
void Task::account(std::int64_t started, bool progress) {
  (last_blocked_ ? backpressured_ns : idle_ns).add(started - last_ns_);
  if (progress) {
    last_ns_ = host_.clock().monotonic_ns();
    busy_ns.add(last_ns_ - started);
  } else {
    last_ns_ = started;
  }
  last_blocked_ = false;
  for (const auto& stage : stages_) last_blocked_ = last_blocked_ || !stage->emitters_ready();
}

void Task::fail(const std::string& what) {
  failed_ = true;
  std::string where = name_;
  for (const auto& stage : stages_)
    if (stage->in_call()) where = stage->label() + stage->failing_record();
  host_.task_failed(*this, Status::internal(where + ": " + what));
}

bool Task::step() {
  if (step_stages()) return true;
  if (poll_stages()) return true;
  return is_source_ ? run_source() : take_input();
}

// The deepest stage that has work and can emit goes first: so at most one batch is in flight between two stages.
bool Task::step_stages() {
  for (std::size_t index = stages_.size(); index-- > 0;) {
    Stage& stage = *stages_[index];
    if (!stage.emitters_ready()) stage.flush(false);
    if (stage.has_input() && stage.can_emit() && stage.step()) return true;
  }
  return false;
}

bool Task::poll_stages() {
  for (std::size_t index = stages_.size(); index-- > (is_source_ ? 1 : 0);) {
    Stage& stage = *stages_[index];
    if (!stage.poll_requested.load(std::memory_order_acquire) || !stage.can_emit()) continue;
    stage.poll_requested.store(false, std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (stage.poll() == PollResult::kProgress) {
      stage.poll_requested.store(true, std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

bool Task::run_source() {
  Stage& stage = *stages_.front();
  if (stage.has_input() || !stage.can_emit()) return false;
  const std::uint64_t requested = requested_barrier_.load(std::memory_order_acquire);
  if (requested > injected_) {
    injected_ = requested;
    if (requested > aborted_) {
      stage.push_control({Control::Kind::kBarrier, static_cast<std::int64_t>(requested)});
      return true;
    }
  }
  if (source_ended_) return false;
  PollResult result = PollResult::kEnd;
  if (!requested_end_.load(std::memory_order_acquire)) result = stage.poll();
  if (result == PollResult::kEnd) {
    source_ended_ = true;
    stage.push_control({Control::Kind::kWatermark, kMaxTimestamp.time_since_epoch().count()});
    stage.push_control({Control::Kind::kEnd});
  }
  return result != PollResult::kIdle;
}

bool Task::take_input() {
  Stage& stage = *stages_.front();
  if (stage.has_control()) return false;
  for (std::size_t tried = 0; tried < inputs_.size(); ++tried) {
    Input& from = inputs_[next_input_];
    next_input_ = next_input_ + 1 == inputs_.size() ? 0 : next_input_ + 1;
    if (from.at_barrier || stage.pending[from.input]) continue;
    Message message;
    if (!from.channel->try_pop(message)) continue;
    from.popped = true;
    // A producer that waits goes on when there is room for some batches, or when this call ends.
    if (from.channel->producer_may_wait() && 2 * from.channel->depth() <= from.channel->capacity())
      release_producer(from);
    receive(from, message);
    return true;
  }
  return false;
}

void Task::release_producer(Input& from) {
  if (from.channel->release_producer()) from.channel->producer().wake();
}

void Task::receive(Input& from, const Message& message) {
  Stage& stage = *stages_.front();
  switch (message.kind) {
    case Message::Kind::kBatch:
      stage.pending[from.input] = BatchPtr(message.batch);
      stage.pending_from[from.input] = from.channel;
      if (from.idle) {
        from.idle = false;
        watermark_changed();
      }
      break;
    case Message::Kind::kWatermark:
      from.watermark = std::max(from.watermark, Timestamp{Duration{message.value}});
      from.idle = false;
      watermark_changed();
      break;
    case Message::Kind::kIdle:
      from.idle = true;
      watermark_changed();
      break;
    case Message::Kind::kActive:
      from.idle = false;
      watermark_changed();
      break;
    case Message::Kind::kBarrier: barrier_arrived(from, static_cast<std::uint64_t>(message.value)); break;
    case Message::Kind::kEnd:
      from.ended = true;
      from.watermark = kMaxTimestamp;
      watermark_changed();
      if (std::all_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.ended; }))
        stage.push_control({Control::Kind::kEnd});
      break;
  }
}

// An input's watermark is the least of its channels that are neither idle nor ended (the end of time when all have
// ended); the task's the least of its inputs that count and are not idle. When everything is idle nothing advances, and
// those behind are told.
void Task::watermark_changed() {
  Stage& stage = *stages_.front();
  Timestamp combined = kMaxTimestamp;
  bool any_counts = false;
  for (std::uint32_t input = 0; input < input_watermarks_.size(); ++input) {
    Timestamp least = kMaxTimestamp;
    bool any_live = false;
    bool all_ended = true;
    for (const Input& channel : inputs_) {
      if (channel.input != input) continue;
      all_ended = all_ended && channel.ended;
      if (channel.idle || channel.ended) continue;
      any_live = true;
      least = std::min(least, channel.watermark);
    }
    any_live = any_live || all_ended;
    if (any_live && least > input_watermarks_[input]) {
      input_watermarks_[input] = least;
      stage.input_watermark(input, least);
    }
    if (!any_live || !stage.op->counts_for_watermark(input)) continue;
    any_counts = true;
    combined = std::min(combined, input_watermarks_[input]);
  }
  // kMaxTimestamp means the end: only when every input, counting or not, is over. While others are idle or do not
  // count, what is over has passed all time but the end itself: nothing waits, and what an idle input brings later
  // still gets its timers fired.
  const bool over = std::all_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.ended; });
  if (combined == kMaxTimestamp && !over) combined = kBeforeTheEnd;
  if (any_counts && combined > combined_watermark_) {
    combined_watermark_ = combined;
    stage.push_control({Control::Kind::kWatermark, combined.time_since_epoch().count()});
  }
  const bool idle = !any_counts && !over;
  if (idle != all_idle_) {
    all_idle_ = idle;
    stage.push_control({idle ? Control::Kind::kIdle : Control::Kind::kActive});
  }
}

void Task::barrier_arrived(Input& from, std::uint64_t id) {
  // Below the one being aligned: of a checkpoint that was given up, its letter not read yet.
  if (id <= aborted_ || id < aligning_) return;
  if (id > aligning_) {
    // A newer barrier: the older checkpoint was given up; its letter is on the way.
    for (Input& input : inputs_) input.at_barrier = false;
    aligning_ = id;
  }
  from.at_barrier = true;
  if (!std::all_of(inputs_.begin(), inputs_.end(), [](const Input& input) { return input.at_barrier; })) return;
  for (Input& input : inputs_) input.at_barrier = false;
  aligning_ = 0;
  stages_.front()->push_control({Control::Kind::kBarrier, static_cast<std::int64_t>(id)});
}

// The outcome of the previous checkpoint was posted before this barrier was made, so it is in the mail by now.
void Task::before_snapshot() { read_mail(); }

void Task::barrier_passed(std::uint64_t id) {
  if (id <= aborted_) return;
  if (host_.is_bare_barrier(id)) return host_.snapshot_taken(*this, id, {});
  draining_ = id;
}

bool Task::drain_snapshot() {
  for (const auto& stage : stages_)
    if (!stage->drain_snapshot(kDrainEntriesPerRun)) return true;
  TaskSnapshot snapshot;
  for (const auto& stage : stages_) snapshot.operators.push_back(stage->take_snapshot(snapshot.deferred));
  host_.snapshot_taken(*this, std::exchange(draining_, 0), std::move(snapshot));
  return true;
}

void Task::end_passed() {
  ended_.store(true, std::memory_order_release);
  host_.task_ended(*this);
}

void Task::tick() {
  const Timestamp now = host_.clock().now();
  for (const auto& stage : stages_) {
    if (stage->next_tick > now) continue;
    stage->next_tick = kMaxTimestamp;
    stage->push_control({Control::Kind::kTimerTick, now.time_since_epoch().count()});
  }
}

}  // namespace weir::runtime
