#include <weir/csv.hpp>

#include <algorithm>
#include <cstring>

namespace weir {
namespace {

// A fixed number of digits at the start of `text`, taken off it.
bool take_digits(std::string_view& text, std::size_t count, int& value) {
  if (text.size() < count) return false;
  const auto [end, error] = std::from_chars(text.data(), text.data() + count, value);
  if (error != std::errc{} || end != text.data() + count || text.front() == '-') return false;
  text.remove_prefix(count);
  return true;
}

bool take(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

// What follows the minutes: `:SS`, `:SS.ffffff`.
bool take_seconds(std::string_view& text, int& seconds, int& microseconds) {
  if (!take(text, ':')) return true;
  if (!take_digits(text, 2, seconds)) return false;
  if (!take(text, '.')) return true;
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  if (digits == 0 || digits > 6 || !take_digits(text, digits, microseconds)) return false;
  for (std::size_t i = digits; i < 6; ++i) microseconds *= 10;
  return true;
}

bool read_timestamp(std::string_view text, Timestamp& value) {
  int year = 0;
  int month = 0;
  int day = 0;
  int hours = 0;
  int minutes = 0;
  int seconds = 0;
  int microseconds = 0;
  if (!take_digits(text, 4, year) || !take(text, '-') || !take_digits(text, 2, month) || !take(text, '-') ||
      !take_digits(text, 2, day))
    return false;
  if (!text.empty()) {
    if (!take(text, 'T') && !take(text, ' ')) return false;
    if (!take_digits(text, 2, hours) || !take(text, ':') || !take_digits(text, 2, minutes)) return false;
    if (!take_seconds(text, seconds, microseconds)) return false;
    take(text, 'Z');
    if (!text.empty()) return false;
  }
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hours > 23 || minutes > 59 || seconds > 59) return false;
  value = std::chrono::sys_days(date) + std::chrono::hours(hours) + std::chrono::minutes(minutes) +
          std::chrono::seconds(seconds) + std::chrono::microseconds(microseconds);
  return true;
}

}  // namespace

Result<Timestamp> parse_timestamp(std::string_view text) {
  Timestamp value;
  if (!read_timestamp(text, value))
    return Status::invalid_argument("'" + std::string(text) + "' is not a time such as 2013-07-04T10:00:00Z");
  return value;
}

bool CsvRow::split(std::string_view record, char delimiter) {
  fields_.clear();
  unescaped_.clear();
  unescaped_.reserve(record.size());  // so that views into it stay good
  const char* next = record.data();
  const char* const end = next + record.size();
  while (true) {
    if (next != end && *next == '"') {
      const char* start = ++next;
      const char* quote = nullptr;
      const std::size_t unescaped_start = unescaped_.size();
      bool escaped = false;
      while (true) {
        quote = static_cast<const char*>(std::memchr(next, '"', static_cast<std::size_t>(end - next)));
        if (quote == nullptr) return false;
        next = quote + 1;
        if (next == end || *next != '"') break;
        escaped = true;
        unescaped_.append(start, next);
        start = ++next;
      }
      if (escaped) {
        unescaped_.append(start, quote);
        fields_.push_back(std::string_view(unescaped_).substr(unescaped_start));
      } else {
        fields_.emplace_back(start, static_cast<std::size_t>(quote - start));
      }
      if (next == end) return true;
      if (*next != delimiter) return false;
    } else {
      const auto* found =
          next == end ? nullptr
                      : static_cast<const char*>(std::memchr(next, delimiter, static_cast<std::size_t>(end - next)));
      const char* const stop = found == nullptr ? end : found;
      fields_.emplace_back(next, static_cast<std::size_t>(stop - next));
      if (found == nullptr) return true;
      next = stop;
    }
    ++next;  // the delimiter
  }
}

std::optional<std::string_view> CsvRow::find(std::string_view column) const noexcept {
  const auto found = std::find(columns_.begin(), columns_.end(), column);
  const auto index = static_cast<std::size_t>(found - columns_.begin());
  if (index >= fields_.size()) return std::nullopt;
  return fields_[index];
}

namespace detail {

bool read_csv_bool(std::string_view text, bool& value) noexcept {
  value = text == "true" || text == "1";
  return value || text == "false" || text == "0";
}

bool read_csv_timestamp(std::string_view text, Timestamp& value) { return read_timestamp(text, value); }

void append_csv_text(std::string_view text, char delimiter, std::string& out) {
  const bool quote = std::any_of(text.begin(), text.end(),
                                 [&](char c) { return c == delimiter || c == '"' || c == '\n' || c == '\r'; });
  if (!quote) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  out += '"';
}

}  // namespace detail
}  // namespace weir
