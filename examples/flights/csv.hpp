#pragma once
// CSV as RFC 4180 has it: comma-separated, fields optionally in double quotes (a quote inside is doubled), records
// ended by LF or CRLF, the last one's end optional. Quoted fields may contain commas and line ends. The first record is
// the header. Every error names the source, the line on which the record began, and the column.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/result.hpp>
#include <weir/time.hpp>

namespace flights {

// One record. The fields are views, valid as long as the text they came from and the CsvSplitter that made them are.
struct CsvRow {
  std::string_view source;                  // name of the file, for messages
  std::size_t line = 0;                     // line on which the record begins, from 1
  std::span<const std::string_view> names;  // the header; columns are named in messages by it
  std::span<const std::string_view> fields;
};

// `flights.csv:17: column 5 'hour': WHY`. `column` counts from 0.
weir::Status csv_error(const CsvRow& row, std::size_t column, std::string_view why);

// Cuts the first record off a text. Reused from record to record; keeps the memory of unescaped fields.
class CsvSplitter {
 public:
  // Takes one record (and its line end) from the front of `text`. Precondition: `text` is not empty.
  // On success row.fields is set and `lines` is the number of lines the record spans. `row` supplies source, line and
  // names for the message.
  weir::Status split(std::string_view& text, CsvRow& row, std::size_t& lines);

 private:
  std::vector<std::string_view> fields_;
  std::deque<std::string> unescaped_;  // a deque: fields_ holds views into its elements
};

// Reads the records of a text in memory whose header must be exactly `names`.
class CsvReader {
 public:
  // `text` and `names` must outlive the reader.
  static weir::Result<CsvReader> open(std::string_view source, std::string_view text,
                                      std::span<const std::string_view> names);
  // The next record, none at the end. The row is valid until the next call.
  weir::Result<std::optional<CsvRow>> next();

 private:
  CsvReader(std::string_view source, std::string_view text, std::span<const std::string_view> names)
      : text_(text), row_{source, 1, names, {}} {}
  std::string_view text_;
  CsvRow row_;
  std::size_t next_line_ = 1;
  CsvSplitter splitter_;
};

// Takes the fields of one row from left to right, converting each. The first error sticks and later calls return zeros,
// so a caller reads all fields and asks once: `finish()`.
class CsvFields {
 public:
  explicit CsvFields(const CsvRow& row) : row_(row) {}
  std::string_view text();  // must not be empty
  std::int64_t integer();
  double number();         // finite
  weir::Timestamp time();  // 2013-07-04T10:00:00Z
  std::optional<std::int64_t> maybe_integer(std::string_view absent);
  std::optional<double> maybe_number(std::string_view absent);
  void skip() { take(); }
  // The first error; an error too when the row has more fields than were taken.
  weir::Status finish();

 private:
  std::string_view take();
  void fail(std::string_view field, std::string_view what);
  const CsvRow& row_;
  std::size_t column_ = 0;
  weir::Status status_;
};

// The shortest decimal that reads back as the same double.
void append_number(std::string& text, double number);

}  // namespace flights
