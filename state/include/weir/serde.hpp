#pragma once
/// Serde<T>: how a value becomes bytes in state and checkpoints, and what its bytes look like (its schema).
///
///   integers, enums     sizeof(T) bytes, little-endian         i8..i64 u8..u64
///   bool                one byte, 0 or 1                       bool
///   float, double       IEEE 754, little-endian                f32 f64
///   chrono              the count                              duration<i64,1/1000000> time<i64,1/1000000>
///   std::string         varint length, bytes                   string
///   std::optional<T>    byte 0, or byte 1 and the value        optional<T>
///   pair tuple array    the parts in order                     tuple<A,B> array<T,3>
///   vector deque set    varint count, the elements             list<T> set<T>
///   map unordered_map   varint count, key and value each       map<K,V>
///   protobuf messages   varint length, the message             proto:package.Name
///   plain structs       the fields in order (Boost.PFR)        {i32,string}; {id:i32,name:string} with Boost.Describe
///
/// What would be no bytes at all (an empty struct) is one zero byte, so that a count is always bounded by the bytes
/// left. A type of your own can have `void weir_write(weir::ByteWriter&) const`, `void weir_read(weir::ByteReader&)`
/// and `static void weir_schema(std::string&)` (append); it must write at least one byte. Structs nested deeper than
/// ByteReader::kMaxDepth cannot be read back.
///
/// Bytes are never trusted: decoding hostile bytes fails, and allocates no more than they could really hold.

#include <array>
#include <chrono>
#include <concepts>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include <weir/bytes.hpp>
#include <weir/detail/fields.hpp>
#include <weir/result.hpp>

namespace weir {

/// Not defined for types that cannot be stored; see the table above.
template <class T>
struct Serde;

template <class T>
concept Serializable = requires(ByteWriter& writer, ByteReader& reader, const T& value, T& target,
                                std::string& schema) {
  Serde<T>::write(writer, value);
  Serde<T>::read(reader, target);
  Serde<T>::schema(schema);
};

template <class T>
std::string serialize(const T& value) {
  std::string bytes;
  ByteWriter writer(bytes);
  Serde<T>::write(writer, value);
  return bytes;
}

/// The schema of T, as text.
template <class T>
std::string schema_of() {
  std::string schema;
  Serde<T>::schema(schema);
  return schema;
}
/// A hash of a schema text that never changes.
std::uint64_t schema_fingerprint(std::string_view schema) noexcept;

/// kDataLoss when the bytes are short, malformed or too many.
template <class T>
Result<T> deserialize(std::string_view bytes) {
  Result<T> result(T{});
  ByteReader reader(bytes);
  Serde<T>::read(reader, *result);
  if (reader.at_end()) return result;
  return Status::data_loss(
      "decode " + std::to_string(bytes.size()) + " bytes as " + schema_of<T>() +
      (reader.ok() ? ": " + std::to_string(reader.remaining()) + " bytes too many" : ": malformed"));
}

namespace detail {

template <class T>
struct IsStdArray : std::false_type {};
template <class T, std::size_t N>
struct IsStdArray<std::array<T, N>> : std::true_type {};

/// Fewest bytes any T takes: bounds what a count can claim.
template <class T>
struct MinimumBytes : std::integral_constant<std::size_t, 1> {};
template <class T>
requires(Number<T> || std::is_enum_v<T>) struct MinimumBytes<T> : std::integral_constant<std::size_t, sizeof(T)> {
};

template <class T>
bool count_is_possible(const ByteReader& reader, std::uint64_t count) noexcept {
  return count <= reader.remaining() / MinimumBytes<T>::value;
}

/// Types whose schema is being written on this thread: a struct that contains itself is named by its depth (`^1`).
class SchemaStack {
 public:
  template <class T>
  static const void* tag() noexcept {
    static constexpr char kTag = 0;
    return &kTag;
  }
  /// Levels up to `tag`, or nothing when it is not being written.
  static std::optional<std::size_t> depth_of(const void* tag) noexcept;
  explicit SchemaStack(const void* tag);
  ~SchemaStack();
  SchemaStack(const SchemaStack&) = delete;
  SchemaStack& operator=(const SchemaStack&) = delete;
};

void append_number_schema(std::string& out, char kind, std::size_t bytes);
void append_ratio_schema(std::string& out, std::intmax_t numerator, std::intmax_t denominator);

}  // namespace detail

template <detail::Number T>
struct Serde<T> {
  static void write(ByteWriter& writer, const T& value) { writer.bytes(&value, sizeof value); }
  static void read(ByteReader& reader, T& value) {
    if (const char* data = reader.bytes(sizeof value))
      std::memcpy(&value, data, sizeof value);
    else
      value = T{};
  }
  static void schema(std::string& out) {
    detail::append_number_schema(out, std::floating_point<T> ? 'f' : std::is_signed_v<T> ? 'i' : 'u', sizeof(T));
  }
};

template <>
struct Serde<bool> {
  static void write(ByteWriter& writer, bool value) { writer.byte(value ? 1 : 0); }
  static void read(ByteReader& reader, bool& value) {
    const std::uint8_t byte = reader.byte();
    if (byte > 1) reader.fail();
    value = byte == 1;
  }
  static void schema(std::string& out) { out += "bool"; }
};

template <class T>
requires std::is_enum_v<T>
struct Serde<T> {
  using Number = std::underlying_type_t<T>;
  static void write(ByteWriter& writer, const T& value) { Serde<Number>::write(writer, static_cast<Number>(value)); }
  static void read(ByteReader& reader, T& value) {
    Number number{};
    Serde<Number>::read(reader, number);
    value = static_cast<T>(number);
  }
  static void schema(std::string& out) {
    out += "enum:";
    Serde<Number>::schema(out);
  }
};

template <>
struct Serde<std::string> {
  static void write(ByteWriter& writer, const std::string& value) { writer.sized(value); }
  static void read(ByteReader& reader, std::string& value) { value = reader.sized(); }
  static void schema(std::string& out) { out += "string"; }
};

template <class Rep, class Period>
struct Serde<std::chrono::duration<Rep, Period>> {
  using Duration = std::chrono::duration<Rep, Period>;
  static void write(ByteWriter& writer, const Duration& value) { Serde<Rep>::write(writer, value.count()); }
  static void read(ByteReader& reader, Duration& value) {
    Rep count{};
    Serde<Rep>::read(reader, count);
    value = Duration(count);
  }
  static void schema(std::string& out) {
    out += "duration<";
    Serde<Rep>::schema(out);
    detail::append_ratio_schema(out, Period::num, Period::den);
    out += '>';
  }
};

template <class Clock, class Duration>
struct Serde<std::chrono::time_point<Clock, Duration>> {
  using Time = std::chrono::time_point<Clock, Duration>;
  static void write(ByteWriter& writer, const Time& value) { Serde<Duration>::write(writer, value.time_since_epoch()); }
  static void read(ByteReader& reader, Time& value) {
    Duration duration{};
    Serde<Duration>::read(reader, duration);
    value = Time(duration);
  }
  static void schema(std::string& out) {
    out += "time<";
    Serde<typename Duration::rep>::schema(out);
    detail::append_ratio_schema(out, Duration::period::num, Duration::period::den);
    out += '>';
  }
};

template <class T>
struct Serde<std::optional<T>> {
  static void write(ByteWriter& writer, const std::optional<T>& value) {
    writer.byte(value ? 1 : 0);
    if (value) Serde<T>::write(writer, *value);
  }
  static void read(ByteReader& reader, std::optional<T>& value) {
    bool present = false;
    Serde<bool>::read(reader, present);
    value.reset();
    if (present) Serde<T>::read(reader, value.emplace());
  }
  static void schema(std::string& out) {
    out += "optional<";
    Serde<T>::schema(out);
    out += '>';
  }
};

template <class... Parts>
struct Serde<std::tuple<Parts...>> {
  static void write(ByteWriter& writer, const std::tuple<Parts...>& value) {
    if constexpr (sizeof...(Parts) == 0) writer.byte(0);
    std::apply([&](const auto&... part) { (Serde<std::decay_t<decltype(part)>>::write(writer, part), ...); }, value);
  }
  static void read(ByteReader& reader, std::tuple<Parts...>& value) {
    if constexpr (sizeof...(Parts) == 0) reader.byte();
    std::apply([&](auto&... part) { (Serde<std::decay_t<decltype(part)>>::read(reader, part), ...); }, value);
  }
  static void schema(std::string& out) {
    out += "tuple<";
    [[maybe_unused]] bool first = true;
    ((out += std::exchange(first, false) ? "" : ",", Serde<Parts>::schema(out)), ...);
    out += '>';
  }
};

template <class First, class Second>
struct Serde<std::pair<First, Second>> {
  static void write(ByteWriter& writer, const std::pair<First, Second>& value) {
    Serde<First>::write(writer, value.first);
    Serde<Second>::write(writer, value.second);
  }
  static void read(ByteReader& reader, std::pair<First, Second>& value) {
    Serde<First>::read(reader, value.first);
    Serde<Second>::read(reader, value.second);
  }
  static void schema(std::string& out) { Serde<std::tuple<First, Second>>::schema(out); }
};

template <class T, std::size_t N>
struct Serde<std::array<T, N>> {
  static void write(ByteWriter& writer, const std::array<T, N>& value) {
    if constexpr (N == 0) writer.byte(0);
    for (const T& element : value) Serde<T>::write(writer, element);
  }
  static void read(ByteReader& reader, std::array<T, N>& value) {
    if constexpr (N == 0) reader.byte();
    for (T& element : value) Serde<T>::read(reader, element);
  }
  static void schema(std::string& out) {
    out += "array<";
    Serde<T>::schema(out);
    out += ',' + std::to_string(N) + '>';
  }
};

namespace detail {

/// Sequences: anything with emplace_back().
template <class Sequence>
struct SequenceSerde {
  using T = typename Sequence::value_type;
  static void write(ByteWriter& writer, const Sequence& value) {
    writer.varint(value.size());
    if constexpr (Number<T> && requires { value.data(); }) {
      writer.bytes(value.data(), value.size() * sizeof(T));
    } else {
      for (const auto& element : value) Serde<T>::write(writer, element);
    }
  }
  static void read(ByteReader& reader, Sequence& value) {
    value.clear();
    const std::uint64_t count = reader.varint();
    if (!count_is_possible<T>(reader, count)) return reader.fail();
    if constexpr (Number<T> && requires { value.data(); }) {
      const char* data = reader.bytes(count * sizeof(T));
      value.resize(count);
      if (count != 0) std::memcpy(value.data(), data, count * sizeof(T));
    } else {
      for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
        T element{};
        Serde<T>::read(reader, element);
        value.push_back(std::move(element));
      }
    }
    if (!reader.ok()) value.clear();
  }
  static void schema(std::string& out) {
    out += "list<";
    Serde<T>::schema(out);
    out += '>';
  }
};

template <class Set>
struct SetSerde {
  using T = typename Set::value_type;
  static void write(ByteWriter& writer, const Set& value) {
    writer.varint(value.size());
    for (const T& element : value) Serde<T>::write(writer, element);
  }
  static void read(ByteReader& reader, Set& value) {
    value.clear();
    const std::uint64_t count = reader.varint();
    if (!count_is_possible<T>(reader, count)) return reader.fail();
    for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
      T element{};
      Serde<T>::read(reader, element);
      value.insert(value.end(), std::move(element));
    }
    if (!reader.ok()) value.clear();
  }
  static void schema(std::string& out) {
    out += "set<";
    Serde<T>::schema(out);
    out += '>';
  }
};

template <class Map>
struct MapSerde {
  using K = typename Map::key_type;
  using V = typename Map::mapped_type;
  static void write(ByteWriter& writer, const Map& value) {
    writer.varint(value.size());
    for (const auto& [key, mapped] : value) {
      Serde<K>::write(writer, key);
      Serde<V>::write(writer, mapped);
    }
  }
  static void read(ByteReader& reader, Map& value) {
    value.clear();
    const std::uint64_t count = reader.varint();
    if (!count_is_possible<std::pair<K, V>>(reader, count)) return reader.fail();
    for (std::uint64_t i = 0; i < count && reader.ok(); ++i) {
      K key{};
      Serde<K>::read(reader, key);
      V mapped{};
      Serde<V>::read(reader, mapped);
      value.emplace_hint(value.end(), std::move(key), std::move(mapped));
    }
    if (!reader.ok()) value.clear();
  }
  static void schema(std::string& out) {
    out += "map<";
    Serde<K>::schema(out);
    out += ',';
    Serde<V>::schema(out);
    out += '>';
  }
};

}  // namespace detail

template <class T, class A>
struct Serde<std::vector<T, A>> : detail::SequenceSerde<std::vector<T, A>> {};
template <class T, class A>
struct Serde<std::deque<T, A>> : detail::SequenceSerde<std::deque<T, A>> {};
template <class T, class C, class A>
struct Serde<std::set<T, C, A>> : detail::SetSerde<std::set<T, C, A>> {};
template <class T, class H, class E, class A>
struct Serde<std::unordered_set<T, H, E, A>> : detail::SetSerde<std::unordered_set<T, H, E, A>> {};
template <class K, class V, class C, class A>
struct Serde<std::map<K, V, C, A>> : detail::MapSerde<std::map<K, V, C, A>> {};
template <class K, class V, class H, class E, class A>
struct Serde<std::unordered_map<K, V, H, E, A>> : detail::MapSerde<std::unordered_map<K, V, H, E, A>> {};

template <detail::CustomSerde T>
struct Serde<T> {
  static void write(ByteWriter& writer, const T& value) { value.weir_write(writer); }
  static void read(ByteReader& reader, T& value) {
    if (!reader.enter()) return;
    value.weir_read(reader);
    reader.leave();
  }
  static void schema(std::string& out) { T::weir_schema(out); }
};

template <detail::ProtobufMessage T>
requires(!detail::CustomSerde<T>) struct Serde<T> {
  static void write(ByteWriter& writer, const T& value) {
    std::string bytes;
    WEIR_CHECK(value.SerializeToString(&bytes),
               "a protobuf message in state is below 2 GiB and has its required fields");
    writer.sized(bytes);
  }
  static void read(ByteReader& reader, T& value) {
    const std::string_view bytes = reader.sized();
    if (!reader.ok()) return;
    if (bytes.size() > 0x7fffffff || !value.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) reader.fail();
  }
  static void schema(std::string& out) { out += "proto:" + std::string(T().GetTypeName()); }
};

template <detail::PlainAggregate T>
requires(!detail::IsStdArray<T>::value) struct Serde<T> {
  static void write(ByteWriter& writer, const T& value) {
    if constexpr (std::is_empty_v<T>) {
      writer.byte(0);
    } else {
      detail::for_each_field(value,
                             [&](const auto& field) { Serde<std::decay_t<decltype(field)>>::write(writer, field); });
    }
  }
  static void read(ByteReader& reader, T& value) {
    if (!reader.enter()) return;
    if constexpr (std::is_empty_v<T>) {
      reader.byte();
    } else {
      detail::for_each_field(value, [&](auto& field) { Serde<std::decay_t<decltype(field)>>::read(reader, field); });
    }
    reader.leave();
  }
  static void schema(std::string& out) {
    const void* tag = detail::SchemaStack::tag<T>();
    if (const auto depth = detail::SchemaStack::depth_of(tag)) {
      out += '^' + std::to_string(*depth);
      return;
    }
    const detail::SchemaStack guard(tag);
    out += '{';
    if constexpr (!std::is_empty_v<T>) {
      bool first = true;
      detail::for_each_field_name<T>([&]<class Field>(std::type_identity<Field>, std::string_view name) {
        if (!std::exchange(first, false)) out += ',';
        if (!name.empty()) (out += name) += ':';
        Serde<Field>::schema(out);
      });
    }
    out += '}';
  }
};

}  // namespace weir
