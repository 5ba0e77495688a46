#pragma once
// The Executor of a running job: background threads at lower priority with a bounded queue.

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <weir/executor.hpp>

namespace weir::runtime {

// Of threads whose work has a deadline, such as writing a checkpoint: they go on, slower, when workers take all cores.
inline constexpr int kDeadlineNiceness = 5;
// Of threads that load models and read for others. Not lower: at 19 a load made no headway while other work took all
// cores, and whoever waited for the model waited for good.
inline constexpr int kBackgroundNiceness = 6;

// Lowers the calling thread's priority: two workers on two cores leave nothing for a third.
void lower_thread_priority(int niceness) noexcept;

class ThreadPool final : public Executor {
 public:
  explicit ThreadPool(std::uint32_t threads);
  ~ThreadPool() override;
  Status submit(std::string_view what, std::function<void()> job) override;
  std::unique_ptr<Executor> lane(std::string name, std::uint32_t threads) override;
  // Refuses new jobs, runs those queued, joins.
  void stop();

 private:
  static constexpr std::size_t kCapacity = 1024;
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> queue_;  // guarded by mutex_
  bool stopping_ = false;                    // guarded by mutex_
  std::vector<std::thread> threads_;
};

}  // namespace weir::runtime
