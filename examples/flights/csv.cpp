#include "csv.hpp"

#include <charconv>
#include <cmath>

namespace flights {

using weir::Result;
using weir::Status;

Status csv_error(const CsvRow& row, std::size_t column, std::string_view why) {
  std::string message(row.source);
  message += ':' + std::to_string(row.line) + ": column " + std::to_string(column + 1);
  if (column < row.names.size()) message.append(" '").append(row.names[column]).append("'");
  message.append(": ").append(why);
  return Status::invalid_argument(std::move(message));
}

Status CsvSplitter::split(std::string_view& text, CsvRow& row, std::size_t& lines) {
  fields_.clear();
  unescaped_.clear();
  lines = 1;
  std::size_t at = 0;
  while (true) {
    if (at < text.size() && text[at] == '"') {
      const std::size_t begin = ++at;
      bool escaped = false;
      while (true) {
        at = text.find('"', at);
        if (at == std::string_view::npos) return csv_error(row, fields_.size(), "the closing quote is missing");
        if (at + 1 == text.size() || text[at + 1] != '"') break;
        escaped = true;
        at += 2;
      }
      std::string_view field = text.substr(begin, at - begin);
      for (const char c : field) lines += c == '\n' ? 1 : 0;
      if (escaped) {
        std::string& plain = unescaped_.emplace_back();
        for (std::size_t i = 0; i < field.size(); ++i) {
          plain += field[i];
          if (field[i] == '"') ++i;
        }
        field = plain;
      }
      fields_.push_back(field);
      ++at;
      if (at < text.size() && text[at] != ',' && text[at] != '\n' && text[at] != '\r')
        return csv_error(row, fields_.size() - 1, "text after the closing quote");
    } else {
      const std::size_t end = std::min(text.find_first_of(",\r\n\"", at), text.size());
      if (end < text.size() && text[end] == '"') return csv_error(row, fields_.size(), "a quote inside a bare field");
      fields_.push_back(text.substr(at, end - at));
      at = end;
    }
    if (at == text.size()) break;
    const char separator = text[at++];
    if (separator == '\n') break;
    if (separator == '\r') {
      if (at == text.size() || text[at] != '\n')
        return csv_error(row, fields_.size() - 1, "a carriage return without a line feed");
      ++at;
      break;
    }
  }
  text.remove_prefix(at);
  row.fields = fields_;
  return Status::ok();
}

Result<CsvReader> CsvReader::open(std::string_view source, std::string_view text,
                                  std::span<const std::string_view> names) {
  CsvReader reader(source, text, names);
  if (text.empty()) return csv_error(reader.row_, 0, "the file is empty, a header was expected");
  WEIR_RETURN_IF_ERROR(reader.splitter_.split(reader.text_, reader.row_, reader.next_line_));
  ++reader.next_line_;
  for (std::size_t column = 0; column < names.size(); ++column) {
    if (column >= reader.row_.fields.size() || reader.row_.fields[column] != names[column])
      return csv_error(reader.row_, column, "the header has another name here");
  }
  if (reader.row_.fields.size() > names.size()) return csv_error(reader.row_, names.size(), "an unexpected column");
  return reader;
}

Result<std::optional<CsvRow>> CsvReader::next() {
  if (text_.empty()) return std::optional<CsvRow>();
  row_.line = next_line_;
  std::size_t lines = 0;
  WEIR_RETURN_IF_ERROR(splitter_.split(text_, row_, lines));
  next_line_ += lines;
  if (row_.fields.size() != row_.names.size()) {
    const std::size_t column = std::min(row_.fields.size(), row_.names.size());
    return csv_error(
        row_, column,
        "expected " + std::to_string(row_.names.size()) + " fields, found " + std::to_string(row_.fields.size()));
  }
  return std::optional<CsvRow>(row_);
}

std::string_view CsvFields::take() {
  if (column_ < row_.fields.size()) return row_.fields[column_++];
  if (status_.is_ok()) status_ = csv_error(row_, column_, "the row ends before this field");
  ++column_;
  return {};
}

void CsvFields::fail(std::string_view field, std::string_view what) {
  if (!status_.is_ok()) return;
  std::string why = "'";
  why.append(field.substr(0, 64)).append("' is not ").append(what);
  status_ = csv_error(row_, column_ - 1, why);
}

namespace {

template <class Number>
bool parse_whole(std::string_view field, Number& number) {
  const auto [end, error] = std::from_chars(field.data(), field.data() + field.size(), number);
  return error == std::errc() && end == field.data() + field.size();
}

// Digits only: from_chars alone would take a sign.
bool parse_digits(std::string_view field, std::size_t begin, std::size_t count, int& number) {
  const std::string_view digits = field.substr(begin, count);
  return digits.find_first_not_of("0123456789") == std::string_view::npos && parse_whole(digits, number);
}

bool parse_time(std::string_view field, weir::Timestamp& time) {
  using namespace std::chrono;
  int year_number = 0, month_number = 0, day_number = 0, hour = 0, minute = 0, second = 0;
  if (field.size() != 20 || field[4] != '-' || field[7] != '-' || field[10] != 'T' || field[13] != ':' ||
      field[16] != ':' || field[19] != 'Z')
    return false;
  if (!parse_digits(field, 0, 4, year_number) || !parse_digits(field, 5, 2, month_number) ||
      !parse_digits(field, 8, 2, day_number) || !parse_digits(field, 11, 2, hour) ||
      !parse_digits(field, 14, 2, minute) || !parse_digits(field, 17, 2, second))
    return false;
  const year_month_day date{year{year_number}, month{static_cast<unsigned>(month_number)},
                            day{static_cast<unsigned>(day_number)}};
  if (!date.ok() || hour > 23 || minute > 59 || second > 59) return false;
  time = sys_days{date} + hours{hour} + minutes{minute} + seconds{second};
  return true;
}

}  // namespace

std::string_view CsvFields::text() {
  const std::string_view field = take();
  if (field.empty()) fail(field, "a name");
  return field;
}

std::int64_t CsvFields::integer() {
  const std::string_view field = take();
  std::int64_t number = 0;
  if (!parse_whole(field, number)) fail(field, "an integer");
  return number;
}

double CsvFields::number() {
  const std::string_view field = take();
  double number = 0;
  if (!parse_whole(field, number) || !std::isfinite(number)) fail(field, "a finite number");
  return number;
}

weir::Timestamp CsvFields::time() {
  const std::string_view field = take();
  weir::Timestamp time{};
  if (!parse_time(field, time)) fail(field, "a time such as 2013-07-04T10:00:00Z");
  return time;
}

std::optional<std::int64_t> CsvFields::maybe_integer(std::string_view absent) {
  if (column_ < row_.fields.size() && row_.fields[column_] == absent) {
    ++column_;
    return std::nullopt;
  }
  return integer();
}

std::optional<double> CsvFields::maybe_number(std::string_view absent) {
  if (column_ < row_.fields.size() && row_.fields[column_] == absent) {
    ++column_;
    return std::nullopt;
  }
  return number();
}

Status CsvFields::finish() {
  if (status_.is_ok() && column_ < row_.fields.size()) status_ = csv_error(row_, column_, "an unexpected field");
  return status_;
}

void append_number(std::string& text, double number) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, number);
  text.append(buffer, end);
}

}  // namespace flights
