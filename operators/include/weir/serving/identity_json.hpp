#pragma once
/// The JSON of what a result says about where it comes from: one form in results, swap logs, audits and archives.

#include <cstdint>
#include <string_view>

#include <weir/model_id.hpp>
#include <weir/time.hpp>

namespace weir {
class JsonWriter;
}

namespace weir::serving {

/// Members `key`, `event_time` and `position` of the object that is open. What is not known (kMinTimestamp,
/// kNoPosition) is left out.
void write_record_identity(JsonWriter& json, std::string_view key, Timestamp event_time, std::uint64_t position);

/// Members `name`, `version` and `digest` of the object that is open.
void write_model_identity(JsonWriter& json, std::string_view name, std::int64_t version, const ModelDigest& digest);

}  // namespace weir::serving
