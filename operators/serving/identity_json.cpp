#include <weir/serving/identity_json.hpp>

#include <weir/batch.hpp>
#include <weir/json.hpp>

namespace weir::serving {

void write_record_identity(JsonWriter& json, std::string_view key, Timestamp event_time, std::uint64_t position) {
  json.key("key");
  json.string(key);
  if (event_time != kMinTimestamp) {
    json.key("event_time");
    json.string(format_timestamp(event_time));
  }
  if (position != kNoPosition) {
    json.key("position");
    json.number(position);
  }
}

void write_model_identity(JsonWriter& json, std::string_view name, std::int64_t version, const ModelDigest& digest) {
  json.key("name");
  json.string(name);
  json.key("version");
  json.number(version);
  json.key("digest");
  json.string(to_hex(digest));
}

}  // namespace weir::serving
