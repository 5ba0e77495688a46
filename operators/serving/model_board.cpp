#include <weir/serving/model_board.hpp>

#include <algorithm>

namespace weir::serving {
namespace {

std::vector<std::unique_ptr<ModelBoard::Share>> make_shares(std::uint32_t tasks) {
  std::vector<std::unique_ptr<ModelBoard::Share>> shares;
  for (std::uint32_t task = 0; task < tasks; ++task) shares.push_back(std::make_unique<ModelBoard::Share>());
  return shares;
}

}  // namespace

std::string ModelBoard::Share::to_bytes() {
  std::string bytes;
  ByteWriter writer(bytes);
  const std::lock_guard lock(mutex);
  writer.varint(by_key.size());
  for (const auto& [text, statistics] : by_key) {
    writer.sized(text);
    Serde<KeyStatistics>::write(writer, statistics);
  }
  return bytes;
}

Status ModelBoard::Share::add_bytes(std::string_view bytes, std::size_t keep) {
  ByteReader reader(bytes);
  const std::lock_guard lock(mutex);
  for (std::uint64_t left = reader.varint(); left > 0 && reader.ok(); --left) {
    const std::string text(reader.sized());
    KeyStatistics statistics;
    Serde<KeyStatistics>::read(reader, statistics);
    if (reader.ok()) by_key[text].merge(statistics, keep);
  }
  if (!reader.ok()) return Status::data_loss("serving statistics in the checkpoint are malformed");
  return {};
}

ModelBoard::ModelBoard(std::uint32_t tasks)
    : shares_(make_shares(tasks)),
      wakers_(tasks),
      progress_(tasks, kMinTimestamp),
      watermarks_(tasks, kMinTimestamp),
      settled_(tasks, false),
      first_uses_(tasks) {}

void ModelBoard::join(std::uint32_t task, std::function<void()> waker) {
  const std::lock_guard lock(mutex_);
  wakers_[task] = std::move(waker);
}

void ModelBoard::wake_all() const {
  std::vector<std::function<void()>> wakers;
  {
    const std::lock_guard lock(mutex_);
    wakers = wakers_;
  }
  for (const auto& wake : wakers)
    if (wake) wake();
}

void ModelBoard::publish(const std::string& key_text, BoardKey key) {
  const std::lock_guard lock(mutex_);
  keys_[key_text] = std::move(key);
  version_.fetch_add(1, std::memory_order_release);
}

void ModelBoard::set_progress(std::uint32_t owner, Timestamp progress) {
  const std::lock_guard lock(mutex_);
  progress_[owner] = progress;
  version_.fetch_add(1, std::memory_order_release);
}

BoardTablePtr ModelBoard::latest_locked() {
  const std::uint64_t version = version_.load(std::memory_order_relaxed);
  if (!latest_ || latest_->version != version)
    latest_ = std::make_shared<const BoardTable>(BoardTable{keys_, progress_, version});
  return latest_;
}

BoardTablePtr ModelBoard::initial() {
  const std::lock_guard lock(mutex_);
  if (!initial_) initial_ = latest_locked();
  const BoardTablePtr table = initial_;
  if (++initial_taken_ == wakers_.size()) initial_.reset();  // nobody asks again
  return table;
}

BoardTablePtr ModelBoard::at_barrier(std::uint64_t barrier) {
  const std::lock_guard lock(mutex_);
  if (!fixed_ || barrier > fixed_barrier_) {
    fixed_ = latest_locked();
    fixed_barrier_ = barrier;
  }
  return fixed_;
}

BoardTablePtr ModelBoard::latest() {
  const std::lock_guard lock(mutex_);
  return latest_locked();
}

void ModelBoard::note_first_use(std::uint32_t owner, FirstUse use) {
  std::function<void()> wake;
  {
    const std::lock_guard lock(mutex_);
    first_uses_[owner].push_back(std::move(use));
    wake = wakers_[owner];
  }
  if (wake) wake();
}

std::vector<FirstUse> ModelBoard::take_first_uses(std::uint32_t owner) {
  const std::lock_guard lock(mutex_);
  return std::exchange(first_uses_[owner], {});
}

void ModelBoard::note_watermark(std::uint32_t task, Timestamp watermark) {
  const std::lock_guard lock(mutex_);
  watermarks_[task] = std::max(watermarks_[task], watermark);
}

Timestamp ModelBoard::least_watermark() const {
  const std::lock_guard lock(mutex_);
  return *std::min_element(watermarks_.begin(), watermarks_.end());
}

void ModelBoard::note_settled(std::uint32_t task) {
  {
    const std::lock_guard lock(mutex_);
    if (settled_[task]) return;
    settled_[task] = true;
    if (std::find(settled_.begin(), settled_.end(), false) != settled_.end()) return;
  }
  wake_all();
}

bool ModelBoard::all_settled() const {
  const std::lock_guard lock(mutex_);
  return std::find(settled_.begin(), settled_.end(), false) == settled_.end();
}

KeyStatistics ModelBoard::statistics_of(const std::string& key_text, std::size_t keep) const {
  KeyStatistics sum;
  for (const auto& share : shares_) {
    const std::lock_guard lock(share->mutex);
    const auto found = share->by_key.find(key_text);
    if (found != share->by_key.end()) sum.merge(found->second, keep);
  }
  return sum;
}

}  // namespace weir::serving
