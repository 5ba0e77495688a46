#include <weir/detail/file_splits.hpp>

#include <glob.h>

#include <algorithm>
#include <map>

#include <weir/bytes.hpp>

#include "operators/source/chunk_reader.hpp"
#include "operators/source/framing.hpp"

namespace weir::detail {
namespace {

// A blob `split:<path>`: version 1, varint offset, varint line, byte flags, byte Discard, fixed64 watermark, sized
// header.
constexpr std::string_view kName = "split:";
constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kFinished = 1;
constexpr std::uint8_t kHeaderRead = 2;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr Duration kRetryAfter = std::chrono::milliseconds(1);

std::uint64_t newlines(std::string_view bytes) {
  return static_cast<std::uint64_t>(std::count(bytes.begin(), bytes.end(), '\n'));
}

}  // namespace

std::vector<std::string> faults_of(const FileReading& reading) {
  std::vector<std::string> faults;
  if (reading.patterns.empty()) faults.emplace_back("a file source needs a path");
  for (const std::string& pattern : reading.patterns)
    if (pattern.empty()) faults.emplace_back("a path of a file source is empty");
  if (reading.chunk_bytes == 0) faults.emplace_back("chunk_bytes of a file source must be greater than 0");
  if (reading.max_record_bytes == 0) faults.emplace_back("max_record_bytes of a file source must be greater than 0");
  if (reading.delimiter == '"' || reading.delimiter == '\n' || reading.delimiter == '\r')
    faults.emplace_back("the delimiter of a CSV file cannot be a quote or a line end");
  return faults;
}

Result<std::vector<std::string>> FileList::files() {
  const std::lock_guard lock(mutex_);
  if (files_) return *files_;
  std::vector<std::string> files;
  for (const std::string& pattern : patterns_) {
    ::glob_t found{};
    const int outcome = ::glob(pattern.c_str(), GLOB_ERR, nullptr, &found);
    for (std::size_t i = 0; outcome == 0 && i < found.gl_pathc; ++i) files.emplace_back(found.gl_pathv[i]);
    ::globfree(&found);
    if (outcome == GLOB_NOMATCH) return Status::not_found("there is no file '" + pattern + "'");
    if (outcome != 0) return Status::io_error("cannot list '" + pattern + "'");
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  files_ = files;
  return files;
}

struct FileSplits::Split {
  std::string path;
  // The position: everything before has been taken.
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
  bool begun = false;
  bool finished = false;
  bool header_read = false;
  Discard discard = Discard::kNothing;
  Timestamp watermark = kMinTimestamp;
  std::string header;
  // What is read ahead of it.
  std::unique_ptr<ChunkReader> reader;
  std::string window;
  std::size_t taken = 0;  // of the window; offset is the position of window[taken]

  [[nodiscard]] std::string_view rest() const noexcept { return std::string_view(window).substr(taken); }
  void take(std::size_t bytes, bool lines) {
    if (lines) line += newlines(rest().substr(0, bytes));
    taken += bytes;
    offset += bytes;
  }
};

FileSplits::FileSplits(std::shared_ptr<const FileReading> reading, std::shared_ptr<FileList> list)
    : reading_(std::move(reading)), list_(std::move(list)) {}
FileSplits::~FileSplits() = default;

Status FileSplits::open(OperatorContext& context) {
  context_ = &context;
  WEIR_ASSIGN_OR_RETURN(std::vector<std::string> files, list_->files());
  std::vector<std::unique_ptr<Split>> restored;
  WEIR_RETURN_IF_ERROR(restore(files, restored));
  for (std::size_t index = context.task_index(); index < files.size(); index += context.parallelism()) {
    const auto known = std::find_if(restored.begin(), restored.end(),
                                    [&](const auto& split) { return split && split->path == files[index]; });
    if (known != restored.end()) {
      splits_.push_back(std::move(*known));
    } else {
      splits_.push_back(std::make_unique<Split>());
      splits_.back()->path = files[index];
    }
  }
  for (const auto& split : splits_)
    if (split->begun && !split->finished) begin(*split);
  choose();
  return {};
}

// Files of the checkpoint join the list: so all tasks share the files out alike, whatever matches today.
Status FileSplits::restore(std::vector<std::string>& files, std::vector<std::unique_ptr<Split>>& restored) const {
  for (const auto& [name, bytes] : context_->restored_entries()) {
    if (!name.starts_with(kName)) continue;
    auto split = std::make_unique<Split>();
    split->path = name.substr(kName.size());
    split->begun = true;
    ByteReader reader(bytes);
    const bool known = reader.byte() == kVersion;
    split->offset = reader.varint();
    split->line = reader.varint();
    const std::uint8_t flags = reader.byte();
    split->finished = (flags & kFinished) != 0;
    split->header_read = (flags & kHeaderRead) != 0;
    const std::uint8_t discard = reader.byte();
    split->discard = static_cast<Discard>(discard);
    split->watermark = Timestamp{Duration{static_cast<std::int64_t>(reader.fixed64())}};
    split->header = reader.sized();
    if (!known || !reader.at_end() || discard > static_cast<std::uint8_t>(Discard::kFile))
      return Status::data_loss("cannot read the position in '" + split->path + "' in the checkpoint");
    files.push_back(split->path);
    restored.push_back(std::move(split));
  }
  std::sort(files.begin(), files.end());
  files.erase(std::unique(files.begin(), files.end()), files.end());
  return {};
}

void FileSplits::begin(Split& split) {
  split.begun = true;
  split.reader = std::make_unique<ChunkReader>(split.path, split.offset, reading_->chunk_bytes, context_->executor(),
                                               context_->waker());
}

// Of the files begun the one furthest behind; when there is none, the next one.
void FileSplits::choose() {
  active_ = splits_.size();
  for (std::size_t index = 0; index < splits_.size(); ++index) {
    const Split& split = *splits_[index];
    if (!split.begun || split.finished) continue;
    if (active_ == splits_.size() || split.watermark < splits_[active_]->watermark) active_ = index;
  }
  for (std::size_t index = 0; active_ == splits_.size() && index < splits_.size(); ++index)
    if (!splits_[index]->begun) active_ = index;
}

Result<FileSplits::Next> FileSplits::next(std::size_t limit) {
  records_.clear();
  choose();
  while (active_ < splits_.size()) {
    Split& split = *splits_[active_];
    if (!split.begun) begin(split);
    watermark_before_ = split.watermark;
    WEIR_ASSIGN_OR_RETURN(const Found found, find_records(split, limit));
    switch (found) {
      case Found::kRecords: return Next::kRecords;
      case Found::kEnd:
        split.finished = true;
        split.reader.reset();
        split.window = {};
        last_watermark_ = std::max(last_watermark_, split.watermark);
        choose();
        break;
      case Found::kMore: {
        WEIR_ASSIGN_OR_RETURN(const bool moved, read_more(split));
        if (!moved) return Next::kWaiting;
        break;
      }
    }
  }
  return Next::kEnd;
}

// True: more of the file is in the window, or its end is known now.
Result<bool> FileSplits::read_more(Split& split) {
  split.window.erase(0, split.taken);
  split.taken = 0;
  const bool taken = split.reader->take(split.window);
  const Status pumped = split.reader->pump();
  if (pumped.code() == StatusCode::kResourceExhausted) {
    context_->schedule(context_->clock().now() + kRetryAfter);
  } else if (pumped.code() != StatusCode::kCancelled) {  // then the job stops
    WEIR_RETURN_IF_ERROR(pumped);
  }
  if (taken) return true;
  WEIR_RETURN_IF_ERROR(split.reader->fault());
  return split.reader->at_end();
}

// Throws away what a record that could not be read left; true when done.
bool FileSplits::discard(Split& split) {
  const bool lines = reading_->framing != Framing::kDelimited;
  if (split.discard == Discard::kLine) {
    const std::size_t newline = split.rest().find('\n');
    if (newline != std::string_view::npos) {
      split.take(newline + 1, lines);
      split.discard = Discard::kNothing;
      return true;
    }
  }
  if (split.discard == Discard::kNothing) return true;
  split.take(split.rest().size(), lines);
  return false;
}

Result<FileSplits::Found> FileSplits::find_records(Split& split, std::size_t limit) {
  const bool lines = reading_->framing != Framing::kDelimited;
  const bool at_end = split.reader->at_end();
  if (split.offset == 0) {
    if (split.rest().size() < kByteOrderMark.size() && !at_end) return Found::kMore;
    if (lines && split.rest().starts_with(kByteOrderMark)) split.take(kByteOrderMark.size(), lines);
  }
  while (records_.size() < limit) {
    if (!discard(split) || split.rest().empty()) break;
    const Frame frame = find_frame(*reading_, split.rest(), at_end);
    if (!frame.complete) break;
    const RawRecord record{frame.content, frame.fault, split.offset, split.line};
    split.take(frame.consumed, lines);
    if (!lines) ++split.line;
    split.discard = frame.discard;
    if (lines && frame.content.empty() && frame.fault.empty()) continue;
    if (reading_->has_header && !split.header_read) {
      if (!frame.fault.empty())
        return Status::data_loss("cannot read the header of '" + split.path + "': " + std::string(frame.fault));
      split.header_read = true;
      split.header = record.bytes;
      continue;
    }
    records_.push_back(record);
  }
  if (!records_.empty()) return Found::kRecords;
  return at_end && split.rest().empty() ? Found::kEnd : Found::kMore;
}

const std::string& FileSplits::path() const noexcept { return splits_[active_]->path; }
const std::string& FileSplits::header() const noexcept { return splits_[active_]->header; }

void FileSplits::set_watermark(Timestamp watermark) noexcept {
  Timestamp& of_split = splits_[active_]->watermark;
  of_split = std::max(of_split, watermark);
}

Timestamp FileSplits::watermark() const noexcept {
  Timestamp least = kMaxTimestamp;
  for (const auto& split : splits_)
    if (split->begun && !split->finished) least = std::min(least, split->watermark);
  return least == kMaxTimestamp ? last_watermark_ : least;
}

void FileSplits::snapshot(SnapshotBuilder& builder) const {
  for (const auto& split : splits_)
    if (split->begun) put(*split, builder, nullptr);
}

void FileSplits::snapshot_from(std::uint64_t position, SnapshotBuilder& builder) const {
  const auto from = std::find_if(records_.begin(), records_.end(),
                                 [&](const RawRecord& record) { return record.position >= position; });
  for (std::size_t index = 0; index < splits_.size(); ++index) {
    const bool steps_back = index == active_ && from != records_.end();
    if (splits_[index]->begun) put(*splits_[index], builder, steps_back ? &*from : nullptr);
  }
}

void FileSplits::put(const Split& split, SnapshotBuilder& builder, const RawRecord* from) const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.byte(kVersion);
  writer.varint(from == nullptr ? split.offset : from->position);
  writer.varint(from == nullptr ? split.line : from->line);
  const bool finished = split.finished && from == nullptr;
  writer.byte(static_cast<std::uint8_t>((finished ? kFinished : 0) | (split.header_read ? kHeaderRead : 0)));
  writer.byte(static_cast<std::uint8_t>(from == nullptr ? split.discard : Discard::kNothing));
  const Timestamp watermark = from == nullptr ? split.watermark : watermark_before_;
  writer.fixed64(static_cast<std::uint64_t>(watermark.time_since_epoch().count()));
  writer.sized(split.header);
  builder.put(std::string(kName) + split.path, std::move(bytes));
}

}  // namespace weir::detail
