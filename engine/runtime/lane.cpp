#include "engine/runtime/lane.hpp"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "engine/runtime/thread_pool.hpp"

namespace weir {
namespace {

// A lane of an executor that belongs to a test.
class BorrowedLane final : public Executor {
 public:
  explicit BorrowedLane(Executor& executor) : executor_(executor) {}
  Status submit(std::string_view what, std::function<void()> job) override {
    return executor_.submit(what, std::move(job));
  }

 private:
  Executor& executor_;
};

}  // namespace

std::unique_ptr<Executor> Executor::lane(std::string /*name*/, std::uint32_t /*threads*/) {
  return std::make_unique<BorrowedLane>(*this);
}

}  // namespace weir

namespace weir::runtime {

Lane::Lane(std::string name, std::uint32_t threads) {
  name.resize(std::min<std::size_t>(name.size(), 15));
  const std::size_t count = std::max(1U, threads);
  shared_->busy.resize(count);
  for (std::size_t index = 0; index < count; ++index) {
    threads_.emplace_back([shared = shared_, index, name] {
      pthread_setname_np(pthread_self(), name.c_str());
      lower_thread_priority(kDeadlineNiceness);
      loop(*shared, index);
    });
  }
}

Lane::~Lane() {
  std::deque<std::function<void()>> dropped;  // destroyed without the lock
  std::vector<bool> busy;
  {
    std::unique_lock lock(shared_->mutex);
    shared_->stopping = true;
    shared_->queue.swap(dropped);
    shared_->changed.notify_all();
    shared_->changed.wait_for(lock, std::chrono::seconds(1), [this] { return shared_->running == 0; });
    busy = shared_->busy;
  }
  for (std::size_t index = 0; index < threads_.size(); ++index) {
    if (busy[index]) {
      threads_[index].detach();  // it hangs in a job, which owns all it touches
    } else {
      threads_[index].join();
    }
  }
}

Status Lane::submit(std::string_view what, std::function<void()> job) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->queue.size() >= kCapacity)
      return Status::resource_exhausted(std::string(what) + ": " + std::to_string(kCapacity) + " jobs are waiting");
    shared_->queue.push_back(std::move(job));
  }
  shared_->changed.notify_one();
  return {};
}

void Lane::loop(Shared& shared, std::size_t index) {
  std::unique_lock lock(shared.mutex);
  while (true) {
    shared.changed.wait(lock, [&] { return shared.stopping || !shared.queue.empty(); });
    if (shared.stopping) return;
    std::function<void()> job = std::move(shared.queue.front());
    shared.queue.pop_front();
    ++shared.running;
    shared.busy[index] = true;
    lock.unlock();
    job();
    job = nullptr;
    lock.lock();
    shared.busy[index] = false;
    --shared.running;
    if (shared.stopping) shared.changed.notify_all();
  }
}

}  // namespace weir::runtime
