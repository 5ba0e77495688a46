#pragma once
/// One topic: what Topic promises, on the rows of topic_rows.hpp.
///
/// The end moves in two steps: the writer's thread gives out offsets (tail_), and what is written becomes visible
/// (seen_). Readers never look beyond seen_.

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <weir/topic.hpp>

#include "state/topic/topic_database.hpp"
#include "state/topic/topic_reading.hpp"
#include "state/topic/topic_rows.hpp"
#include "state/topic/topic_writer.hpp"

namespace weir::topics {

class TopicCore final : public Topic {
 public:
  /// What all topics of a store share. Outlives them.
  struct Shared {
    TopicDatabase& database;
    TopicWriter& writer;
    const Clock& clock;
    std::size_t max_record_bytes;
  };

  TopicCore(Shared shared, std::string name, TopicRow row)
      : shared_(shared), name_(std::move(name)), id_(row.id), row_(std::move(row)) {}

  /// Finds begin, end and consumers. Before anything else.
  Status load();
  void configure(const TopicOptions& options);

  [[nodiscard]] const std::string& name() const noexcept override { return name_; }
  [[nodiscard]] std::uint64_t begin() const noexcept override;
  [[nodiscard]] std::uint64_t end() const noexcept override;
  [[nodiscard]] TopicInfo info() const override;
  Status expect_schema(const std::string& schema) override;

  void append_async(TopicAppend append, std::function<void(Result<std::uint64_t>)> done) override;
  Result<std::uint64_t> append(TopicAppend append) override;
  [[nodiscard]] Result<std::optional<std::string>> mark(const std::string& name) const override;
  [[nodiscard]] Result<std::vector<std::pair<std::string, std::string>>> marks(std::string_view prefix) const override;

  [[nodiscard]] Result<std::vector<TopicRecord>> read(std::uint64_t from, TopicReadLimits limits) const override;
  [[nodiscard]] Result<std::uint64_t> offset_at(Timestamp appended) const override;
  std::uint64_t listen(std::function<void()> wake) override;
  void unlisten(std::uint64_t listener) override;

  Status set_position(const std::string& consumer, std::uint64_t offset) override;
  Status hold(const std::string& consumer, std::uint64_t checkpoint, std::uint64_t offset,
              std::function<std::vector<std::uint64_t>()> retained) override;
  void hold_async(const std::string& consumer, std::uint64_t checkpoint, std::uint64_t offset,
                  std::function<std::vector<std::uint64_t>()> retained) override;
  [[nodiscard]] std::optional<TopicConsumer> consumer(const std::string& name) const override;
  Status forget(const std::string& consumer) override;
  Status apply_retention() override;

  Status stage(const TopicTransaction& transaction, std::uint64_t sequence, std::vector<NewTopicRecord> records,
               bool durable) override;
  Status commit(const TopicTransaction& transaction, std::uint64_t records) override;
  Status discard(const std::string& producer) override;
  [[nodiscard]] Result<std::uint64_t> next_serial(const std::string& producer) const override;
  [[nodiscard]] Result<std::vector<std::string>> staging(std::string_view prefix) const override;

 private:
  struct StagedRow {
    std::string key;
    NewTopicRecord record;
  };

  [[nodiscard]] Status check_records(const std::vector<NewTopicRecord>& records, std::size_t& bytes) const;
  [[nodiscard]] Status check_full(std::size_t bytes) const;
  TopicWriter::Operation append_operation(std::shared_ptr<TopicAppend> append, std::size_t bytes,
                                          std::shared_ptr<std::uint64_t> first);
  // On the writer's thread.
  Status add_records(const std::vector<NewTopicRecord>& records, rocksdb::WriteBatch& batch);
  void appended();
  [[nodiscard]] bool retention_is_due();
  TopicWriter::Operation retention_operation(bool exact);
  Result<Place> find_cut(bool exact) const;
  TopicWriter::Operation hold_operation(const std::string& consumer, std::uint64_t checkpoint, std::uint64_t offset,
                                        std::function<std::vector<std::uint64_t>()> retained);

  [[nodiscard]] Result<IndexRow> index_at(std::uint64_t offset) const;
  /// The first offset in [begin, end] whose row satisfies `holds`, which once true stays true; end when none does.
  [[nodiscard]] Result<std::uint64_t> first_where(std::uint64_t begin, std::uint64_t end,
                                                  const std::function<bool(const IndexRow&)>& holds) const;
  [[nodiscard]] Result<ProducerRow> progress_of(const std::string& producer) const;
  [[nodiscard]] Result<std::vector<StagedRow>> staged_from(const TopicTransaction& transaction, std::uint64_t number,
                                                           std::uint64_t end) const;
  [[nodiscard]] std::string what(std::string_view verb) const { return std::string(verb) + " topic '" + name_ + "'"; }

  const Shared shared_;
  const std::string name_;
  const std::uint32_t id_;

  // The writer's thread only, once loaded.
  Place tail_;
  Timestamp last_appended_ = kMinTimestamp;
  std::int64_t retention_checked_ns_ = 0;

  std::mutex commit_mutex_;  // one commit at a time

  mutable std::mutex mutex_;
  // Guarded by mutex_:
  TopicRow row_;  // its begin is first_.offset
  Place first_;
  Place seen_;
  TopicOptions options_;
  std::map<std::string, TopicConsumer> consumers_;

  std::mutex listeners_mutex_;
  // Guarded by listeners_mutex_:
  std::map<std::uint64_t, std::function<void()>> listeners_;
  std::uint64_t next_listener_ = 1;
};

}  // namespace weir::topics
