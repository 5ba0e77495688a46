#include <weir/paced.hpp>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <stdexcept>
#include <vector>

#include <weir/rewindable_source.hpp>

namespace weir {

Timestamp Timeline::now(const Clock& clock, Timestamp first_record) {
  const std::int64_t now_ns = clock.monotonic_ns();
  const std::lock_guard lock(mutex_);
  if (!runs_) {
    runs_ = true;
    origin_ = restored_ != kMinTimestamp ? restored_ : options_.start.value_or(first_record);
    origin_ns_ = now_ns;
    restored_ = kMinTimestamp;
  }
  const double passed_us = static_cast<double>(now_ns - origin_ns_) / 1000 * options_.speed;
  const auto left_us = static_cast<double>(kMaxTimestamp.time_since_epoch().count()) -
                       static_cast<double>(std::max<std::int64_t>(0, origin_.time_since_epoch().count()));
  if (passed_us >= left_us) return kMaxTimestamp;
  return origin_ + Duration{static_cast<std::int64_t>(passed_us)};
}

void Timeline::reopen(Timestamp restored_watermark) {
  const std::lock_guard lock(mutex_);
  if (runs_) {
    runs_ = false;
    restored_ = kMinTimestamp;
  }
  if (restored_watermark != kMaxTimestamp) restored_ = std::max(restored_, restored_watermark);
}

namespace {

// What the inner source put out by its latest poll and is not released yet.
struct Held {
  BatchPtr batch;  // the main output's; records before `next` are released
  std::size_t next = 0;
  std::vector<Timestamp> least;  // least[i]: the earliest time of the records from i on
  std::vector<BatchPtr> side;    // of each side output, by output index - 1

  [[nodiscard]] std::size_t remaining() const noexcept { return batch ? batch->size() - next : 0; }
};

class PacedSource final : public Operator {
 public:
  PacedSource(std::unique_ptr<Operator> source, std::shared_ptr<Timeline> timeline, Duration watermark_interval)
      : source_(std::move(source)),
        rewindable_(dynamic_cast<RewindableSource*>(source_.get())),
        timeline_(std::move(timeline)),
        watermark_interval_(watermark_interval) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    if (rewindable_ == nullptr)
      return Status::invalid_argument("paced() needs a source that can step back (RewindableSource); this one cannot");
    timeline_->reopen(context.restored_watermark());
    return source_->open(context);
  }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}
  bool on_timer_tick(Timestamp now, Outbox& out) override { return source_->on_timer_tick(now, out); }

  PollResult poll(Outbox& out) override {
    if (std::isinf(timeline_->speed())) return source_->poll(out);
    if (out.full()) return PollResult::kProgress;
    if (held_.remaining() == 0) {
      const PollResult result = fetch(out);
      if (result == PollResult::kEnd) return result;
      if (held_.remaining() == 0) {
        const bool released = release_side(out);
        const bool moved = emit_watermark(out);
        return released || moved ? PollResult::kProgress : result;
      }
    }
    const Timestamp now = timeline_->now(context_->clock(), held_.batch->timestamps[held_.next]);
    const bool released = release(now, out);
    // Between records it moves from time to time: with every look at the clock it would never come to rest.
    const bool moved = (released || watermark_is_due()) && emit_watermark(out);
    if (released || moved) return PollResult::kProgress;
    sleep(now);
    return PollResult::kIdle;
  }

  void snapshot(SnapshotBuilder& builder) override {
    if (held_.remaining() == 0) return source_->snapshot(builder);
    rewindable_->snapshot_from(held_.batch->positions[held_.next], builder);
  }
  void on_checkpoint_complete(std::uint64_t checkpoint_id) override { source_->on_checkpoint_complete(checkpoint_id); }
  void close() noexcept override { source_->close(); }

 private:
  PollResult fetch(Outbox& out) {
    if (!inner_) {
      inner_.emplace(out.outputs(), out.batch_size());
      for (std::size_t output = 0; output < out.outputs(); ++output)
        inner_->slot(output).make_batch = out.slot(output).make_batch;
      held_.side.resize(out.outputs() - 1);
    }
    inner_->set_batch_size(out.batch_size());
    if (held_.batch) {
      held_.batch->clear();
      inner_->slot(0).spare = std::move(held_.batch);
    }
    const PollResult result = source_->poll(*inner_);
    held_.batch = std::move(inner_->slot(0).open);
    held_.next = 0;
    for (std::size_t output = 1; output < out.outputs(); ++output) {
      BatchPtr& made = inner_->slot(output).open;
      if (made && made->size() != 0) held_.side[output - 1] = std::move(made);
    }
    if (const std::optional<Timestamp> watermark = inner_->take_watermark())
      source_watermark_ = std::max(source_watermark_, *watermark);
    if (const std::optional<bool> idle = inner_->take_idle()) out.set_idle(*idle);
    if (held_.remaining() == 0) return result;
    check_columns();
    const std::size_t size = held_.batch->size();
    held_.least.resize(size);
    Timestamp least = kMaxTimestamp;
    for (std::size_t i = size; i-- > 0;) held_.least[i] = least = std::min(least, held_.batch->timestamps[i]);
    return PollResult::kProgress;
  }

  void check_columns() const {
    const BatchBase& batch = *held_.batch;
    if (batch.timestamps.size() != batch.size())
      throw std::runtime_error("paced() needs records with timestamps: give the source a timestamp function");
    if (batch.positions.size() != batch.size())
      throw std::runtime_error("paced() needs records with positions: the source leaves them out");
  }

  // Puts out the held records that are due, up to what there is room for.
  bool release(Timestamp now, Outbox& out) {
    const std::size_t limit = std::min(held_.remaining(), out.room());
    std::size_t count = 0;
    while (count < limit && held_.batch->timestamps[held_.next + count] <= now) ++count;
    if (count != 0) {
      if (held_.next == 0 && count == held_.batch->size() && out.can_pass()) {
        out.pass(held_.batch);
        held_.next = 0;
        if (held_.batch) held_.batch->clear();
      } else {
        move_range(*held_.batch, held_.next, count, out, 0);
        held_.next += count;
      }
    }
    return release_side(out) || count != 0;
  }

  // Side outputs' records go when the main record after them is next.
  bool release_side(Outbox& out) {
    bool released = false;
    for (std::size_t output = 1; output <= held_.side.size(); ++output) {
      BatchPtr& batch = held_.side[output - 1];
      if (!batch) continue;
      std::size_t count = batch->remaining();
      if (held_.remaining() != 0) {
        const std::uint64_t next = held_.batch->positions[held_.next];
        count = 0;
        while (count < batch->remaining() && batch->positions[batch->cursor + count] < next) ++count;
      }
      if (count != 0) {
        move_range(*batch, batch->cursor, count, out, output);
        batch->cursor += count;
        released = true;
      }
      if (batch->remaining() == 0) batch.reset();
    }
    return released;
  }

  void move_range(BatchBase& from, std::size_t start, std::size_t count, Outbox& out, std::size_t output) {
    indices_.resize(count);
    std::iota(indices_.begin(), indices_.end(), static_cast<std::uint32_t>(start));
    Outbox::Slot& slot = out.slot(output);
    if (!slot.open) slot.open = slot.spare ? std::move(slot.spare) : slot.make_batch();
    from.move_selected(indices_.data(), count, *slot.open);
  }

  bool watermark_is_due() {
    const Timestamp clock_now = context_->clock().now();
    if (clock_now < watermark_due_) return false;
    watermark_due_ = clock_now + watermark_interval_;
    return true;
  }

  // Everything at or before the line has been released, except what the source itself may still bring.
  bool emit_watermark(Outbox& out) {
    if (source_watermark_ == kMinTimestamp) return false;
    Timestamp watermark = source_watermark_;
    if (held_.remaining() != 0) {
      const Timestamp next = held_.batch->timestamps[held_.next];
      watermark = std::min({watermark, held_.least[held_.next] - Duration{1}, timeline_->now(context_->clock(), next)});
    }
    if (watermark <= emitted_) return false;
    emitted_ = watermark;
    out.emit_watermark(watermark);
    return true;
  }

  // Until the next record is due, or the watermark is to move.
  void sleep(Timestamp now) {
    const Duration until_due = held_.batch->timestamps[held_.next] - now;
    const double clock_us = std::ceil(static_cast<double>(until_due.count()) / timeline_->speed());
    const Timestamp clock_now = context_->clock().now();
    const auto watermark_us = static_cast<double>(std::max(watermark_due_ - clock_now, Duration{1}).count());
    const auto wait_us = static_cast<std::int64_t>(std::clamp(clock_us, 1.0, watermark_us));
    context_->schedule(clock_now + Duration{wait_us});
  }

  std::unique_ptr<Operator> source_;
  RewindableSource* const rewindable_;
  std::shared_ptr<Timeline> timeline_;
  const Duration watermark_interval_;
  OperatorContext* context_ = nullptr;
  std::optional<Outbox> inner_;
  Held held_;
  std::vector<std::uint32_t> indices_;
  Timestamp source_watermark_ = kMinTimestamp;
  Timestamp emitted_ = kMinTimestamp;
  Timestamp watermark_due_ = kMinTimestamp;  // by the clock
};

}  // namespace

namespace detail {

std::unique_ptr<Operator> make_paced_source(std::unique_ptr<Operator> source, std::shared_ptr<Timeline> timeline,
                                            Duration watermark_interval) {
  return std::make_unique<PacedSource>(std::move(source), std::move(timeline), watermark_interval);
}

}  // namespace detail
}  // namespace weir
