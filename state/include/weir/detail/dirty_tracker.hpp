#pragma once
/// Which cells of a table changed since when: the bookkeeping behind freeze(), drain(), committed() and aborted().
///
/// Each cell carries an epoch. Epochs of changes are even; the table's current epoch grows by two at each freeze.
///
///   cell.epoch <= committed             clean: stored as it is
///   cell.epoch == current               dirty, on the current list
///   committed < cell.epoch <= frozen    frozen and not drained (its own epoch may be of an aborted checkpoint)
///   cell.epoch == frozen + 1            frozen and drained: its value was given away, the outcome is open
///
/// Invariant: a cell that is on a list is not clean, so clean cells can be removed without a search.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <weir/check.hpp>

namespace weir::detail {

template <class Reference>
class DirtyTracker {
 public:
  [[nodiscard]] bool is_clean(std::uint32_t epoch) const noexcept { return epoch <= committed_; }
  [[nodiscard]] bool is_current(std::uint32_t epoch) const noexcept { return epoch == current_; }

  /// Marks a cell as changed. `save` is called first when the frozen checkpoint still needs the value it has.
  template <class Save>
  void touch(std::uint32_t& epoch, Reference reference, Save&& save) {
    if (is_current(epoch)) return;
    if (frozen_ && epoch > committed_ && epoch <= frozen_epoch_) save();
    epoch = current_;
    dirty_.push_back(reference);
  }

  void freeze() {
    WEIR_CHECK(!frozen_, "one checkpoint at a time");
    frozen_ = true;
    frozen_epoch_ = current_;
    current_ += 2;
    lists_ = std::move(carried_);
    carried_.clear();
    lists_.push_back(std::exchange(dirty_, std::move(spare_)));
    spare_ = {};
    list_ = position_ = 0;
  }

  /// Calls `emit(reference)` for up to `max` frozen cells not drained yet; true when none is left. `epoch_of` gives a
  /// reference to the cell's epoch.
  template <class EpochOf, class Emit>
  bool drain(std::size_t max, EpochOf&& epoch_of, Emit&& emit) {
    WEIR_CHECK(frozen_, "drain() follows freeze()");
    // Cells passed over count too: a call is bounded, whatever was saved before.
    for (std::size_t seen = 0; list_ < lists_.size(); ++list_, position_ = 0) {
      for (; position_ < lists_[list_].size(); ++position_) {
        if (seen++ == max) return false;
        const Reference reference = lists_[list_][position_];
        std::uint32_t& epoch = epoch_of(reference);
        if (epoch <= committed_ || epoch > frozen_epoch_) continue;
        emit(reference);
        epoch = frozen_epoch_ + 1;
      }
    }
    return true;
  }

  void commit() {
    WEIR_CHECK(frozen_ && list_ == lists_.size(), "committed() follows a freeze() that was drained");
    frozen_ = false;
    committed_ = frozen_epoch_ + 1;
    spare_ = std::move(lists_.back());
    spare_.clear();
    lists_.clear();
  }
  void abort() {
    WEIR_CHECK(frozen_, "aborted() follows freeze()");
    frozen_ = false;
    carried_ = std::move(lists_);
    lists_.clear();
    list_ = position_ = 0;
  }

  /// References on lists of aborted checkpoints; they may repeat, so who owns the cells replaces them when too many.
  [[nodiscard]] std::size_t carried() const noexcept {
    std::size_t count = 0;
    for (const auto& list : carried_) count += list.size();
    return count;
  }
  void replace_carried(std::vector<Reference> references) {
    carried_.clear();
    carried_.push_back(std::move(references));
  }
  /// Cells that are not clean; those changed again since the freeze, or carried, may count twice.
  [[nodiscard]] std::size_t dirty() const noexcept {
    std::size_t count = dirty_.size() + carried();
    for (const auto& list : lists_) count += list.size();
    return count;
  }

 private:
  std::vector<Reference> dirty_;
  std::vector<Reference> spare_;                 // an emptied list, kept for its memory
  std::vector<std::vector<Reference>> lists_;    // frozen
  std::vector<std::vector<Reference>> carried_;  // of aborted checkpoints
  std::size_t list_ = 0;                         // drained up to here
  std::size_t position_ = 0;
  std::uint32_t current_ = 2;
  std::uint32_t frozen_epoch_ = 0;
  std::uint32_t committed_ = 1;
  bool frozen_ = false;
};

}  // namespace weir::detail
