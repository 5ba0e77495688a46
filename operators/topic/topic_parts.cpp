#include <weir/detail/topic_parts.hpp>

#include <charconv>
#include <chrono>
#include <deque>
#include <mutex>
#include <utility>

namespace weir::detail {
namespace {

constexpr Duration kRetryAfter = std::chrono::milliseconds(1);

}  // namespace

std::vector<std::string> faults_of(const TopicPartsOptions& options) {
  std::vector<std::string> faults;
  if (options.buffer_bytes == 0) faults.emplace_back("buffer_bytes of a topic sink must be greater than 0");
  if (options.buffers == 0) faults.emplace_back("buffers of a topic sink must be greater than 0");
  return faults;
}

// One transaction on its way to disk. Buffers are pushed by the task and written by whoever comes first: a job of the
// executor, or the checkpoint's thread, which needs all of them written.
class TopicParts::Part {
 public:
  Part(std::shared_ptr<Topic> topic, TopicTransaction transaction, std::function<void()> wake)
      : topic_(std::move(topic)), transaction_(std::move(transaction)), wake_(std::move(wake)) {}

  [[nodiscard]] std::string committable() const {
    const std::lock_guard lock(mutex_);
    return encode_transaction(transaction_, pushed_);
  }
  [[nodiscard]] std::size_t waiting() const {
    const std::lock_guard lock(mutex_);
    return waiting_.size();
  }
  [[nodiscard]] Status fault() const {
    const std::lock_guard lock(mutex_);
    return fault_;
  }
  void push(std::vector<NewTopicRecord> records) {
    const std::lock_guard lock(mutex_);
    pushed_ += records.size();
    waiting_.push_back(std::move(records));
  }
  // True once until the write begins: one job is enough for any number of buffers.
  bool claim_request() {
    const std::lock_guard lock(mutex_);
    return !std::exchange(requested_, true);
  }
  void unclaim_request() {
    const std::lock_guard lock(mutex_);
    requested_ = false;
  }

  void write() {
    {
      const std::lock_guard io_lock(io_mutex_);
      {
        const std::lock_guard lock(mutex_);
        requested_ = false;
      }
      write_waiting();
    }
    wake_();
  }
  // Everything pushed is durable; asked again, the same answer.
  Status finish() {
    const std::lock_guard io_lock(io_mutex_);
    write_waiting();
    if (abandoned_) return Status::cancelled("a transaction of '" + transaction_.producer + "' was given up");
    if (!finished_ && fault().is_ok()) {
      finished_ = true;
      fail(topic_->stage(transaction_, written_, {}, true));
    }
    return fault();
  }
  // Nothing is written any more; a write on its way has ended when this returns.
  void abandon() {
    const std::lock_guard io_lock(io_mutex_);
    abandoned_ = true;
  }

 private:
  // Caller holds io_mutex_.
  void write_waiting() {
    while (!abandoned_ && fault().is_ok()) {
      std::vector<NewTopicRecord> records;
      {
        const std::lock_guard lock(mutex_);
        if (waiting_.empty()) return;
        records.swap(waiting_.front());
        waiting_.pop_front();
      }
      const std::size_t count = records.size();
      fail(topic_->stage(transaction_, written_, std::move(records), false));
      written_ += count;
    }
  }
  void fail(Status status) {
    if (status.is_ok()) return;
    const std::lock_guard lock(mutex_);
    if (fault_.is_ok()) fault_ = std::move(status);
  }

  const std::shared_ptr<Topic> topic_;
  const TopicTransaction transaction_;
  const std::function<void()> wake_;

  std::mutex io_mutex_;  // taken before mutex_
  // Guarded by io_mutex_:
  std::uint64_t written_ = 0;
  bool finished_ = false;
  bool abandoned_ = false;

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  std::deque<std::vector<NewTopicRecord>> waiting_;
  std::uint64_t pushed_ = 0;
  bool requested_ = false;
  Status fault_;
};

TopicParts::TopicParts(std::shared_ptr<TopicHandle> handle, TopicPartsOptions options)
    : handle_(std::move(handle)), options_(std::move(options)) {}
TopicParts::~TopicParts() { close(); }

std::string TopicParts::producer_of(std::uint32_t task) const {
  return (options_.producer.empty() ? context_->uid() : options_.producer) + "/" + std::to_string(task);
}

// What the restored checkpoint prepared is committed by now, so all that is still staged is in no checkpoint.
Status TopicParts::open(OperatorContext& context) {
  context_ = &context;
  WEIR_ASSIGN_OR_RETURN(topic_, handle_->open(context.job_directory()));
  const std::string producer = producer_of(context.task_index());
  WEIR_ASSIGN_OR_RETURN(next_serial_, topic_->next_serial(producer));
  return discard_abandoned();
}

// Each producer has one task that looks after it: the tasks share out the numbers of those that wrote.
Status TopicParts::discard_abandoned() {
  const std::string own = producer_of(context_->task_index());
  const std::string prefix = own.substr(0, own.rfind('/') + 1);
  WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> producers, topic_->staging(prefix));
  for (const std::string& producer : producers) {
    std::uint32_t task = 0;
    const char* const end = producer.data() + producer.size();
    const auto [rest, error] = std::from_chars(producer.data() + prefix.size(), end, task);
    if (error != std::errc{} || rest != end || task % context_->parallelism() != context_->task_index()) continue;
    WEIR_RETURN_IF_ERROR(topic_->discard(producer));
  }
  return {};
}

void TopicParts::push_buffer() {
  if (!part_)
    part_ = std::make_shared<Part>(topic_, TopicTransaction{producer_of(context_->task_index()), next_serial_++},
                                   context_->waker());
  part_->push(std::exchange(buffer_, {}));
  buffered_bytes_ = 0;
}

bool TopicParts::hand_on() {
  if (part_ && part_->waiting() >= options_.buffers) {
    request_write();
    return false;
  }
  push_buffer();
  request_write();
  return true;
}

void TopicParts::request_write() {
  if (!part_->claim_request()) return;
  const Status submitted =
      context_->executor().submit("write to topic '" + topic_->name() + "'", [part = part_] { part->write(); });
  if (submitted.is_ok()) return;
  part_->unclaim_request();
  if (submitted.code() == StatusCode::kResourceExhausted) context_->schedule(context_->clock().now() + kRetryAfter);
}

Status TopicParts::fault() const { return part_ ? part_->fault() : Status::ok(); }

void TopicParts::snapshot(SnapshotBuilder& builder) {
  if (!buffer_.empty()) push_buffer();
  ++snapshots_;
  if (part_) prepared_.push_back({std::move(part_), snapshots_});
  part_.reset();
  // Transactions of a checkpoint that was declined are prepared again.
  for (const Prepared& prepared : prepared_) {
    builder.add_committable(prepared.part->committable());
    builder.defer([part = prepared.part] { return part->finish(); });
  }
}

// The next checkpoint's barrier may have come before this message: then only what is older than it is surely done. What
// is prepared once too often is recognised when it is committed.
void TopicParts::on_checkpoint_complete() {
  completed_ = completed_ + 1 < snapshots_ ? snapshots_ - 1 : snapshots_;
  std::erase_if(prepared_, [this](const Prepared& prepared) { return prepared.snapshot <= completed_; });
}

// Prepared transactions may still be finished by a checkpoint that is under way.
void TopicParts::close() noexcept {
  if (part_) part_->abandon();
  part_.reset();
}

}  // namespace weir::detail
