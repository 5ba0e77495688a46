#include "models/pmml/types.hpp"

#include <array>
#include <charconv>
#include <cstdio>
#include <cstring>

namespace weir::pmml {
namespace {

constexpr double kSecondsPerDay = 86'400;

std::optional<unsigned> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  unsigned value = 0;
  for (std::size_t i = at; i < at + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
    value = value * 10 + static_cast<unsigned>(text[i] - '0');
  }
  return value;
}

// Java's Double.toString: at least one digit after the point, exponent form outside [1e-3, 1e7).
std::size_t format_double(double value, char* out) noexcept {
  if (std::isinf(value)) {
    const char* name = value > 0 ? "Infinity" : "-Infinity";
    std::memcpy(out, name, std::strlen(name));
    return std::strlen(name);
  }
  const double magnitude = std::fabs(value);
  if (magnitude == 0 || (magnitude >= 1e-3 && magnitude < 1e7)) {
    char* end = std::to_chars(out, out + 32, value, std::chars_format::fixed).ptr;
    if (std::memchr(out, '.', static_cast<std::size_t>(end - out)) == nullptr) {
      *end++ = '.';
      *end++ = '0';
    }
    return static_cast<std::size_t>(end - out);
  }
  std::array<char, 40> text{};
  const char* end = std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::scientific).ptr;
  char* at = out;
  bool point = false;
  for (const char* from = text.data(); from != end; ++from) {
    if (*from == '.') point = true;
    if (*from != 'e') {
      *at++ = *from;
      continue;
    }
    if (!point) {
      *at++ = '.';
      *at++ = '0';
    }
    *at++ = 'E';
    ++from;
    if (*from == '-') *at++ = '-';
    if (*from == '-' || *from == '+') ++from;
    while (*from == '0' && from + 1 != end) ++from;
    for (; from != end; ++from) *at++ = *from;
    break;
  }
  return static_cast<std::size_t>(at - out);
}

}  // namespace

std::optional<Type> type_named(std::string_view name) {
  if (name == "string") return kStringType;
  if (name == "integer") return kIntegerType;
  if (name == "float") return kFloatType;
  if (name == "double" || name == "real") return kDoubleType;
  if (name == "boolean") return kBooleanType;
  if (name == "date") return Type{DataType::kDate, OpType::kOrdinal, 0};
  if (name == "time") return Type{DataType::kTime, OpType::kOrdinal, 0};
  if (name == "dateTime") return Type{DataType::kDateTime, OpType::kOrdinal, 0};
  if (name == "timeSeconds") return Type{DataType::kTimeSeconds, OpType::kContinuous, 0};
  const auto since = [&](std::string_view prefix, DataType data) -> std::optional<Type> {
    if (name.size() != prefix.size() + 6 || name.substr(0, prefix.size()) != prefix) return std::nullopt;
    if (name[prefix.size()] != '[' || name.back() != ']') return std::nullopt;
    const auto year = digits(name, prefix.size() + 1, 4);
    if (!year) return std::nullopt;
    return Type{data, OpType::kContinuous, static_cast<int>(*year)};
  };
  if (auto days = since("dateDaysSince", DataType::kDateDaysSince)) return days;
  return since("dateTimeSecondsSince", DataType::kDateTimeSecondsSince);
}

std::string_view to_string(DataType type) noexcept {
  static constexpr std::array<std::string_view, 11> kNames = {"string",
                                                              "integer",
                                                              "float",
                                                              "double",
                                                              "boolean",
                                                              "date",
                                                              "time",
                                                              "dateTime",
                                                              "dateDaysSince",
                                                              "timeSeconds",
                                                              "dateTimeSecondsSince"};
  return kNames[static_cast<std::size_t>(type)];
}

std::string_view trim(std::string_view text) noexcept {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1);
}

std::optional<double> parse_number(std::string_view text) {
  text = trim(text);
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  if (text == "INF" || text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-INF" || text == "-Infinity") return -std::numeric_limits<double>::infinity();
  if (text.empty() || (text[0] != '-' && text[0] != '.' && (text[0] < '0' || text[0] > '9'))) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size()) return std::nullopt;
  if (error == std::errc::result_out_of_range) {
    // from_chars leaves the value alone: too small becomes 0 or a subnormal, too large infinity, as strtod has it.
    return std::strtod(std::string(text).c_str(), nullptr);
  }
  if (error != std::errc() || is_missing(value)) return std::nullopt;
  return value;
}

std::optional<double> parse_value(const Type& type, std::string_view text) {
  text = trim(text);
  switch (type.data) {
    case DataType::kBoolean:
      if (text == "true" || text == "TRUE" || text == "True" || text == "1" || text == "1.0") return 1.0;
      if (text == "false" || text == "FALSE" || text == "False" || text == "0" || text == "0.0") return 0.0;
      return std::nullopt;
    case DataType::kDate: return parse_date(text);
    case DataType::kTime: return parse_time(text);
    case DataType::kDateTime: return parse_date_time(text);
    case DataType::kDateDaysSince:
      if (const auto date = parse_date(text)) return *date - static_cast<double>(days_from_civil(type.year, 1, 1));
      return parse_number(text);
    case DataType::kTimeSeconds:
      if (const auto time = parse_time(text)) return time;
      return parse_number(text);
    case DataType::kDateTimeSecondsSince:
      if (const auto time = parse_date_time(text))
        return *time - static_cast<double>(days_from_civil(type.year, 1, 1)) * kSecondsPerDay;
      return parse_number(text);
    case DataType::kFloat: {
      const auto value = parse_number(text);
      return value ? std::optional<double>(static_cast<double>(static_cast<float>(*value))) : std::nullopt;
    }
    case DataType::kString: return std::nullopt;
    default: return parse_number(text);
  }
}

std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) noexcept {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t of_era = year - era * 400;
  const std::int64_t of_year = (153 * (static_cast<std::int64_t>(month) + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

Civil civil_from_days(std::int64_t days) noexcept {
  days += 719468;
  const std::int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  const std::int64_t of_era = days - era * 146097;
  const std::int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const std::int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t shifted = (5 * of_year + 2) / 153;
  const auto day = static_cast<unsigned>(of_year - (153 * shifted + 2) / 5 + 1);
  const auto month = static_cast<unsigned>(shifted < 10 ? shifted + 3 : shifted - 9);
  return {year_of_era + era * 400 + (month <= 2 ? 1 : 0), month, day};
}

std::optional<double> parse_date(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = digits(text, 0, 4);
  const auto month = digits(text, 5, 2);
  const auto day = digits(text, 8, 2);
  if (!year || !month || !day || *month < 1 || *month > 12 || *day < 1 || *day > 31) return std::nullopt;
  const std::int64_t days = days_from_civil(*year, *month, *day);
  if (civil_from_days(days).day != *day) return std::nullopt;
  return static_cast<double>(days);
}

std::optional<double> parse_time(std::string_view text) {
  if (!text.empty() && text.back() == 'Z') text.remove_suffix(1);
  const bool short_form = text.size() == 5;  // ISO 8601 may leave the seconds out
  if ((!short_form && text.size() < 8) || text[2] != ':' || (!short_form && text[5] != ':')) return std::nullopt;
  const auto hours = digits(text, 0, 2);
  const auto minutes = digits(text, 3, 2);
  const auto seconds = short_form ? std::optional(0U) : digits(text, 6, 2);
  if (!hours || !minutes || !seconds || *hours > 24 || *minutes > 59 || *seconds > 60) return std::nullopt;
  double fraction = 0;
  if (text.size() > 8) {
    if (text[8] != '.') return std::nullopt;
    const auto parsed = parse_number(std::string("0").append(text.substr(8)));
    if (!parsed) return std::nullopt;
    fraction = *parsed;
  }
  return *hours * 3600.0 + *minutes * 60.0 + *seconds + fraction;
}

std::optional<double> parse_date_time(std::string_view text) {
  if (text.size() < 16 || (text[10] != 'T' && text[10] != ' ')) return std::nullopt;
  const auto date = parse_date(text.substr(0, 10));
  const auto time = parse_time(text.substr(11));
  if (!date || !time) return std::nullopt;
  return *date * kSecondsPerDay + *time;
}

std::size_t format_value(const Type& type, double value, char* out) noexcept {
  const auto print = [&](const char* format, auto... values) {
    return static_cast<std::size_t>(std::snprintf(out, 40, format, values...));
  };
  // Moments too far away to have a date are written as numbers.
  if (type.is_calendar() && !(std::fabs(value) < kEndOfCalendar)) return format_double(value, out);
  switch (type.data) {
    case DataType::kBoolean: return value != 0 ? print("true") : print("false");
    case DataType::kDate: {
      const Civil date = civil_from_days(static_cast<std::int64_t>(value));
      return print("%04lld-%02u-%02u", static_cast<long long>(date.year), date.month, date.day);
    }
    case DataType::kTime: {
      const auto seconds = static_cast<unsigned>(std::fmod(std::fabs(value), 360'000));
      return print("%02u:%02u:%02u", seconds / 3600, seconds / 60 % 60, seconds % 60);
    }
    case DataType::kDateTime: {
      const double days = std::floor(value / kSecondsPerDay);
      const Civil date = civil_from_days(static_cast<std::int64_t>(days));
      const auto seconds = static_cast<unsigned>(value - days * kSecondsPerDay);
      return print("%04lld-%02u-%02uT%02u:%02u:%02u", static_cast<long long>(date.year), date.month, date.day,
                   seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    }
    case DataType::kFloat: {
      // The shortest text of the float itself, in the same form.
      std::array<char, 40> shortest{};
      const char* end =
          std::to_chars(shortest.data(), shortest.data() + shortest.size(), static_cast<float>(value)).ptr;
      double same = value;
      std::from_chars(shortest.data(), end, same);
      return format_double(same, out);
    }
    case DataType::kDouble: return format_double(value, out);
    default:
      if (value == std::trunc(value) && std::fabs(value) < 1e18) return print("%lld", static_cast<long long>(value));
      return format_double(value, out);
  }
}

}  // namespace weir::pmml
