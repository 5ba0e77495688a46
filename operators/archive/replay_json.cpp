#include <weir/json.hpp>
#include <weir/replay.hpp>

namespace weir {
namespace {

void write_place(JsonWriter& json, const ReplayRow& row) {
  json.key("offset");
  json.number(row.offset);
  json.key("row");
  json.number(row.row);
  json.key("key");
  json.string(row.key);
  if (row.position) {
    json.key("position");
    json.number(*row.position);
  }
  if (row.time) {
    json.key("time");
    json.string(format_timestamp(*row.time));
  }
  if (!row.member.empty()) {
    json.key("member");
    json.string(row.member);
  }
  json.key("model");
  row.model.weir_json(json);
  json.key("path");
  json.string(to_string(row.path));
}

/// Outputs by name, numbers first; where names are not known, by number.
void write_answer(JsonWriter& json, const ReplayAnswer& answer, const std::vector<std::string>& names) {
  json.begin_object();
  json.key("status");
  json.string(to_string(answer.status));
  if (!answer.reason.empty()) {
    json.key("reason");
    json.string(answer.reason);
  }
  json.key("outputs");
  json.begin_object();
  std::size_t index = 0;
  const auto key = [&] {
    json.key(index < names.size() ? names[index] : std::to_string(index));
    ++index;
  };
  for (const double number : answer.numbers) {
    key();
    json.number(number);
  }
  for (const std::string& text : answer.texts) {
    key();
    json.string(text);
  }
  json.end_object();
  json.end_object();
}

void write_count(JsonWriter& json, std::string_view name, std::uint64_t count) {
  json.key(name);
  json.number(count);
}

void write_distribution(JsonWriter& json, const Distribution& distribution) {
  json.begin_object();
  json.key("mean");
  json.number(distribution.mean);
  json.key("quantiles");
  json.begin_object();
  for (std::size_t i = 0; i < Distribution::kAt.size(); ++i) {
    JsonWriter at;
    at.number(Distribution::kAt[i]);
    json.key(at.take());
    json.number(distribution.quantiles[i]);
  }
  json.end_object();
  json.end_object();
}

void write_vote(JsonWriter& json, const AuditedVote& vote) {
  json.begin_object();
  json.key("member");
  json.string(vote.member);
  json.key("status");
  json.string(to_string(vote.status));
  json.key("model");
  vote.model.weir_json(json);
  if (vote.order != 0) write_count(json, "order", vote.order);
  json.key("latency_ns");
  json.number(vote.latency_ns);
  json.key("answer");
  write_answer(json, vote.answer, {});
  if (vote.is_reproduced) {
    json.key("reproduced");
    json.boolean(*vote.is_reproduced);
  }
  if (vote.would_be) {
    json.key("would_be");
    write_answer(json, *vote.would_be, {});
  }
  if (vote.other) {
    json.key("other");
    json.begin_object();
    json.key("model");
    vote.other->weir_json(json);
    json.key("answer");
    write_answer(json, vote.of_other, {});
    json.end_object();
  }
  json.end_object();
}

}  // namespace

void ReplayRow::weir_json(JsonWriter& json) const {
  json.begin_object();
  write_place(json, *this);
  json.key("before");
  write_answer(json, before, {});
  json.key("after");
  write_answer(json, after, {});
  json.end_object();
}

void VerifyReport::weir_json(JsonWriter& json) const {
  json.begin_object();
  write_count(json, "records", records);
  write_count(json, "scored", scored);
  write_count(json, "without_model", without_model);
  write_count(json, "different", different);
  write_count(json, "versions", versions);
  write_count(json, "swaps", swaps);
  if (ballots != 0) {
    write_count(json, "ballots", ballots);
    write_count(json, "votes", votes);
    write_count(json, "decisions", decisions);
    write_count(json, "decisions_different", decisions_different);
    write_count(json, "decisions_unknown", decisions_unknown);
  }
  if (first) {
    json.key("first");
    first->weir_json(json);
  }
  json.end_object();
}

void CompareReport::weir_json(JsonWriter& json) const {
  json.begin_object();
  write_count(json, "records", records);
  write_count(json, "skipped", skipped);
  write_count(json, "compared", compared);
  write_count(json, "only_before", only_before);
  write_count(json, "only_after", only_after);
  write_count(json, "neither", neither);
  json.key("numbers");
  json.begin_object();
  write_count(json, "compared", numbers);
  write_count(json, "identical", identical);
  if (numbers != 0) {
    json.key("before");
    write_distribution(json, before);
    json.key("after");
    write_distribution(json, after);
    json.key("mean_difference");
    json.number(mean_difference);
    json.key("mean_absolute");
    json.number(mean_absolute);
    json.key("max_absolute");
    json.number(max_absolute);
  }
  json.end_object();
  json.key("labels");
  json.begin_object();
  write_count(json, "compared", labels);
  write_count(json, "different", labels_different);
  json.end_object();
  if (decisions + decisions_open + decisions_unknown != 0) {
    write_count(json, "decisions", decisions);
    write_count(json, "decisions_changed", decisions_changed);
    write_count(json, "decisions_open", decisions_open);
    write_count(json, "decisions_unknown", decisions_unknown);
  }
  json.key("worst");
  json.begin_array();
  for (const ReplayRow& row : worst) row.weir_json(json);
  json.end_array();
  json.end_object();
}

void ArchivedDecision::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("status");
  json.string(to_string(status));
  json.key("policy");
  json.string(policy);
  json.key("deadline_us");
  json.number(deadline_ns / 1000);
  json.key("latency_ns");
  json.number(latency_ns);
  json.key("at_deadline");
  json.boolean(at_deadline);
  if (!winner.empty()) {
    json.key("winner");
    json.string(winner);
  }
  if (is_derived) {
    json.key("derived");
    json.boolean(*is_derived);
  }
  json.key("votes");
  json.begin_array();
  for (const AuditedVote& vote : votes) write_vote(json, vote);
  json.end_array();
  if (of_other) {
    json.key("other");
    write_answer(json, *of_other, {});
  }
  json.end_object();
}

void ArchiveFindings::weir_json(JsonWriter& json) const {
  json.begin_object();
  json.key("records");
  json.begin_array();
  for (const ArchivedAnswer& answer : answers) {
    json.begin_object();
    write_place(json, answer.row);
    json.key("inputs");
    json.begin_object();
    for (const auto& [field, value] : answer.inputs) {
      json.key(field.name);
      json.raw(value);
    }
    json.end_object();
    json.key("answer");
    write_answer(json, answer.row.before, answer.names);
    if (answer.row.model.has_value() || answer.decision) {
      json.key("reproduced");
      json.boolean(answer.is_reproduced);
    }
    if (answer.decision) {
      json.key("decision");
      answer.decision->weir_json(json);
    }
    if (answer.other) {
      json.key("other");
      json.begin_object();
      json.key("model");
      answer.other->weir_json(json);
      json.key("answer");
      write_answer(json, answer.of_other, answer.names);
      json.end_object();
    }
    json.end_object();
  }
  json.end_array();
  json.key("complete");
  json.boolean(is_complete);
  json.end_object();
}

}  // namespace weir
