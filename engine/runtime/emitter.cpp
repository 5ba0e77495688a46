#include "engine/runtime/emitter.hpp"

#include "engine/runtime/task.hpp"

namespace weir::runtime {

Emitter::Emitter(Options options, std::vector<Channel*> channels)
    : options_(std::move(options)), channels_(std::move(channels)), lanes_(channels_.size()) {
  if (options_.kind != EdgeKind::kHash) return;
  lane_of_group_.resize(options_.max_parallelism);
  const auto parallelism = static_cast<std::uint32_t>(channels_.size());
  for (std::uint32_t group = 0; group < options_.max_parallelism; ++group)
    lane_of_group_[group] =
        owner_of_key_group(static_cast<std::uint16_t>(group), parallelism, options_.max_parallelism);
}

Emitter::~Emitter() {
  for (Lane& lane : lanes_)
    for (Message& message : lane.kept) delete message.batch;
}

void Emitter::offer(BatchPtr& batch) {
  WEIR_DCHECK(ready(), "an emitter that keeps something takes nothing new");
  switch (options_.kind) {
    case EdgeKind::kForward: append(0, batch); break;
    case EdgeKind::kRebalance: {
      append(next_, batch);
      next_ = next_ + 1 == lanes_.size() ? 0 : next_ + 1;
      break;
    }
    case EdgeKind::kHash: {
      options_.hasher->hash(*batch);
      if (lanes_.size() == 1) {
        append(0, batch);
      } else {
        scatter(*batch);
        batch->clear();
      }
      break;
    }
    case EdgeKind::kBroadcast: {
      for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
        if (!lanes_[lane].open) lanes_[lane].open = fresh(lane);
        batch->copy_to(*lanes_[lane].open);
        if (lanes_[lane].open->size() >= options_.batch_size) close_open(lane);
      }
      batch->clear();
      break;
    }
  }
}

// Puts a whole batch on a lane: by pointer when it is worth a message of its own, else by moving its records together.
void Emitter::append(std::size_t lane, BatchPtr& batch) {
  Lane& to = lanes_[lane];
  if (to.open && to.open->size() != 0) {
    batch->move_to(*to.open);
    if (to.open->size() >= options_.batch_size) close_open(lane);
    return;
  }
  if (2 * batch->size() >= options_.batch_size) {
    BatchPtr emptied = channels_[lane]->take_emptied();
    push(lane, Message::of_batch(std::move(batch)));
    batch = std::move(emptied);
    return;
  }
  to.open.swap(batch);
  if (!batch) batch = channels_[lane]->take_emptied();
}

void Emitter::scatter(BatchBase& batch) {
  const std::size_t size = batch.size();
  for (std::size_t i = 0; i < size; ++i) {
    const std::uint16_t group = key_group_of(batch.hashes[i], options_.max_parallelism);
    lanes_[lane_of_group_[group]].selected.push_back(static_cast<std::uint32_t>(i));
  }
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    Lane& to = lanes_[lane];
    if (to.selected.empty()) continue;
    if (!to.open) to.open = fresh(lane);
    batch.move_selected(to.selected.data(), to.selected.size(), *to.open);
    to.selected.clear();
    if (to.open->size() >= options_.batch_size) close_open(lane);
  }
}

void Emitter::close_open(std::size_t lane) {
  if (!lanes_[lane].open || lanes_[lane].open->size() == 0) return;
  push(lane, Message::of_batch(std::move(lanes_[lane].open)));
}

BatchPtr Emitter::fresh(std::size_t lane) {
  BatchPtr batch = channels_[lane]->take_emptied();
  return batch ? std::move(batch) : options_.make_batch();
}

void Emitter::push(std::size_t lane, const Message& message) {
  Lane& to = lanes_[lane];
  if (to.kept.empty() && channels_[lane]->try_push(message)) {
    channels_[lane]->consumer().wake();
    return;
  }
  to.kept.push_back(message);
  ++kept_;
}

void Emitter::send(const Message& message) {
  if (message.kind == Message::Kind::kWatermark) {
    // Held back until the records before it leave anyway: a watermark a batch would cut batches small.
    watermark_ = message;
    return;
  }
  if (watermark_) send_now(*std::exchange(watermark_, std::nullopt));
  send_now(message);
}

void Emitter::send_now(const Message& message) {
  for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
    close_open(lane);
    push(lane, message);
  }
}

bool Emitter::flush(bool partial) {
  if (kept_ != 0) {
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
      Lane& to = lanes_[lane];
      bool pushed = false;
      while (!to.kept.empty() && channels_[lane]->try_push(to.kept.front())) {
        to.kept.pop_front();
        --kept_;
        pushed = true;
      }
      if (pushed) channels_[lane]->consumer().wake();
    }
  }
  if (partial && kept_ == 0) {
    if (watermark_) send_now(*std::exchange(watermark_, std::nullopt));
    for (std::size_t lane = 0; lane < lanes_.size(); ++lane) close_open(lane);
  }
  return kept_ == 0;
}

}  // namespace weir::runtime
