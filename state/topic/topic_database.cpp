#include "state/topic/topic_database.hpp"

#include <algorithm>

#include <rocksdb/cache.h>
#include <rocksdb/table.h>

#include <weir/check.hpp>

#include "state/filesystem.hpp"
#include "state/rocksdb_border.hpp"

namespace weir::topics {
namespace {

constexpr std::string_view kFormat = "weir topics 1\n";
constexpr std::size_t kBlockCacheBytes = std::size_t{16} << 20;
constexpr std::size_t kWriteBufferBytes = std::size_t{16} << 20;
constexpr std::size_t kSmallWriteBufferBytes = std::size_t{2} << 20;
constexpr std::size_t kMemtableBytes = std::size_t{64} << 20;  // of all families
constexpr std::size_t kWalBytes = std::size_t{256} << 20;
constexpr std::size_t kBlobBytes = std::size_t{32} << 10;  // larger payloads are not moved by compactions
constexpr int kOpenFiles = 256;

rocksdb::ColumnFamilyOptions family_options(const std::shared_ptr<rocksdb::Cache>& cache, std::size_t write_buffer) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = write_buffer;
  options.compression = fast_compression();
  return options;
}

rocksdb::ColumnFamilyOptions record_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = family_options(cache, kWriteBufferBytes);
  options.enable_blob_files = true;
  options.min_blob_size = kBlobBytes;
  options.blob_compression_type = fast_compression();
  options.enable_blob_garbage_collection = true;
  return options;
}

// Staged records are deleted when their checkpoint is complete: to compress them costs more than it saves.
rocksdb::ColumnFamilyOptions staged_options(const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::ColumnFamilyOptions options = record_options(cache);
  options.compression = rocksdb::kNoCompression;
  options.blob_compression_type = rocksdb::kNoCompression;
  return options;
}

rocksdb::DBOptions database_options() {
  rocksdb::DBOptions options;
  // A crash may leave the last write half done: it was not acknowledged. Anything else that is wrong is damage.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  options.track_and_verify_wals_in_manifest = true;
  options.info_log = std::make_shared<SilentLogger>();
  options.max_background_jobs = 2;
  options.max_open_files = kOpenFiles;
  options.max_file_opening_threads = 1;
  options.max_total_wal_size = kWalBytes;
  options.db_write_buffer_size = kMemtableBytes;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_manifest_file_size = std::size_t{4} << 20;
  options.bytes_per_sync = std::size_t{1} << 20;
  return options;
}

}  // namespace

TopicDatabase::~TopicDatabase() {
  for (rocksdb::ColumnFamilyHandle* handle : handles_) {
    const rocksdb::Status status = db_->DestroyColumnFamilyHandle(handle);
    WEIR_CHECK(status.ok(), "releasing a column family's handle touches no disk");
  }
}

Result<std::unique_ptr<TopicDatabase>> TopicDatabase::open(const std::string& directory) {
  std::unique_ptr<TopicDatabase> database(new TopicDatabase());
  if (directory.empty()) {
    database->memory_.reset(rocksdb::NewMemEnv(rocksdb::Env::Default()));
    WEIR_RETURN_IF_ERROR(database->open_database("/topics", Mode::kMake));
    return database;
  }
  Filesystem& files = real_filesystem();
  const std::string format_path = directory + "/FORMAT";
  WEIR_RETURN_IF_ERROR(files.make_directories(directory));
  WEIR_ASSIGN_OR_RETURN(database->lock_, DirectoryLock::take(directory, "topic store"));
  const bool made = files.exists(format_path);
  const std::string what = "open the topic store '" + directory + "'";
  if (made) {
    WEIR_ASSIGN_OR_RETURN(const std::string format, files.read_file(format_path));
    if (format != kFormat) return Status::data_loss(what + ": FORMAT says '" + format + "', which is not known");
    if (!files.exists(directory + "/db/CURRENT"))
      return Status::data_loss(what + ": its database has lost the file CURRENT; restore the directory from a copy");
    // RocksDB always has a log, and takes it for an empty one when it is gone.
    WEIR_ASSIGN_OR_RETURN(const std::vector<std::string> names, files.list(directory + "/db"));
    if (std::none_of(names.begin(), names.end(), [](const std::string& name) { return name.ends_with(".log"); }))
      return Status::data_loss(what + ": its database has lost its write-ahead log; restore the directory from a copy");
  } else {
    // Made, but never finished: nothing in it was ever acknowledged.
    WEIR_RETURN_IF_ERROR(files.remove_all(directory + "/db"));
  }
  WEIR_RETURN_IF_ERROR(database->open_database(directory + "/db", made ? Mode::kOpen : Mode::kMake).with_context(what));
  if (!made) {
    WEIR_RETURN_IF_ERROR(files.sync_directory(directory));
    WEIR_RETURN_IF_ERROR(files.write_file(format_path, kFormat));
    WEIR_RETURN_IF_ERROR(files.sync_directory(directory));
  }
  return database;
}

Result<std::unique_ptr<TopicDatabase>> TopicDatabase::open_copy(const std::string& directory) {
  const std::string what = "read the topic store '" + directory + "'";
  // Written last when a store is made: without it nothing was ever acknowledged.
  if (!real_filesystem().exists(directory + "/FORMAT")) return Status::not_found(what + ": there is none");
  WEIR_ASSIGN_OR_RETURN(const std::string format, real_filesystem().read_file(directory + "/FORMAT"));
  if (format != kFormat) return Status::data_loss(what + ": FORMAT says '" + format + "', which is not known");
  std::unique_ptr<TopicDatabase> database(new TopicDatabase());
  Result<std::unique_ptr<DatabaseCopy>> copy = DatabaseCopy::make(directory + "/db");
  if (!copy) return copy.status().with_context(what);
  database->copy_ = std::move(*copy);
  WEIR_RETURN_IF_ERROR(database->open_database(database->copy_->path(), Mode::kRead).with_context(what));
  return database;
}

Status TopicDatabase::open_database(const std::string& path, Mode mode) {
  rocksdb::DBOptions options = database_options();
  options.create_if_missing = mode == Mode::kMake;
  options.error_if_exists = mode == Mode::kMake;
  options.create_missing_column_families = mode != Mode::kRead;
  if (memory_) options.env = memory_.get();
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families{
      {rocksdb::kDefaultColumnFamilyName, family_options(cache, kSmallWriteBufferBytes)},
      {"index", family_options(cache, kSmallWriteBufferBytes)},
      {"records", record_options(cache)},
      {"staged", staged_options(cache)}};
  rocksdb::DB* db = nullptr;
  const rocksdb::Status opened = mode == Mode::kRead
                                     ? rocksdb::DB::OpenForReadOnly(options, path, families, &handles_, &db)
                                     : rocksdb::DB::Open(options, path, families, &handles_, &db);
  WEIR_RETURN_IF_ERROR(from_rocksdb("open the database '" + path + "'", opened));
  db_.reset(db);
  return {};
}

Result<std::optional<std::string>> TopicDatabase::get(rocksdb::ColumnFamilyHandle* family, std::string_view key,
                                                      std::string_view what) const {
  std::string value;
  const rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), family, slice_of(key), &value);
  if (status.IsNotFound()) return std::optional<std::string>();
  WEIR_RETURN_IF_ERROR(from_rocksdb(what, status));
  return std::optional<std::string>(std::move(value));
}

}  // namespace weir::topics
