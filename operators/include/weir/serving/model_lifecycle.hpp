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
#include <vector>

#include <weir/operator.hpp>
#include <weir/serve_options.hpp>
#include <weir/serving/model_slot.hpp>

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
  /// Puts a slot back as it was and starts to load its models. Precondition: the slot is new.
  void restore(ModelSlot& slot, KeyModels state, SwapLog swaps);

  [[nodiscard]] const ServeOptions& options() const noexcept { return options_; }

 private:
  void receive_model(ModelSlot& slot, StoredVersion facts);
  void receive_order(ModelSlot& slot, StoredVersion facts);
  void start_load(ModelSlot& slot, PendingModel& pending);
  void on_loaded(ModelSlot& slot, LoadResult result);
  void on_reloaded(ModelSlot& slot, ModelVersion& version, LoadResult result);
  void resolve_ready(ModelSlot& slot);
  void resolve_model(ModelSlot& slot, PendingModel pending);
  void accept(ModelSlot& slot, PendingModel pending, const std::string* name);
  static Status admit(const PendingModel& pending, const NameHistory& history);

  void retire(ModelSlot& slot, StoredVersion order);
  void roll_back(ModelSlot& slot, StoredVersion order);
  ModelVersion* rollback_target(const ModelSlot& slot, const StoredVersion& order, const ModelVersion* in_use,
                                std::string& fault) const;

  const TimelineEntry* entry_at(const ModelSlot& slot, Timestamp time) const;
  ModelVersion* look_up(ModelSlot& slot, Timestamp time);
  void add_to_timeline(ModelSlot& slot, Timestamp effective_at, std::uint64_t sequence, std::uint64_t version_sequence);

  void make_current(ModelSlot& slot, ModelVersion* version, std::uint64_t since, Timestamp effective_at);
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
  Timestamp progress_ = kMinTimestamp;
  Timestamp horizon_ = kMinTimestamp;
  Metric* received_ = nullptr;
  Metric* refused_ = nullptr;
  Metric* ignored_ = nullptr;
  Metric* swaps_ = nullptr;
};

/// The history of a name within a slot; null when there is none.
const NameHistory* find_name(const ModelSlot& slot, std::string_view name);
/// The accepted version with this sequence; null when it is gone.
ModelVersion* find_version(const ModelSlot& slot, std::uint64_t sequence);

}  // namespace weir::serving
