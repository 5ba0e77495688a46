#pragma once
/// The RocksDB under a topic store, opened so that nothing acknowledged can be missing without notice.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <rocksdb/db.h>

#include <weir/result.hpp>

#include "state/directory_lock.hpp"

namespace weir::topics {

/// Thread: any, as RocksDB. Lives until the last reader and writer are gone.
class TopicDatabase {
 public:
  /// An empty directory name: in memory.
  static Result<std::unique_ptr<TopicDatabase>> open(const std::string& directory);
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
  Status open_database(const std::string& path, bool make);

  std::unique_ptr<rocksdb::Env> memory_;  // in memory only; outlives db_
  std::optional<DirectoryLock> lock_;
  std::unique_ptr<rocksdb::DB> db_;
  std::vector<rocksdb::ColumnFamilyHandle*> handles_;  // owned; released before db_
};

}  // namespace weir::topics
