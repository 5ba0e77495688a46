#pragma once
// A worker: a thread that runs its tasks in turn and sleeps when none has anything to do.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "engine/runtime/event_count.hpp"
#include "engine/runtime/task.hpp"

namespace weir::runtime {

class Worker {
 public:
  Worker() = default;
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Before start(). The task's notifications wake this worker.
  void add(Task& task);
  void start(const std::string& name);
  // Any thread; returns when the thread has ended. The tasks are left as they are.
  void stop();

 private:
  void loop();

  std::vector<Task*> tasks_;
  EventCount event_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace weir::runtime
