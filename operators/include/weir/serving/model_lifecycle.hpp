#pragma once
/// ModelLifecycle: moves the models of one operator instance through their lives.
///
/// A record of the model stream gets a sequence number within its key and becomes *pending*. When it is loaded it is
/// *resolved*: refused (it does not load, is stale, or is there already) or accepted.
///   arrival     resolved as soon as it is loaded; becomes current unless something that came later already counts.
///   event time  resolved in the order of arrival and put into the key's timeline, so that nothing depends on how long
///   a
///               load takes; becomes current when a record of its time is scored.
/// What is refused never touches the current version nor one that is loading.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <weir/operator.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving/model_slot.hpp>
#include <weir/serving/served_model.hpp>

namespace weir::serving {

/// Thread: the task's.
class ModelLifecycle {
 public:
  ModelLifecycle(ServeOptions options, ModelRuntimes runtimes, FeatureSchema features);

  /// Opens the blob store below the job's directory, if there is one.
  Status open(OperatorContext& context);

  /// Takes one record of the model stream; `time` is its event time. Precondition: can_receive().
  void receive(ModelSlot& slot, ModelRecord record, std::optional<Timestamp> time);
  [[nodiscard]] bool can_receive() const noexcept { return loader_->unfinished() < options_.max_pending_models; }

  /// A record needs a version that is not loaded: loads it again, unless that is under way. Then poll() says so.
  void need(ModelSlot& slot, ModelVersion& version);
  /// Unloads what was used longest ago, when there is more than the budget allows. Call when what was loaded for
  /// records that wait has been used. `mark`: of the last batch scored, as in ModelVersion::batch_mark.
  void keep_to_budget(std::uint64_t mark) {
    last_mark_ = mark;
    if (budget_bytes_ != 0 && loaded_bytes_ > budget_bytes_) unload_some();
  }
  /// Keep the events of model_events() for take_events()? Off at first.
  void collect_events(bool collect) noexcept { collects_events_ = collect; }
  /// What happened since the last call, in order.
  [[nodiscard]] std::vector<ModelEvent> take_events() { return std::exchange(events_, {}); }
  /// The metrics `model_records_total` and `model_errors_total` of a version.
  static void attach_metrics(OperatorContext& context, const std::string& key_text, ModelVersion& version);

  /// Takes finished loads and starts waiting ones. True when a slot changed.
  bool poll();
  /// No model is loading or waiting to.
  [[nodiscard]] bool settled() const noexcept { return loader_->unfinished() == 0; }

  /// Event time: how far the model stream has come (for models that come behind it), and up to where no record will be
  /// asked for any more. Both only grow.
  void set_progress(Timestamp model_watermark) noexcept { progress_ = std::max(progress_, model_watermark); }
  void set_horizon(Timestamp watermark) noexcept { horizon_ = std::max(horizon_, watermark); }
  /// Event time: the version for records of time `time`; null: none. Precondition: time < slot.blocked_from.
  ModelVersion* version_at(ModelSlot& slot, Timestamp time) {
    if (time >= slot.cached_from && time < slot.cached_until) [[likely]]
      return slot.cached;
    return look_up(slot, time);
  }
  /// Notes the first record a version scored. Call when version.awaits_first_record.
  void note_first_record(ModelSlot& slot, ModelVersion& version, std::uint64_t position, Timestamp time);

  /// Slots changed since the last call: their state is to be stored. models_changed and swaps_changed say what; the
  /// caller clears them.
  std::vector<ModelSlot*> take_changed();
  [[nodiscard]] KeyModels state_of(const ModelSlot& slot) const;
  /// The same for people: with the stage of each load, without bytes.
  [[nodiscard]] KeyModels view_of(const ModelSlot& slot) const;
  /// Adds the models of a slot that are kept, and those that are not ready yet.
  void add_served(const ModelSlot& slot, std::vector<ServedModel>& served) const;
  /// Puts a slot back as it was and starts to load its models. Precondition: the slot is new.
  void restore(ModelSlot& slot, KeyModels state, SwapLog swaps);

  [[nodiscard]] const ServeOptions& options() const noexcept { return options_; }

 private:
  void receive_model(ModelSlot& slot, StoredVersion facts);
  void receive_order(ModelSlot& slot, StoredVersion facts);
  void start_load(ModelSlot& slot, PendingModel& pending);
  void on_stage(std::uint64_t load_id, ModelState stage);
  void on_loaded(ModelSlot& slot, LoadResult result);
  void on_reloaded(ModelSlot& slot, ModelVersion& version, LoadResult result);
  void resolve_ready(ModelSlot& slot);
  void resolve_model(ModelSlot& slot, PendingModel pending);
  void accept(ModelSlot& slot, PendingModel pending, const std::string* name);
  static Status admit(const PendingModel& pending, const NameHistory& history);

  void carry_out(ModelSlot& slot, StoredVersion order);
  void retire(ModelSlot& slot, StoredVersion order);
  void roll_back(ModelSlot& slot, StoredVersion order);
  void promote(ModelSlot& slot, StoredVersion order);
  void pause(ModelSlot& slot, StoredVersion order, bool paused);
  ModelVersion* rollback_target(const ModelSlot& slot, const StoredVersion& order, const ModelVersion* in_use,
                                std::string& fault) const;

  const TimelineEntry* entry_at(const ModelSlot& slot, Timestamp time) const;
  ModelVersion* look_up(ModelSlot& slot, Timestamp time);
  void add_to_timeline(ModelSlot& slot, Timestamp effective_at, std::uint64_t sequence, std::uint64_t version_sequence);

  void choose(ModelSlot& slot, ModelVersion* version, std::uint64_t since, Timestamp effective_at);
  void make_current(ModelSlot& slot, ModelVersion* version, std::uint64_t since, Timestamp effective_at);
  void reload(ModelSlot& slot, ModelVersion& version);
  void loaded(ModelSlot& slot, ModelVersion& version, LoadResult result);
  void keep_bytes(ModelVersion& version, LoadResult& result);
  void let_go(LoadResult& result);
  void unload(ModelVersion& version);
  void unload_some();
  void enter(ModelSlot& slot, StoredVersion& facts, ModelState state);
  void refuse(ModelSlot& slot, StoredVersion facts, std::string reason);
  void prune(ModelSlot& slot);
  void mark_models(ModelSlot& slot);
  void mark_swaps(ModelSlot& slot);
  void touch_blocked_from(ModelSlot& slot) const;
  [[nodiscard]] bool event_time() const noexcept { return options_.effect == ModelEffect::kEventTime; }

  ServeOptions options_;
  ModelRuntimes runtimes_;
  FeatureSchema features_;
  std::unique_ptr<ModelLoader> loader_;
  bool keeps_blobs_ = false;
  OperatorContext* context_ = nullptr;
  std::unordered_map<std::uint64_t, ModelSlot*> loads_;       // by load id
  std::unordered_map<std::uint64_t, std::uint64_t> reloads_;  // load id → version sequence
  std::uint64_t next_load_ = 1;
  std::vector<ModelSlot*> changed_;
  std::vector<ModelSlot*> slots_;  // all that have had a model
  std::uint64_t loaded_bytes_ = 0;
  std::uint64_t restored_bytes_ = 0;  // of the models there were when the job was restored
  std::uint64_t last_mark_ = 0;
  std::uint64_t budget_bytes_ = 0;  // 0: no bound
  bool collects_events_ = false;
  std::vector<ModelEvent> events_;
  Timestamp progress_ = kMinTimestamp;
  Timestamp horizon_ = kMinTimestamp;
  Metric* received_ = nullptr;
  Metric* refused_ = nullptr;
  Metric* ignored_ = nullptr;
  Metric* swaps_ = nullptr;
  Metric* memory_ = nullptr;
  Metric* unloads_ = nullptr;
};

/// Do the options fit together, and the record type? `can_hold`: records can be stored and default-constructed.
Status check_serve_options(const ServeOptions& options, bool can_hold);

/// The history of a name within a slot; null when there is none.
const NameHistory* find_name(const ModelSlot& slot, std::string_view name);
/// The accepted version with this sequence; null when it is gone.
ModelVersion* find_version(const ModelSlot& slot, std::uint64_t sequence);

}  // namespace weir::serving
