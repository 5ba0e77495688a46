#include <weir/serving/board_reader.hpp>

#include <algorithm>

#include <weir/serving/model_lifecycle.hpp>

namespace weir::serving {
namespace {

bool is_posted(const BoardKey* key, const BoardModelPtr& model) {
  if (key == nullptr) return false;
  return key->current == model || std::any_of(key->timeline.begin(), key->timeline.end(),
                                              [&](const BoardEntry& entry) { return entry.model == model; });
}

ReaderVersion* version_of(ReaderSlot& slot, const BoardModelPtr& model) {
  if (model == nullptr) return nullptr;
  for (const auto& version : slot.versions_here)
    if (version->model == model) return version.get();
  ReaderVersion& added = *slot.versions_here.emplace_back(std::make_unique<ReaderVersion>());
  added.model = model;
  added.id = model->id();
  added.facts.record = model->record();
  return &added;
}

}  // namespace

bool BoardReader::refresh() {
  if (event_time_) return (!table_ || table_->version != board_.version()) && adopt(board_.latest());
  return !std::exchange(initial_taken_, true) && adopt(board_.initial());
}

bool BoardReader::pass_barrier(std::uint64_t barrier) {
  if (event_time_) return false;
  initial_taken_ = true;
  return adopt(board_.at_barrier(barrier));
}

// What the table says of the key: looked up once per table.
void BoardReader::look_at_table(ReaderSlot& slot) {
  slot.table_version = table_->version;
  const auto found = table_->keys.find(slot.key_text);
  slot.posted = found == table_->keys.end() ? nullptr : &found->second;
  slot.cached_from = kMaxTimestamp;
  slot.cached_until = kMinTimestamp;
  std::erase_if(slot.versions_here, [&](const auto& version) { return !is_posted(slot.posted, version->model); });
  slot.current = slot.posted == nullptr ? nullptr : version_of(slot, slot.posted->current);
}

// False: a model that is still loading may count at that time.
bool BoardReader::find_in_timeline(ReaderSlot& slot, Timestamp time) {
  if (slot.posted != nullptr && time >= slot.posted->blocked_from) return false;
  slot.cached = nullptr;
  slot.cached_from = kMinTimestamp;
  slot.cached_until = kMaxTimestamp;
  if (slot.posted == nullptr) return true;
  slot.cached_until = slot.posted->blocked_from;
  for (const BoardEntry& entry : slot.posted->timeline) {
    if (entry.effective_at > time) {
      slot.cached_until = std::min(slot.cached_until, entry.effective_at);
      break;
    }
    slot.cached = version_of(slot, entry.model);
    slot.cached_from = entry.effective_at;
  }
  return true;
}

// False: it is being loaded again after a restart. One that could not be counts as none.
bool BoardReader::take_scorer(ReaderSlot& slot, ModelVersion*& version) {
  auto& here = static_cast<ReaderVersion&>(*version);
  switch (here.model->state()) {
    case BoardModel::State::kLoading: return false;
    case BoardModel::State::kFailed: version = nullptr; return true;
    case BoardModel::State::kReady: break;
  }
  here.set_scorer(here.model->scorer());
  here.awaits_first_record = true;
  ModelLifecycle::attach_metrics(context_, slot.key_text, here);
  return true;
}

}  // namespace weir::serving
