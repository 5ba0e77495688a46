#pragma once
/// A part of an exactly-once sink on its way to disk, and its way from the task's thread to one that may block.

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <weir/operator.hpp>

namespace weir::detail {

/// Buffers are pushed by the task and written by whoever comes first: a job of the executor, or the checkpoint's
/// thread, which needs all of them written. A part that has failed writes nothing more and keeps its first fault.
template <class Buffer>
class SinkPart {
 public:
  explicit SinkPart(std::function<void()> wake) : wake_(std::move(wake)) {}
  virtual ~SinkPart() = default;
  SinkPart(const SinkPart&) = delete;
  SinkPart& operator=(const SinkPart&) = delete;

  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  [[nodiscard]] Status fault() const {
    const std::lock_guard lock(mutex_);
    return fault_;
  }
  void push(Buffer buffer) {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(buffer));
  }

  /// Has what waits written by the executor; one job is enough for any number of buffers. Full: a timer asks again.
  static void request_write(const std::shared_ptr<SinkPart>& part, OperatorContext& context, std::string what) {
    if (!part->claim_request()) return;
    const Status submitted = context.executor().submit(std::move(what), [part] { part->write(); });
    if (submitted.is_ok()) return;
    part->unclaim_request();
    if (submitted.code() == StatusCode::kResourceExhausted) context.schedule(context.clock().now() + kRetryAfter);
  }

  /// Everything pushed is durable; asked again, the same answer.
  Status finish() {
    const std::lock_guard io_lock(io_mutex_);
    write_waiting();
    if (abandoned_) return Status::cancelled(name() + " was given up");
    if (!finished_ && fault().is_ok()) {
      finished_ = true;
      fail(seal());
    }
    return fault();
  }
  /// Nothing is written any more; a write on its way has ended when this returns.
  void abandon() {
    const std::lock_guard io_lock(io_mutex_);
    abandoned_ = true;
  }

 protected:
  /// The two below never run at the same time, but on any thread.
  virtual Status put(Buffer buffer) = 0;
  /// After the last put: makes all of them durable.
  virtual Status seal() = 0;
  [[nodiscard]] virtual std::string name() const = 0;

 private:
  static constexpr Duration kRetryAfter = std::chrono::milliseconds(1);

  bool claim_request() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(requested_, true);
  }
  void unclaim_request() {
    const std::lock_guard lock(mutex_);
    requested_ = false;
  }
  void write() {
    {
      const std::lock_guard io_lock(io_mutex_);
      unclaim_request();
      write_waiting();
    }
    wake_();
  }
  // Caller holds io_mutex_.
  void write_waiting() {
    while (!abandoned_ && fault().is_ok()) {
      Buffer buffer;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) return;
        buffer = std::move(waiting_.front());
        waiting_.pop_front();
      }
      fail(put(std::move(buffer)));
    }
  }
  void fail(Status status) {
    if (status.is_ok()) return;
    const std::lock_guard lock(mutex_);
    if (fault_.is_ok()) fault_ = std::move(status);
  }

  const std::function<void()> wake_;

  std::mutex io_mutex_;  // taken before mutex_
  // Guarded by io_mutex_:
  bool finished_ = false;
  bool abandoned_ = false;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<Buffer> waiting_;
  bool requested_ = false;
  Status fault_;
};

}  // namespace weir::detail
