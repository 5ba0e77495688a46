#pragma once
/// ModelLog: an append-only log of byte strings, on disk or in memory.
///
///   file   "WEIRLOG1" entry*
///   entry  length u32 | XXH3-64 of length and payload u64 | payload        (little-endian)
///
/// An offset is that of an entry in the file (in memory: as if there were one). What a crash left incomplete at the end
/// is cut off when the log is opened; damage with sound entries behind it is an error.

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <weir/result.hpp>

namespace weir::serving {

/// Thread: one at a time. All methods block on disk.
class ModelLog {
 public:
  /// An empty path keeps the log in memory.
  static Result<std::unique_ptr<ModelLog>> open(std::string path, std::uint64_t max_bytes);
  ~ModelLog();
  ModelLog(const ModelLog&) = delete;
  ModelLog& operator=(const ModelLog&) = delete;

  /// The first entry's offset.
  static constexpr std::uint64_t kBegin = 8;
  /// Behind the last durable entry.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

  /// Writes behind the last entry; durable after sync(). kResourceExhausted when the log would grow over its bound.
  Status append(std::string_view payload);
  /// Makes what was appended durable and moves end() behind it. A failure is final: nothing can be appended any more.
  Status sync();

  struct Entry {
    std::string payload;
    std::uint64_t next = 0;  ///< offset of the entry behind it
  };
  /// kDataLoss when there is no sound entry at `offset`. Precondition: offset < end().
  [[nodiscard]] Result<Entry> read(std::uint64_t offset) const;

  /// Bytes cut off when it was opened.
  [[nodiscard]] std::uint64_t cut_off() const noexcept { return cut_off_; }

 private:
  ModelLog(std::string path, std::uint64_t max_bytes) : path_(std::move(path)), max_bytes_(max_bytes) {}
  Status recover();
  Status write_at(std::uint64_t offset, std::string_view bytes);
  [[nodiscard]] Result<Entry> read_within(std::uint64_t offset, std::uint64_t size) const;

  std::string path_;
  std::uint64_t max_bytes_;
  int file_ = -1;
  std::uint64_t end_ = kBegin;
  std::uint64_t written_ = kBegin;
  std::uint64_t cut_off_ = 0;
  Status failure_;
  std::map<std::uint64_t, std::string> memory_;  // without a path: entries by offset
};

}  // namespace weir::serving
