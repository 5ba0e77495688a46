#pragma once
/// The 64-bit key hash. It decides partition and key group and is part of checkpoints: its values never change.
///
/// Strings: XXH3 64 with seed 0. Integers and enumerations: the finaliser of splitmix64 over the value's 64 bits.
/// Floating point: the integer hash of the bits, with -0.0 as 0.0. Pairs and tuples: combined left to right.
/// A user type is a key when it has `std::uint64_t hash_key(const Key&)` found by argument-dependent look-up.

#include <bit>
#include <concepts>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace weir {

std::uint64_t hash_bytes(const void* data, std::size_t size) noexcept;

constexpr std::uint64_t hash_integer(std::uint64_t value) noexcept {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

template <class Key>
requires std::integral<Key> || std::is_enum_v<Key>
constexpr std::uint64_t hash_key(Key key) noexcept { return hash_integer(static_cast<std::uint64_t>(key)); }
template <std::floating_point Key>
constexpr std::uint64_t hash_key(Key key) noexcept {
  const double value = key == 0 ? 0.0 : static_cast<double>(key);
  return hash_integer(std::bit_cast<std::uint64_t>(value));
}
inline std::uint64_t hash_key(std::string_view key) noexcept { return hash_bytes(key.data(), key.size()); }

constexpr std::uint64_t combine_hashes(std::uint64_t left, std::uint64_t right) noexcept {
  return hash_integer(left ^ (right + 0x9e3779b97f4a7c15ULL + (left << 6) + (left >> 2)));
}
template <class First, class Second>
std::uint64_t hash_key(const std::pair<First, Second>& key) noexcept {
  return combine_hashes(hash_key(key.first), hash_key(key.second));
}
template <class... Parts>
std::uint64_t hash_key(const std::tuple<Parts...>& key) noexcept {
  return std::apply(
      [](const auto&... part) {
        std::uint64_t hash = 0;
        ((hash = combine_hashes(hash, hash_key(part))), ...);
        return hash;
      },
      key);
}

/// Function object for weir's hash tables; consistent with key groups.
struct KeyHash {
  template <class Key>
  std::uint64_t operator()(const Key& key) const noexcept {
    return hash_key(key);
  }
};

/// The key group of a hash: the unit in which keyed state is partitioned. `max_parallelism` is 1 to 32768.
constexpr std::uint16_t key_group_of(std::uint64_t hash, std::uint32_t max_parallelism) noexcept {
  return static_cast<std::uint16_t>(hash % max_parallelism);
}

/// Key groups [first, end) of task `index` among `parallelism` tasks; every group has exactly one owner.
struct KeyGroupRange {
  std::uint16_t first = 0;
  std::uint16_t end = 0;
  [[nodiscard]] constexpr bool contains(std::uint16_t group) const noexcept { return group >= first && group < end; }
  friend constexpr bool operator==(KeyGroupRange, KeyGroupRange) = default;
};
constexpr KeyGroupRange key_group_range(std::uint32_t index, std::uint32_t parallelism,
                                        std::uint32_t max_parallelism) noexcept {
  return {static_cast<std::uint16_t>((index * max_parallelism + parallelism - 1) / parallelism),
          static_cast<std::uint16_t>(((index + 1) * max_parallelism + parallelism - 1) / parallelism)};
}
/// The task that owns `group`: the inverse of key_group_range.
constexpr std::uint32_t owner_of_key_group(std::uint16_t group, std::uint32_t parallelism,
                                           std::uint32_t max_parallelism) noexcept {
  return group * parallelism / max_parallelism;
}

}  // namespace weir
