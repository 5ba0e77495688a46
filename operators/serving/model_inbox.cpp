#include "operators/serving/model_inbox.hpp"

#include <utility>

namespace weir::serving {
namespace {

// Read ahead of the source.
constexpr std::size_t kReadyRecords = 64;
constexpr std::size_t kReadyBytes = std::size_t{64} << 20;

}  // namespace

ModelInbox::~ModelInbox() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

Status ModelInbox::open(const std::string& directory) {
  const std::lock_guard lock(mutex_);
  if (log_) {
    if (directory == directory_) return {};
    return Status::failed_precondition("open model inbox in '" + directory + "': it is open in '" + directory_ + "'");
  }
  const std::string path = directory.empty() ? std::string() : directory + "/topics/" + options_.name + ".log";
  WEIR_ASSIGN_OR_RETURN(log_, ModelLog::open(path, options_.max_log_bytes));
  directory_ = directory;
  end_ = log_->end();
  thread_ = std::thread([this] { run(); });
  return {};
}

void ModelInbox::append(ModelRecord record, Done done) {
  std::string payload = encode_model_record(record);
  Status refused;
  {
    const std::lock_guard lock(mutex_);
    if (!log_ || stopping_) {
      refused = Status::unavailable("the model inbox is not open (the job is starting or stopping)");
    } else if (waiting_bytes_ + payload.size() > options_.max_waiting_bytes) {
      refused =
          Status::resource_exhausted("the model inbox has " + std::to_string(waiting_bytes_) +
                                     " bytes to write, the limit is " + std::to_string(options_.max_waiting_bytes));
    } else {
      waiting_bytes_ += payload.size();
      waiting_.push_back({std::move(payload), std::move(done)});
    }
  }
  if (!refused.is_ok()) return done(std::move(refused));
  changed_.notify_all();
}

Status ModelInbox::read_from(std::uint64_t offset, std::function<void()> wake) {
  const std::lock_guard lock(mutex_);
  if (!log_) return Status::failed_precondition("read the model inbox: it is not open");
  if (offset > end_) {
    return Status::data_loss("read the model inbox from " + std::to_string(offset) + ": its log ends at " +
                             std::to_string(end_));
  }
  ++generation_;
  next_read_ = std::max(offset, ModelLog::kBegin);
  ready_.clear();
  ready_bytes_ = 0;
  read_failure_ = {};
  wake_ = std::move(wake);
  changed_.notify_all();
  return {};
}

void ModelInbox::stop_reading() {
  const std::lock_guard lock(mutex_);
  ++generation_;
  wake_ = nullptr;
  ready_.clear();
  ready_bytes_ = 0;
}

Result<std::optional<ModelInbox::Arrival>> ModelInbox::take() {
  const std::lock_guard lock(mutex_);
  if (ready_.empty()) {
    if (!read_failure_.is_ok()) return read_failure_;
    return std::optional<Arrival>();
  }
  Arrival arrival = std::move(ready_.front());
  ready_.pop_front();
  ready_bytes_ -= arrival.next - arrival.offset;
  changed_.notify_all();
  return std::optional<Arrival>(std::move(arrival));
}

bool ModelInbox::can_read() const {
  return wake_ && read_failure_.is_ok() && next_read_ < end_ && ready_.size() < kReadyRecords &&
         ready_bytes_ < kReadyBytes;
}

void ModelInbox::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !waiting_.empty() || can_read(); });
    if (!waiting_.empty()) {
      std::vector<Waiting> batch = std::exchange(waiting_, {});
      lock.unlock();
      write(std::move(batch));
      lock.lock();
    } else if (stopping_) {
      return;
    } else {
      read_ahead(lock);
    }
  }
}

// All that waits goes to disk with one fsync.
void ModelInbox::write(std::vector<Waiting> batch) {
  std::vector<Status> outcomes;
  std::size_t bytes = 0;
  for (const Waiting& waiting : batch) {
    outcomes.push_back(log_->append(waiting.payload));
    bytes += waiting.payload.size();
  }
  const Status synced = log_->sync();
  {
    const std::lock_guard lock(mutex_);
    waiting_bytes_ -= bytes;
    if (synced.is_ok()) end_ = log_->end();
  }
  for (std::size_t i = 0; i < batch.size(); ++i) batch[i].done(outcomes[i].is_ok() ? synced : outcomes[i]);
}

void ModelInbox::read_ahead(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t generation = generation_;
  const std::uint64_t offset = next_read_;
  lock.unlock();
  Result<ModelLog::Entry> entry = log_->read(offset);
  Result<ModelRecord> record = entry.is_ok() ? parse_model_record(entry->payload) : Result<ModelRecord>(entry.status());
  lock.lock();
  if (generation != generation_) return;  // another reader has come meanwhile
  if (record.is_ok()) {
    next_read_ = entry->next;
    ready_bytes_ += entry->next - offset;
    ready_.push_back({std::move(record).value(), offset, entry->next});
  } else {
    read_failure_ = record.status();
  }
  // Under the lock: once stop_reading() has returned, wake is not called any more.
  if (wake_) wake_();
}

}  // namespace weir::serving
