#pragma once
/// The transactions of one topic sink task.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <weir/detail/topic_handle.hpp>
#include <weir/operator.hpp>
#include <weir/topic.hpp>

namespace weir::detail {

struct TopicPartsOptions {
  std::string producer;  ///< empty: the operator's uid
  std::size_t buffer_bytes = 0;
  std::size_t buffers = 0;
};

/// What is wrong with the options, as sentences.
std::vector<std::string> faults_of(const TopicPartsOptions& options);

/// Thread: the task's.
class TopicParts {
 public:
  TopicParts(std::shared_ptr<TopicHandle> handle, TopicPartsOptions options);
  ~TopicParts();
  TopicParts(const TopicParts&) = delete;
  TopicParts& operator=(const TopicParts&) = delete;

  Status open(OperatorContext& context);
  /// Before each record; false: too much waits to be written, the waker or a timer will fire.
  [[nodiscard]] bool has_room() { return buffered_bytes_ < options_.buffer_bytes || hand_on(); }
  void add(NewTopicRecord record) {
    buffered_bytes_ += record.payload.size() + kRecordBytes;
    buffer_.push_back(std::move(record));
  }
  /// The write that failed.
  [[nodiscard]] Status fault() const;
  void snapshot(SnapshotBuilder& builder);
  void on_checkpoint_complete() { prepared_.clear(); }
  void close() noexcept;

 private:
  class Part;
  static constexpr std::size_t kRecordBytes = 64;  // beside the payload, about
  bool hand_on();
  void push_buffer();
  void request_write();
  [[nodiscard]] std::string producer_of(std::uint32_t task) const;
  Status discard_abandoned();

  const std::shared_ptr<TopicHandle> handle_;
  const TopicPartsOptions options_;
  OperatorContext* context_ = nullptr;
  std::shared_ptr<Topic> topic_;
  std::uint64_t next_serial_ = 0;
  std::vector<NewTopicRecord> buffer_;
  std::size_t buffered_bytes_ = 0;
  std::shared_ptr<Part> part_;                   // being written; null while nothing came since the last barrier
  std::vector<std::shared_ptr<Part>> prepared_;  // in a snapshot whose checkpoint is not known to be complete
};

}  // namespace weir::detail
