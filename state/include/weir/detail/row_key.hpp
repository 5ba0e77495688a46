#pragma once
/// The first bytes of every row: the key group, big-endian, so that a key group is a range of rows.

#include <cstddef>
#include <cstdint>
#include <string>

#include <weir/bytes.hpp>
#include <weir/hash.hpp>

namespace weir::detail {

inline constexpr std::size_t kGroupBytes = 2;

inline void write_group(ByteWriter& writer, std::uint16_t group) {
  writer.byte(static_cast<std::uint8_t>(group >> 8));
  writer.byte(static_cast<std::uint8_t>(group));
}
inline std::string group_prefix(std::uint16_t group) {
  return {static_cast<char>(group >> 8), static_cast<char>(group & 0xff)};
}

/// Keys whose hash can be found from the key alone, as queries must.
template <class K>
concept HashableKey = requires(const K& key) {
  hash_key(key);
};

}  // namespace weir::detail
