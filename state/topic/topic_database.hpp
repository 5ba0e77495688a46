#pragma once
/// The RocksDB under a topic store, opened so that nothing acknowledged can be missing without notice.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rocksdb/db.h>

#include <weir/result.hpp>

#include "state/directory_lock.hpp"
#include "state/topic/database_copy.hpp"

namespace weir::topics {

/// Thread: any, as RocksDB. Lives until the last reader and writer are gone.
class TopicDatabase {
 public:
  /// An empty directory name: in memory.
  static Result<std::unique_ptr<TopicDatabase>> open(const std::string& directory);
  /// The rows as they are now, for reading alone, beside whoever writes to them, or nobody: from a copy of the
  /// database's short files in a temporary directory, which goes with this object. The long ones are read where they
  /// are: once the writer has deleted one, reads that need it fail. kNotFound where there is no store; kUnavailable
  /// when the writer changed them meanwhile: try again.
  static Result<std::unique_ptr<TopicDatabase>> open_copy(const std::string& directory);
  ~TopicDatabase();
  TopicDatabase(const TopicDatabase&) = delete;
  TopicDatabase& operator=(const TopicDatabase&) = delete;

  [[nodiscard]] rocksdb::DB& db() const noexcept { return *db_; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* facts() const noexcept { return handles_[0]; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* index() const noexcept { return handles_[1]; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* records() const noexcept { return handles_[2]; }
  [[nodiscard]] rocksdb::ColumnFamilyHandle* staged() const noexcept { return handles_[3]; }

  /// Nothing when there is no such row.
  [[nodiscard]] Result<std::optional<std::string>> get(rocksdb::ColumnFamilyHandle* family, std::string_view key,
                                                       std::string_view what) const;

 private:
  TopicDatabase() = default;
  enum class Mode : unsigned char { kMake, kOpen, kRead };
  Status open_database(const std::string& path, Mode mode);

  std::unique_ptr<DatabaseCopy> copy_;    // of open_copy(); outlives db_
  std::unique_ptr<rocksdb::Env> memory_;  // in memory only; outlives db_
  std::optional<DirectoryLock> lock_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // owned; released before db_
};

}  // namespace weir::topics
