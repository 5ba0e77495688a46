#pragma once
/// An estimate of the heap memory behind a value, for memory budgets.

#include <cstddef>
#include <string>
#include <type_traits>

#include <weir/json.hpp>
#include <weir/serde.hpp>

namespace weir::detail {

/// Values that own nothing need no bookkeeping.
template <class T>
inline constexpr bool kOwnsHeap = !std::is_trivially_destructible_v<T>;

template <class T>
std::size_t heap_bytes(const T& value) {
  constexpr std::size_t kNodeBytes = 40;  // a node's links and the allocator's header
  if constexpr (!kOwnsHeap<T>) {
    return 0;
  } else if constexpr (std::same_as<T, std::string>) {
    return value.capacity() > 15 ? value.capacity() + 17 : 0;
  } else if constexpr (requires {
                         { value.weir_heap_bytes() } -> std::convertible_to<std::size_t>;
                       }) {
    return value.weir_heap_bytes();
  } else if constexpr (ProtobufMessage<T>) {
    return value.SpaceUsedLong();
  } else if constexpr (IsOptional<T>::value) {
    return value ? heap_bytes(*value) : 0;
  } else if constexpr (IsTuple<T>::value) {
    return std::apply([](const auto&... part) { return (std::size_t{0} + ... + heap_bytes(part)); }, value);
  } else if constexpr (requires {
                         value.capacity();
                         value.begin();
                         typename T::value_type;
                       }) {
    using Element = typename T::value_type;
    std::size_t bytes = value.capacity() == 0 ? 0 : value.capacity() * sizeof(Element) + 16;
    if constexpr (kOwnsHeap<Element>)
      for (const Element& element : value) bytes += heap_bytes(element);
    return bytes;
  } else if constexpr (RangeLike<T>) {
    using Element = typename T::value_type;
    std::size_t bytes = value.size() * (sizeof(Element) + kNodeBytes);
    if constexpr (kOwnsHeap<Element>)
      for (const Element& element : value) bytes += heap_bytes(element);
    return bytes;
  } else if constexpr (PlainAggregate<T> && !CustomSerde<T>) {
    std::size_t bytes = 0;
    for_each_field(value, [&](const auto& field) { bytes += heap_bytes(field); });
    return bytes;
  } else {
    return serialize(value).size();
  }
}

}  // namespace weir::detail
