#include <weir/speculation/late_queue.hpp>

#include <utility>

#include <weir/serving/side_batch.hpp>
#include <weir/speculation/speculator.hpp>

namespace weir::speculation {

void LateQueue::add(const KeySlot& slot, SlowScore score) {
  if (!output_ || waiting_.size() >= kMost) return;
  waiting_.push_back({slot.key_text, score.subject.event_time, score.subject.position,
                      score.ended_ns - score.subject.started_ns, std::move(score.score)});
}

bool LateQueue::send(Outbox& out) {
  bool any = false;
  while (!waiting_.empty() && out.room(*output_) != 0) {
    const Timestamp time = waiting_.front().event_time;
    const std::uint64_t position = waiting_.front().position;
    serving::append(out.batch<LateScore>(*output_), std::move(waiting_.front()), time, position);
    waiting_.pop_front();
    any = true;
  }
  return any;
}

}  // namespace weir::speculation
