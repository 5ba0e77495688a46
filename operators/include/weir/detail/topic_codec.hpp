#pragma once
/// How a record becomes the payload of a topic and comes back.

#include <string>
#include <string_view>
#include <type_traits>

#include <weir/serde.hpp>

namespace weir::detail {

/// By Serde<T>; a std::string is its own payload.
template <class T>
struct TopicCodec {
  static std::string encode(const T& value) {
    if constexpr (std::is_same_v<T, std::string>) {
      return value;
    } else {
      return serialize(value);
    }
  }
  static Result<T> decode(std::string_view payload) {
    if constexpr (std::is_same_v<T, std::string>) {
      return std::string(payload);
    } else {
      return deserialize<T>(payload);
    }
  }
  /// Empty for bytes of any kind.
  static std::string schema() {
    if constexpr (std::is_same_v<T, std::string>) {
      return {};
    } else {
      return schema_of<T>();
    }
  }
};

}  // namespace weir::detail
