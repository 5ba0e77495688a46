#pragma once
/// PMML's data types and how their values travel: every value is one double.
///
/// Numbers are themselves, booleans 0 and 1, texts the code of an interned string, dates days since 1970-01-01, times
/// seconds since midnight, date-times seconds since 1970-01-01T00:00:00. A missing value is NaN, whatever the type.

#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

namespace weir::pmml {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
inline bool is_missing(double value) noexcept { return value != value; }

enum class DataType : unsigned char {
  kString,
  kInteger,
  kFloat,
  kDouble,
  kBoolean,
  kDate,
  kTime,
  kDateTime,
  kDateDaysSince,         ///< days since January 1st of Type::year
  kTimeSeconds,           ///< seconds since midnight
  kDateTimeSecondsSince,  ///< seconds since January 1st, 00:00:00 of Type::year
};
enum class OpType : unsigned char { kContinuous, kCategorical, kOrdinal };

struct Type {
  DataType data = DataType::kDouble;
  OpType op = OpType::kContinuous;
  int year = 0;
  std::uint32_t order = 0;  ///< ordinal with declared values: one more than the index of the map from values to ranks
  [[nodiscard]] bool is_text() const noexcept { return data == DataType::kString; }
  [[nodiscard]] bool is_calendar() const noexcept {
    return data == DataType::kDate || data == DataType::kTime || data == DataType::kDateTime;
  }
};
inline constexpr Type kDoubleType{DataType::kDouble, OpType::kContinuous, 0};
inline constexpr Type kFloatType{DataType::kFloat, OpType::kContinuous, 0};
inline constexpr Type kIntegerType{DataType::kInteger, OpType::kContinuous, 0};
inline constexpr Type kBooleanType{DataType::kBoolean, OpType::kCategorical, 0};
inline constexpr Type kStringType{DataType::kString, OpType::kCategorical, 0};

/// A type by its PMML name; the operational type is the usual one for it.
std::optional<Type> type_named(std::string_view data_type);
std::string_view to_string(DataType type) noexcept;

std::string_view trim(std::string_view text) noexcept;
/// A whole number or decimal number as XML and Java write them, surrounding white space ignored.
std::optional<double> parse_number(std::string_view text);
/// A value of a type other than text; nullopt when `text` is none.
std::optional<double> parse_value(const Type& type, std::string_view text);
/// Rounds to the nearest float when the type is float.
inline double round_to(const Type& type, double value) noexcept {
  return type.data == DataType::kFloat ? static_cast<double>(static_cast<float>(value)) : value;
}

/// Days and seconds from 1970 are calendar dates and times up to here, in both directions.
inline constexpr double kEndOfCalendar = 1e15;
/// Days since 1970-01-01 of a proleptic Gregorian date.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) noexcept;
struct Civil {
  std::int64_t year;
  unsigned month;
  unsigned day;
};
Civil civil_from_days(std::int64_t days) noexcept;
std::optional<double> parse_date(std::string_view text);
std::optional<double> parse_time(std::string_view text);
std::optional<double> parse_date_time(std::string_view text);

/// Writes a value of a type other than text as PMML's producers write it (`1`, `1.5`, `true`, `2013-01-31`) to `out`
/// (at least 40 bytes); returns its length.
std::size_t format_value(const Type& type, double value, char* out) noexcept;

}  // namespace weir::pmml
