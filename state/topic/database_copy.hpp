#pragma once
/// DatabaseCopy: what another process's RocksDB has on disk at one moment, to be opened for reading.
///
/// RocksDB changes its files in two ways only: it appends to its log and its manifest, and it makes or deletes whole
/// files, which the manifest names. So a copy of manifest and logs, with links to the rest, is a database of its own
/// that nobody writes to, provided that the manifest did not grow meanwhile.

#include <memory>
#include <string>

#include <weir/result.hpp>

namespace weir::topics {

class DatabaseCopy {
 public:
  /// Copies into a new directory below the system's one for temporary files. What is linked may be deleted by the
  /// writer later. kUnavailable when the writer changed the manifest meanwhile.
  static Result<std::unique_ptr<DatabaseCopy>> make(const std::string& database);
  /// Removes it.
  ~DatabaseCopy();
  DatabaseCopy(const DatabaseCopy&) = delete;
  DatabaseCopy& operator=(const DatabaseCopy&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  explicit DatabaseCopy(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

}  // namespace weir::topics
