#pragma once
/// A bounded ring between two threads, for pointers. Spins a little, then yields.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace weir::bench {

/// One thread calls push, one calls pop. Capacity is a power of two.
template <class T, std::size_t Capacity>
class Ring {
  static_assert((Capacity & (Capacity - 1)) == 0);

 public:
  void push(T* item) noexcept {
    const std::uint64_t at = written_.load(std::memory_order_relaxed);
    // Acquire pairs with the release in pop: the slot has been read before it is written again.
    for (unsigned turn = 0; at - seen_read_ == Capacity; ++turn) {
      seen_read_ = read_.load(std::memory_order_acquire);
      if (at - seen_read_ == Capacity) wait(turn);
    }
    slots_[at & (Capacity - 1)] = item;
    written_.store(at + 1, std::memory_order_release);
  }

  T* pop() noexcept {
    const std::uint64_t at = read_.load(std::memory_order_relaxed);
    // Acquire pairs with the release in push: what the pointer points to was written before it came.
    for (unsigned turn = 0; at == seen_written_; ++turn) {
      seen_written_ = written_.load(std::memory_order_acquire);
      if (at == seen_written_) wait(turn);
    }
    T* item = slots_[at & (Capacity - 1)];
    read_.store(at + 1, std::memory_order_release);
    return item;
  }

 private:
  static void wait(unsigned turn) noexcept {
    if (turn > 64) {
      std::this_thread::yield();
      return;
    }
#if defined(__x86_64__)
    _mm_pause();
#endif
  }

  alignas(64) std::atomic<std::uint64_t> written_{0};
  std::uint64_t seen_read_ = 0;  // the writer's copy of read_
  alignas(64) std::atomic<std::uint64_t> read_{0};
  std::uint64_t seen_written_ = 0;  // the reader's copy of written_
  alignas(64) std::array<T*, Capacity> slots_{};
};

}  // namespace weir::bench
