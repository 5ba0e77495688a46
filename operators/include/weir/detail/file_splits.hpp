#pragma once
/// Files as the splits of a source: which task reads which, how far, and the records in their bytes.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/operator.hpp>
#include <weir/result.hpp>

namespace weir::detail {

enum class Framing : unsigned char {
  kLines,      ///< LF or CRLF ends a record; empty lines are passed over
  kCsv,        ///< the same, but a quoted field may hold line ends
  kDelimited,  ///< a varint length, then so many bytes
};

struct FileReading {
  std::vector<std::string> patterns;
  Framing framing = Framing::kLines;
  char delimiter = ',';
  bool has_header = false;
  std::size_t max_record_bytes = 0;
  std::size_t chunk_bytes = 0;
};

/// What is wrong with the options, as sentences.
std::vector<std::string> faults_of(const FileReading& reading);

/// The files that match, in order of their names; looked up once, so that all tasks of a job see the same. Thread: any.
class FileList {
 public:
  explicit FileList(std::vector<std::string> patterns) : patterns_(std::move(patterns)) {}
  /// kNotFound when a pattern matches nothing.
  Result<std::vector<std::string>> files();

 private:
  const std::vector<std::string> patterns_;
  std::mutex mutex_;
  std::optional<std::vector<std::string>> files_;  // guarded by mutex_
};

struct RawRecord {
  std::string_view bytes;
  std::string_view fault;      ///< why it is no record; empty: it is one
  std::uint64_t position = 0;  ///< byte offset of its first byte
  std::uint64_t line = 0;      ///< the line it starts on, from 1; delimited: its number, from 1
};

/// The files of one task. Reading runs on the executor, at most two chunks of `chunk_bytes` ahead; finding records runs
/// here. A task reads its files one after the other; after a restore, those begun before take turns, the one whose
/// watermark is furthest behind first. Thread: the task's.
class FileSplits {
 public:
  enum class Next : unsigned char { kRecords, kWaiting, kEnd };

  FileSplits(std::shared_ptr<const FileReading> reading, std::shared_ptr<FileList> list);
  ~FileSplits();

  Status open(OperatorContext& context);
  /// The next records of one file, at most `limit`, at least one. kWaiting: the waker or a timer will fire.
  Result<Next> next(std::size_t limit);

  // About the latest records:
  [[nodiscard]] std::span<const RawRecord> records() const noexcept {
    return records_;
  }  ///< good until the next next()
  [[nodiscard]] const std::string& path() const noexcept;
  [[nodiscard]] const std::string& header() const noexcept;  ///< the header record as it stands in the file
  [[nodiscard]] std::size_t split() const noexcept { return active_; }
  void set_watermark(Timestamp watermark) noexcept;  ///< of this file; never goes back

  /// The least watermark of the files begun and not finished; of the latest when all are.
  [[nodiscard]] Timestamp watermark() const noexcept;

  void snapshot(SnapshotBuilder& builder) const;
  /// As if of the latest records only those before `position` had been taken.
  void snapshot_from(std::uint64_t position, SnapshotBuilder& builder) const;

 private:
  struct Split;
  enum class Found : unsigned char { kRecords, kMore, kEnd };

  Status restore(std::vector<std::string>& files, std::vector<std::unique_ptr<Split>>& restored) const;
  void begin(Split& split);
  void choose();
  Result<Found> find_records(Split& split, std::size_t limit);
  bool discard(Split& split);
  Result<bool> read_more(Split& split);
  void put(const Split& split, SnapshotBuilder& builder, const RawRecord* from) const;

  const std::shared_ptr<const FileReading> reading_;
  const std::shared_ptr<FileList> list_;
  OperatorContext* context_ = nullptr;
  std::vector<std::unique_ptr<Split>> splits_;  // of this task, in order of their names
  std::size_t active_ = 0;                      // splits_.size() when all are finished
  std::vector<RawRecord> records_;
  Timestamp watermark_before_ = kMinTimestamp;  // of the active split, before the latest records
  Timestamp last_watermark_ = kMinTimestamp;    // of the split finished last
};

}  // namespace weir::detail
