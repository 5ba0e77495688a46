#pragma once
/// Kinds of types, and the fields of plain structs: what Serde and JSON walk over.

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <boost/describe/members.hpp>
#include <boost/describe/modifiers.hpp>
#include <boost/mp11/algorithm.hpp>
#include <boost/pfr/core.hpp>
#include <boost/pfr/tuple_size.hpp>

#include <weir/bytes.hpp>

namespace weir::detail {

template <class T>
concept CustomSerde = requires(const T& value, T& target, ByteWriter& writer, ByteReader& reader, std::string& schema) {
  value.weir_write(writer);
  target.weir_read(reader);
  T::weir_schema(schema);
};

template <class T>
concept ProtobufMessage = requires(const T& value, T& target, std::string* text, const void* data, int size) {
  { value.SerializeToString(text) } -> std::convertible_to<bool>;
  { target.ParseFromArray(data, size) } -> std::convertible_to<bool>;
  { value.GetTypeName() } -> std::convertible_to<std::string>;
};

template <class T>
concept Number = (std::integral<T> || std::same_as<T, float> || std::same_as<T, double>)&&!std::same_as<T, bool>;

/// A struct without bases and constructors, all of whose fields PFR can reach.
template <class T>
concept PlainAggregate = std::is_aggregate_v<T> && std::is_class_v<T> && !CustomSerde<T> && !ProtobufMessage<T>;

template <class T>
concept DescribedAggregate = PlainAggregate<T> && boost::describe::has_describe_members<T>::value;

/// Visits the fields of a plain struct in order, with their names when it is described.
template <class T, class Visitor>
void for_each_field_name(Visitor&& visit) {
  if constexpr (DescribedAggregate<T>) {
    using Members = boost::describe::describe_members<T, boost::describe::mod_public>;
    boost::mp11::mp_for_each<Members>([&](auto member) {
      using Field = std::decay_t<decltype(std::declval<T&>().*member.pointer)>;
      visit(std::type_identity<Field>{}, std::string_view(member.name));
    });
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) {
      (visit(std::type_identity<std::decay_t<boost::pfr::tuple_element_t<I, T>>>{}, std::string_view{}), ...);
    }
    (std::make_index_sequence<boost::pfr::tuple_size_v<T>>{});
  }
}
template <class T, class Visitor>
void for_each_field(T& value, Visitor&& visit) {
  using Plain = std::remove_const_t<T>;
  if constexpr (DescribedAggregate<Plain>) {
    boost::mp11::mp_for_each<boost::describe::describe_members<Plain, boost::describe::mod_public>>(
        [&](auto member) { visit(value.*member.pointer); });
  } else {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(boost::pfr::get<I>(value)), ...); }
    (std::make_index_sequence<boost::pfr::tuple_size_v<Plain>>{});
  }
}

}  // namespace weir::detail
