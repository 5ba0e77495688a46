// What a Speculator does with all its slow members at once.

#include <algorithm>
#include <limits>

#include <weir/speculation/speculator.hpp>

namespace weir::speculation {
namespace {

constexpr std::int64_t kTryAgainNs = 10'000'000;

}  // namespace

std::size_t Speculator::lane_room(std::int64_t now_ns, const SlowLane::IsWanted& is_wanted) {
  std::size_t room = std::numeric_limits<std::size_t>::max();
  for (std::size_t index = 0; index < members(); ++index) {
    if (lanes_[index] != nullptr && member(index).when_full == QueueFull::kBackPressure &&
        lanes_[index]->responds(now_ns))
      room = std::min(room, lanes_[index]->room(is_wanted));
  }
  return room;
}

std::size_t Speculator::refuse_full_lanes(const KeySlot& slot, std::vector<MemberScore>& scores, std::int64_t now_ns,
                                          const SlowLane::IsWanted& is_wanted) {
  std::size_t left = 0;
  for (std::size_t index = 0; index < scores.size(); ++index) {
    SlowLane* const of_member = lane(index);
    const serving::ModelVersion* version = slot.models[index]->current;
    if (of_member == nullptr || version == nullptr || scores[index].status != VoteStatus::kWaiting) continue;
    const bool is_full = member(index).when_full == QueueFull::kAbstain && of_member->room(is_wanted) == 0;
    if (is_full || !of_member->responds(now_ns)) {
      scores[index].status = VoteStatus::kAbstained;
    } else {
      scores[index].model = version->id;
      ++left;
    }
  }
  return left;
}

void Speculator::pump_lanes(const SlowLane::IsWanted& is_wanted) {
  bool is_refused = false;
  for (const auto& of_member : lanes_) {
    if (of_member == nullptr || of_member->waiting() == 0) continue;
    is_refused = of_member->pump(context_->clock().monotonic_ns(), is_wanted) || is_refused;
    // Records held back by its full queue go on without it then.
    if (of_member->waiting() != 0) context_->wake_at(of_member->unresponsive_at_ns());
  }
  if (is_refused) context_->wake_at(context_->clock().monotonic_ns() + kTryAgainNs);
}

}  // namespace weir::speculation
