#pragma once
// A channel: the one-way road of batches and control messages from one task to another, and the way back for emptied
// batches. Bounded; one producer thread, one consumer thread at a time.

#include <atomic>
#include <cstdint>
#include <memory>

#include <weir/batch.hpp>
#include <weir/time.hpp>

namespace weir::runtime {

struct Message {
  enum class Kind : std::uint8_t {
    kBatch,
    kWatermark,  // value: microseconds
    kBarrier,    // value: checkpoint id
    kIdle,       // the stream has nothing to say and must not hold back watermarks
    kActive,     // it is back
    kEnd,        // no more records; barriers still come
  };
  Kind kind = Kind::kBatch;
  std::int64_t value = 0;
  BatchBase* batch = nullptr;  // owned by the message while it is in the channel

  static Message of_batch(BatchPtr batch) { return {Kind::kBatch, 0, batch.release()}; }
  static Message watermark(Timestamp time) { return {Kind::kWatermark, time.time_since_epoch().count(), nullptr}; }
  static Message barrier(std::uint64_t id) { return {Kind::kBarrier, static_cast<std::int64_t>(id), nullptr}; }
  static Message control(Kind kind) { return {kind, 0, nullptr}; }
};

class Task;

class Channel {
 public:
  // At most `capacity` (>= 1) messages are under way.
  Channel(Task& producer, Task& consumer, std::size_t capacity);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // Producer's side. False: full; nothing was taken, and release_producer() will say that somebody waits.
  bool try_push(const Message& message);
  // An emptied batch to fill again, or null.
  BatchPtr take_emptied();
  // Consumer's side. False: empty.
  bool try_pop(Message& message);
  // Was a push refused since this last gave true? Then, after pops, the producer must be woken. Either this sees the
  // refusal or the refused push, tried once more, sees the pops before this call: no wake-up is lost.
  [[nodiscard]] bool release_producer() { return refused_.exchange(false, std::memory_order_seq_cst); }
  // A hint of what release_producer() would say, at no cost.
  [[nodiscard]] bool producer_may_wait() const { return refused_.load(std::memory_order_relaxed); }
  // Takes an emptied batch back to the producer (or frees it when enough are on their way).
  void give_back(BatchPtr batch);
  // Messages under way, approximately; any thread.
  [[nodiscard]] std::size_t depth() const;
  [[nodiscard]] std::size_t capacity() const { return capacity_; }
  [[nodiscard]] Task& producer() const { return producer_; }
  [[nodiscard]] Task& consumer() const { return consumer_; }

 private:
  struct Queues;
  std::unique_ptr<Queues> queues_;
  Task& producer_;
  Task& consumer_;
  std::size_t capacity_;
  alignas(64) std::atomic<bool> refused_{false};
};

}  // namespace weir::runtime
