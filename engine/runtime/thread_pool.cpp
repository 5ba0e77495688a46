#include "engine/runtime/thread_pool.hpp"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <string>

#include "engine/runtime/lane.hpp"

namespace weir::runtime {

void lower_thread_priority(int niceness) noexcept {
  const auto thread = static_cast<id_t>(::syscall(SYS_gettid));
  // A refusal costs nothing but the priority.
  (void)::setpriority(PRIO_PROCESS, thread, niceness);
}

ThreadPool::ThreadPool(std::uint32_t threads) {
  for (std::uint32_t index = 0; index < std::max(1U, threads); ++index) {
    threads_.emplace_back([this, index] {
      pthread_setname_np(pthread_self(), ("weir-bg-" + std::to_string(index)).c_str());
      lower_thread_priority(kBackgroundNiceness);
      loop();
    });
  }
}

ThreadPool::~ThreadPool() { stop(); }

Status ThreadPool::submit(std::string_view what, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return Status::cancelled(std::string(what) + ": the job is stopping");
    if (queue_.size() >= kCapacity)
      return Status::resource_exhausted(std::string(what) + ": " + std::to_string(kCapacity) +
                                        " background jobs are waiting");
    queue_.push_back(std::move(job));
  }
  changed_.notify_one();
  return {};
}

std::unique_ptr<Executor> ThreadPool::lane(std::string name, std::uint32_t threads) {
  return std::make_unique<Lane>(std::move(name), threads);
}

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_)
    if (thread.joinable()) thread.join();
}

void ThreadPool::loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    std::function<void()> job = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
  }
}

}  // namespace weir::runtime
