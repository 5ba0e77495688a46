#include <weir/serving/audit.hpp>

#include <weir/json.hpp>
#include <weir/serving/identity_json.hpp>

namespace weir::serving {
namespace {

struct Verdict {
  const Swap* swap = nullptr;  // null: no model had come into use yet
  std::string why;             // empty: exact
};

// The last swap whose first record lies at or before `at`. A swap that no record has met yet counts for none.
template <class Point>
Verdict last_before(const SwapLog& log, const Point& at, std::optional<Point> Swap::*first) {
  Verdict verdict;
  for (const Swap& swap : log.recent) {
    if (!(swap.*first)) {
      // To no model: no record marks it. Those behind it, up to the next swap, may have met either.
      if (swap.version == 0)
        verdict.why = "between two swaps a version was retired; the log does not say at which record";
      continue;
    }
    if (*(swap.*first) > at) break;
    verdict = {&swap, {}};
  }
  return verdict;
}

Verdict by_effect(const SwapLog& log, Timestamp at) {
  Verdict verdict;
  for (const Swap& swap : log.recent)
    if (swap.effective_at <= at) verdict.swap = &swap;
  return verdict;
}

void write_model(JsonWriter& json, const Swap* swap) {
  if (swap == nullptr || swap->version == 0) return json.null();
  json.begin_object();
  write_model_identity(json, swap->name, swap->version, swap->digest);
  json.end_object();
}

}  // namespace

Result<std::string> audit_json(const std::string& key_text, const SwapLog& log, const AuditQuestion& question,
                               const AuditOptions& options) {
  if (question.position && options.by_event_time)
    return Status::failed_precondition(
        "models take effect by event time here: ask with ?time=, the record's; its position decides nothing");
  Verdict verdict;
  if (options.by_event_time)
    verdict = by_effect(log, *question.time);
  else if (question.position)
    verdict = last_before(log, *question.position, &Swap::first_position);
  else
    verdict = last_before(log, *question.time, &Swap::first_event_time);
  if (verdict.swap == nullptr && log.swaps > log.recent.size()) {
    return Status::not_found("the swap log of key '" + key_text + "' keeps its last " +
                             std::to_string(log.recent.size()) + " of " + std::to_string(log.swaps) +
                             " swaps; the record is older");
  }
  if (verdict.why.empty() && !options.by_event_time) {
    if (question.time)
      verdict.why = "models took effect on arrival: records need not have come in the order of their times";
    if (!options.one_order) verdict.why = "several tasks score records of the key; the log has the first record of one";
  }
  JsonWriter json;
  json.begin_object();
  json.key("key");
  json.string(key_text);
  if (question.position) {
    json.key("position");
    json.number(*question.position);
  } else {
    json.key("time");
    json.string(format_timestamp(*question.time));
  }
  json.key("model");
  write_model(json, verdict.swap);
  json.key("exact");
  json.boolean(verdict.why.empty());
  if (!verdict.why.empty()) {
    json.key("why");
    json.string(verdict.why);
  }
  json.key("swap");
  if (verdict.swap == nullptr)
    json.null();
  else
    verdict.swap->weir_json(json);
  json.end_object();
  return json.take();
}

}  // namespace weir::serving
