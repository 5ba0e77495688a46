#include "stages.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>
#include <vector>

#include "local_time.hpp"

namespace flights {

using weir::Collector;
using weir::ProcessContext;
using weir::ScoreStatus;

namespace {

void append_probability(std::string& text, const Score& score) {
  text += ',';
  if (score.status == ScoreStatus::kOk) append_number(text, score.probability);
}

void append_maybe(std::string& text, const std::optional<double>& number) {
  text += ',';
  if (number) append_number(text, *number);
}

std::optional<double> auc_of(const weir::MapState<double, MonthQuality::Counts>& counts) {
  std::vector<ScoreCount> list;
  list.reserve(counts.size());
  counts.for_each([&](double score, const MonthQuality::Counts& count) {
    list.push_back({score, count.positives, count.negatives});
  });
  return Auc::from_counts(list).value();
}

void count(const weir::MapState<double, MonthQuality::Counts>& counts, double score, bool late) {
  MonthQuality::Counts& entry = counts.mutate(score);
  ++(late ? entry.positives : entry.negatives);
}

}  // namespace

Score to_score(const weir::Scored<FlightRequest>& scored, bool frozen) {
  return {scored.record.id, scored.record.month,  frozen,
          scored.status,    scored.model.version, scored.ok() ? scored.number() : 0};
}

void append_line(const Evaluated& flight, std::string& text) {
  text += std::to_string(flight.id);
  text += ',' + std::to_string(flight.month) + ',';
  if (flight.late) text += std::to_string(*flight.late);
  text += ',';
  text += to_string(flight.live.status);
  text += ',' + std::to_string(flight.live.version);
  append_probability(text, flight.live);
  append_probability(text, flight.frozen);
  text += '\n';
}

void MeetOutcome::open(weir::OpenContext<std::int64_t>& context) {
  waiting = context.value_state<Waiting>({.name = "waiting", .queryable = true});
}

void MeetOutcome::process_left(const Score& score, ProcessContext<std::int64_t>& /*context*/,
                               Collector<Evaluated>& out) {
  Waiting& flight = waiting.mutate();
  std::optional<Score>& place = score.frozen ? flight.frozen : flight.live;
  if (place) throw std::logic_error("flight " + std::to_string(score.id) + " was scored twice");
  place = score;
  leave_when_complete(out);
}

void MeetOutcome::process_right(const FlightOutcome& outcome, ProcessContext<std::int64_t>& /*context*/,
                                Collector<Evaluated>& out) {
  Waiting& flight = waiting.mutate();
  if (flight.has_outcome) throw std::logic_error("flight " + std::to_string(outcome.id) + " landed twice");
  flight.has_outcome = true;
  flight.late = outcome.late;
  flight.landed = outcome.event_time;
  leave_when_complete(out);
}

void MeetOutcome::leave_when_complete(Collector<Evaluated>& out) {
  const Waiting& flight = *waiting.get();
  if (!flight.has_outcome || !flight.live || !flight.frozen) return;
  // The time is the outcome's, whichever of the three came last.
  out.collect({flight.live->id, flight.live->month, flight.late, *flight.live, *flight.frozen}, flight.landed);
  waiting.clear();
}

void MonthQuality::open(weir::OpenContext<std::int32_t>& context) {
  tally = context.value_state<Tally>({.name = "tally"});
  live = context.map_state<double, Counts>({.name = "live-scores"});
  frozen = context.map_state<double, Counts>({.name = "frozen-scores"});
  row = context.value_state<MonthRow>({.name = "by-month", .queryable = true});
}

weir::Timestamp MonthQuality::closes_at(std::int32_t month) {
  using namespace std::chrono;
  const year_month next = year{2013} / std::chrono::month{static_cast<unsigned>(month)} + months{1};
  return to_utc(local_days{next / 1}, kNewYork) + days{2};
}

void MonthQuality::process(const Evaluated& flight, ProcessContext<std::int32_t>& context,
                           Collector<MonthRow>& /*out*/) {
  using namespace std::chrono;
  const weir::Timestamp closes = closes_at(flight.month);
  if (context.timestamp() >= closes) {
    throw std::runtime_error("flight " + std::to_string(flight.id) + " of month " + std::to_string(flight.month) +
                             " landed at " + weir::format_timestamp(context.timestamp()) +
                             ", after its month was closed");
  }
  Tally& now = tally.mutate();
  if (now.requests++ == 0) context.event_time_timer(closes);
  if (context.timestamp() >= now.next_refresh) {
    now.next_refresh = floor<days>(context.timestamp()) + days{3};
    context.event_time_timer(now.next_refresh);
  }
  if (flight.live.version != 0) ++now.versions[flight.live.version];
  if (!flight.counts()) return;
  const bool late = *flight.late == 1;
  ++now.labelled;
  now.live.add(flight.live.probability, late);
  now.frozen.add(flight.frozen.probability, late);
  count(live, flight.live.probability, late);
  count(frozen, flight.frozen.probability, late);
}

void MonthQuality::on_timer(weir::Timestamp time, ProcessContext<std::int32_t>& context, Collector<MonthRow>& out) {
  if (!tally.has_value()) return;  // a refresh after the month was closed
  refresh(context.key());
  if (time != closes_at(context.key())) return;
  out.collect(*row.get());
  tally.clear();
  live.clear();
  frozen.clear();
}

void MonthQuality::refresh(std::int32_t month) const {
  const Tally& now = *tally.get();
  MonthRow& shown = row.mutate();
  shown = {month, {}, now.requests, now.labelled, {}};
  std::uint64_t most = 0;
  for (const auto& [version, flights] : now.versions) {
    if (flights < most) continue;
    most = flights;
    shown.version = std::to_string(version);
  }
  shown.quality = {auc_of(live), auc_of(frozen), now.live.value(), now.frozen.value()};
}

void append_line(const MonthRow& row, std::string& text) {
  text += std::to_string(row.month) + ',' + row.version + ',' + std::to_string(row.requests) + ',' +
          std::to_string(row.labelled);
  append_maybe(text, row.quality.auc_live);
  append_maybe(text, row.quality.auc_frozen);
  append_maybe(text, row.quality.brier_live);
  append_maybe(text, row.quality.brier_frozen);
  text += '\n';
}

}  // namespace flights
