#pragma once
// A source that the test opens and closes like a tap, with splits that move between tasks, and things to wait on.

#include <weir/source.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace weir::test {

// What the test and the source's tasks share. Thread: any.
class Tap {
 public:
  static constexpr std::uint32_t kSplits = 8;

  explicit Tap(std::int64_t limit = 0) : limit_(limit) {}

  // Lets each split give records up to its `limit`-th.
  void open_to(std::int64_t limit) {
    limit_.store(limit);
    wake();
  }
  // The stream is over where the limit is.
  void finish() {
    finished_.store(true);
    wake();
  }
  [[nodiscard]] std::int64_t limit() const { return limit_.load(); }
  [[nodiscard]] bool finished() const { return finished_.load(); }
  void add_waker(std::function<void()> waker) {
    const std::lock_guard lock(mutex_);
    wakers_.push_back(std::move(waker));
  }

 private:
  void wake() {
    std::vector<std::function<void()>> wakers;
    {
      const std::lock_guard lock(mutex_);
      wakers = wakers_;
    }
    for (const auto& waker : wakers) waker();
  }

  std::atomic<std::int64_t> limit_;
  std::atomic<bool> finished_{false};
  std::mutex mutex_;
  std::vector<std::function<void()>> wakers_;  // guarded by mutex_
};

// Split s gives s, s + 8, s + 16, ...; the k-th of each at event time k µs, with the number as position. The watermark
// is what the task's slowest split has reached.
class TapSource final : public Operator {
 public:
  TapSource(std::shared_ptr<Tap> tap, std::uint32_t splits) : tap_(std::move(tap)), splits_(splits) {}

  Status open(OperatorContext& context) override {
    tap_->add_waker(context.waker());
    for (std::uint32_t split = context.task_index(); split < splits_; split += context.parallelism()) next_[split] = 0;
    for (const auto& [name, bytes] : context.restored_entries()) {
      const auto split = next_.find(static_cast<std::uint32_t>(std::stoul(name)));
      if (split != next_.end()) split->second = std::stoll(bytes);
    }
    return {};
  }
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    const bool finished = tap_->finished();  // before the limit: the last limit counts
    const std::int64_t limit = tap_->limit();
    std::int64_t least = std::numeric_limits<std::int64_t>::max();
    bool progress = false;
    for (auto& [split, next] : next_) {
      // One record of each split at a time: so all splits move on together.
      if (next < limit && out.room() != 0) {
        const std::int64_t value = next * Tap::kSplits + split;
        out.batch<std::int64_t>().append_at(Timestamp{Duration{next}}, static_cast<std::uint64_t>(value), value);
        ++next;
        progress = true;
      }
      least = std::min(least, next);
    }
    if (progress && least > 0) out.emit_watermark(Timestamp{Duration{least - 1}});
    if (progress) return PollResult::kProgress;
    return finished || next_.empty() ? PollResult::kEnd : PollResult::kIdle;
  }
  void snapshot(SnapshotBuilder& builder) override {
    for (const auto& [split, next] : next_) builder.put(std::to_string(split), std::to_string(next));
  }

 private:
  std::shared_ptr<Tap> tap_;
  const std::uint32_t splits_;
  std::map<std::uint32_t, std::int64_t> next_;
};

inline Source<std::int64_t> tap_source(std::shared_ptr<Tap> tap, std::uint32_t splits = Tap::kSplits) {
  Source<std::int64_t> source;
  source.kind = "tap";
  source.make_operator = [tap = std::move(tap), splits] { return std::make_unique<TapSource>(tap, splits); };
  return source;
}

// A number that threads wait on.
class Counter {
 public:
  void add(std::int64_t amount = 1) {
    {
      const std::lock_guard lock(mutex_);
      value_ += amount;
    }
    changed_.notify_all();
  }
  void wait_for(std::int64_t value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return value_ >= value; });
  }
  [[nodiscard]] std::int64_t value() {
    const std::lock_guard lock(mutex_);
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::int64_t value_ = 0;  // guarded by mutex_
};

}  // namespace weir::test
