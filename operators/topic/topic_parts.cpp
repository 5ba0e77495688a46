#include <weir/detail/topic_parts.hpp>

#include <charconv>
#include <utility>

#include "operators/sink/sink_part.hpp"

namespace weir::detail {

std::vector<std::string> faults_of(const TopicPartsOptions& options) {
  std::vector<std::string> faults;
  if (options.buffer_bytes == 0) faults.emplace_back("buffer_bytes of a topic sink must be greater than 0");
  if (options.buffers == 0) faults.emplace_back("buffers of a topic sink must be greater than 0");
  return faults;
}

class TopicParts::Part : public SinkPart<std::vector<NewTopicRecord>> {
 public:
  Part(std::shared_ptr<Topic> topic, TopicTransaction transaction, std::function<void()> wake)
      : SinkPart(std::move(wake)), topic_(std::move(topic)), transaction_(std::move(transaction)) {}

  // The two below: the task's thread.
  void add(std::vector<NewTopicRecord> records) {
    added_ += records.size();
    push(std::move(records));
  }
  [[nodiscard]] std::string committable() const { return encode_transaction(transaction_, added_); }

 private:
  Status put(std::vector<NewTopicRecord> records) override {
    const std::size_t count = records.size();
    WEIR_RETURN_IF_ERROR(topic_->stage(transaction_, written_, std::move(records), false));
    written_ += count;
    return {};
  }
  Status seal() override { return topic_->stage(transaction_, written_, {}, true); }
  [[nodiscard]] std::string name() const override { return "a transaction of '" + transaction_.producer + "'"; }

  const std::shared_ptr<Topic> topic_;
  const TopicTransaction transaction_;
  std::uint64_t added_ = 0;
  std::uint64_t written_ = 0;
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
  part_->add(std::exchange(buffer_, {}));
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

void TopicParts::request_write() { Part::request_write(part_, *context_, "write to topic '" + topic_->name() + "'"); }

Status TopicParts::fault() const { return part_ ? part_->fault() : Status::ok(); }

void TopicParts::snapshot(SnapshotBuilder& builder) {
  if (!buffer_.empty()) push_buffer();
  if (part_) prepared_.push_back(std::move(part_));
  part_.reset();
  // Transactions of a checkpoint that was declined are prepared again.
  for (const auto& part : prepared_) {
    builder.add_committable(part->committable());
    builder.defer([part] { return part->finish(); });
  }
}

// Prepared transactions may still be finished by a checkpoint that is under way.
void TopicParts::close() noexcept {
  if (part_) part_->abandon();
  part_.reset();
}

}  // namespace weir::detail
