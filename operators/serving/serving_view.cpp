#include <weir/serving/serving_view.hpp>

#include <weir/json.hpp>

namespace weir::serving {
namespace {

void keep_version(std::vector<StoredVersion>& versions, std::int64_t version) {
  std::erase_if(versions, [version](const StoredVersion& facts) { return facts.version != version; });
}

}  // namespace

Status unknown_key(std::string_view key_text) {
  return Status::not_found("no models and no records of key '" + std::string(key_text) + "'");
}

Result<std::string> show_key(KeyModels models, KeyStatistics statistics, const SwapLog& swaps,
                             const std::string& key_text, std::size_t held, std::int64_t version) {
  if (version != 0) {
    keep_version(models.versions, version);
    keep_version(models.pending, version);
    keep_version(models.refused, version);
    std::vector<VersionStatistics> counted = statistics.versions.all();
    std::erase_if(counted, [version](const VersionStatistics& one) { return one.model.version != version; });
    statistics.versions.assign(std::move(counted));
    if (models.versions.empty() && models.pending.empty() && models.refused.empty()) {
      return Status::not_found("key '" + key_text + "' has no version " + std::to_string(version) + " (any more)");
    }
  }
  JsonWriter json;
  json.begin_object();
  json.key("key");
  json.string(key_text);
  json.key("models");
  models.weir_json(json);
  json.key("statistics");
  statistics.weir_json(json);
  if (version == 0) {
    json.key("swaps");
    swaps.weir_json(json);
    json.key("held_records");
    json.number(held);
  }
  json.end_object();
  return json.take();
}

}  // namespace weir::serving
