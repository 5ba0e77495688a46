#pragma once
// A task: a chain of operators that run together on one worker, with its input channels.
//
// Moves: running → ended (all records processed; barriers still pass) ; any → failed. run() is called by one thread at
// a time and never blocks; everything under "any thread" may be called concurrently with it.

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "engine/runtime/channel.hpp"
#include "engine/runtime/stage.hpp"
#include "engine/runtime/task_host.hpp"

namespace weir::runtime {

// Survives its task, so that a late waker finds out that there is nobody to wake.
class WakeTarget {
 public:
  explicit WakeTarget(Task* task) : task_(task) {}
  void wake(std::size_t stage);
  void detach();

 private:
  std::mutex mutex_;
  Task* task_;  // guarded by mutex_
};

class Task {
 public:
  struct Letter {
    std::function<void(Task&)> read;
    std::function<void(Status)> refuse;  // may be empty
  };
  static constexpr std::size_t kMailboxCapacity = 1024;

  Task(std::size_t id, std::string name, TaskHost& host);
  ~Task();
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;

  // Building, before the first run().
  Stage& add_stage(Stage::Options options);
  void add_input(Channel& channel, std::uint32_t input);
  void set_notify(std::function<void()> notify) { notify_ = std::move(notify); }
  Status open();
  // When run() is not called any more. Once; later calls do nothing.
  void close() noexcept;

  // Does a bounded amount of work. True: something moved.
  bool run();

  // Any thread.
  void wake() const { notify_(); }
  void request_barrier(std::uint64_t id);  // sources only
  void request_end();                      // sources only: end as if the stream were over
  void request_tick();
  void abort_checkpoint(std::uint64_t id);
  void complete_checkpoint(std::uint64_t id);
  // False: the mailbox is full or closed.
  bool post(Letter letter);
  // Refuses the letters not read and every later one: nobody will read them. Holds no lock while it tells.
  void refuse_mail();
  [[nodiscard]] std::size_t id() const noexcept { return id_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_source() const noexcept { return is_source_; }
  [[nodiscard]] bool ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  [[nodiscard]] std::span<const std::unique_ptr<Stage>> stages() const noexcept { return stages_; }
  struct Input {
    Channel* channel = nullptr;
    std::uint32_t input = 0;
    Timestamp watermark = kMinTimestamp;
    bool idle = false;
    bool ended = false;
    bool at_barrier = false;
    bool popped = false;  // in this run()
  };
  [[nodiscard]] std::span<const Input> inputs() const noexcept { return inputs_; }
  Metric busy_ns;
  Metric backpressured_ns;
  Metric idle_ns;

  // For the stages.
  [[nodiscard]] std::function<void()> waker_for(const Stage& stage);
  [[nodiscard]] bool aligning() const noexcept { return aligning_ != 0; }
  void before_snapshot();
  void barrier_passed(std::uint64_t id);
  void end_passed();

 private:
  friend class WakeTarget;
  bool step();
  bool step_stages();
  bool poll_stages();
  bool run_source();
  bool take_input();
  void release_producer(Input& from);
  void receive(Input& from, const Message& message);
  void watermark_changed();
  void barrier_arrived(Input& from, std::uint64_t id);
  bool read_mail();
  bool drain_snapshot();
  void tick();
  void fail(const std::string& what);
  void account(std::int64_t started, bool progress);

  const std::size_t id_;
  const std::string name_;
  TaskHost& host_;
  std::function<void()> notify_;
  bool is_source_ = false;
  bool failed_ = false;
  bool closed_ = false;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::vector<Input> inputs_;
  std::size_t next_input_ = 0;
  std::vector<Timestamp> input_watermarks_;  // per operator input
  Timestamp combined_watermark_ = kMinTimestamp;
  bool all_idle_ = false;
  bool source_ended_ = false;
  std::uint64_t aligning_ = 0;  // checkpoint whose barrier has come on some inputs; 0: none
  std::uint64_t aborted_ = 0;   // barriers up to this id are ignored
  std::uint64_t injected_ = 0;  // sources: the newest barrier put into the stream
  std::uint64_t draining_ = 0;  // checkpoint whose frozen entries are being copied; 0: none
  std::int64_t last_ns_ = 0;
  bool last_blocked_ = false;

  std::atomic<std::uint64_t> requested_barrier_{0};
  std::atomic<bool> requested_end_{false};
  std::atomic<bool> tick_requested_{false};
  std::atomic<bool> ended_{false};
  std::atomic<bool> has_mail_{false};
  std::mutex mail_mutex_;
  std::vector<Letter> mail_;  // guarded by mail_mutex_
  bool mail_closed_ = false;  // guarded by mail_mutex_
  std::shared_ptr<WakeTarget> wake_target_;
};

}  // namespace weir::runtime
