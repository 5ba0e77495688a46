// ModelLifecycle: orders (retire, rollback), the event-time line, what is kept, and what goes into state.

#include <algorithm>
#include <utility>

#include <weir/serving/model_lifecycle.hpp>

namespace weir::serving {
namespace {

bool concerns(const StoredVersion& order, const StoredVersion& version) {
  return order.record.name.empty() || order.record.name == version.record.name;
}

}  // namespace

void ModelLifecycle::retire(ModelSlot& slot, StoredVersion order) {
  const TimelineEntry* entry = event_time() ? entry_at(slot, order.effective_at) : nullptr;
  const ModelVersion* in_use =
      event_time() ? (entry == nullptr ? nullptr : find_version(slot, entry->version_sequence)) : slot.chosen;
  const std::string& name = order.record.name;
  if (order.record.version != 0 && (in_use == nullptr || in_use->facts.version != order.record.version)) {
    return refuse(slot, std::move(order), "version " + std::to_string(order.record.version) + " is not current");
  }
  for (NameHistory& history : slot.names) {
    if (!name.empty() && history.name != name) continue;
    history.withdrawn = true;
    history.retired_before = order.sequence;
  }
  if (name.empty()) slot.retired_before = order.sequence;
  if (in_use == nullptr || !concerns(order, in_use->facts)) return;
  if (event_time()) {
    add_to_timeline(slot, order.effective_at, order.sequence, 0);
  } else {
    choose(slot, nullptr, order.sequence, order.effective_at);
  }
  prune(slot);
}

ModelVersion* ModelLifecycle::rollback_target(const ModelSlot& slot, const StoredVersion& order,
                                              const ModelVersion* in_use, std::string& fault) const {
  ModelVersion* target = nullptr;
  for (const auto& version : slot.versions) {
    if (!concerns(order, version->facts) || version.get() == in_use) continue;
    const bool is_candidate = !event_time() && version->facts.state == ModelState::kReady;
    if (is_candidate && order.record.version == 0) continue;
    if (order.record.version != 0) {
      if (version->facts.version == order.record.version) target = version.get();
    } else if (in_use == nullptr || version->facts.sequence < in_use->facts.sequence) {
      target = version.get();
    }
  }
  if (target != nullptr) return target;
  if (order.record.version == 0) {
    fault = "there is no earlier version to roll back to";
  } else if (in_use != nullptr && in_use->facts.version == order.record.version && concerns(order, in_use->facts)) {
    fault = "version " + std::to_string(order.record.version) + " is current already";
  } else {
    fault = "version " + std::to_string(order.record.version) + " is not among those kept";
  }
  return nullptr;
}

void ModelLifecycle::roll_back(ModelSlot& slot, StoredVersion order) {
  const TimelineEntry* entry = event_time() ? entry_at(slot, order.effective_at) : nullptr;
  const ModelVersion* in_use =
      event_time() ? (entry == nullptr ? nullptr : find_version(slot, entry->version_sequence)) : slot.chosen;
  std::string fault;
  ModelVersion* target = rollback_target(slot, order, in_use, fault);
  if (target == nullptr) return refuse(slot, std::move(order), std::move(fault));
  for (NameHistory& history : slot.names) {
    if (history.name == target->facts.record.name) history.withdrawn = history.newest_accepted != target->facts.version;
  }
  if (event_time()) {
    add_to_timeline(slot, order.effective_at, order.sequence, target->facts.sequence);
  } else {
    choose(slot, target, order.sequence, order.effective_at);
  }
  prune(slot);
}

void ModelLifecycle::promote(ModelSlot& slot, StoredVersion order) {
  ModelVersion* target = nullptr;
  for (const auto& version : slot.versions) {
    if (!concerns(order, version->facts)) continue;
    const bool is_wanted = order.record.version != 0 ? version->facts.version == order.record.version
                                                     : version->facts.state == ModelState::kReady;
    if (is_wanted && version.get() != slot.chosen) target = version.get();
  }
  if (target == nullptr) {
    const std::string version = std::to_string(order.record.version);
    const bool is_chosen =
        order.record.version != 0 && slot.chosen != nullptr && slot.chosen->facts.version == order.record.version;
    return refuse(slot, std::move(order),
                  is_chosen        ? "version " + version + " is current already"
                  : version == "0" ? "no version is ready and waits to be promoted"
                                   : "version " + version + " is not among those kept, or not ready yet");
  }
  for (NameHistory& history : slot.names) {
    if (history.name == target->facts.record.name) history.withdrawn = history.newest_accepted != target->facts.version;
  }
  choose(slot, target, order.sequence, order.effective_at);
  prune(slot);
}

void ModelLifecycle::pause(ModelSlot& slot, StoredVersion order, bool paused) {
  if (slot.is_paused == paused)
    return refuse(slot, std::move(order), paused ? "the key is paused already" : "the key is not paused");
  slot.is_paused = paused;
  make_current(slot, paused ? nullptr : slot.chosen, slot.current_since, order.effective_at);
  mark_models(slot);
}

const TimelineEntry* ModelLifecycle::entry_at(const ModelSlot& slot, Timestamp time) const {
  const auto after = std::upper_bound(slot.timeline.begin(), slot.timeline.end(), time,
                                      [](Timestamp at, const TimelineEntry& entry) { return at < entry.effective_at; });
  return after == slot.timeline.begin() ? nullptr : &*std::prev(after);
}

ModelVersion* ModelLifecycle::look_up(ModelSlot& slot, Timestamp time) {
  const TimelineEntry* entry = entry_at(slot, time);
  const TimelineEntry* next = entry == nullptr ? slot.timeline.data() : entry + 1;
  const TimelineEntry* end = slot.timeline.data() + slot.timeline.size();
  slot.cached = entry == nullptr ? nullptr : find_version(slot, entry->version_sequence);
  slot.cached_from = entry == nullptr ? kMinTimestamp : entry->effective_at;
  slot.cached_until = next == end ? kMaxTimestamp : next->effective_at;
  if (entry != nullptr &&
      std::pair(entry->effective_at, entry->sequence) > std::pair(slot.current_from, slot.current_since)) {
    make_current(slot, slot.cached, entry->sequence, entry->effective_at);
  }
  return slot.cached;
}

void ModelLifecycle::add_to_timeline(ModelSlot& slot, Timestamp effective_at, std::uint64_t sequence,
                                     std::uint64_t version_sequence) {
  const TimelineEntry entry{effective_at, sequence, version_sequence};
  const auto place = std::upper_bound(
      slot.timeline.begin(), slot.timeline.end(), entry, [](const TimelineEntry& left, const TimelineEntry& right) {
        return std::pair(left.effective_at, left.sequence) < std::pair(right.effective_at, right.sequence);
      });
  slot.timeline.insert(place, entry);
  slot.cached_from = kMaxTimestamp;
  slot.cached_until = kMinTimestamp;
  mark_models(slot);
}

void ModelLifecycle::prune(ModelSlot& slot) {
  auto& timeline = slot.timeline;
  const std::size_t kept = options_.keep_versions;
  while (timeline.size() > kept && timeline[1].effective_at <= horizon_) timeline.erase(timeline.begin());
  if (slot.versions.size() <= kept) return;
  std::vector<std::unique_ptr<ModelVersion>> stay;
  for (std::size_t i = 0; i < slot.versions.size(); ++i) {
    auto& version = slot.versions[i];
    const bool is_recent = i + kept >= slot.versions.size();
    const bool is_in_timeline = std::any_of(timeline.begin(), timeline.end(), [&](const TimelineEntry& entry) {
      return entry.version_sequence == version->facts.sequence;
    });
    if (is_recent || is_in_timeline || version.get() == slot.current || version.get() == slot.chosen) {
      stay.push_back(std::move(version));
    } else {
      if (version->facts.state != ModelState::kRetired) enter(slot, version->facts, ModelState::kRetired);
      if (version->scorer != nullptr) unload(*version);
      loader_->dispose(std::move(version->rest->bytes));
    }
  }
  slot.versions = std::move(stay);
  slot.cached_from = kMaxTimestamp;
  slot.cached_until = kMinTimestamp;
}

void ModelLifecycle::touch_blocked_from(ModelSlot& slot) const {
  slot.blocked_from = kMaxTimestamp;
  if (!event_time()) return;
  for (const PendingModel& pending : slot.pending)
    slot.blocked_from = std::min(slot.blocked_from, pending.facts.effective_at);
}

KeyModels ModelLifecycle::view_of(const ModelSlot& slot) const {
  KeyModels view;
  view.next_sequence = slot.next_sequence;
  view.current = slot.current == nullptr ? 0 : slot.current->facts.sequence;
  view.chosen = slot.chosen == nullptr ? 0 : slot.chosen->facts.sequence;
  view.paused = slot.is_paused;
  view.current_since = slot.current_since;
  view.current_from = slot.current_from;
  view.retired_before = slot.retired_before;
  for (const auto& version : slot.versions) view.versions.push_back(version->facts);
  for (const PendingModel& pending : slot.pending) {
    StoredVersion& facts = view.pending.emplace_back(pending.facts);
    facts.state = pending.done ? ModelState::kReady : loader_->stage(pending.load_id);
  }
  view.refused = slot.refused;
  view.names = slot.names;
  view.timeline = slot.timeline;
  return view;
}

KeyModels ModelLifecycle::state_of(const ModelSlot& slot) const {
  KeyModels state = view_of(slot);
  if (!keeps_blobs_) return state;  // without a job directory nothing outlives the process
  for (std::size_t i = 0; i < slot.versions.size(); ++i) {
    if (slot.versions[i]->rest->bytes) state.versions[i].record.data = *slot.versions[i]->rest->bytes;
  }
  auto facts = state.pending.begin();
  for (const PendingModel& pending : slot.pending) {
    facts->state = ModelState::kReceived;
    if (pending.bytes) facts->record.data = *pending.bytes;
    ++facts;
  }
  return state;
}

void ModelLifecycle::restore(ModelSlot& slot, KeyModels state, SwapLog swaps) {
  if (!std::exchange(slot.is_known, true)) slots_.push_back(&slot);
  slot.is_paused = state.paused;
  slot.next_sequence = state.next_sequence;
  slot.current_since = state.current_since;
  slot.current_from = state.current_from;
  slot.retired_before = state.retired_before;
  slot.refused = std::move(state.refused);
  slot.names = std::move(state.names);
  slot.timeline = std::move(state.timeline);
  slot.swaps = std::move(swaps);
  for (StoredVersion& facts : state.versions) {
    const std::string* name = intern_model_name(facts.record.name);
    if (name == nullptr) continue;  // cannot be: it was interned when it was accepted, and the names are bounded
    auto& version = slot.versions.emplace_back(std::make_unique<ModelVersion>());
    if (facts.record.data) version->rest->bytes = std::make_shared<const std::string>(std::move(*facts.record.data));
    facts.record.data.reset();
    version->facts = std::move(facts);
    version->id = {name, version->facts.version, version->facts.digest};
    if (version->facts.sequence == state.current) slot.current = version.get();
    if (version->facts.sequence == state.chosen) slot.chosen = version.get();
  }
  // The current version first: records wait for it. Beyond the budget a model is loaded when a record needs it.
  const auto load_again = [&](ModelVersion& version) {
    attach_metrics(*context_, slot.key_text, version);
    restored_bytes_ += version.facts.memory_bytes;
    if (budget_bytes_ == 0 || restored_bytes_ <= budget_bytes_ || !version.facts.in_blob_store) reload(slot, version);
  };
  if (slot.current != nullptr) load_again(*slot.current);
  for (const auto& version : slot.versions)
    if (version.get() != slot.current) load_again(*version);
  for (StoredVersion& facts : state.pending) {
    PendingModel& pending = slot.pending.emplace_back();
    if (facts.record.data) pending.bytes = std::make_shared<const std::string>(std::move(*facts.record.data));
    facts.record.data.reset();
    pending.facts = std::move(facts);
    pending.done = pending.facts.record.control != ModelControl::kNone;
    if (!pending.done) start_load(slot, pending);
  }
  if (event_time()) resolve_ready(slot);
  poll();
}

}  // namespace weir::serving
