#pragma once
// EventCount: lets a worker sleep until somebody has work for it, at no cost for those who find it awake.
//
// Worker: `key = prepare()`, look for work once more, then `cancel()` or `wait(key)`. Others: make work visible, then
// `notify()`. The sequentially consistent fences on both sides pair: either the worker's second look sees the work, or
// notify() sees the waiter.

#include <atomic>
#include <cstdint>

namespace weir::runtime {

class EventCount {
 public:
  std::uint32_t prepare() noexcept {
    waiters_.fetch_add(1, std::memory_order_seq_cst);
    return epoch_.load(std::memory_order_seq_cst);
  }
  void cancel() noexcept { waiters_.fetch_sub(1, std::memory_order_relaxed); }
  void wait(std::uint32_t key) noexcept {
    epoch_.wait(key, std::memory_order_acquire);
    waiters_.fetch_sub(1, std::memory_order_relaxed);
  }
  void notify() noexcept {
    // A read-modify-write instead of a fence and a load: as strong, and understood by ThreadSanitizer.
    if (waiters_.fetch_add(0, std::memory_order_seq_cst) == 0) return;
    epoch_.fetch_add(1, std::memory_order_seq_cst);
    epoch_.notify_all();
  }

 private:
  std::atomic<std::uint32_t> epoch_{0};
  std::atomic<std::uint32_t> waiters_{0};
};

}  // namespace weir::runtime
