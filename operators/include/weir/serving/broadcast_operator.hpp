#pragma once
/// BroadcastServeOperator: the task side of BroadcastServeModel. Input 0 is records in any order of keys, input 1 the
/// models, partitioned by key.
///
/// The task that owns a key moves its models through their lives (ModelLifecycle, as in ServeOperator) and publishes
/// them on the ModelBoard, which all tasks share; any task scores records of any key with what the board says.

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <weir/hash.hpp>
#include <weir/json.hpp>
#include <weir/operator.hpp>
#include <weir/serving/batch_scorer.hpp>
#include <weir/serving/board_owner.hpp>
#include <weir/serving/board_reader.hpp>
#include <weir/serving/held_records.hpp>
#include <weir/serving/key_slots.hpp>
#include <weir/serving/model_board.hpp>
#include <weir/serving/model_lifecycle.hpp>
#include <weir/serving/serving_metrics.hpp>
#include <weir/serving/serving_statistics.hpp>
#include <weir/serving/serving_view.hpp>
#include <weir/serving/side_batch.hpp>
#include <weir/value_table.hpp>

namespace weir::serving {

template <class T, class K, class RecordKey, class ModelKey>
class BroadcastServeOperator final : public Operator, public ServingView {
  static constexpr bool kCanHold = Serializable<T> && std::is_default_constructible_v<T>;
  static constexpr std::size_t kRecords = 0;
  static constexpr std::size_t kModels = 1;

  // A key this task owns.
  struct OwnedSlot : OwnedModels {
    OwnedSlot(std::uint64_t of_hash, const K& of_key)
        : OwnedModels(weir::key_text(of_key)), key(of_key), hash(of_hash) {}
    K key;
    std::uint64_t hash;
  };
  // A key whose records come by.
  struct LocalSlot : ReaderSlot {
    LocalSlot(std::uint64_t of_hash, const K& of_key)
        : ReaderSlot(weir::key_text(of_key)), key(of_key), hash(of_hash) {}
    K key;
    std::uint64_t hash;
    std::map<HeldOrder, HeldRecord<T>> waiting;
  };

 public:
  BroadcastServeOperator(ModelRuntimes runtimes, Features<T> features, ServeOptions options, RecordKey record_key,
                         ModelKey model_key)
      : record_key_(std::move(record_key)),
        model_key_(std::move(model_key)),
        lifecycle_(all_loaded(std::move(options)), std::move(runtimes), features.schema()),
        options_(lifecycle_.options()),
        scorer_(std::move(features), options_) {}

  Status open(OperatorContext& context) override {
    WEIR_RETURN_IF_ERROR(check_serve_options(options_, kCanHold));
    context_ = &context;
    waker_ = context.waker();
    metrics_.open(context);
    WEIR_RETURN_IF_ERROR(events_.open(context, lifecycle_));
    WEIR_RETURN_IF_ERROR(archive_.open(context, scorer_.schema(), options_.outputs));
    board_ = std::static_pointer_cast<ModelBoard>(
        context.shared([&] { return std::make_shared<ModelBoard>(context.parallelism()); }));
    board_->join(context.task_index(), waker_);
    share_ = &board_->share(context.task_index());
    owner_.emplace(lifecycle_, *board_, context.task_index());
    reader_.emplace(context, *board_, event_time());
    WEIR_RETURN_IF_ERROR(lifecycle_.open(context));
    models_ = &context.state().emplace<ValueTable<K, KeyModels>>(nullptr, StateOptions{serving::kModelsState, true});
    swaps_ = &context.state().emplace<ValueTable<K, SwapLog>>(nullptr, StateOptions{"swap-log", true});
    if (context.is_restored()) WEIR_RETURN_IF_ERROR(restore());
    store();
    return {};
  }

  void process(std::size_t input, BatchPtr& batch, Outbox& out) override {
    refresh(reader_->refresh());
    if (input == kModels) {
      take_models(static_cast<Batch<ModelRecord>&>(*batch));
    } else if (release(out)) {
      take_records(static_cast<Batch<T>&>(*batch), out);
    }
    store();
    events_.put(lifecycle_, out);
  }

  PollResult poll(Outbox& out) override {
    refresh(reader_->refresh());
    bool progress = lifecycle_.poll();
    progress = owner_->note_first_uses([this](const std::string& text) { return owned_of(text); }) || progress;
    const std::size_t held = held_count_;
    release_due_ = held != 0;
    release(out);
    progress = progress || held_count_ != held;
    store();
    events_.put(lifecycle_, out);
    return progress ? PollResult::kProgress : PollResult::kIdle;
  }

  bool on_timer_tick(Timestamp /*now*/, Outbox& out) override {
    poll(out);
    return true;
  }

  void on_barrier(std::uint64_t barrier) override { refresh(reader_->pass_barrier(barrier)); }

  bool counts_for_watermark(std::size_t input) const noexcept override { return input == kRecords || event_time(); }

  void on_input_watermark(std::size_t input, Timestamp watermark) override {
    if (input == kModels && event_time()) set_progress(watermark);
  }

  bool on_watermark(Timestamp watermark, Outbox& out) override {
    if (!event_time()) return true;
    set_progress(watermark);  // ahead of the model stream's own only when that stream is idle
    poll(out);
    const HeldOrder end = watermark == kMaxTimestamp ? kAfterHeld : HeldOrder{watermark + Duration{1}, 0};
    for (const LocalSlot* slot : holding_)
      if (slot->waiting.begin()->first < end) return false;
    board_->note_watermark(context_->task_index(), watermark);
    owner_->follow_watermark(owned_);
    store();
    return true;
  }

  bool on_end(Outbox& out) override {
    poll(out);
    if (lifecycle_.settled()) board_->note_settled(context_->task_index());
    if (held_count_ == 0) return lifecycle_.settled() && events_.empty();
    if (!board_->all_settled()) return false;
    // No record comes any more: those that wait get what there is at last.
    if (!event_time()) reader_->adopt_latest();
    ending_ = release_due_ = true;
    release(out);
    return held_count_ == 0 && events_.empty();
  }

  void snapshot(SnapshotBuilder& builder) override {
    put_model_progress(builder, progress_);
    events_.snapshot(builder);
    builder.put("statistics", share_->to_bytes());
    if constexpr (kCanHold) {
      for (const LocalSlot* slot : holding_) {
        for (const auto& [order, held] : slot->waiting) {
          std::string record;
          ByteWriter held_writer(record);
          Serde<K>::write(held_writer, slot->key);
          Serde<Timestamp>::write(held_writer, order.first);
          held.weir_write(held_writer);
          builder.put("held", std::move(record));
        }
      }
    }
  }

  Result<std::string> show_models(std::string_view text, std::int64_t version) override {
    WEIR_ASSIGN_OR_RETURN(const K key, parse_key<K>(text));
    const std::uint64_t hash = hash_key(key);
    if (owner_of(hash) != context_->task_index())
      return Status::not_found("key '" + std::string(text) + "' belongs to another task");
    const OwnedSlot* slot = owned_.find(hash, key);
    KeyStatistics statistics = board_->statistics_of(weir::key_text(key), options_.keep_versions + 1);
    if (slot == nullptr) {
      if (statistics.no_model == 0) return unknown_key(text);
      return show_key({}, std::move(statistics), {}, weir::key_text(key), 0, version);
    }
    return show_key(lifecycle_.view_of(*slot), std::move(statistics), slot->swaps, slot->key_text, 0, version);
  }

  Status add_served(std::string_view text, std::vector<ServedModel>& served) override {
    const OwnedModels* slot = owned_of(text);
    if (slot == nullptr) return unknown_key(text);
    lifecycle_.add_served(*slot, served);
    return {};
  }

  Result<std::string> audit(std::string_view text, const AuditQuestion& question) override {
    const OwnedModels* slot = owned_of(text);
    if (slot == nullptr) return unknown_key(text);
    return audit_json(slot->key_text, slot->swaps, question,
                      {.by_event_time = event_time(), .one_order = context_->parallelism() == 1});
  }

 private:
  [[nodiscard]] bool event_time() const noexcept { return options_.effect == ModelEffect::kEventTime; }
  [[nodiscard]] std::uint32_t owner_of(std::uint64_t hash) const {
    return owner_of_key_group(key_group_of(hash, context_->max_parallelism()), context_->parallelism(),
                              context_->max_parallelism());
  }

  LocalSlot& local_slot(std::uint64_t hash, const K& key) {
    if (LocalSlot* slot = local_.find(hash, key)) [[likely]]
      return *slot;
    LocalSlot& slot = local_.add(hash, key);
    slot.owner = owner_of(hash);
    const std::lock_guard lock(share_->mutex);
    slot.statistics = &share_->by_key[slot.key_text];
    return slot;
  }
  OwnedModels* owned_of(std::string_view text) {
    const Result<K> key = parse_key<K>(text);
    return key.is_ok() ? owned_.find(hash_key(*key), *key) : nullptr;
  }
  OwnedSlot& owned_slot(std::uint64_t hash, const K& key) {
    OwnedSlot* slot = owned_.find(hash, key);
    return slot != nullptr ? *slot : owned_.add(hash, key);
  }

  // The board shares models between tasks: none is unloaded.
  static ServeOptions all_loaded(ServeOptions options) {
    options.model_memory_bytes = 0;
    return options;
  }

  // ---- The owner's side.

  void take_models(Batch<ModelRecord>& batch) {
    for (; batch.cursor < batch.size() && lifecycle_.can_receive(); ++batch.cursor) {
      ModelRecord& record = batch.records[batch.cursor];
      const std::optional<Timestamp> time =
          batch.timestamps.empty() ? std::nullopt : std::optional(batch.timestamps[batch.cursor]);
      OwnedSlot& slot = owned_slot(batch.hashes[batch.cursor], std::invoke(model_key_, std::as_const(record)));
      lifecycle_.receive(slot, std::move(record), time);
    }
  }

  void set_progress(Timestamp watermark) {
    if (watermark <= progress_) return;
    progress_ = watermark;
    lifecycle_.set_progress(watermark);
    store();  // the models that came before it are on the board before it is
    owner_->set_progress(watermark);
  }

  // Writes what changed into state and onto the board.
  void store() {
    bool any_posted = false;
    for (ModelSlot* changed : lifecycle_.take_changed()) {
      OwnedSlot& slot = static_cast<OwnedSlot&>(*changed);
      if (slot.models_changed) models_->mutate(slot.key, slot.hash) = lifecycle_.state_of(slot);
      if (slot.swaps_changed) swaps_->mutate(slot.key, slot.hash) = slot.swaps;
      slot.models_changed = slot.swaps_changed = false;
      any_posted = owner_->post(slot) || any_posted;
    }
    if (!any_posted) return;
    if (!event_time()) context_->request_barrier();
    board_->wake_all();
  }

  // ---- Every task's side.

  // Another table: records that wait may be decided now.
  void refresh(bool is_another) {
    if (!is_another || held_count_ == 0) return;
    release_due_ = true;
    waker_();
  }

  void take_records(Batch<T>& batch, Outbox& out) {
    if (!events_.empty()) events_.put(lifecycle_, out);  // records must not keep them from the archive for ever
    const std::size_t count = std::min(batch.remaining(), archive_.room(out));
    const std::size_t first = batch.cursor;
    slots_of_.resize(count);
    versions_.resize(count);
    selected_.clear();
    std::size_t taken = 0;
    for (; taken < count; ++taken) {
      const std::size_t index = first + taken;
      auto&& key = std::invoke(record_key_, std::as_const(batch.records[index]));
      LocalSlot& slot = local_slot(hash_key(key), key);
      const Timestamp time = time_of(batch, index);
      ModelVersion* version = nullptr;
      const bool is_decided = reader_->decided(slot, time, version);
      // Those of its key that wait go first.
      const bool must_wait = event_time()
                                 ? !is_decided || (!slot.waiting.empty() && slot.waiting.begin()->first.first <= time)
                                 : is_decided && version == nullptr && options_.no_model == NoModelPolicy::kHold;
      if (must_wait) {
        if (held_count_ >= options_.max_held_records && !(event_time() && context_->aligning())) break;
        hold(slot, batch, index, event_time() ? time : kMinTimestamp);
        continue;
      }
      if (!is_decided) break;  // its model is being loaded again after a restart
      slots_of_[selected_.size()] = &slot;
      versions_[selected_.size()] = version;
      selected_.push_back(static_cast<std::uint32_t>(index));
    }
    batch.cursor += taken;
    if (selected_.size() == taken) {
      score(batch, first, taken, out);
    } else {
      side_.clear();
      batch.move_selected(selected_.data(), selected_.size(), side_);
      score(side_, 0, selected_.size(), out);
    }
    if (taken < count && held_count_ >= options_.max_held_records && !event_time()) answer_oldest(out);
  }

  void score(Batch<T>& batch, std::size_t first, std::size_t count, Outbox& out) {
    if (count == 0) return;
    const auto groups = scorer_.score(batch, first, count, slots_of_.data(), versions_.data(), context_->clock(),
                                      out.batch<Scored<T>>(), archive_.target(out));
    const std::lock_guard lock(share_->mutex);
    if (scorer_.without_model() != 0) [[unlikely]] {
      for (std::size_t i = 0; i < count; ++i)
        if (versions_[i] == nullptr) ++static_cast<LocalSlot&>(*slots_of_[i]).statistics->no_model;
      metrics_.without_model->add(static_cast<std::int64_t>(scorer_.without_model()));
    }
    if (groups.empty()) return;
    const Timestamp now = context_->clock().now();
    for (const ScoredGroup& group : groups) {
      LocalSlot& slot = static_cast<LocalSlot&>(*group.slot);
      ReaderVersion& version = static_cast<ReaderVersion&>(*group.version);
      slot.statistics->of(version.id, version.statistics_hint, options_.keep_versions + 1)
          .add(group.rows, group.failed, group.elapsed_ns, now);
      version.records_metric->add(group.rows);
      if (group.failed != 0) {
        metrics_.errors->add(group.failed);
        version.errors_metric->add(group.failed);
      }
      if (!version.awaits_first_record) [[likely]]
        continue;
      version.awaits_first_record = false;
      if (!version.model->claim_first_use()) continue;
      const std::size_t index = first + group.first_record;
      board_->note_first_use(
          slot.owner, {slot.key_text, version.model->sequence(), position_of(batch, index), time_of(batch, index)});
    }
  }

  // ---- Records that wait.

  void hold(LocalSlot& slot, Batch<T>& batch, std::size_t index, Timestamp order) {
    if constexpr (kCanHold) {
      put_held(slot, order, {std::move(batch.records[index]), time_of(batch, index), position_of(batch, index)});
    }
  }
  void put_held(LocalSlot& slot, Timestamp order, HeldRecord<T> held) {
    if (slot.waiting.empty()) holding_.push_back(&slot);
    slot.waiting.emplace(HeldOrder{order, next_held_++}, std::move(held));
    metrics_.held->set(static_cast<std::int64_t>(++held_count_));
  }

  // kHold, and no room: the oldest of all is answered without a model.
  void answer_oldest(Outbox& out) {
    if (archive_.room(out) == 0 || holding_.empty()) return;
    LocalSlot& slot = **std::min_element(holding_.begin(), holding_.end(), [](const LocalSlot* a, const LocalSlot* b) {
      return a->waiting.begin()->first.second < b->waiting.begin()->first.second;
    });
    side_.clear();
    slots_of_.assign(1, &slot);
    versions_.assign(1, nullptr);
    take_first_held(slot);
    drop_unknown_columns(side_);
    score(side_, 0, 1, out);
  }
  void take_first_held(LocalSlot& slot) {
    auto node = slot.waiting.extract(slot.waiting.begin());
    HeldRecord<T>& held = node.mapped();
    add_record(side_, std::move(held.record), held.event_time, held.position);
    if (slot.waiting.empty()) std::erase(holding_, &slot);
    metrics_.held->set(static_cast<std::int64_t>(--held_count_));
  }

  // Lets go of those whose time has come. False when the outbox filled up before all had left.
  bool release(Outbox& out) {
    while (release_due_) {
      const std::size_t room = archive_.room(out);
      if (room == 0) return false;
      side_.clear();
      slots_of_.resize(room);
      versions_.resize(room);
      std::size_t count = 0;
      const std::vector<LocalSlot*> holding = holding_;  // take_first_held changes the list
      for (LocalSlot* slot : holding) {
        while (count < room && !slot->waiting.empty()) {
          ModelVersion* version = nullptr;
          if (!reader_->decided(*slot, slot->waiting.begin()->first.first, version)) break;
          if (version == nullptr && !event_time() && !ending_) break;
          slots_of_[count] = slot;
          versions_[count++] = version;
          take_first_held(*slot);
        }
      }
      if (count == 0) {
        release_due_ = false;
      } else {
        drop_unknown_columns(side_);
        score(side_, 0, count, out);
      }
    }
    return true;
  }

  // ---- After a restart.

  Status restore() {
    std::uint64_t held = 0;
    for (const auto& [name, bytes] : context_->restored_entries()) {
      if (name == "statistics" && context_->task_index() == 0) {
        // All tasks' shares become the first task's: they are only ever added up.
        WEIR_RETURN_IF_ERROR(share_->add_bytes(bytes, options_.keep_versions + 1));
      } else if (name == "held" && held++ % context_->parallelism() == context_->task_index()) {
        WEIR_RETURN_IF_ERROR(restore_held(bytes));
      }
    }
    if (const auto progress = restored_model_progress(*context_); progress && event_time()) set_progress(*progress);
    std::vector<std::pair<K, KeyModels>> stored;
    WEIR_RETURN_IF_ERROR(
        models_->for_each([&](const K& key, const KeyModels& state) { stored.emplace_back(key, state); }));
    for (auto& [key, state] : stored) {
      const std::uint64_t hash = hash_key(key);
      const SwapLog* log = swaps_->find(key, hash);
      OwnedSlot& slot = owned_slot(hash, key);
      lifecycle_.restore(slot, std::move(state), log == nullptr ? SwapLog{} : *log);
      owner_->post(slot);
    }
    release_due_ = held_count_ != 0;
    if (release_due_) waker_();
    return {};
  }

  Status restore_held(std::string_view bytes) {
    if constexpr (kCanHold) {
      ByteReader reader(bytes);
      K key{};
      Timestamp order = kMinTimestamp;
      HeldRecord<T> held;
      Serde<K>::read(reader, key);
      Serde<Timestamp>::read(reader, order);
      held.weir_read(reader);
      if (!reader.ok()) return Status::data_loss("a held record in the checkpoint is malformed");
      put_held(local_slot(hash_key(key), key), order, std::move(held));
    }
    return {};
  }

  RecordKey record_key_;
  ModelKey model_key_;
  ModelLifecycle lifecycle_;
  const ServeOptions& options_;
  BatchScorer<T> scorer_;
  OperatorContext* context_ = nullptr;
  std::function<void()> waker_;
  std::shared_ptr<ModelBoard> board_;
  ModelBoard::Share* share_ = nullptr;
  KeySlots<OwnedSlot, K> owned_;
  KeySlots<LocalSlot, K> local_;
  ValueTable<K, KeyModels>* models_ = nullptr;
  ValueTable<K, SwapLog>* swaps_ = nullptr;
  std::optional<BoardOwner> owner_;    // from open() on
  std::optional<BoardReader> reader_;  // from open() on
  ServingMetrics metrics_;
  ModelEventsOutput events_;
  ArchiveOutput archive_;

  Timestamp progress_ = kMinTimestamp;  // event time: how far this task has read its part of the model stream
  std::vector<LocalSlot*> holding_;     // slots with records that wait
  std::size_t held_count_ = 0;
  std::uint64_t next_held_ = 1;
  bool release_due_ = false;
  bool ending_ = false;

  // Working memory.
  std::vector<ModelSlot*> slots_of_;
  std::vector<ModelVersion*> versions_;
  std::vector<std::uint32_t> selected_;
  Batch<T> side_;
};

}  // namespace weir::serving
