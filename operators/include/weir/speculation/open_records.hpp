#pragma once
/// OpenRecords: the records of one task that have not been sent yet, in the order in which they started: when each is
/// due, which are decided, and which watermarks wait behind them.
///
/// Thread: the task's.

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include <weir/decision_policy.hpp>
#include <weir/speculation/batch_votes.hpp>
#include <weir/time.hpp>

namespace weir::speculation {

class OpenRecords {
 public:
  struct Record {
    KeySlot* slot = nullptr;
    std::int64_t started_ns = 0;
    std::int64_t deadline_ns = 0;
    const DecisionPolicy* policy = nullptr;
    bool decided = false;
  };
  /// Id and record; stays where it is until it is sent.
  using Entry = std::pair<const std::uint64_t, Record>;

  /// An id that none has had.
  std::uint64_t take_id() noexcept { return next_id_++; }
  /// Ids begin behind this one.
  void ids_after(std::uint64_t id) noexcept { next_id_ = id + 1; }

  /// Undecided: it becomes due; decided: it is the last to be sent.
  void add(std::uint64_t id, const Record& record);
  /// Null when it has been sent, or never was open.
  [[nodiscard]] Entry* find(std::uint64_t id);
  [[nodiscard]] Entry* find_undecided(std::uint64_t id);
  /// Its decision has been made: it is sent after those decided before.
  void note_decided(Entry& entry);

  /// One that is undecided at its deadline; the deadline itself is too late. Null: none.
  [[nodiscard]] Entry* due(std::int64_t now_ns);
  [[nodiscard]] std::optional<std::int64_t> next_deadline_ns() const;

  /// The one decided first, of those not sent; null: none.
  [[nodiscard]] Entry* first_decided();
  /// The record that first_decided() gave has been sent.
  void note_sent();

  /// A watermark waits for all records that started before it.
  void add_watermark(Timestamp watermark);
  /// The next watermark that waits for nothing any more, once.
  [[nodiscard]] std::optional<Timestamp> take_watermark();

  [[nodiscard]] bool empty() const noexcept { return records_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }
  [[nodiscard]] bool any_decided() const noexcept { return !decided_.empty(); }

 private:
  std::uint64_t next_id_ = 1;
  std::map<std::uint64_t, Record> records_;
  std::set<std::pair<std::int64_t, std::uint64_t>> deadlines_;  // of those undecided
  std::deque<std::uint64_t> decided_;                           // not sent yet
  std::deque<std::pair<Timestamp, std::uint64_t>> watermarks_;  // and the first id after each
};

}  // namespace weir::speculation
