#pragma once
// An emitter: where one output of a task leaves it along one edge of the graph. It partitions, keeps what a full
// channel refused, and never grows: while anything is kept, ready() is false and the task makes nothing new.

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <weir/graph.hpp>

#include "engine/runtime/channel.hpp"

namespace weir::runtime {

class Emitter {
 public:
  struct Options {
    EdgeKind kind = EdgeKind::kForward;
    std::shared_ptr<const KeyHasher> hasher;
    std::uint32_t max_parallelism = 128;
    std::size_t batch_size = 256;
    std::function<BatchPtr()> make_batch;
  };
  Emitter(Options options, std::vector<Channel*> channels);
  ~Emitter();

  // True when every channel has taken all it was given.
  [[nodiscard]] bool ready() const noexcept { return kept_ == 0; }
  // Takes the records of `batch`; leaves an emptied batch of the same type, or null. Precondition: ready().
  void offer(BatchPtr& batch);
  // Sends a control message to every channel, after all records offered so far (watermarks: with the next flush).
  void send(const Message& message);
  // Pushes what is kept and, with `partial`, batches that are not full yet. True when ready() afterwards.
  bool flush(bool partial);
  [[nodiscard]] std::span<Channel* const> channels() const noexcept { return channels_; }

 private:
  struct Lane {
    BatchPtr open;             // records for this channel, not full yet
    std::deque<Message> kept;  // refused by the full channel; at most a batch and a few control messages
    std::vector<std::uint32_t> selected;
  };
  void send_now(const Message& message);
  void scatter(BatchBase& batch);
  void append(std::size_t lane, BatchPtr& batch);
  void close_open(std::size_t lane);
  void push(std::size_t lane, const Message& message);
  BatchPtr fresh(std::size_t lane);

  Options options_;
  std::vector<Channel*> channels_;
  std::vector<Lane> lanes_;
  std::vector<std::uint32_t> lane_of_group_;
  std::size_t next_ = 0;  // round-robin
  std::size_t kept_ = 0;
  std::optional<Message> watermark_;
};

}  // namespace weir::runtime
