// Records put aside, and their commit: moved into the topic chunk by chunk, each chunk with its progress in one step,
// so that a commit that was cut short goes on where it was, and one that was done is recognised.

#include "state/rocksdb_border.hpp"
#include "state/topic/topic_core.hpp"

namespace weir::topics {
namespace {

constexpr std::size_t kChunkRecords = 4096;
constexpr std::size_t kChunkBytes = std::size_t{4} << 20;
constexpr std::size_t kMostProducerBytes = 1024;

}  // namespace

Result<ProducerRow> TopicCore::progress_of(const std::string& producer) const {
  if (producer.empty() || producer.size() > kMostProducerBytes)
    return Status::invalid_argument(what("write a transaction to") + ": a producer's name has 1 to " +
                                    std::to_string(kMostProducerBytes) + " bytes, not " +
                                    std::to_string(producer.size()));
  WEIR_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                        shared_.database.get(shared_.database.facts(), producer_key(id_, producer), what("read")));
  if (!bytes) return ProducerRow{};
  return read_producer_row(*bytes);
}

Status TopicCore::stage(const TopicTransaction& transaction, std::uint64_t sequence,
                        std::vector<NewTopicRecord> records, bool durable) {
  WEIR_ASSIGN_OR_RETURN(const ProducerRow progress, progress_of(transaction.producer));
  if (transaction.serial <= progress.committed)
    return Status::failed_precondition(what("write a transaction to") + ": number " +
                                       std::to_string(transaction.serial) + " of producer '" + transaction.producer +
                                       "' is committed already");
  std::size_t bytes = 0;
  WEIR_RETURN_IF_ERROR(check_records(records, bytes));
  // Here and not at the commit, which must not be refused.
  WEIR_RETURN_IF_ERROR(check_full(bytes));
  TopicWriter::Operation operation;
  operation.bytes = bytes;
  operation.durable = durable;
  operation.fill = [&](rocksdb::WriteBatch& batch) {
    std::uint64_t number = sequence;
    for (const NewTopicRecord& record : records) {
      batch.Put(shared_.database.staged(), staged_key(id_, transaction.producer, transaction.serial, number++),
                encode_staged(record.time.value_or(kMinTimestamp), record.payload));
    }
    // A write without rows would not sync what was staged before.
    if (durable && records.empty())
      batch.Put(shared_.database.facts(), producer_key(id_, transaction.producer), encode(progress));
    return Status::ok();
  };
  return shared_.writer.run(std::move(operation));
}

Result<std::vector<TopicCore::StagedRow>> TopicCore::staged_from(const TopicTransaction& transaction,
                                                                 std::uint64_t number, std::uint64_t end) const {
  std::vector<StagedRow> rows;
  std::size_t bytes = 0;
  const std::unique_ptr<rocksdb::Iterator> row(
      shared_.database.db().NewIterator(rocksdb::ReadOptions(), shared_.database.staged()));
  row->Seek(staged_key(id_, transaction.producer, transaction.serial, number));
  for (; row->Valid() && number < end && rows.size() < kChunkRecords && bytes < kChunkBytes; row->Next(), ++number) {
    if (view_of(row->key()) != staged_key(id_, transaction.producer, transaction.serial, number)) break;
    WEIR_ASSIGN_OR_RETURN(NewTopicRecord record, read_staged(view_of(row->value())));
    bytes += record.payload.size();
    rows.push_back({row->key().ToString(), std::move(record)});
  }
  WEIR_RETURN_IF_ERROR(from_rocksdb(what("commit to"), row->status()));
  return rows;
}

Status TopicCore::commit(const TopicTransaction& transaction, std::uint64_t records) {
  const std::lock_guard commit_lock(commit_mutex_);
  WEIR_ASSIGN_OR_RETURN(ProducerRow progress, progress_of(transaction.producer));
  if (progress.committed >= transaction.serial) return {};
  if (progress.begun != transaction.serial) {
    progress.begun = transaction.serial;
    progress.moved = 0;
  }
  do {
    WEIR_ASSIGN_OR_RETURN(const std::vector<StagedRow> rows, staged_from(transaction, progress.moved, records));
    if (rows.empty() && progress.moved < records)
      return Status::data_loss(what("commit to") + ": record " + std::to_string(progress.moved) + " of the " +
                               std::to_string(records) + " in transaction " + std::to_string(transaction.serial) +
                               " of producer '" + transaction.producer + "' is missing");
    std::vector<NewTopicRecord> moved;
    moved.reserve(rows.size());
    for (const StagedRow& row : rows) moved.push_back(row.record);
    progress.moved += rows.size();
    const bool last = progress.moved == records;
    if (last) progress.committed = transaction.serial;
    TopicWriter::Operation operation;
    operation.durable = last;
    operation.fill = [&](rocksdb::WriteBatch& batch) {
      for (const StagedRow& row : rows) batch.Delete(shared_.database.staged(), row.key);
      batch.Put(shared_.database.facts(), producer_key(id_, transaction.producer), encode(progress));
      return add_records(moved, batch);
    };
    operation.written = [this] { appended(); };
    WEIR_RETURN_IF_ERROR(shared_.writer.run(std::move(operation)));
  } while (progress.moved < records);
  return {};
}

Status TopicCore::discard(const std::string& producer) {
  const std::string prefix = staged_prefix(id_, producer);
  const std::string end = end_of_prefix(prefix);
  return shared_.writer.run({.durable = false,
                             .fill =
                                 [&](rocksdb::WriteBatch& batch) {
                                   batch.DeleteRange(shared_.database.staged(), prefix, end);
                                   return Status::ok();
                                 },
                             .written = nullptr,
                             .done = nullptr});
}

Result<std::uint64_t> TopicCore::next_serial(const std::string& producer) const {
  WEIR_ASSIGN_OR_RETURN(const ProducerRow progress, progress_of(producer));
  std::uint64_t last = std::max(progress.committed, progress.begun);
  const std::string prefix = staged_prefix(id_, producer);
  const std::unique_ptr<rocksdb::Iterator> row(
      shared_.database.db().NewIterator(rocksdb::ReadOptions(), shared_.database.staged()));
  row->SeekForPrev(end_of_prefix(prefix));
  if (row->Valid() && view_of(row->key()).starts_with(prefix)) {
    if (const auto key = read_staged_key(view_of(row->key()))) last = std::max(last, key->serial);
  }
  WEIR_RETURN_IF_ERROR(from_rocksdb(what("read"), row->status()));
  return last + 1;
}

Result<std::vector<std::string>> TopicCore::staging(std::string_view prefix) const {
  std::vector<std::string> producers;
  const std::string of_topic = staged_prefix(id_);
  const std::unique_ptr<rocksdb::Iterator> row(
      shared_.database.db().NewIterator(rocksdb::ReadOptions(), shared_.database.staged()));
  row->Seek(of_topic);
  while (row->Valid() && view_of(row->key()).starts_with(of_topic)) {
    const std::optional<StagedKey> key = read_staged_key(view_of(row->key()));
    if (!key) return Status::data_loss(what("read") + ": the key of a staged record is malformed");
    if (key->producer.starts_with(prefix)) producers.push_back(key->producer);
    row->Seek(end_of_prefix(staged_prefix(id_, key->producer)));
  }
  WEIR_RETURN_IF_ERROR(from_rocksdb(what("read"), row->status()));
  return producers;
}

}  // namespace weir::topics
