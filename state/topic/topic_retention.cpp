// Which records of a topic may go, and their removal.

#include <algorithm>
#include <chrono>

#include <rocksdb/convenience.h>

#include "state/rocksdb_border.hpp"
#include "state/topic/topic_core.hpp"

namespace weir::topics {
namespace {

constexpr std::int64_t kAgeCheckNs = 1'000'000'000;
constexpr std::uint64_t kPortions = 16;

}  // namespace

bool TopicCore::retention_is_due() {
  const std::int64_t now_ns = shared_.clock.monotonic_ns();
  const std::lock_guard lock(mutex_);
  const TopicRetention& retention = options_.retention;
  const std::uint64_t kept = seen_.bytes - first_.bytes;
  if (retention.max_bytes && kept > *retention.max_bytes + *retention.max_bytes / kPortions) return true;
  return retention.max_age && now_ns - retention_checked_ns_ >= kAgeCheckNs;
}

// The place before which everything may go. Everything visible is written, so its rows can be read.
Result<Place> TopicCore::find_cut(bool exact) const {
  TopicRetention retention;
  Place first;
  Place seen;
  std::uint64_t held = ~std::uint64_t{0};
  {
    const std::lock_guard lock(mutex_);
    retention = options_.retention;
    first = first_;
    seen = seen_;
    for (const auto& [consumer_name, consumer] : consumers_)
      for (const auto& [checkpoint, offset] : consumer.holds) held = std::min(held, offset);
  }
  std::uint64_t cut = first.offset;
  if (retention.max_bytes) {
    const std::uint64_t limit = *retention.max_bytes + (exact ? 0 : *retention.max_bytes / kPortions);
    if (seen.bytes - first.bytes > limit) {
      const std::uint64_t gone = seen.bytes - *retention.max_bytes;  // payload bytes that must go
      WEIR_ASSIGN_OR_RETURN(cut, first_where(first.offset, seen.offset,
                                             [gone](const IndexRow& row) { return row.bytes_before >= gone; }));
    }
  }
  if (retention.max_age) {
    const Timestamp oldest = shared_.clock.now() - *retention.max_age;
    WEIR_ASSIGN_OR_RETURN(
        cut, first_where(cut, seen.offset, [oldest](const IndexRow& row) { return row.appended >= oldest; }));
  }
  cut = std::max(std::min(cut, held), first.offset);
  if (cut == seen.offset) return seen;
  WEIR_ASSIGN_OR_RETURN(const IndexRow row, index_at(cut));
  return Place{cut, row.bytes_before};
}

TopicWriter::Operation TopicCore::retention_operation(bool exact) {
  auto cut = std::make_shared<Place>();
  auto removes = std::make_shared<bool>(false);
  TopicWriter::Operation operation;
  operation.durable = false;  // lost by a crash: removed once more later
  operation.fill = [this, exact, cut, removes](rocksdb::WriteBatch& batch) -> Status {
    retention_checked_ns_ = shared_.clock.monotonic_ns();
    WEIR_ASSIGN_OR_RETURN(*cut, find_cut(exact));
    const std::lock_guard lock(mutex_);
    if (cut->offset == first_.offset) return {};
    *removes = true;
    TopicRow row = row_;
    row.begin = cut->offset;
    const std::string from = record_key(id_, first_.offset);
    const std::string to = record_key(id_, cut->offset);
    batch.Put(shared_.database.facts(), topic_key(name_), encode(row));
    batch.DeleteRange(shared_.database.index(), from, to);
    batch.DeleteRange(shared_.database.records(), from, to);
    // Now, so that nobody begins to read what is about to go.
    first_ = *cut;
    row_ = std::move(row);
    return {};
  };
  operation.written = [this, cut, removes] {
    if (!*removes) return;
    const std::string from = record_key(id_, 0);
    const std::string to = record_key(id_, cut->offset);
    const rocksdb::Slice first(from);
    const rocksdb::Slice last(to);
    // Whole files at once; the rest goes with the next compactions, and so does what fails here.
    for (rocksdb::ColumnFamilyHandle* family : {shared_.database.index(), shared_.database.records()})
      from_rocksdb(what("remove old files of"),
                   rocksdb::DeleteFilesInRange(&shared_.database.db(), family, &first, &last, false))
          .ignore("the rows are removed already; compactions free the space");
  };
  return operation;
}

Status TopicCore::apply_retention() { return shared_.writer.run(retention_operation(true)); }

}  // namespace weir::topics
