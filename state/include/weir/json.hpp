#pragma once
/// Text forms of values and keys: what queries, metrics and logs show.
///
/// write_json<T> covers what Serde covers: structs described with Boost.Describe become objects, other plain structs
/// arrays; maps whose keys have a text become objects, other maps arrays of pairs; described enumerations their names,
/// others numbers; event times ISO 8601 strings; durations their count; NaN and infinities null; 64-bit integers
/// numbers; bytes that are not UTF-8 U+FFFD. A type of your own can have `void weir_json(weir::JsonWriter&) const`, or
/// a specialisation of JsonForm. Protobuf messages need `<weir/protobuf.hpp>`.

#include <charconv>
#include <cmath>
#include <concepts>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/describe/enumerators.hpp>

#include <weir/serde.hpp>
#include <weir/time.hpp>

namespace weir {

/// Writes one JSON value, commas and escapes included. Begin and end, and key and value, must pair; nothing checks it.
class JsonWriter {
 public:
  void begin_object() { open('{'); }
  void end_object() { close('}'); }
  void begin_array() { open('['); }
  void end_array() { close(']'); }
  void key(std::string_view name);
  void string(std::string_view text);
  template <std::integral T>
  void number(T value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
    raw({digits, static_cast<std::size_t>(end - digits)});
  }
  /// The shortest text that reads back as the same number; null when it is not finite.
  void number(double value);
  void number(float value);
  void boolean(bool value) { raw(value ? "true" : "false"); }
  void null() { raw("null"); }
  /// Puts a JSON value that is already text.
  void raw(std::string_view json) {
    separate();
    out_ += json;
  }

  [[nodiscard]] const std::string& text() const noexcept { return out_; }
  [[nodiscard]] std::string take() {
    comma_ = false;
    return std::exchange(out_, {});
  }

 private:
  void separate() {
    if (comma_) out_ += ',';
    comma_ = true;
  }
  void open(char bracket) {
    separate();
    out_ += bracket;
    comma_ = false;
  }
  void close(char bracket) {
    out_ += bracket;
    comma_ = true;
  }
  void quote(std::string_view text);

  std::string out_;
  bool comma_ = false;  // a value was written before at this level
};

/// Specialise with `static void write(JsonWriter&, const T&)` to give a type you do not own its JSON.
template <class T>
struct JsonForm {};

template <class T>
void write_json(JsonWriter& json, const T& value);

template <class T>
std::string to_json(const T& value) {
  JsonWriter json;
  write_json(json, value);
  return json.take();
}

namespace detail {

template <class T>
concept CustomJson = requires(const T& value, JsonWriter& json) {
  value.weir_json(json);
};
template <class T>
concept FormedJson = requires(const T& value, JsonWriter& json) {
  JsonForm<T>::write(json, value);
};
template <class T>
concept MapLike = requires {
  typename T::key_type;
  typename T::mapped_type;
}
&&requires(const T& value) { value.begin(); };
template <class T>
concept RangeLike = requires(const T& value) {
  typename T::value_type;
  value.begin();
  value.end();
};
template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};
template <class T>
struct IsTuple : std::false_type {};
template <class... T>
struct IsTuple<std::tuple<T...>> : std::true_type {};
template <class A, class B>
struct IsTuple<std::pair<A, B>> : std::true_type {};
template <class T>
struct IsDuration : std::false_type {};
template <class R, class P>
struct IsDuration<std::chrono::duration<R, P>> : std::true_type {};
template <class T>
struct IsSystemTime : std::false_type {};
template <class D>
struct IsSystemTime<std::chrono::sys_time<D>> : std::true_type {};
template <class T>
struct IsTime : std::false_type {};
template <class C, class D>
struct IsTime<std::chrono::time_point<C, D>> : std::true_type {};

/// Keys with a text that parse_key understands.
template <class T>
concept TextKey = std::same_as<T, std::string> || std::same_as<T, bool> || Number<T> || std::is_enum_v<T>;

/// Has a JSON form at all (decided by T's outside; parts are checked when write_json<T> is compiled).
template <class T>
concept JsonWritable = CustomJson<T> || FormedJson<T> || ProtobufMessage<T> || TextKey<T> || MapLike<T> ||
    RangeLike<T> || IsOptional<T>::value || IsTuple<T>::value || IsDuration<T>::value || IsTime<T>::value ||
    (PlainAggregate<T> && !CustomSerde<T>);

Status key_fault(std::string_view text, std::string_view wanted);

}  // namespace detail

/// A key as people see it in paths and listings: strings as they are, numbers in decimal, anything else as JSON.
template <class K>
std::string key_text(const K& key) {
  if constexpr (std::same_as<K, std::string>) {
    return key;
  } else if constexpr (std::is_enum_v<K>) {
    return std::to_string(static_cast<std::underlying_type_t<K>>(key));
  } else {
    return to_json(key);
  }
}

/// The key that key_text() shows as `text`. kInvalidArgument when it is no such key; kUnimplemented for keys that are
/// neither strings, numbers, booleans nor enumerations.
template <class K>
Result<K> parse_key(std::string_view text) {
  if constexpr (std::same_as<K, std::string>) {
    return std::string(text);
  } else if constexpr (std::same_as<K, bool>) {
    if (text == "true") return true;
    if (text == "false") return false;
    return detail::key_fault(text, "true or false");
  } else if constexpr (std::is_enum_v<K>) {
    auto number = parse_key<std::underlying_type_t<K>>(text);
    if (!number) return number.status();
    return static_cast<K>(*number);
  } else if constexpr (detail::Number<K>) {
    K value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size()) return detail::key_fault(text, schema_of<K>());
    return value;
  } else {
    return Status::unimplemented("parse key '" + std::string(text) + "': keys of this type (" + schema_of<K>() +
                                 ") have no text form that can be read back");
  }
}

template <class T>
void write_json(JsonWriter& json, const T& value) {
  if constexpr (detail::CustomJson<T>) {
    value.weir_json(json);
  } else if constexpr (detail::FormedJson<T>) {
    JsonForm<T>::write(json, value);
  } else if constexpr (detail::ProtobufMessage<T>) {
    static_assert(detail::FormedJson<T>, "include <weir/protobuf.hpp> to show protobuf messages as JSON");
  } else if constexpr (std::same_as<T, bool>) {
    json.boolean(value);
  } else if constexpr (detail::Number<T>) {
    json.number(value);
  } else if constexpr (std::is_enum_v<T>) {
    if constexpr (boost::describe::has_describe_enumerators<T>::value) {
      const char* name = nullptr;
      boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>([&](auto enumerator) {
        if (enumerator.value == value) name = enumerator.name;
      });
      if (name != nullptr) return json.string(name);
    }
    json.number(static_cast<std::underlying_type_t<T>>(value));
  } else if constexpr (std::convertible_to<const T&, std::string_view>) {
    json.string(value);
  } else if constexpr (detail::IsSystemTime<T>::value) {
    json.string(format_timestamp(std::chrono::time_point_cast<Duration>(value)));
  } else if constexpr (detail::IsTime<T>::value) {
    write_json(json, value.time_since_epoch());
  } else if constexpr (detail::IsDuration<T>::value) {
    json.number(value.count());
  } else if constexpr (detail::IsOptional<T>::value) {
    value ? write_json(json, *value) : json.null();
  } else if constexpr (detail::IsTuple<T>::value) {
    json.begin_array();
    std::apply([&](const auto&... part) { (write_json(json, part), ...); }, value);
    json.end_array();
  } else if constexpr (detail::MapLike<T>) {
    constexpr bool kObject = detail::TextKey<typename T::key_type>;
    kObject ? json.begin_object() : json.begin_array();
    for (const auto& [key, mapped] : value) {
      if constexpr (kObject) {
        json.key(key_text(key));
        write_json(json, mapped);
      } else {
        json.begin_array();
        write_json(json, key);
        write_json(json, mapped);
        json.end_array();
      }
    }
    kObject ? json.end_object() : json.end_array();
  } else if constexpr (detail::RangeLike<T>) {
    json.begin_array();
    for (const auto& element : value) write_json<typename T::value_type>(json, element);
    json.end_array();
  } else {
    static_assert(detail::PlainAggregate<T>,
                  "this type has no JSON form: give it `void weir_json(weir::JsonWriter&) const`");
    constexpr bool kObject = detail::DescribedAggregate<T>;
    kObject ? json.begin_object() : json.begin_array();
    if constexpr (kObject) {
      boost::mp11::mp_for_each<boost::describe::describe_members<T, boost::describe::mod_public>>([&](auto member) {
        json.key(member.name);
        write_json(json, value.*member.pointer);
      });
    } else if constexpr (!std::is_empty_v<T>) {
      detail::for_each_field(value, [&](const auto& field) { write_json(json, field); });
    }
    kObject ? json.end_object() : json.end_array();
  }
}

}  // namespace weir
