#include "state/topic/topic_reading.hpp"

#include <memory>

#include <weir/hash.hpp>

#include "state/rocksdb_border.hpp"

namespace weir::topics {

std::uint64_t checksum_of(std::string_view payload) noexcept { return hash_bytes(payload.data(), payload.size()); }

Result<IndexRow> read_index(const TopicDatabase& database, std::uint32_t topic, std::uint64_t offset,
                            const std::string& what) {
  WEIR_ASSIGN_OR_RETURN(const std::optional<std::string> bytes,
                        database.get(database.index(), record_key(topic, offset), what));
  if (!bytes) return Status::data_loss(what + ": the record at offset " + std::to_string(offset) + " is missing");
  return read_index_row(*bytes);
}

Result<Extent> read_extent(const TopicDatabase& database, const TopicRow& row, const std::string& what) {
  const std::string last_key = record_key(row.id, ~std::uint64_t{0});
  const std::string first_key = record_key(row.id, 0);
  const std::unique_ptr<rocksdb::Iterator> last(database.db().NewIterator(rocksdb::ReadOptions(), database.index()));
  last->SeekForPrev(last_key);
  Extent extent;
  extent.begin.offset = row.begin;
  extent.end.offset = row.begin;
  if (last->Valid() && view_of(last->key()) >= first_key) {
    WEIR_ASSIGN_OR_RETURN(const IndexRow newest, read_index_row(view_of(last->value())));
    const std::uint64_t end = offset_of_record_key(view_of(last->key())) + 1;
    if (end > row.begin) {
      extent.end = {end, newest.bytes_before + newest.size};
      WEIR_ASSIGN_OR_RETURN(const IndexRow first, read_index(database, row.id, row.begin, what));
      extent.begin.bytes = first.bytes_before;
    }
    extent.last_appended = newest.appended;
  }
  WEIR_RETURN_IF_ERROR(from_rocksdb(what, last->status()));
  return extent;
}

Result<std::vector<TopicRecord>> read_records(const TopicDatabase& database, std::uint32_t topic, std::uint64_t from,
                                              std::uint64_t end, TopicReadLimits limits, const std::string& what) {
  std::vector<TopicRecord> records;
  const std::string end_key = record_key(topic, end);
  const rocksdb::Slice bound(end_key);
  rocksdb::ReadOptions options;
  options.iterate_upper_bound = &bound;
  const std::unique_ptr<rocksdb::Iterator> row(database.db().NewIterator(options, database.index()));
  const std::unique_ptr<rocksdb::Iterator> payload(database.db().NewIterator(options, database.records()));
  std::size_t bytes = 0;
  std::uint64_t offset = from;
  for (row->Seek(record_key(topic, from)); row->Valid() && records.size() < limits.records; row->Next(), ++offset) {
    const std::string fault = what + ": the record at offset " + std::to_string(offset) + " is ";
    if (offset_of_record_key(view_of(row->key())) != offset) return Status::data_loss(fault + "missing");
    WEIR_ASSIGN_OR_RETURN(const IndexRow facts, read_index_row(view_of(row->value())));
    if (!records.empty() && bytes + facts.size > limits.bytes) break;
    records.empty() ? payload->Seek(row->key()) : payload->Next();
    if (!payload->Valid() || payload->key() != row->key()) {
      WEIR_RETURN_IF_ERROR(from_rocksdb(what, payload->status()));
      return Status::data_loss(fault + "missing");
    }
    TopicRecord& record = records.emplace_back();
    record.offset = offset;
    record.time = facts.time;
    record.appended = facts.appended;
    record.payload.assign(payload->value().data(), payload->value().size());
    if (record.payload.size() != facts.size || checksum_of(record.payload) != facts.checksum)
      return Status::data_loss(fault + "damaged: its checksum is wrong");
    bytes += facts.size;
  }
  WEIR_RETURN_IF_ERROR(from_rocksdb(what, row->status()));
  if (records.empty()) return Status::data_loss(what + ": offset " + std::to_string(from) + " is missing");
  return records;
}

}  // namespace weir::topics
