#pragma once
/// BoardReader: which model of the ModelBoard scores a record, for one task. Thread: the task's.

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include <weir/operator.hpp>
#include <weir/serving/model_board.hpp>
#include <weir/serving/model_slot.hpp>

namespace weir::serving {

/// This task's own working memory beside a model of the board.
struct ReaderVersion : ModelVersion {
  BoardModelPtr model;
};

/// A key whose records come by. `current` is the arrival mode's version, `cached…` the event time's, as in ModelSlot.
struct ReaderSlot : ModelSlot {
  using ModelSlot::ModelSlot;
  std::uint32_t owner = 0;              ///< the task that owns the key
  std::uint64_t table_version = 0;      ///< for which `posted` was looked up
  const BoardKey* posted = nullptr;     ///< null: nothing is published of the key
  KeyStatistics* statistics = nullptr;  ///< in this task's share
  std::vector<std::unique_ptr<ReaderVersion>> versions_here;
};

class BoardReader {
 public:
  BoardReader(OperatorContext& context, ModelBoard& board, bool event_time)
      : context_(context), board_(board), event_time_(event_time) {}

  /// At the start of each call of the task. Event time: the latest table. Arrival: the first table, once, which holds
  /// what was published while the operator was opened (after a restart). True when the table is another one.
  bool refresh();
  /// Arrival: the table for records behind this barrier. True when it is another one.
  bool pass_barrier(std::uint64_t barrier);
  /// When no record comes any more: what there is at last.
  bool adopt_latest() { return adopt(board_.latest()); }

  /// Is it settled which version (null: none) scores the slot's records, by event time those of `time`? Call refresh()
  /// before. Versions stay valid until the next table.
  bool decided(ReaderSlot& slot, Timestamp time, ModelVersion*& version) {
    if (slot.table_version != table_->version) [[unlikely]]
      look_at_table(slot);
    if (event_time_) {
      if (time > table_->progress[slot.owner]) return false;
      if ((time < slot.cached_from || time >= slot.cached_until) && !find_in_timeline(slot, time)) return false;
    }
    version = event_time_ ? slot.cached : slot.current;
    return version == nullptr || version->scorer != nullptr || take_scorer(slot, version);
  }

 private:
  bool adopt(BoardTablePtr table) {
    if (table == table_) return false;
    table_ = std::move(table);
    return true;
  }
  void look_at_table(ReaderSlot& slot);
  bool find_in_timeline(ReaderSlot& slot, Timestamp time);
  bool take_scorer(ReaderSlot& slot, ModelVersion*& version);

  OperatorContext& context_;
  ModelBoard& board_;
  const bool event_time_;
  BoardTablePtr table_;  // what this task scores with
  bool initial_taken_ = false;
};

}  // namespace weir::serving
