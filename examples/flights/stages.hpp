#pragma once
// The demo's own operators: scores meet outcomes, and quality is counted by month.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <boost/describe/class.hpp>

#include <weir/process_function.hpp>
#include <weir/scored.hpp>

#include "auc.hpp"
#include "events.hpp"
#include "report.hpp"

namespace flights {

BOOST_DESCRIBE_STRUCT(Quality, (), (auc_live, auc_frozen, brier_live, brier_frozen))
BOOST_DESCRIBE_STRUCT(MonthRow, (), (month, version, requests, labelled, quality))

// What is left of a scored request.
struct Score {
  std::int64_t id = 0;
  std::int32_t month = 0;
  bool frozen = false;  // by the frozen model, else by the live one
  weir::ScoreStatus status = weir::ScoreStatus::kNoModel;
  std::int64_t version = 0;
  double probability = 0;  // meaningless unless status is kOk
};
BOOST_DESCRIBE_STRUCT(Score, (), (id, month, frozen, status, version, probability))
Score to_score(const weir::Scored<FlightRequest>& scored, bool frozen);

// A flight whose outcome is known, with what the models had said.
struct Evaluated {
  std::int64_t id = 0;
  std::int32_t month = 0;
  std::optional<std::int32_t> late;
  Score live;
  Score frozen;
  // Both models gave a probability, and the flight arrived: it counts in quality.
  [[nodiscard]] bool counts() const {
    return late && live.status == weir::ScoreStatus::kOk && frozen.status == weir::ScoreStatus::kOk;
  }
};
// `id,month,late,status,version,p_live,p_frozen` and a line feed. Numbers read back as the same doubles; no latencies,
// so the same from run to run.
void append_line(const Evaluated& flight, std::string& text);

// The two scores and the outcome of a flight meet, in whatever order they come; then the flight is forgotten.
// A second score or outcome of the same kind fails the job.
struct MeetOutcome : weir::CoProcessFunction<std::int64_t, Score, FlightOutcome, Evaluated> {
  struct Waiting {
    std::optional<Score> live;
    std::optional<Score> frozen;
    bool has_outcome = false;
    std::optional<std::int32_t> late;
    weir::Timestamp landed;
    BOOST_DESCRIBE_CLASS(Waiting, (), (live, frozen, has_outcome, late, landed), (), ())
  };
  weir::ValueState<Waiting> waiting;

  void open(weir::OpenContext<std::int64_t>& context);
  void process_left(const Score& score, weir::ProcessContext<std::int64_t>& context, weir::Collector<Evaluated>& out);
  void process_right(const FlightOutcome& outcome, weir::ProcessContext<std::int64_t>& context,
                     weir::Collector<Evaluated>& out);

 private:
  void leave_when_complete(weir::Collector<Evaluated>& out);
};

// AUC and Brier score of a month's flights, exact. State `by-month` shows where they stood at a midnight (UTC) of
// the last three days of event time; two days after the month's end, when every flight has landed, its row is put out
// and the counts go.
struct MonthQuality : weir::ProcessFunction<std::int32_t, Evaluated, MonthRow> {
  struct Counts {
    std::uint64_t positives = 0;
    std::uint64_t negatives = 0;
  };
  struct Tally {
    std::uint64_t requests = 0;
    std::uint64_t labelled = 0;
    Brier live;
    Brier frozen;
    std::map<std::int64_t, std::uint64_t> versions;  // how many flights each live version scored
    weir::Timestamp next_refresh = weir::kMinTimestamp;
  };
  weir::ValueState<Tally> tally;
  weir::MapState<double, Counts> live;    // by score
  weir::MapState<double, Counts> frozen;  // by score
  weir::ValueState<MonthRow> row;

  void open(weir::OpenContext<std::int32_t>& context);
  void process(const Evaluated& flight, weir::ProcessContext<std::int32_t>& context, weir::Collector<MonthRow>& out);
  void on_timer(weir::Timestamp time, weir::ProcessContext<std::int32_t>& context, weir::Collector<MonthRow>& out);

  // When all flights requested in a month of 2013 are taken to have landed.
  static weir::Timestamp closes_at(std::int32_t month);

 private:
  void refresh(std::int32_t month) const;
};

// `month,version,requests,labelled,auc_live,auc_frozen,brier_live,brier_frozen` and a line feed.
void append_line(const MonthRow& row, std::string& text);

}  // namespace flights
