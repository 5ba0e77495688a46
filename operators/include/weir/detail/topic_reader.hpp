#pragma once
/// Reading a topic ahead of a source, off the workers.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/operator.hpp>
#include <weir/topic.hpp>

namespace weir::detail {

enum class TopicStart : unsigned char { kBegin, kEnd, kPosition };

struct TopicReading {
  std::string consumer;  ///< empty: the operator's uid
  TopicStart start = TopicStart::kBegin;
  std::optional<std::uint64_t> start_offset;
  std::optional<Timestamp> start_time;
  bool until_end = false;
};

/// Thread: the task's, but for the jobs it submits, which share nothing with it but a locked mailbox.
class TopicReader {
 public:
  explicit TopicReader(TopicReading reading) : reading_(std::move(reading)) {}
  ~TopicReader();
  TopicReader(const TopicReader&) = delete;
  TopicReader& operator=(const TopicReader&) = delete;

  /// Finds where to go on and holds everything from there on. Blocks on disk. `executor` reads.
  Status open(std::shared_ptr<Topic> topic, OperatorContext& context, Executor& executor);

  enum class Next : unsigned char {
    kRecord,
    kWaiting,  ///< something is being read: the waker or a timer will fire
    kIdle,     ///< the end of the topic, for now
    kEnd,      ///< the end of what was to be read
  };
  /// Makes record() the next one. kDataLoss when it cannot be read any more.
  Result<Next> next();
  [[nodiscard]] const TopicRecord& record() const noexcept { return chunk_[taken_ - 1]; }
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }  ///< the next record's offset
  [[nodiscard]] Timestamp restored_watermark() const noexcept { return restored_watermark_; }

  /// For a checkpoint: the source goes on at `position`, its watermark being `watermark`.
  void snapshot(std::uint64_t position, Timestamp watermark, SnapshotBuilder& builder);
  void on_checkpoint_complete(std::uint64_t checkpoint_id);
  /// Without checkpoints: what was taken is not needed again.
  void let_go();

 private:
  struct Mailbox;
  Status restore();
  Result<std::uint64_t> find_start() const;
  void request();

  const TopicReading reading_;
  std::shared_ptr<Topic> topic_;
  OperatorContext* context_ = nullptr;
  Executor* executor_ = nullptr;
  std::shared_ptr<Mailbox> mailbox_;
  std::uint64_t listener_ = 0;
  std::string consumer_;

  std::uint64_t position_ = 0;
  std::optional<std::uint64_t> stop_;  // until_end: where to stop
  Timestamp restored_watermark_ = kMinTimestamp;
  bool has_position_ = false;  // restored
  std::vector<TopicRecord> chunk_;
  std::size_t taken_ = 0;                // of the chunk
  std::uint64_t snapshot_position_ = 0;  // in the newest snapshot
  std::uint64_t let_go_ = 0;
};

}  // namespace weir::detail
