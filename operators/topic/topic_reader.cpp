#include <weir/detail/topic_reader.hpp>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <utility>

#include <weir/bytes.hpp>

namespace weir::detail {
namespace {

// A blob `topic:<name>`: version 1, varint position, byte "has a stop", varint stop, fixed64 watermark.
constexpr std::string_view kName = "topic:";
constexpr std::uint8_t kVersion = 1;
constexpr Duration kRetryAfter = std::chrono::milliseconds(1);
constexpr TopicReadLimits kChunk{1024, std::size_t{1} << 20};

}  // namespace

// One chunk on its way; a second is read while the first is taken.
struct TopicReader::Mailbox {
  std::mutex mutex;
  // Guarded by mutex:
  bool reading = false;
  std::uint64_t next = 0;  // where the next read begins
  std::vector<TopicRecord> chunk;
  Status fault;
};

TopicReader::~TopicReader() {
  if (topic_ && listener_ != 0) topic_->unlisten(listener_);
}

Status TopicReader::open(std::shared_ptr<Topic> topic, OperatorContext& context, Executor& executor) {
  topic_ = std::move(topic);
  context_ = &context;
  executor_ = &executor;
  consumer_ = reading_.consumer.empty() ? context.uid() : reading_.consumer;
  WEIR_RETURN_IF_ERROR(restore());
  if (has_position_) {
    // Which of its checkpoints the job came from is not known here: all that are there go on holding theirs.
    WEIR_RETURN_IF_ERROR(topic_->hold(
        consumer_, 0, position_, [directory = context.job_directory()] { return retained_checkpoints(directory); }));
  } else {
    WEIR_ASSIGN_OR_RETURN(position_, find_start());
    if (reading_.until_end) stop_ = topic_->end();
    WEIR_RETURN_IF_ERROR(topic_->hold(consumer_, 0, position_, nullptr));
    position_ = std::max(position_, topic_->begin());  // retention may have been quicker than the hold
  }
  if (position_ < topic_->begin() || position_ > topic_->end())
    return Status::data_loss("go on at offset " + std::to_string(position_) + " of topic '" + topic_->name() +
                             "': it holds " + std::to_string(topic_->begin()) + " to " + std::to_string(topic_->end()));
  let_go_ = position_;
  mailbox_ = std::make_shared<Mailbox>();
  mailbox_->next = position_;
  listener_ = topic_->listen(context.waker());
  return {};
}

Status TopicReader::restore() {
  const std::string name = std::string(kName) + topic_->name();
  for (const auto& [entry, bytes] : context_->restored_entries()) {
    if (entry != name) continue;
    ByteReader reader(bytes);
    const bool known = reader.byte() == kVersion;
    position_ = reader.varint();
    const bool stops = reader.byte() != 0;
    const std::uint64_t stop = reader.varint();
    restored_watermark_ = Timestamp{Duration{static_cast<std::int64_t>(reader.fixed64())}};
    if (!known || !reader.at_end())
      return Status::data_loss("restore the position in topic '" + topic_->name() + "': its " +
                               std::to_string(bytes.size()) + " bytes are malformed");
    if (stops) stop_ = stop;
    has_position_ = true;
  }
  if (context_->is_restored() && !has_position_)
    return Status::failed_precondition("restore the position in topic '" + topic_->name() +
                                       "': the checkpoint has none of this topic");
  return {};
}

Result<std::uint64_t> TopicReader::find_start() const {
  if (reading_.start_offset) {
    if (*reading_.start_offset > topic_->end() || *reading_.start_offset < topic_->begin())
      return Status::invalid_argument("begin at offset " + std::to_string(*reading_.start_offset) + " of topic '" +
                                      topic_->name() + "': it holds " + std::to_string(topic_->begin()) + " to " +
                                      std::to_string(topic_->end()));
    return *reading_.start_offset;
  }
  if (reading_.start_time) return topic_->offset_at(*reading_.start_time);
  switch (reading_.start) {
    case TopicStart::kEnd: return topic_->end();
    case TopicStart::kPosition:
      if (const auto known = topic_->consumer(consumer_)) return std::max(known->position, topic_->begin());
      return topic_->begin();
    case TopicStart::kBegin: break;
  }
  return topic_->begin();
}

// Reads the next chunk unless one is there or on its way.
void TopicReader::request() {
  std::uint64_t from = 0;
  const std::uint64_t end = stop_ ? std::min(*stop_, topic_->end()) : topic_->end();
  {
    const std::lock_guard lock(mailbox_->mutex);
    if (mailbox_->reading || !mailbox_->chunk.empty() || !mailbox_->fault.is_ok() || mailbox_->next >= end) return;
    mailbox_->reading = true;
    from = mailbox_->next;
  }
  TopicReadLimits limits = kChunk;
  limits.records = std::min<std::uint64_t>(limits.records, end - from);
  const Status submitted =
      executor_->submit("read topic '" + topic_->name() + "'",
                        [topic = topic_, mailbox = mailbox_, wake = context_->waker(), from, limits] {
                          Result<std::vector<TopicRecord>> read = topic->read(from, limits);
                          {
                            const std::lock_guard lock(mailbox->mutex);
                            mailbox->reading = false;
                            if (read.is_ok()) {
                              mailbox->next = from + read->size();
                              mailbox->chunk = std::move(*read);
                            } else {
                              mailbox->fault = read.status();
                            }
                          }
                          wake();
                        });
  if (submitted.is_ok()) return;
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->reading = false;
  }
  if (submitted.code() == StatusCode::kResourceExhausted) context_->schedule(context_->clock().now() + kRetryAfter);
}

Result<TopicReader::Next> TopicReader::next() {
  if (taken_ == chunk_.size()) {
    chunk_.clear();
    taken_ = 0;
    if (stop_ && position_ >= *stop_) return Next::kEnd;
    bool reading = false;
    {
      const std::lock_guard lock(mailbox_->mutex);
      chunk_.swap(mailbox_->chunk);
      if (chunk_.empty() && !mailbox_->fault.is_ok()) return mailbox_->fault;
      reading = mailbox_->reading;
    }
    request();
    if (chunk_.empty()) return reading || position_ < topic_->end() ? Next::kWaiting : Next::kIdle;
  }
  position_ = chunk_[taken_++].offset + 1;
  return Next::kRecord;
}

void TopicReader::snapshot(std::uint64_t position, Timestamp watermark, SnapshotBuilder& builder) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(position);
  writer.byte(stop_ ? 1 : 0);
  writer.varint(stop_.value_or(0));
  writer.fixed64(static_cast<std::uint64_t>(watermark.time_since_epoch().count()));
  builder.put(std::string(kName) + topic_->name(), std::move(bytes));
  snapshot_position_ = position;
}

void TopicReader::on_checkpoint_complete(std::uint64_t checkpoint_id) {
  topic_->hold_async(consumer_, checkpoint_id, snapshot_position_,
                     [directory = context_->job_directory()] { return retained_checkpoints(directory); });
}

void TopicReader::let_go() {
  if (!context_->job_directory().empty() || position_ == let_go_) return;
  let_go_ = position_;
  topic_->hold_async(consumer_, 0, position_, nullptr);
}

}  // namespace weir::detail
