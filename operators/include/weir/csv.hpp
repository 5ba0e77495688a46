#pragma once
/// Comma-separated values (RFC 4180) from and to rows and structs described with Boost.Describe.
///
/// Reading is stricter than spreadsheets and laxer than the RFC in two ways: lines may end in LF alone, and a quote
/// inside an unquoted field stands for itself. Values: numbers as std::from_chars reads them, `true false 1 0`,
/// timestamps as parse_timestamp reads them, text as it is. An empty field is nothing for a std::optional and an error
/// for a number.

#include <charconv>
#include <concepts>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <weir/result.hpp>
#include <weir/time.hpp>

namespace weir {

/// `2013-07-04`, `2013-07-04 10:00`, `2013-07-04T10:00:00.25Z`: UTC; a `T` or a space between; up to six decimals.
Result<Timestamp> parse_timestamp(std::string_view text);

/// The fields of one record. Views are good until the next record is split.
class CsvRow {
 public:
  /// Splits a record (without its line end). False: a quoted field is malformed.
  bool split(std::string_view record, char delimiter = ',');
  void set_columns(std::vector<std::string> columns) { columns_ = std::move(columns); }

  [[nodiscard]] std::size_t size() const noexcept { return fields_.size(); }
  /// Precondition: column < size().
  [[nodiscard]] std::string_view operator[](std::size_t column) const noexcept { return fields_[column]; }
  /// By the header's name; nothing when there is no such column. Looks through all columns: keep the number in hot
  /// code.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view column) const noexcept;
  [[nodiscard]] const std::vector<std::string>& columns() const noexcept { return columns_; }

 private:
  std::vector<std::string> columns_;
  std::vector<std::string_view> fields_;
  std::string unescaped_;
};

namespace detail {

template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;

bool read_csv_bool(std::string_view text, bool& value) noexcept;
bool read_csv_timestamp(std::string_view text, Timestamp& value);
void append_csv_text(std::string_view text, char delimiter, std::string& out);

template <class T>
bool read_csv_value(std::string_view text, T& value) {
  if constexpr (kIsOptional<T>) {
    if (text.empty()) {
      value.reset();
      return true;
    }
    return read_csv_value(text, value.emplace());
  } else if constexpr (std::is_same_v<T, std::string>) {
    value.assign(text);
    return true;
  } else if constexpr (std::is_same_v<T, bool>) {
    return read_csv_bool(text, value);
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    return read_csv_timestamp(text, value);
  } else {
    static_assert(std::is_arithmetic_v<T>, "a CSV field is a number, bool, string, Timestamp or an optional of these");
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size();
  }
}

template <class T>
void append_csv_value(const T& value, char delimiter, std::string& out) {
  if constexpr (kIsOptional<T>) {
    if (value) append_csv_value(*value, delimiter, out);
  } else if constexpr (std::is_same_v<T, bool>) {
    out += value ? "true" : "false";
  } else if constexpr (std::is_same_v<T, Timestamp>) {
    out += format_timestamp(value);
  } else if constexpr (std::is_arithmetic_v<T>) {
    char digits[64];
    out.append(digits, std::to_chars(digits, digits + sizeof digits, value).ptr);
  } else {
    append_csv_text(value, delimiter, out);
  }
}

template <class T>
using CsvMembers = boost::describe::describe_members<T, boost::describe::mod_public | boost::describe::mod_inherited>;

/// Which column each member of a described struct comes from.
template <class T>
class CsvMapping {
 public:
  /// Columns by name; or, without a header, in the order of the members.
  Status begin(const std::vector<std::string>& columns, bool has_header) {
    columns_of_members_.clear();
    Status status;
    boost::mp11::mp_for_each<CsvMembers<T>>([&](auto member) {
      std::size_t column = columns_of_members_.size();
      if (has_header) {
        column = 0;
        while (column < columns.size() && columns[column] != member.name) ++column;
        if (column == columns.size() && status.is_ok()) {
          std::string have;
          for (const std::string& name : columns) have += (have.empty() ? "" : ", ") + name;
          status = Status::invalid_argument(std::string("no column '") + member.name + "' (there are: " + have + ")");
        }
      }
      columns_of_members_.push_back(column);
    });
    return status;
  }

  Result<T> read(const CsvRow& row) const {
    T value{};
    std::size_t index = 0;
    Status status;
    boost::mp11::mp_for_each<CsvMembers<T>>([&](auto member) {
      const std::size_t column = columns_of_members_[index++];
      if (!status.is_ok()) return;
      if (column >= row.size()) {
        status = Status::invalid_argument(std::string("no field for '") + member.name + "'");
      } else if (!read_csv_value(row[column], value.*member.pointer)) [[unlikely]] {
        status = Status::invalid_argument(std::string("column '") + member.name + "': cannot read '" +
                                          std::string(row[column]) + "'");
      }
    });
    if (!status.is_ok()) return status;
    return value;
  }

 private:
  std::vector<std::size_t> columns_of_members_;
};

}  // namespace detail

/// `name,name,...` and a line end, for a struct described with Boost.Describe.
template <class T>
std::string csv_header(char delimiter = ',') {
  std::string out;
  boost::mp11::mp_for_each<detail::CsvMembers<T>>([&](auto member) {
    if (!out.empty()) out += delimiter;
    detail::append_csv_text(member.name, delimiter, out);
  });
  return out += '\n';
}

/// Appends a described struct as one line; what file_sink() takes as its format.
template <class T>
struct CsvFormat {
  char delimiter = ',';
  void operator()(const T& value, std::string& out) const {
    bool first = true;
    boost::mp11::mp_for_each<detail::CsvMembers<T>>([&](auto member) {
      if (!std::exchange(first, false)) out += delimiter;
      detail::append_csv_value(value.*member.pointer, delimiter, out);
    });
    out += '\n';
  }
};

}  // namespace weir
