#include <weir/serving/serving_state.hpp>

#include <weir/serving.hpp>
#include <weir/serving/identity_json.hpp>

namespace weir {

std::string_view to_string(ModelState state) noexcept {
  switch (state) {
    case ModelState::kReceived: return "received";
    case ModelState::kLoading: return "loading";
    case ModelState::kVerifying: return "verifying";
    case ModelState::kWarming: return "warming";
    case ModelState::kReady: return "ready";
    case ModelState::kCurrent: return "current";
    case ModelState::kRetired: return "retired";
    case ModelState::kRefused: return "refused";
  }
  return "unknown";
}

namespace serving {

const std::string& OneKey::text() {
  static const std::string text = "all";
  return text;
}

namespace {

void time_field(JsonWriter& json, std::string_view name, Timestamp time) {
  if (time == kMinTimestamp) return;
  json.key(name);
  json.string(format_timestamp(time));
}

void text_field(JsonWriter& json, std::string_view name, std::string_view text) {
  if (text.empty()) return;
  json.key(name);
  json.string(text);
}

}  // namespace
}  // namespace serving

void ModelEvent::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("key");
  json.string(key);
  serving::text_field(json, "name", name);
  if (version != 0) {
    json.key("version");
    json.number(version);
  }
  if (digest != ModelDigest{}) serving::text_field(json, "sha256", to_hex(digest));
  serving::text_field(json, "state", to_string(state));
  serving::text_field(json, "reason", reason);
  serving::time_field(json, "effective_at", effective_at);
  serving::time_field(json, "at", at);
  json.end_object();
}

namespace serving {

void StoredVersion::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("name");
  json.string(record.name);
  json.key("version");
  json.number(version);
  json.key("state");
  json.string(to_string(state));
  if (record.control != ModelControl::kNone) text_field(json, "control", to_string(record.control));
  text_field(json, "reason", reason);
  text_field(json, "type", record.type);
  if (digest != ModelDigest{}) text_field(json, "digest", to_hex(digest));
  json.key("bytes");
  json.number(bytes);
  time_field(json, "effective_at", effective_at);
  time_field(json, "since", since);
  if (record.created) time_field(json, "created", *record.created);
  text_field(json, "description", record.description);
  text_field(json, "lineage", record.lineage);
  if (!record.metrics.empty()) {
    json.key("metrics");
    json.begin_object();
    for (const ModelMetric& metric : record.metrics) {
      json.key(metric.name);
      json.number(metric.value);
    }
    json.end_object();
  }
  json.end_object();
}

void KeyModels::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("current");
  const StoredVersion* in_use = nullptr;
  for (const StoredVersion& version : versions)
    if (version.sequence == current) in_use = &version;
  in_use == nullptr ? json.null() : in_use->weir_json(json);
  if (paused) {
    json.key("paused");
    json.boolean(true);
  }
  json.key("versions");
  write_json(json, versions);
  json.key("pending");
  write_json(json, pending);
  json.key("refused");
  write_json(json, refused);
  json.end_object();
}

void Swap::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("model");
  if (version == 0) {
    json.null();
  } else {
    json.begin_object();
    write_model_identity(json, name, version, digest);
    json.end_object();
  }
  if (from_version != 0) {
    json.key("from");
    json.begin_object();
    json.key("name");
    json.string(from_name);
    json.key("version");
    json.number(from_version);
    json.end_object();
  }
  time_field(json, "at", at);
  time_field(json, "effective_at", effective_at);
  if (first_position) {
    json.key("first_position");
    json.number(*first_position);
  }
  if (first_event_time) time_field(json, "first_event_time", *first_event_time);
  json.end_object();
}

void SwapLog::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("swaps");
  json.number(swaps);
  json.key("recent");
  write_json(json, recent);
  json.end_object();
}

}  // namespace serving
}  // namespace weir
