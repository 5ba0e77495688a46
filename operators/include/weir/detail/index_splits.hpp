#pragma once
/// How the tasks of a source share the numbers 0, 1, 2, ...: split s holds the numbers that leave s when divided by the
/// job's max parallelism, and task t of p owns the splits t, t + p, ... So numbers stay with their split when the
/// parallelism changes, and one task alone counts 0, 1, 2 in order.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include <weir/operator.hpp>
#include <weir/status.hpp>

namespace weir::detail {

/// Numbers come in ascending order. While splits taken over from tasks that were not equally far are brought level,
/// they come one by one; afterwards in arithmetic runs. Thread: the task's.
class IndexSplits {
 public:
  static constexpr std::uint64_t kEndless = std::numeric_limits<std::uint64_t>::max();

  struct Run {
    std::uint64_t first = 0;
    std::uint64_t step = 1;
    std::size_t count = 0;  ///< 0: nothing more in this poll
  };

  /// Numbers below `count`; from where the checkpoint left them.
  Status open(const OperatorContext& context, std::uint64_t count);
  void begin_poll();
  /// Up to `limit` numbers, which count as handed out.
  Run next(std::size_t limit);
  [[nodiscard]] bool at_end() const noexcept { return next_index() >= count_; }
  void snapshot(SnapshotBuilder& builder) const;
  /// As if the numbers from `index` on had not been handed out by the calls of next() since begin_poll().
  void snapshot_from(std::uint64_t index, SnapshotBuilder& builder) const;

 private:
  struct SplitNext {
    std::uint64_t index;  // the next number of its split
    friend bool operator>(SplitNext a, SplitNext b) noexcept { return a.index > b.index; }
  };
  [[nodiscard]] std::uint64_t next_index() const noexcept;
  [[nodiscard]] bool is_level() const noexcept { return behind_.empty(); }
  void put_level(std::uint64_t next, SnapshotBuilder& builder) const;
  void put_list(const std::vector<std::uint64_t>& nexts, SnapshotBuilder& builder) const;

  std::uint64_t count_ = 0;
  std::uint64_t splits_ = 1;
  std::uint64_t task_ = 0;
  std::uint64_t tasks_ = 1;
  std::uint64_t next_ = 0;                 // level: the smallest number not handed out
  std::vector<SplitNext> behind_;          // not level: a heap of every owned split, the smallest first
  std::uint64_t farthest_ = 0;             // not level: the greatest `index` there was
  std::vector<std::uint64_t> one_by_one_;  // handed out since begin_poll() while not level
};

}  // namespace weir::detail
