#include "state/topic/topic_writer.hpp"

#include <future>
#include <utility>
#include <vector>

#include <pthread.h>

#include "state/rocksdb_border.hpp"

namespace weir::topics {
namespace {

// Written at once. Larger than most records, small beside the memory that may wait.
constexpr std::size_t kGroupBytes = std::size_t{16} << 20;

}  // namespace

TopicWriter::TopicWriter(rocksdb::DB& db, std::size_t max_waiting_bytes)
    : db_(db), max_waiting_bytes_(max_waiting_bytes) {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "weir-topics");
    loop();
  });
}

TopicWriter::~TopicWriter() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_.notify_all();
  thread_.join();
}

Status TopicWriter::submit(Operation operation, Room room) {
  std::unique_lock lock(mutex_);
  const auto has_room = [&] {
    return !failure_.is_ok() || waiting_bytes_ == 0 || waiting_bytes_ + operation.bytes <= max_waiting_bytes_;
  };
  if (room == Room::kWait) room_.wait(lock, has_room);
  if (!failure_.is_ok()) return failure_;
  if (!has_room())
    return Status::resource_exhausted("append " + std::to_string(operation.bytes) +
                                      " bytes to a topic: " + std::to_string(waiting_bytes_) +
                                      " wait to be written, the limit is " + std::to_string(max_waiting_bytes_));
  waiting_bytes_ += operation.bytes;
  waiting_.push_back(std::move(operation));
  lock.unlock();
  work_.notify_one();
  return {};
}

Status TopicWriter::run(Operation operation) {
  std::promise<Status> outcome;
  operation.done = [&outcome](const Status& status) { outcome.set_value(status); };
  WEIR_RETURN_IF_ERROR(submit(std::move(operation), Room::kWait));
  return outcome.get_future().get();
}

void TopicWriter::follow_up(Operation operation) {
  const std::lock_guard lock(mutex_);
  waiting_bytes_ += operation.bytes;
  waiting_.push_back(std::move(operation));
}

void TopicWriter::loop() {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stopping_ || !waiting_.empty(); });
    if (waiting_.empty()) return;
    std::deque<Operation> group;
    std::size_t bytes = 0;
    while (!waiting_.empty() && (group.empty() || bytes + waiting_.front().bytes <= kGroupBytes)) {
      bytes += waiting_.front().bytes;
      group.push_back(std::move(waiting_.front()));
      waiting_.pop_front();
    }
    lock.unlock();
    write(std::move(group));
    lock.lock();
    waiting_bytes_ -= bytes;
    room_.notify_all();
  }
}

void TopicWriter::write(std::deque<Operation> group) {
  Status failed;
  {
    const std::lock_guard lock(mutex_);
    failed = failure_;
  }
  std::vector<Status> outcomes(group.size(), failed);
  if (failed.is_ok()) {
    rocksdb::WriteBatch batch;
    bool durable = false;
    for (std::size_t i = 0; i < group.size(); ++i) {
      batch.SetSavePoint();
      outcomes[i] = group[i].fill(batch);
      const rocksdb::Status kept = outcomes[i].is_ok() ? batch.PopSavePoint() : batch.RollbackToSavePoint();
      if (!kept.ok() && outcomes[i].is_ok()) outcomes[i] = from_rocksdb("append to a topic", kept);
      durable = durable || (outcomes[i].is_ok() && group[i].durable);
    }
    rocksdb::WriteOptions options;
    options.sync = durable;
    if (batch.Count() != 0) failed = from_rocksdb("write to a topic store", db_.Write(options, &batch));
    if (!failed.is_ok()) {
      // A failed write or fsync is never tried again: what is on disk then is not known.
      const std::lock_guard lock(mutex_);
      failure_ = failed;
    }
    for (Status& outcome : outcomes)
      if (outcome.is_ok()) outcome = failed;
  }
  for (std::size_t i = 0; i < group.size(); ++i)
    if (outcomes[i].is_ok() && group[i].written) group[i].written();
  for (std::size_t i = 0; i < group.size(); ++i)
    if (group[i].done) group[i].done(outcomes[i]);
}

}  // namespace weir::topics
