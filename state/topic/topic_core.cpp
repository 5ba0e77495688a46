#include "state/topic/topic_core.hpp"

#include <algorithm>
#include <future>

#include "state/rocksdb_border.hpp"

namespace weir::topics {
namespace {

constexpr std::size_t kRowBytes = 64;  // of a record beside its payload, about
constexpr std::size_t kMostMarkNameBytes = 4096;
constexpr std::size_t kMostMarkBytes = std::size_t{64} << 10;
constexpr std::size_t kMostNameBytes = 1024;  // of a consumer or producer

}  // namespace

Status TopicCore::load() {
  WEIR_ASSIGN_OR_RETURN(const Extent extent, read_extent(shared_.database, row_, what("open")));
  first_ = extent.begin;
  seen_ = extent.end;
  last_appended_ = extent.last_appended;
  tail_ = seen_;

  const std::string prefix = consumer_key(id_, "");
  const std::unique_ptr<rocksdb::Iterator> consumer(
      shared_.database.db().NewIterator(rocksdb::ReadOptions(), shared_.database.facts()));
  for (consumer->Seek(prefix); consumer->Valid() && view_of(consumer->key()).starts_with(prefix); consumer->Next()) {
    std::string consumer_name(view_of(consumer->key()).substr(prefix.size()));
    WEIR_ASSIGN_OR_RETURN(TopicConsumer read, read_consumer(consumer_name, view_of(consumer->value())));
    consumers_.emplace(std::move(consumer_name), std::move(read));
  }
  return from_rocksdb(what("open"), consumer->status());
}

void TopicCore::configure(const TopicOptions& options) {
  const std::lock_guard lock(mutex_);
  options_ = options;
}

Status TopicCore::expect_schema(const std::string& schema) {
  const auto differs = [&]() -> Status {
    return Status::failed_precondition(what("open") + ": it holds records of the schema " + row_.schema +
                                       ", asked for is " + schema);
  };
  {
    const std::lock_guard lock(mutex_);
    if (row_.schema == schema) return {};
    if (!row_.schema.empty()) return differs();
  }
  return shared_.writer.run({.fill = [&](rocksdb::WriteBatch& batch) -> Status {
                               const std::lock_guard lock(mutex_);
                               if (!row_.schema.empty() && row_.schema != schema) return differs();
                               row_.schema = schema;
                               row_.begin = first_.offset;
                               batch.Put(shared_.database.facts(), topic_key(name_), encode(row_));
                               return {};
                             },
                             .written = nullptr,
                             .done = nullptr});
}

std::uint64_t TopicCore::begin() const noexcept {
  const std::lock_guard lock(mutex_);
  return first_.offset;
}
std::uint64_t TopicCore::end() const noexcept {
  const std::lock_guard lock(mutex_);
  return seen_.offset;
}
TopicInfo TopicCore::info() const {
  const std::lock_guard lock(mutex_);
  TopicInfo info{name_, row_.schema, first_.offset, seen_.offset, seen_.bytes - first_.bytes, {}};
  for (const auto& [consumer_name, consumer] : consumers_) info.consumers.push_back(consumer);
  return info;
}

Status TopicCore::check_records(const std::vector<NewTopicRecord>& records, std::size_t& bytes) const {
  for (const NewTopicRecord& record : records) {
    if (record.payload.size() > shared_.max_record_bytes)
      return Status::invalid_argument(what("append to") + ": a record has " + std::to_string(record.payload.size()) +
                                      " bytes, the limit is " + std::to_string(shared_.max_record_bytes));
    bytes += record.payload.size() + kRowBytes;
  }
  if (records.size() > 1 && bytes > 2 * shared_.max_record_bytes)
    return Status::invalid_argument(what("append to") + ": " + std::to_string(bytes) + " bytes at once, the limit is " +
                                    std::to_string(2 * shared_.max_record_bytes));
  return {};
}

Status TopicCore::check_full(std::size_t bytes) const {
  const std::lock_guard lock(mutex_);
  const std::uint64_t kept = seen_.bytes - first_.bytes;
  if (kept + bytes <= options_.full_bytes) return {};
  return Status::resource_exhausted(what("append to") + ": it keeps " + std::to_string(kept) + " bytes, with these " +
                                    std::to_string(bytes) + " more than the limit of " +
                                    std::to_string(options_.full_bytes));
}

// Gives out the next offsets.
Status TopicCore::add_records(const std::vector<NewTopicRecord>& records, rocksdb::WriteBatch& batch) {
  const Timestamp now = std::max(shared_.clock.now(), last_appended_);
  for (const NewTopicRecord& record : records) {
    const std::string key = record_key(id_, tail_.offset);
    const IndexRow row{now, record.time.value_or(now), tail_.bytes, record.payload.size(), checksum_of(record.payload)};
    batch.Put(shared_.database.index(), key, encode(row));
    batch.Put(shared_.database.records(), key, record.payload);
    ++tail_.offset;
    tail_.bytes += record.payload.size();
  }
  last_appended_ = now;
  return {};
}

// What was added is written.
void TopicCore::appended() {
  {
    const std::lock_guard lock(mutex_);
    if (seen_.offset == tail_.offset) return;
    seen_ = tail_;
  }
  {
    const std::lock_guard lock(listeners_mutex_);
    for (const auto& [number, wake] : listeners_) wake();
  }
  if (retention_is_due()) shared_.writer.follow_up(retention_operation(false));
}

TopicWriter::Operation TopicCore::append_operation(std::shared_ptr<TopicAppend> append, std::size_t bytes,
                                                   std::shared_ptr<std::uint64_t> first) {
  TopicWriter::Operation operation;
  operation.bytes = bytes;
  operation.fill = [this, append = std::move(append), first = std::move(first)](rocksdb::WriteBatch& batch) {
    std::size_t adds = 0;
    for (const NewTopicRecord& record : append->records) adds += record.payload.size();
    {
      const std::lock_guard lock(mutex_);
      adds += tail_.bytes - seen_.bytes;  // of this group
    }
    WEIR_RETURN_IF_ERROR(check_full(adds));
    *first = tail_.offset;
    for (const auto& [mark_name, value] : append->marks) {
      const std::string key = mark_key(id_, mark_name);
      value.empty() ? batch.Delete(shared_.database.facts(), key) : batch.Put(shared_.database.facts(), key, value);
    }
    return add_records(append->records, batch);
  };
  operation.written = [this] { appended(); };
  return operation;
}

namespace {

Status check_marks(const TopicAppend& append, const std::string& what) {
  for (const auto& [mark_name, value] : append.marks)
    if (mark_name.size() > kMostMarkNameBytes || value.size() > kMostMarkBytes)
      return Status::invalid_argument(what + ": a mark has a name of " + std::to_string(mark_name.size()) +
                                      " bytes and a value of " + std::to_string(value.size()) + ", the limits are " +
                                      std::to_string(kMostMarkNameBytes) + " and " + std::to_string(kMostMarkBytes));
  return {};
}

Status check_name(const std::string& name, std::string_view kind) {
  if (!name.empty() && name.size() <= kMostNameBytes) return {};
  return Status::invalid_argument("a " + std::string(kind) + " of a topic has a name of 1 to " +
                                  std::to_string(kMostNameBytes) + " bytes, not of " + std::to_string(name.size()));
}

}  // namespace

void TopicCore::append_async(TopicAppend append, std::function<void(Result<std::uint64_t>)> done) {
  std::size_t bytes = 0;
  Status checked = check_records(append.records, bytes);
  if (checked.is_ok()) checked = check_marks(append, what("append to"));
  if (!checked.is_ok()) return done(std::move(checked));
  auto first = std::make_shared<std::uint64_t>(0);
  TopicWriter::Operation operation = append_operation(std::make_shared<TopicAppend>(std::move(append)), bytes, first);
  operation.done = [first, done](const Status& status) {
    done(status.is_ok() ? Result<std::uint64_t>(*first) : Result<std::uint64_t>(status));
  };
  Status taken = shared_.writer.submit(std::move(operation), TopicWriter::Room::kRefuse);
  if (!taken.is_ok()) done(std::move(taken));
}

Result<std::uint64_t> TopicCore::append(TopicAppend append) {
  std::size_t bytes = 0;
  WEIR_RETURN_IF_ERROR(check_records(append.records, bytes));
  WEIR_RETURN_IF_ERROR(check_marks(append, what("append to")));
  auto first = std::make_shared<std::uint64_t>(0);
  WEIR_RETURN_IF_ERROR(
      shared_.writer.run(append_operation(std::make_shared<TopicAppend>(std::move(append)), bytes, first)));
  return *first;
}

Result<std::optional<std::string>> TopicCore::mark(const std::string& mark_name) const {
  return shared_.database.get(shared_.database.facts(), mark_key(id_, mark_name), what("read a mark of"));
}

Result<std::vector<std::pair<std::string, std::string>>> TopicCore::marks(std::string_view prefix) const {
  std::vector<std::pair<std::string, std::string>> found;
  const std::string head = mark_key(id_, "");
  const std::string start = head + std::string(prefix);
  const std::unique_ptr<rocksdb::Iterator> row(
      shared_.database.db().NewIterator(rocksdb::ReadOptions(), shared_.database.facts()));
  for (row->Seek(start); row->Valid() && view_of(row->key()).starts_with(start); row->Next())
    found.emplace_back(view_of(row->key()).substr(head.size()), view_of(row->value()));
  WEIR_RETURN_IF_ERROR(from_rocksdb(what("read the marks of"), row->status()));
  return found;
}

Result<IndexRow> TopicCore::index_at(std::uint64_t offset) const {
  return read_index(shared_.database, id_, offset, what("read"));
}

Result<std::vector<TopicRecord>> TopicCore::read(std::uint64_t from, TopicReadLimits limits) const {
  const std::uint64_t end = this->end();
  const auto removed = [&]() -> Status {
    return Status::data_loss(what("read") + " from offset " + std::to_string(from) + ": it begins at " +
                             std::to_string(begin()) + " now (retention)");
  };
  if (from < begin()) return removed();
  if (from > end)
    return Status::data_loss(what("read") + " from offset " + std::to_string(from) + ": it ends at " +
                             std::to_string(end));
  if (from == end) return std::vector<TopicRecord>();
  Result<std::vector<TopicRecord>> records = read_records(shared_.database, id_, from, end, limits, what("read"));
  if (!records && from < begin()) return removed();
  return records;
}

Result<std::uint64_t> TopicCore::first_where(std::uint64_t begin, std::uint64_t end,
                                             const std::function<bool(const IndexRow&)>& holds) const {
  while (begin < end) {
    const std::uint64_t middle = begin + (end - begin) / 2;
    WEIR_ASSIGN_OR_RETURN(const IndexRow row, index_at(middle));
    if (holds(row)) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return begin;
}

Result<std::uint64_t> TopicCore::offset_at(Timestamp appended) const {
  const auto later = [appended](const IndexRow& row) { return row.appended >= appended; };
  for (;;) {
    const std::uint64_t begin = this->begin();
    Result<std::uint64_t> found = first_where(begin, end(), later);
    // Retention may have moved the begin meanwhile; it only grows.
    if (found.is_ok() || this->begin() == begin) return found;
  }
}

std::uint64_t TopicCore::listen(std::function<void()> wake) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.emplace(next_listener_, std::move(wake));
  return next_listener_++;
}
void TopicCore::unlisten(std::uint64_t listener) {
  const std::lock_guard lock(listeners_mutex_);
  listeners_.erase(listener);
}

Status TopicCore::set_position(const std::string& consumer, std::uint64_t offset) {
  WEIR_RETURN_IF_ERROR(check_name(consumer, "consumer"));
  if (offset > end())
    return Status::invalid_argument(what("note a position in") + ": " + std::to_string(offset) +
                                    " lies behind its end " + std::to_string(end()));
  return shared_.writer.run({.fill =
                                 [this, &consumer, offset](rocksdb::WriteBatch& batch) {
                                   const std::lock_guard lock(mutex_);
                                   TopicConsumer& noted = consumers_[consumer];
                                   noted.name = consumer;
                                   noted.position = offset;
                                   batch.Put(shared_.database.facts(), consumer_key(id_, consumer), encode(noted));
                                   return Status::ok();
                                 },
                             .written = nullptr,
                             .done = nullptr});
}

std::optional<TopicConsumer> TopicCore::consumer(const std::string& consumer_name) const {
  const std::lock_guard lock(mutex_);
  const auto found = consumers_.find(consumer_name);
  if (found == consumers_.end()) return std::nullopt;
  return found->second;
}

Status TopicCore::forget(const std::string& consumer) {
  return shared_.writer.run({.fill =
                                 [this, &consumer](rocksdb::WriteBatch& batch) {
                                   const std::lock_guard lock(mutex_);
                                   consumers_.erase(consumer);
                                   batch.Delete(shared_.database.facts(), consumer_key(id_, consumer));
                                   return Status::ok();
                                 },
                             .written = nullptr,
                             .done = nullptr});
}

TopicWriter::Operation TopicCore::hold_operation(const std::string& consumer, std::uint64_t checkpoint,
                                                 std::uint64_t offset,
                                                 std::function<std::vector<std::uint64_t>()> retained) {
  TopicWriter::Operation operation;
  operation.durable = false;  // lost by a crash: then more is held than must be
  operation.fill = [this, consumer, checkpoint, offset,
                    retained = std::move(retained)](rocksdb::WriteBatch& batch) -> Status {
    WEIR_RETURN_IF_ERROR(check_name(consumer, "consumer"));
    const std::vector<std::uint64_t> kept = retained ? retained() : std::vector<std::uint64_t>();
    const std::lock_guard lock(mutex_);
    TopicConsumer& noted = consumers_[consumer];
    noted.name = consumer;
    noted.position = offset;
    std::erase_if(noted.holds,
                  [&](const auto& hold) { return std::find(kept.begin(), kept.end(), hold.first) == kept.end(); });
    noted.holds[checkpoint] = offset;
    batch.Put(shared_.database.facts(), consumer_key(id_, consumer), encode(noted));
    return {};
  };
  operation.written = [this] {
    if (retention_is_due()) shared_.writer.follow_up(retention_operation(false));
  };
  return operation;
}

Status TopicCore::hold(const std::string& consumer, std::uint64_t checkpoint, std::uint64_t offset,
                       std::function<std::vector<std::uint64_t>()> retained) {
  return shared_.writer.run(hold_operation(consumer, checkpoint, offset, std::move(retained)));
}
void TopicCore::hold_async(const std::string& consumer, std::uint64_t checkpoint, std::uint64_t offset,
                           std::function<std::vector<std::uint64_t>()> retained) {
  shared_.writer.submit(hold_operation(consumer, checkpoint, offset, std::move(retained)), TopicWriter::Room::kRefuse)
      .ignore("then more is held than must be");
}

}  // namespace weir::topics
