#include "engine/runtime/worker.hpp"

#include <pthread.h>

namespace weir::runtime {
namespace {

// Rounds without progress before sleeping: enough to catch a partner that is about to push, too few to burn a core.
constexpr int kIdleRounds = 16;

}  // namespace

void Worker::add(Task& task) {
  tasks_.push_back(&task);
  task.set_notify([this] { event_.notify(); });
}

void Worker::start(const std::string& name) {
  thread_ = std::thread([this, name] {
    pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
    loop();
  });
}

void Worker::stop() {
  stopping_.store(true, std::memory_order_seq_cst);
  event_.notify();
  if (thread_.joinable()) thread_.join();
}

void Worker::loop() {
  const auto run_all = [this] {
    bool progress = false;
    for (Task* task : tasks_) progress = task->run() || progress;
    return progress;
  };
  int idle = 0;
  while (!stopping_.load(std::memory_order_relaxed)) {
    if (run_all()) {
      idle = 0;
      continue;
    }
    if (++idle < kIdleRounds) {
      std::this_thread::yield();
      continue;
    }
    idle = 0;
    const std::uint32_t key = event_.prepare();
    if (stopping_.load(std::memory_order_seq_cst) || run_all())
      event_.cancel();
    else
      event_.wait(key);
  }
}

}  // namespace weir::runtime
