#pragma once
/// LateQueue: scores that came too late, on their way to whoever listens to kLateScoresName.

#include <cstddef>
#include <deque>
#include <optional>

#include <weir/operator.hpp>
#include <weir/speculated.hpp>
#include <weir/speculation/slow_lane.hpp>

namespace weir::speculation {

/// Thread: the task's.
class LateQueue {
 public:
  static constexpr std::size_t kMost = 10'000;  ///< further ones are dropped

  void open(OperatorContext& context) { output_ = context.side_output(kLateScoresName); }
  /// Dropped when nobody listens.
  void add(const KeySlot& slot, SlowScore score);
  /// As far as there is room. True when any went.
  bool send(Outbox& out);
  [[nodiscard]] bool empty() const noexcept { return waiting_.empty(); }

 private:
  std::optional<std::size_t> output_;
  std::deque<LateScore> waiting_;
};

}  // namespace weir::speculation
