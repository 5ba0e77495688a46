#pragma once
/// The operating system's files as checkpoints and blobs use them: one border, so that tests can lose a sync, fill the
/// disk, tear a file or die between two steps. Failures name the operation and the path. Thread: any.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>
#include <weir/status.hpp>

namespace weir {

class Filesystem {
 public:
  virtual ~Filesystem() = default;

  /// Makes or replaces a file; its bytes are on the disk when this returns (its name is after sync_directory()).
  virtual Status write_file(const std::string& path, std::string_view bytes);
  /// What was linked, made, renamed or removed in a directory is on the disk when this returns.
  virtual Status sync_directory(const std::string& path);
  virtual Status rename(const std::string& from, const std::string& to);
  virtual Status link(const std::string& from, const std::string& to);
  /// Called before work on disk that does not go through here (RocksDB's); a failure is taken as that work's.
  virtual Status before(std::string_view step, const std::string& path);

  // What changes nothing that counts, or cannot be half done in a way that matters.
  Status make_directories(const std::string& path);
  Status remove_all(const std::string& path);
  [[nodiscard]] Result<std::string> read_file(const std::string& path) const;
  [[nodiscard]] Result<std::uint64_t> file_size(const std::string& path) const;
  [[nodiscard]] bool exists(const std::string& path) const;
  /// Names in a directory, sorted; none when it does not exist.
  [[nodiscard]] Result<std::vector<std::string>> list(const std::string& path) const;
};

/// The real one. Lives for ever.
Filesystem& real_filesystem() noexcept;

}  // namespace weir
