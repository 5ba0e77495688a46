#include <weir/serving/model_lifecycle.hpp>

#include <algorithm>
#include <utility>

#include <weir/blob_store.hpp>
#include <weir/json.hpp>

#include "operators/serving/serving_log.hpp"

namespace weir::serving {
namespace {

constexpr std::int64_t kLargestVersion = std::int64_t{1} << 53;  // exact in JSON
constexpr std::size_t kMostNames = 64;                           // per key

NameHistory& name_of(ModelSlot& slot, const std::string& name) {
  for (NameHistory& history : slot.names)
    if (history.name == name) return history;
  return slot.names.emplace_back(NameHistory{.name = name});
}

std::string version_text(const StoredVersion& facts) { return "version " + std::to_string(facts.version); }

}  // namespace

Status check_serve_options(const ServeOptions& options, bool can_hold) {
  const bool by_event_time = options.effect == ModelEffect::kEventTime;
  if (by_event_time && options.no_model == NoModelPolicy::kHold) {
    return Status::invalid_argument(
        "serve models: no_model = hold has no meaning with effect = event_time, where no model comes late");
  }
  if ((by_event_time || options.no_model == NoModelPolicy::kHold) && !can_hold) {
    return Status::invalid_argument(
        "serve models: records that may wait for a model must be storable (weir/serde.hpp) and default-constructible");
  }
  return {};
}

const NameHistory* find_name(const ModelSlot& slot, std::string_view name) {
  for (const NameHistory& history : slot.names)
    if (history.name == name) return &history;
  return nullptr;
}

ModelVersion* find_version(const ModelSlot& slot, std::uint64_t sequence) {
  for (const auto& version : slot.versions)
    if (version->facts.sequence == sequence) return version.get();
  return nullptr;
}

ModelLifecycle::ModelLifecycle(ServeOptions options, ModelRuntimes runtimes, FeatureSchema features)
    : options_(std::move(options)), runtimes_(std::move(runtimes)), features_(std::move(features)) {
  options_.keep_versions = std::max<std::size_t>(options_.keep_versions, 1);
}

Status ModelLifecycle::open(OperatorContext& context) {
  context_ = &context;
  auto config = std::make_shared<LoaderConfig>();
  config->runtimes = runtimes_;
  config->features = features_;
  config->outputs = options_.outputs;
  config->limits = options_.limits;
  config->directories = options_.model_directories;
  config->signature_keys = options_.signature_keys;
  config->warm_up_rows = options_.warm_up_rows;
  config->max_loads = std::max<std::size_t>(options_.max_loads, 1);
  if (!context.job_directory().empty()) {
    WEIR_ASSIGN_OR_RETURN(config->blobs, BlobStore::open(context.job_directory() + "/models"));
    keeps_blobs_ = true;
  }
  loader_ = std::make_unique<ModelLoader>(std::move(config), context.executor(), context.waker());
  // What is unloaded must be there to be loaded again.
  if (keeps_blobs_ && options_.model_memory_bytes != 0)
    budget_bytes_ = std::max<std::uint64_t>(1, options_.model_memory_bytes / context.parallelism());
  const auto metric = [&context](std::string_view name, std::string help) {
    return &context.described_metric(name, {.help = std::move(help)});
  };
  received_ = metric("models_received_total", "records of the model stream that were taken");
  refused_ = metric("models_refused_total", "models and orders that were refused");
  ignored_ = metric("models_ignored_total", "records of the model stream for models of other names");
  swaps_ = metric("model_swaps_total", "switches of a key from one model, or none, to another");
  memory_ = metric("model_memory_bytes", "memory of the models that are loaded");
  unloads_ = metric("models_unloaded_total", "models let go of to stay within model_memory_bytes");
  return {};
}

void ModelLifecycle::receive(ModelSlot& slot, ModelRecord record, std::optional<Timestamp> time) {
  const bool is_order = record.control != ModelControl::kNone;
  const bool for_all_names = is_order && record.name.empty();
  if (!options_.model_name.empty() && record.name != options_.model_name && !for_all_names) {
    ignored_->add(1);
    return;
  }
  received_->add(1);
  mark_models(slot);
  if (!std::exchange(slot.is_known, true)) slots_.push_back(&slot);
  StoredVersion facts;
  facts.sequence = slot.next_sequence++;
  facts.version = record.version;
  facts.effective_at = record.effective_at.value_or(time.value_or(kMinTimestamp));
  // Behind the model stream's watermark: records of that time may have left already.
  if (event_time() && progress_ != kMinTimestamp && facts.effective_at <= progress_) {
    facts.effective_at = progress_ == kMaxTimestamp ? kMaxTimestamp : progress_ + Duration{1};
  }
  facts.record = std::move(record);
  is_order ? receive_order(slot, std::move(facts)) : receive_model(slot, std::move(facts));
}

void ModelLifecycle::receive_model(ModelSlot& slot, StoredVersion facts) {
  enter(slot, facts, ModelState::kReceived);
  if (const Status fault = check(facts.record); !fault.is_ok()) return refuse(slot, std::move(facts), fault.message());
  if (facts.version > kLargestVersion) {
    return refuse(slot, std::move(facts), version_text(facts) + " is larger than " + std::to_string(kLargestVersion));
  }
  if (find_name(slot, facts.record.name) == nullptr && slot.names.size() >= kMostNames) {
    return refuse(slot, std::move(facts), "the key has models of " + std::to_string(kMostNames) + " names already");
  }
  NameHistory& history = name_of(slot, facts.record.name);
  if (facts.version == 0) facts.version = history.newest_received + 1;
  if (facts.version < history.newest_accepted) {
    return refuse(slot, std::move(facts),
                  "stale: " + version_text(facts) + " comes after version " + std::to_string(history.newest_accepted));
  }
  history.newest_received = std::max(history.newest_received, facts.version);
  PendingModel& pending = slot.pending.emplace_back();
  if (facts.record.data) {
    facts.bytes = facts.record.data->size();
    pending.bytes = std::make_shared<const std::string>(std::move(*facts.record.data));
    facts.record.data.reset();
  }
  pending.facts = std::move(facts);
  start_load(slot, pending);
  touch_blocked_from(slot);
  poll();
}

void ModelLifecycle::receive_order(ModelSlot& slot, StoredVersion facts) {
  enter(slot, facts, ModelState::kReceived);
  if (const Status fault = check(facts.record); !fault.is_ok()) return refuse(slot, std::move(facts), fault.message());
  if (event_time()) {
    const ModelControl control = facts.record.control;
    if (control != ModelControl::kRetire && control != ModelControl::kRollback) {
      return refuse(slot, std::move(facts),
                    std::string(to_string(control)) +
                        " has no meaning with effect = event_time, where a model's time decides; retire and rollback "
                        "take an effective_at");
    }
    PendingModel& pending = slot.pending.emplace_back();
    pending.facts = std::move(facts);
    pending.done = true;
    return resolve_ready(slot);
  }
  carry_out(slot, std::move(facts));
}

void ModelLifecycle::carry_out(ModelSlot& slot, StoredVersion order) {
  switch (order.record.control) {
    case ModelControl::kRetire: return retire(slot, std::move(order));
    case ModelControl::kRollback: return roll_back(slot, std::move(order));
    case ModelControl::kPromote: return promote(slot, std::move(order));
    case ModelControl::kPause: return pause(slot, std::move(order), true);
    case ModelControl::kResume: return pause(slot, std::move(order), false);
    case ModelControl::kNone: break;
  }
}

void ModelLifecycle::start_load(ModelSlot& slot, PendingModel& pending) {
  pending.load_id = next_load_++;
  loads_.emplace(pending.load_id, &slot);
  loader_->request({pending.load_id, pending.facts.record, pending.bytes, pending.facts.digest});
}

bool ModelLifecycle::poll() {
  bool progress = false;
  ModelLoader::News news = loader_->take_news();
  for (const auto& [id, stage] : news.entered) on_stage(id, stage);
  for (LoadResult& result : news.finished) {
    progress = true;
    const auto load = loads_.extract(result.id);
    on_loaded(*load.mapped(), std::move(result));
  }
  // The executor is full with others' work and nothing of ours will wake us: look again a little later.
  if (loader_->pump()) context_->schedule(context_->clock().now() + std::chrono::milliseconds(10));
  return progress;
}

// That a model which was accepted long ago is loaded again is no step of its life.
void ModelLifecycle::on_stage(std::uint64_t load_id, ModelState stage) {
  if (reloads_.contains(load_id)) return;
  ModelSlot& slot = *loads_.at(load_id);
  const auto pending = std::find_if(slot.pending.begin(), slot.pending.end(),
                                    [&](const PendingModel& one) { return one.load_id == load_id; });
  if (pending != slot.pending.end()) enter(slot, pending->facts, stage);
}

void ModelLifecycle::on_loaded(ModelSlot& slot, LoadResult result) {
  mark_models(slot);
  if (const auto reload = reloads_.extract(result.id)) {
    if (ModelVersion* version = find_version(slot, reload.mapped()))
      return on_reloaded(slot, *version, std::move(result));
    return;
  }
  const auto pending = std::find_if(slot.pending.begin(), slot.pending.end(),
                                    [&](const PendingModel& one) { return one.load_id == result.id; });
  pending->result = std::move(result);
  pending->done = true;
  if (event_time()) return resolve_ready(slot);
  PendingModel loaded = std::move(*pending);
  slot.pending.erase(pending);
  resolve_model(slot, std::move(loaded));
}

void ModelLifecycle::on_reloaded(ModelSlot& slot, ModelVersion& version, LoadResult result) {
  version.is_loading = false;
  if (result.status.is_ok()) {
    version.facts.in_blob_store = result.in_blob_store;
    keep_bytes(version, result);
    return loaded(slot, version, std::move(result));
  }
  StoredVersion facts = version.facts;
  if (slot.chosen == &version) choose(slot, nullptr, slot.current_since, slot.current_from);
  if (slot.current == &version) make_current(slot, nullptr, slot.current_since, slot.current_from);
  slot.cached_until = slot.cached_from = kMinTimestamp;
  std::erase_if(slot.versions, [&](const auto& one) { return one.get() == &version; });
  refuse(slot, std::move(facts), "load again: " + result.status.message());
}

// What is kept by digest need not be kept in memory.
void ModelLifecycle::keep_bytes(ModelVersion& version, LoadResult& result) {
  loader_->dispose(std::exchange(version.rest->bytes, std::move(result.bytes)));
  if (result.in_blob_store) loader_->dispose(std::move(version.rest->bytes));
}

void ModelLifecycle::loaded(ModelSlot& slot, ModelVersion& version, LoadResult result) {
  version.set_scorer(std::move(result.scorer));
  version.rest->model = std::move(result.model);
  version.facts.memory_bytes = result.memory_bytes;
  version.rest->loaded_mark = last_mark_;
  loaded_bytes_ += result.memory_bytes;
  memory_->set(static_cast<std::int64_t>(loaded_bytes_));
  if (version.records_metric == nullptr) attach_metrics(*context_, slot.key_text, version);
}

void ModelLifecycle::attach_metrics(OperatorContext& context, const std::string& key_text, ModelVersion& version) {
  const std::vector<std::pair<std::string, std::string>> labels = {
      {"key", key_text}, {"model", std::string(version.id.name())}, {"version", std::to_string(version.id.version)}};
  version.records_metric =
      &context.described_metric("model_records_total", {"records a model version has scored", labels});
  version.errors_metric =
      &context.described_metric("model_errors_total", {"records a model version could not score", labels});
}

void ModelLifecycle::need(ModelSlot& slot, ModelVersion& version) {
  if (version.scorer != nullptr || version.is_loading) return;
  reload(slot, version);
  poll();
}

void ModelLifecycle::reload(ModelSlot& slot, ModelVersion& version) {
  version.is_loading = true;
  const std::uint64_t id = next_load_++;
  loads_.emplace(id, &slot);
  reloads_.emplace(id, version.facts.sequence);
  loader_->request({id, version.facts.record, version.rest->bytes, version.facts.digest});
}

void ModelLifecycle::unload(ModelVersion& version) {
  loaded_bytes_ -= version.facts.memory_bytes;
  memory_->set(static_cast<std::int64_t>(loaded_bytes_));
  version.rest->model = nullptr;  // the scorer keeps it
  loader_->dispose(std::move(version.scorer));
  version.scorer = nullptr;
}

// Lets go of a tenth more than needed, so that the next model does not bring the next search.
void ModelLifecycle::unload_some() {
  struct Candidate {
    bool in_use;
    std::uint64_t used;  // number of the last batch it scored
    ModelVersion* version;
  };
  std::vector<Candidate> candidates;
  for (const ModelSlot* slot : slots_)
    for (const auto& version : slot->versions)
      if (version->scorer != nullptr && version->facts.in_blob_store)
        candidates.push_back(
            {slot->current == version.get(), std::max(version->batch_mark, version->rest->loaded_mark), version.get()});
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& left, const Candidate& right) {
    return std::pair(left.in_use, left.used) < std::pair(right.in_use, right.used);
  });
  if (!candidates.empty())
    candidates.pop_back();  // the one used last: a budget of less than one model must not stop it
  const std::uint64_t target = budget_bytes_ - budget_bytes_ / 10;
  for (const Candidate& candidate : candidates) {
    if (loaded_bytes_ <= target) break;
    unload(*candidate.version);
    unloads_->add(1);
  }
}

void ModelLifecycle::resolve_ready(ModelSlot& slot) {
  while (!slot.pending.empty() && slot.pending.front().done) {
    PendingModel next = std::move(slot.pending.front());
    slot.pending.pop_front();
    if (next.facts.record.control == ModelControl::kNone)
      resolve_model(slot, std::move(next));
    else
      carry_out(slot, std::move(next.facts));
  }
  touch_blocked_from(slot);
}

Status ModelLifecycle::admit(const PendingModel& pending, const NameHistory& history) {
  WEIR_RETURN_IF_ERROR(pending.result.status);
  const StoredVersion& facts = pending.facts;
  const bool same_bytes = history.newest_accepted != 0 && pending.result.digest == history.newest_digest;
  const bool numbered_here = facts.record.version == 0;
  if (same_bytes && !history.withdrawn && (numbered_here || facts.version == history.newest_accepted)) {
    return Status::already_exists("duplicate of version " + std::to_string(history.newest_accepted));
  }
  if (facts.version < history.newest_accepted) {
    return Status::failed_precondition("stale: " + version_text(facts) + " comes after version " +
                                       std::to_string(history.newest_accepted));
  }
  if (facts.version == history.newest_accepted && !same_bytes) {
    return Status::already_exists(version_text(facts) + " is there already, with other bytes");
  }
  return {};
}

void ModelLifecycle::resolve_model(ModelSlot& slot, PendingModel pending) {
  StoredVersion& facts = pending.facts;
  facts.digest = pending.result.digest;
  if (pending.result.bytes) facts.bytes = pending.result.bytes->size();
  loader_->dispose(std::move(pending.bytes));
  if (const Status fault = admit(pending, name_of(slot, facts.record.name)); !fault.is_ok()) {
    let_go(pending.result);
    return refuse(slot, std::move(facts), fault.message());
  }
  const std::string* name = intern_model_name(facts.record.name);
  if (name == nullptr) {
    let_go(pending.result);
    return refuse(slot, std::move(facts), "its name is longer than 256 bytes, or there are too many names");
  }
  accept(slot, std::move(pending), name);
}

void ModelLifecycle::let_go(LoadResult& result) {
  result.model = nullptr;  // the scorer keeps it
  loader_->dispose(std::move(result.scorer));
  loader_->dispose(std::move(result.bytes));
}

void ModelLifecycle::accept(ModelSlot& slot, PendingModel pending, const std::string* name) {
  NameHistory& history = name_of(slot, pending.facts.record.name);
  history.newest_accepted = pending.facts.version;
  history.newest_digest = pending.facts.digest;
  history.withdrawn = false;
  auto version = std::make_unique<ModelVersion>();
  version->facts = std::move(pending.facts);
  version->facts.in_blob_store = pending.result.in_blob_store;
  keep_bytes(*version, pending.result);
  version->id = {name, version->facts.version, version->facts.digest};
  loaded(slot, *version, std::move(pending.result));
  ModelVersion& added = *version;
  const auto place =
      std::upper_bound(slot.versions.begin(), slot.versions.end(), added.facts.sequence,
                       [](std::uint64_t sequence, const auto& other) { return sequence < other->facts.sequence; });
  slot.versions.insert(place, std::move(version));
  enter(slot, added.facts, ModelState::kReady);
  const std::uint64_t sequence = added.facts.sequence;
  if (event_time()) {
    add_to_timeline(slot, added.facts.effective_at, sequence, sequence);
  } else if (options_.promotion == ModelPromotion::kManual &&
             sequence > std::max(slot.retired_before, history.retired_before)) {
    // A candidate: stays ready.
  } else if (sequence > slot.current_since && sequence > std::max(slot.retired_before, history.retired_before)) {
    choose(slot, &added, sequence, added.facts.effective_at);
  } else {
    enter(slot, added.facts, ModelState::kRetired);  // overtaken while it was loading
    history.withdrawn = true;
  }
  prune(slot);
}

// Arrival: the version that is to score. While the key is paused none does.
void ModelLifecycle::choose(ModelSlot& slot, ModelVersion* version, std::uint64_t since, Timestamp effective_at) {
  ModelVersion* const before = std::exchange(slot.chosen, version);
  if (before != nullptr && before != version && before != slot.current)
    enter(slot, before->facts, ModelState::kRetired);
  make_current(slot, slot.is_paused ? nullptr : version, since, effective_at);
}

void ModelLifecycle::make_current(ModelSlot& slot, ModelVersion* version, std::uint64_t since, Timestamp effective_at) {
  ModelVersion* before = std::exchange(slot.current, version);
  slot.current_since = since;
  slot.current_from = effective_at;
  mark_models(slot);
  if (before == version) return;
  // A paused one is ready again.
  if (before != nullptr) enter(slot, before->facts, before == slot.chosen ? ModelState::kReady : ModelState::kRetired);
  if (version != nullptr) enter(slot, version->facts, ModelState::kCurrent);
  swaps_->add(1);
  Swap swap;
  if (before != nullptr) {
    before->awaits_first_record = false;
    swap.from_name = before->facts.record.name;
    swap.from_version = before->facts.version;
  }
  if (version != nullptr) {
    version->awaits_first_record = true;
    swap.name = version->facts.record.name;
    swap.version = version->facts.version;
    swap.digest = version->facts.digest;
  }
  swap.at = context_->clock().now();
  if (event_time()) swap.effective_at = effective_at;
  ++slot.swaps.swaps;
  auto& recent = slot.swaps.recent;
  recent.push_back(std::move(swap));
  if (recent.size() > options_.max_logged_swaps) recent.erase(recent.begin());
  mark_swaps(slot);
}

void ModelLifecycle::note_first_record(ModelSlot& slot, ModelVersion& version, std::uint64_t position, Timestamp time) {
  version.awaits_first_record = false;
  if (slot.swaps.recent.empty()) return;
  Swap& swap = slot.swaps.recent.back();  // the current version's
  if (position != kNoPosition) swap.first_position = position;
  if (time != kMinTimestamp) swap.first_event_time = time;
  mark_swaps(slot);
}

void ModelLifecycle::enter(ModelSlot& slot, StoredVersion& facts, ModelState state) {
  facts.state = state;
  facts.since = context_->clock().now();
  mark_models(slot);
  const ModelEvent event{slot.key_text,
                         facts.record.name,
                         facts.version,
                         facts.digest,
                         state,
                         facts.reason,
                         event_time() ? facts.effective_at : kMinTimestamp,
                         facts.since,
                         facts.record.type,
                         facts.record.options};
  log_event(context_->uid(), event);
  if (options_.on_event) options_.on_event(event);
  if (collects_events_) events_.push_back(event);
  if (EventSink* const sink = context_->events()) sink->publish({"model", context_->uid(), event.key, to_json(event)});
}

void ModelLifecycle::refuse(ModelSlot& slot, StoredVersion facts, std::string reason) {
  facts.reason = std::move(reason);
  facts.record.data.reset();
  facts.record.verification.clear();
  refused_->add(1);
  enter(slot, facts, ModelState::kRefused);
  slot.refused.push_back(std::move(facts));
  if (slot.refused.size() > options_.max_logged_refusals) slot.refused.erase(slot.refused.begin());
}

void ModelLifecycle::mark_models(ModelSlot& slot) {
  if (!slot.models_changed && !slot.swaps_changed) changed_.push_back(&slot);
  slot.models_changed = true;
}

void ModelLifecycle::mark_swaps(ModelSlot& slot) {
  if (!slot.models_changed && !slot.swaps_changed) changed_.push_back(&slot);
  slot.swaps_changed = true;
}

std::vector<ModelSlot*> ModelLifecycle::take_changed() { return std::exchange(changed_, {}); }

}  // namespace weir::serving
