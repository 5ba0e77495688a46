#include <weir/speculation/speculation_statistics.hpp>

#include <weir/json.hpp>

namespace weir::speculation {
namespace {

void write_count(JsonWriter& json, std::string_view name, std::uint64_t value) {
  json.key(name);
  json.number(value);
}

}  // namespace

void MemberStatistics::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("name");
  json.string(name);
  write_count(json, "voted", voted);
  write_count(json, "late", late);
  write_count(json, "failed", failed);
  write_count(json, "absent", absent);
  write_count(json, "abstained", abstained);
  write_count(json, "unneeded", unneeded);
  write_count(json, "won", won);
  write_count(json, "agreed", agreed);
  json.key("agreement");
  json.number(voted == 0 ? 0.0 : static_cast<double>(agreed) / static_cast<double>(voted));
  write_count(json, "scored_late", scored_late);
  const std::uint64_t scored = latency.total();
  json.key("latency_ns");
  json.begin_object();
  json.key("mean");
  json.number(scored == 0 ? 0.0 : static_cast<double>(total_ns) / static_cast<double>(scored));
  json.key("p50");
  json.number(std::min(latency.quantile(0.5), max_ns));
  json.key("p99");
  json.number(std::min(latency.quantile(0.99), max_ns));
  json.key("max");
  json.number(max_ns);
  json.end_object();
  json.end_object();
}

void SpeculationStatistics::weir_json(JsonWriter& json) const {
  json.begin_object();
  write_count(json, "records", records);
  write_count(json, "answered", answered);
  write_count(json, "default", defaults);
  write_count(json, "none", none);
  write_count(json, "at_deadline", at_deadline);
  json.key("members");
  write_json(json, members);
  json.end_object();
}

}  // namespace weir::speculation
