#include <weir/serving/board_owner.hpp>

#include <memory>
#include <utility>

namespace weir::serving {

bool BoardOwner::post(OwnedModels& slot) {
  bool changed = settle_restored(slot);
  BoardKey key;
  key.blocked_from = slot.blocked_from;
  if (event_time()) {
    for (const TimelineEntry& entry : slot.timeline)
      key.timeline.push_back(
          {entry.effective_at, entry.sequence, posted_of(slot, find_version(slot, entry.version_sequence))});
    changed = true;
  } else {
    key.current = posted_of(slot, slot.current);
    changed = changed || key.current != slot.current_posted;
    slot.current_posted = key.current;
  }
  std::erase_if(slot.posted, [&](const auto& entry) { return find_version(slot, entry.first) == nullptr; });
  if (changed) board_.publish(slot.key_text, std::move(key));
  return changed;
}

// Of restored versions one may have become ready, or may turn out not to load any more.
bool BoardOwner::settle_restored(OwnedModels& slot) {
  bool changed = false;
  for (auto& [sequence, model] : slot.posted) {
    if (model->state() != BoardModel::State::kLoading) continue;
    const ModelVersion* version = find_version(slot, sequence);
    if (version == nullptr)
      model->set_failed();
    else if (version->scorer != nullptr)
      model->set_ready(version->scorer);
    changed = changed || model->state() != BoardModel::State::kLoading;
  }
  return changed;
}

// The board's side of a version; made when there is none.
BoardModelPtr BoardOwner::posted_of(OwnedModels& slot, const ModelVersion* version) {
  if (version == nullptr) return nullptr;
  BoardModelPtr& model = slot.posted[version->facts.sequence];
  if (!model) {
    model = std::make_shared<BoardModel>(version->id, version->facts.sequence, version->facts.record);
    if (version->scorer != nullptr) model->set_ready(version->scorer);
  }
  return model;
}

void BoardOwner::set_progress(Timestamp progress) {
  board_.set_progress(task_, progress);
  board_.wake_all();
}

bool BoardOwner::advance_horizon() {
  const Timestamp least = board_.least_watermark();
  if (least <= horizon_) return false;
  horizon_ = least;
  lifecycle_.set_horizon(least);
  return true;
}

bool BoardOwner::note_first_uses(const std::function<OwnedModels*(const std::string&)>& find) {
  const std::vector<FirstUse> uses = board_.take_first_uses(task_);
  for (const FirstUse& use : uses) {
    OwnedModels* slot = find(use.key_text);
    if (slot == nullptr) continue;
    if (event_time() && use.event_time < slot->blocked_from) lifecycle_.version_at(*slot, use.event_time);
    ModelVersion* version = find_version(*slot, use.sequence);
    if (version != nullptr && version == slot->current && version->awaits_first_record)
      lifecycle_.note_first_record(*slot, *version, use.position, use.event_time);
  }
  return !uses.empty();
}

}  // namespace weir::serving
