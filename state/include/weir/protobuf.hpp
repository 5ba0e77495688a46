#pragma once
/// Opt-in: protobuf messages as JSON, in their canonical mapping with the fields' own names. State holds messages
/// without it; queries that show them need it. The one public header that includes protobuf.

#include <concepts>
#include <string>

#include <google/protobuf/message.h>
#include <google/protobuf/util/json_util.h>

#include <weir/json.hpp>

namespace weir {

template <std::derived_from<google::protobuf::Message> T>
struct JsonForm<T> {
  static void write(JsonWriter& json, const T& message) {
    google::protobuf::util::JsonPrintOptions options;
    options.preserve_proto_field_names = true;
    std::string text;
    // Fails only for an Any of unknown type.
    google::protobuf::util::MessageToJsonString(message, &text, options).ok() ? json.raw(text) : json.null();
  }
};

}  // namespace weir
