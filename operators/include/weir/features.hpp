#pragma once
/// Features<T>: how records of type T become the numbers and texts a model reads.
///
///   auto features = weir::features<Flight>()
///                       .number("distance", [](const Flight& flight) { return flight.distance; })
///                       .text("carrier", [](const Flight& flight) -> std::string_view { return flight.carrier; });
///
///   auto all = weir::described_features<Flight>();   // every field of a struct described with BOOST_DESCRIBE_STRUCT
///
///   // Fastest: one function fills a whole row.
///   auto fast = weir::features<Flight>(schema, [](const Flight& flight, double* numbers, std::string_view* texts)
///   {...});
///
/// Extractors are compiled into loops over a batch: one indirect call per feature and batch. They run on the workers,
/// must be pure, and may throw (the job then fails as for any user function). A number may be given as std::optional:
/// absent is a missing value, as is NaN. A text must refer to memory that lives as long as the record (its own fields,
/// literals); absent or data() == nullptr is a missing value.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <weir/model.hpp>

namespace weir {

namespace detail {

template <class V>
struct FeatureValue {
  static constexpr bool kNumber = std::is_arithmetic_v<V> || std::is_enum_v<V>;
  static constexpr bool kText = std::is_convertible_v<const V&, std::string_view>;
};
template <class V>
struct FeatureValue<std::optional<V>> : FeatureValue<V> {};

template <class V>
double feature_number(const V& value) noexcept {
  if constexpr (requires { value.has_value(); }) {
    return value.has_value() ? static_cast<double>(*value) : std::numeric_limits<double>::quiet_NaN();
  } else {
    return static_cast<double>(value);
  }
}
template <class V>
std::string_view feature_text(const V& value) noexcept {
  if constexpr (requires { value.has_value(); }) {
    return value.has_value() ? feature_text(*value) : std::string_view{};
  } else {
    return std::string_view(value);
  }
}
/// An extractor's text must not live in a temporary.
template <class V>
inline constexpr bool kOwnsText = std::is_same_v<V, std::string> || std::is_same_v<V, std::optional<std::string>>;

}  // namespace detail

/// Copies share the extractors. Thread: const methods from any thread (the extractors must allow it).
template <class T>
class Features {
 public:
  Features() = default;
  /// `fill(const T&, double* numbers, std::string_view* texts)` writes all columns of one record, as `schema` numbers
  /// them.
  template <class Fill>
  Features(FeatureSchema schema, Fill fill)
      : schema_(std::move(schema)), fields_(schema_.fields().begin(), schema_.fields().end()) {
    gathers_.push_back(
        [fill = std::move(fill)](const T* records, const std::uint32_t* rows, std::size_t count, const Rows& out) {
          for (std::size_t i = 0; i < count; ++i) {
            fill(records[i], out.numbers + rows[i] * out.number_columns, out.texts + rows[i] * out.text_columns);
          }
        });
  }

  /// Adds a numeric feature: `extract(const T&)` gives an arithmetic value, an enumeration, or a std::optional of one.
  template <class Extract>
  Features& number(std::string name, Extract extract) {
    using Value = std::remove_cvref_t<std::invoke_result_t<Extract&, const T&>>;
    static_assert(detail::FeatureValue<Value>::kNumber,
                  "a number feature's extractor returns a number (or an optional one)");
    const std::size_t column = add(std::move(name), FieldType::kNumber);
    gathers_.push_back([extract = std::move(extract), column](const T* records, const std::uint32_t* rows,
                                                              std::size_t count, const Rows& out) {
      for (std::size_t i = 0; i < count; ++i) {
        out.numbers[rows[i] * out.number_columns + column] = detail::feature_number(extract(records[i]));
      }
    });
    return *this;
  }

  /// Adds a text feature: `extract(const T&)` gives a std::string_view, a reference to a std::string, or an optional
  /// view.
  template <class Extract>
  Features& text(std::string name, Extract extract) {
    using Returned = std::invoke_result_t<Extract&, const T&>;
    using Value = std::remove_cvref_t<Returned>;
    static_assert(detail::FeatureValue<Value>::kText, "a text feature's extractor returns a text (or an optional one)");
    static_assert(std::is_reference_v<Returned> || !detail::kOwnsText<Value>,
                  "a text feature's extractor returns a view into the record, not a std::string of its own");
    const std::size_t column = add(std::move(name), FieldType::kText);
    gathers_.push_back([extract = std::move(extract), column](const T* records, const std::uint32_t* rows,
                                                              std::size_t count, const Rows& out) {
      for (std::size_t i = 0; i < count; ++i) {
        out.texts[rows[i] * out.text_columns + column] = detail::feature_text(extract(records[i]));
      }
    });
    return *this;
  }

  [[nodiscard]] const FeatureSchema& schema() const noexcept { return schema_; }

  /// Writes the features of `count` records: record i becomes row `rows[i]` of the row-major matrices, whose columns
  /// the schema numbers.
  void gather(const T* records, const std::uint32_t* rows, std::size_t count, double* numbers,
              std::string_view* texts) const {
    const Rows out{numbers, texts, schema_.number_columns(), schema_.text_columns()};
    for (const Gather& gather : gathers_) gather(records, rows, count, out);
  }

 private:
  struct Rows {
    double* numbers;
    std::string_view* texts;
    std::size_t number_columns;
    std::size_t text_columns;
  };
  using Gather = std::function<void(const T*, const std::uint32_t*, std::size_t, const Rows&)>;

  std::size_t add(std::string name, FieldType type) {
    const std::size_t column = type == FieldType::kNumber ? schema_.number_columns() : schema_.text_columns();
    fields_.push_back({std::move(name), type});
    schema_ = FeatureSchema(fields_);
    return column;
  }

  FeatureSchema schema_;
  std::vector<Field> fields_;
  std::vector<Gather> gathers_;
};

/// An empty list of features, to be filled with number() and text().
template <class T>
Features<T> features() {
  return {};
}
/// Features filled a whole row at a time; see Features::Features.
template <class T, class Fill>
Features<T> features(FeatureSchema schema, Fill fill) {
  return Features<T>(std::move(schema), std::move(fill));
}

/// Every public member of a struct described with Boost.Describe that is a number, an enumeration, a boolean, a text,
/// or an optional of one, in the order described; other members are left out.
template <class T>
Features<T> described_features() {
  using Members = boost::describe::describe_members<T, boost::describe::mod_public>;
  std::vector<Field> fields;
  boost::mp11::mp_for_each<Members>([&](auto member) {
    using Value = std::remove_cvref_t<decltype(std::declval<const T&>().*member.pointer)>;
    if constexpr (detail::FeatureValue<Value>::kNumber) {
      fields.push_back({member.name, FieldType::kNumber});
    } else if constexpr (detail::FeatureValue<Value>::kText) {
      fields.push_back({member.name, FieldType::kText});
    }
  });
  return Features<T>(FeatureSchema(std::move(fields)), [](const T& record, double* numbers, std::string_view* texts) {
    boost::mp11::mp_for_each<Members>([&](auto member) {
      using Value = std::remove_cvref_t<decltype(record.*member.pointer)>;
      if constexpr (detail::FeatureValue<Value>::kNumber) {
        *numbers++ = detail::feature_number(record.*member.pointer);
      } else if constexpr (detail::FeatureValue<Value>::kText) {
        *texts++ = detail::feature_text(record.*member.pointer);
      }
    });
  });
}

}  // namespace weir
