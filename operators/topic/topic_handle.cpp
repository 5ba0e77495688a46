#include <weir/detail/topic_handle.hpp>

#include <utility>

#include <weir/bytes.hpp>

namespace weir::detail {
namespace {

constexpr std::uint8_t kVersion = 1;

Status commit_one(Topic& topic, std::string_view bytes) {
  ByteReader reader(bytes);
  const bool known = reader.byte() == kVersion;
  TopicTransaction transaction;
  transaction.producer = reader.sized();
  transaction.serial = reader.varint();
  const std::uint64_t records = reader.varint();
  if (!known || !reader.at_end())
    return Status::data_loss("commit to topic '" + topic.name() + "': the transaction in the checkpoint is malformed");
  return topic.commit(transaction, records);
}

}  // namespace

std::string encode_transaction(const TopicTransaction& transaction, std::uint64_t records) {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.sized(transaction.producer);
  writer.varint(transaction.serial);
  writer.varint(records);
  return bytes;
}

std::vector<std::string> faults_of(const TopicPlace& place) {
  std::vector<std::string> faults;
  if (std::string fault = topic_name_fault(place.topic); !fault.empty()) faults.push_back(std::move(fault));
  if (place.store && !place.directory.empty())
    faults.push_back("topic '" + place.topic + "': give a store or a directory, not both");
  return faults;
}

Status TopicHandle::open_locked(const std::string& job_directory) {
  std::shared_ptr<TopicStore> store = place_.store;
  std::optional<TopicOptions> options = place_.options;
  if (!store) {
    std::string directory = place_.directory;
    if (directory.empty() && !job_directory.empty()) directory = job_directory + "/topics";
    if (!directory.empty()) {
      WEIR_ASSIGN_OR_RETURN(store, TopicStore::open(directory));
    } else if (place_.in_memory_without_job) {
      WEIR_ASSIGN_OR_RETURN(store, TopicStore::in_memory());
      if (!options) options.emplace();
      options->retention.max_bytes = 0;  // nobody can come back to what was read
    } else {
      return Status::invalid_argument("open topic '" + place_.topic +
                                      "': the job keeps no directory (no checkpointing), so it needs one of its own");
    }
  }
  WEIR_ASSIGN_OR_RETURN(std::shared_ptr<Topic> topic, store->topic(place_.topic, std::move(options)));
  if (!place_.schema.empty()) WEIR_RETURN_IF_ERROR(topic->expect_schema(place_.schema));
  for (const std::string& transaction : put_off_) WEIR_RETURN_IF_ERROR(commit_one(*topic, transaction));
  put_off_.clear();
  topic_ = std::move(topic);
  job_directory_ = job_directory;
  return {};
}

Result<std::shared_ptr<Topic>> TopicHandle::open(const std::string& job_directory) {
  const std::lock_guard lock(mutex_);
  if (!topic_) {
    WEIR_RETURN_IF_ERROR(open_locked(job_directory));
  } else if (job_directory != job_directory_ && !place_.store && place_.directory.empty()) {
    return Status::failed_precondition("open topic '" + place_.topic + "' in '" + job_directory +
                                       "': this pipeline has it open in '" + job_directory_ + "'");
  }
  return topic_;
}

std::shared_ptr<Topic> TopicHandle::get() const {
  const std::lock_guard lock(mutex_);
  return topic_;
}

Status TopicHandle::commit(std::span<const std::string> transactions) {
  std::shared_ptr<Topic> topic;
  {
    const std::lock_guard lock(mutex_);
    topic = topic_;
    // A restore's list is that of its checkpoint, whole.
    if (!topic) put_off_.assign(transactions.begin(), transactions.end());
  }
  if (!topic) return {};
  for (const std::string& transaction : transactions) WEIR_RETURN_IF_ERROR(commit_one(*topic, transaction));
  return {};
}

}  // namespace weir::detail
