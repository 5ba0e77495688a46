#pragma once
/// Sources that read files: CSV, lines (JSON lines among them), length-delimited messages.
///
///   struct Flight { weir::Timestamp time; std::string carrier; std::optional<double> delay; };
///   BOOST_DESCRIBE_STRUCT(Flight, (), (time, carrier, delay))
///   auto flights = weir::csv_file_source<Flight>({.path = "flights-*.csv", .timestamp = [](const Flight& f) { return
///   f.time; }});
///
/// Files are shared out among the source's tasks and each is read from its start to its end, in order of their names;
/// what matches is looked up when the job starts, and a file must not change while it is read. Reading runs on the
/// executor, at most two chunks ahead; parsing on the task's thread. A record's position is the byte offset of its
/// first byte. A checkpoint holds the offset in every file begun; restoring continues there, also with another
/// parallelism. A missing file fails the job's start; one that cannot be read, or is shorter than the restored offset,
/// the job.

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/csv.hpp>
#include <weir/dead_letter.hpp>
#include <weir/detail/file_splits.hpp>
#include <weir/rewindable_source.hpp>
#include <weir/serde.hpp>
#include <weir/source.hpp>

namespace weir {

template <class T>
struct FileSourceOptions {
  std::string path{};                ///< a file, or a pattern such as `data/*.csv`
  std::vector<std::string> paths{};  ///< more of them
  /// A record's event time; nothing: records without timestamps.
  std::function<Timestamp(const T&)> timestamp{};
  /// With timestamps: emit watermarks, this far behind the latest record of the file being read; the files of a task
  /// are expected to follow each other in time. Nothing: leave them to the pipeline.
  std::optional<Duration> watermarks = Duration{0};
  BadRecords bad_records = BadRecords::kDeadLetterOrFail;
  std::size_t max_record_bytes = 10'000'000;         ///< a longer record is a bad one
  std::size_t chunk_bytes = std::size_t{256} << 10;  ///< read at once; at most about four of them in memory for a file
  bool has_header = true;                            ///< CSV only: the first record names the columns
  char delimiter = ',';                              ///< CSV only
};

namespace detail {

[[noreturn]] inline void fail_task(const Status& status) { throw std::runtime_error(status.to_string()); }

// Parsers: begin(header, reading) at the start of each run of records of one file, then one call a record.
template <class T, class Parse>
class CsvParser {
 public:
  explicit CsvParser(Parse parse) : parse_(std::move(parse)) {}
  Status begin(const std::string& header, const FileReading& reading) {
    delimiter_ = reading.delimiter;
    std::vector<std::string> columns;
    if (reading.has_header) {
      if (!row_.split(header, delimiter_)) return Status::data_loss("the header's quotes are malformed: " + header);
      for (std::size_t column = 0; column < row_.size(); ++column) columns.emplace_back(row_[column]);
    }
    row_.set_columns(std::move(columns));
    if constexpr (kMapped) return parse_.begin(row_.columns(), reading.has_header);
    return {};
  }
  Result<T> operator()(std::string_view record) {
    if (!row_.split(record, delimiter_)) return Status::data_loss("a quoted field is malformed");
    if (!row_.columns().empty() && row_.size() != row_.columns().size())
      return Status::data_loss(std::to_string(row_.size()) + " fields, but the header has " +
                               std::to_string(row_.columns().size()));
    if constexpr (kMapped)
      return parse_.read(row_);
    else
      return parse_(std::as_const(row_));
  }

 private:
  static constexpr bool kMapped = std::is_same_v<Parse, CsvMapping<T>>;
  Parse parse_;
  CsvRow row_;
  char delimiter_ = ',';
};

template <class T, class Parse>
class BytesParser {
 public:
  explicit BytesParser(Parse parse) : parse_(std::move(parse)) {}
  Status begin(const std::string& /*header*/, const FileReading& /*reading*/) { return {}; }
  Result<T> operator()(std::string_view record) { return parse_(record); }

 private:
  Parse parse_;
};

template <class T, class Parser>
class FileSource final : public RewindableSource {
 public:
  FileSource(std::shared_ptr<const FileReading> reading, std::shared_ptr<FileList> list, FileSourceOptions<T> options,
             Parser parser)
      : reading_(reading),
        splits_(std::move(reading), std::move(list)),
        options_(std::move(options)),
        parser_(std::move(parser)) {}

  Status open(OperatorContext& context) override {
    bad_records_ = &context.metric("bad_records_total");
    if (options_.bad_records == BadRecords::kDeadLetterOrFail) dead_letters_ = context.side_output(kDeadLetterOutput);
    return splits_.open(context);
  }
  void process(std::size_t /*input*/, BatchPtr& /*batch*/, Outbox& /*out*/) override {}

  PollResult poll(Outbox& out) override {
    std::size_t limit = out.room();
    if (dead_letters_) limit = std::min(limit, out.room(*dead_letters_));
    if (limit == 0) return PollResult::kProgress;
    const Result<FileSplits::Next> next = splits_.next(limit);
    if (!next) fail_task(next.status());
    if (*next == FileSplits::Next::kWaiting) return PollResult::kIdle;
    if (*next == FileSplits::Next::kEnd) return PollResult::kEnd;
    if (parsing_ != splits_.split()) begin_split();
    parse(out);
    return PollResult::kProgress;
  }

  void snapshot(SnapshotBuilder& builder) override { splits_.snapshot(builder); }
  void snapshot_from(std::uint64_t position, SnapshotBuilder& builder) override {
    splits_.snapshot_from(position, builder);
  }

 private:
  void begin_split() {
    if (const Status status = parser_.begin(splits_.header(), *reading_); !status.is_ok())
      fail_task(status.with_context("'" + splits_.path() + "'"));
    parsing_ = splits_.split();
  }

  void parse(Outbox& out) {
    Batch<T>& batch = out.batch<T>();
    BoundedWatermark watermark(options_.watermarks.value_or(Duration{0}));
    for (const RawRecord& raw : splits_.records()) {
      if (!raw.fault.empty()) [[unlikely]] {
        reject(raw, std::string(raw.fault), out);
        continue;
      }
      Result<T> value = parser_(raw.bytes);
      if (!value) [[unlikely]] {
        reject(raw, value.status().message(), out);
        continue;
      }
      const T& record = batch.records.emplace(std::move(*value));
      batch.positions.emplace(raw.position);
      if (options_.timestamp) watermark.see(batch.timestamps.emplace(options_.timestamp(record)));
    }
    if (!options_.timestamp || !options_.watermarks) return;
    splits_.set_watermark(watermark.value());
    if (splits_.watermark() != kMinTimestamp) out.emit_watermark(splits_.watermark());
  }

  void reject(const RawRecord& raw, std::string reason, Outbox& out) {
    bad_records_->add(1);
    if (options_.bad_records == BadRecords::kSkip) return;
    if (!dead_letters_)
      fail_task(Status::data_loss("'" + splits_.path() + "' line " + std::to_string(raw.line) + " (byte " +
                                  std::to_string(raw.position) + "): " + reason));
    Batch<DeadLetter>& letters = out.batch<DeadLetter>(*dead_letters_);
    letters.records.emplace(
        DeadLetter{std::string(raw.bytes), raw.position, raw.line, splits_.path(), std::move(reason)});
    letters.positions.emplace(raw.position);
  }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  const std::shared_ptr<const FileReading> reading_;
  FileSplits splits_;
  const FileSourceOptions<T> options_;
  Parser parser_;
  std::size_t parsing_ = kNone;  // the split the parser is set up for
  std::optional<std::size_t> dead_letters_;
  Metric* bad_records_ = nullptr;
};

template <class T, class Parser>
Source<T> file_source(std::string kind, Framing framing, FileSourceOptions<T> options, Parser parser) {
  auto reading = std::make_shared<FileReading>();
  reading->patterns = options.paths;
  if (!options.path.empty()) reading->patterns.push_back(options.path);
  reading->framing = framing;
  reading->delimiter = options.delimiter;
  reading->has_header = framing == Framing::kCsv && options.has_header;
  reading->max_record_bytes = options.max_record_bytes;
  reading->chunk_bytes = options.chunk_bytes;
  Source<T> source;
  source.kind = std::move(kind);
  source.faults = faults_of(*reading);
  if (options.watermarks && *options.watermarks < Duration{0})
    source.faults.push_back("watermarks cannot be ahead of the records: the out-of-orderness is negative");
  auto list = std::make_shared<FileList>(reading->patterns);
  source.make_operator = [reading = std::shared_ptr<const FileReading>(std::move(reading)), list,
                          options = std::move(options), parser = std::move(parser)] {
    return std::make_unique<FileSource<T, Parser>>(reading, list, options, parser);
  };
  return source;
}

}  // namespace detail

/// CSV into a struct described with Boost.Describe: columns by the header's names (all members must be there, other
/// columns are passed over), or without a header in the order of the members. See csv.hpp for values.
template <class T>
Source<T> csv_file_source(FileSourceOptions<T> options) {
  using Parser = detail::CsvParser<T, detail::CsvMapping<T>>;
  return detail::file_source<T>("csv-file", detail::Framing::kCsv, std::move(options), Parser({}));
}
/// CSV by a function of your own, `Result<T>(const CsvRow&)`; a status that is not OK makes a bad record.
template <class T, class Parse>
requires std::is_invocable_r_v<Result<T>, Parse&, const CsvRow&> Source<T> csv_file_source(FileSourceOptions<T> options,
                                                                                           Parse parse) {
  using Parser = detail::CsvParser<T, Parse>;
  return detail::file_source<T>("csv-file", detail::Framing::kCsv, std::move(options), Parser(std::move(parse)));
}

/// Lines, JSON lines for example, by `Result<T>(std::string_view line)`; LF or CRLF; empty lines are passed over.
template <class T, class Parse>
requires std::is_invocable_r_v<Result<T>, Parse&, std::string_view> Source<T> line_file_source(
    FileSourceOptions<T> options, Parse parse) {
  using Parser = detail::BytesParser<T, Parse>;
  return detail::file_source<T>("line-file", detail::Framing::kLines, std::move(options), Parser(std::move(parse)));
}

/// A varint length and so many bytes each: a protobuf message, as writeDelimitedTo() of protobuf makes it, or what
/// serialize() made of any other type. After a length that cannot be right the rest of the file is one bad record.
template <class T>
Source<T> delimited_file_source(FileSourceOptions<T> options) {
  const auto parse = [](std::string_view bytes) -> Result<T> {
    if constexpr (requires(T & message) { message.ParseFromArray(bytes.data(), 0); }) {
      T message;
      if (bytes.size() > 0x7fffffff || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
        return Status::data_loss("no message of its type");
      return message;
    } else {
      return deserialize<T>(bytes);
    }
  };
  using Parser = detail::BytesParser<T, decltype(parse)>;
  return detail::file_source<T>("delimited-file", detail::Framing::kDelimited, std::move(options), Parser(parse));
}

}  // namespace weir
