#pragma once
/// ServeOperator: the task side of ServeModel. Input 0 is records, input 1 models; both keyed alike.
///
/// What does not depend on the types of record and key is in ModelLifecycle; this class finds slots, holds records that
/// must wait, scores the others, and stores what changed.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/hash.hpp>
#include <weir/json.hpp>
#include <weir/operator.hpp>
#include <weir/serving/batch_scorer.hpp>
#include <weir/serving/held_records.hpp>
#include <weir/serving/key_memory.hpp>
#include <weir/serving/key_slots.hpp>
#include <weir/serving/model_lifecycle.hpp>
#include <weir/serving/serving_metrics.hpp>
#include <weir/serving/serving_statistics.hpp>
#include <weir/serving/serving_view.hpp>
#include <weir/serving/side_batch.hpp>
#include <weir/value_table.hpp>

namespace weir::serving {

template <class T, class K, class RecordKey, class ModelKey>
class ServeOperator final : public Operator, public ServingView {
  static constexpr bool kCanHold = Serializable<T> && std::is_default_constructible_v<T>;
  static constexpr std::size_t kRecords = 0;
  static constexpr std::size_t kModels = 1;

  struct SlotKey {
    K key;
    std::uint64_t hash;
    std::uint32_t statistics_place = 0;  // in the table of statistics
  };
  // What finding and scoring read comes first: one cache line.
  struct alignas(64) Slot : SlotKey, ModelSlot {
    Slot(std::uint64_t of_hash, const K& of_key) : SlotKey{of_key, of_hash}, ModelSlot(weir::key_text(of_key)) {}
    std::size_t held = 0;
    HeldOrder first_held = kAfterHeld;  // no held record comes before it
    std::uint64_t next_held = 1;
  };

 public:
  ServeOperator(ModelRuntimes runtimes, Features<T> features, ServeOptions options, RecordKey record_key,
                ModelKey model_key)
      : record_key_(std::move(record_key)),
        model_key_(std::move(model_key)),
        lifecycle_(std::move(options), std::move(runtimes), features.schema()),
        options_(lifecycle_.options()),
        scorer_(std::move(features), options_) {}

  Status open(OperatorContext& context) override {
    WEIR_RETURN_IF_ERROR(check_serve_options(options_, kCanHold));
    context_ = &context;
    waker_ = context.waker();
    metrics_.open(context);
    WEIR_RETURN_IF_ERROR(events_.open(context, lifecycle_));
    WEIR_RETURN_IF_ERROR(archive_.open(context, scorer_.schema(), options_.outputs));
    WEIR_RETURN_IF_ERROR(lifecycle_.open(context));
    models_ = &context.state().emplace<ValueTable<K, KeyModels>>(nullptr, StateOptions{serving::kModelsState, true});
    swaps_ = &context.state().emplace<ValueTable<K, SwapLog>>(nullptr, StateOptions{"swap-log", true});
    statistics_ =
        &context.state().emplace<ValueTable<K, KeyStatistics>>(nullptr, StateOptions{"serving-statistics", true});
    if constexpr (kCanHold)
      held_ = &context.state().emplace<HeldTable<K, T>>(nullptr, StateOptions{"held-records", false});
    return context.is_restored() ? restore() : Status{};
  }

  void process(std::size_t input, BatchPtr& batch, Outbox& out) override {
    if (input == kModels) {
      take_models(static_cast<Batch<ModelRecord>&>(*batch));
    } else if (release(out)) {
      take_records(static_cast<Batch<T>&>(*batch), out);
    }
    store();
    events_.put(lifecycle_, out);
    if (input == kModels && release_due_) waker_();
  }

  PollResult poll(Outbox& out) override {
    bool progress = lifecycle_.poll();
    release_due_ = release_due_ || (progress && held_count_ != 0);
    if (release_due_) {
      progress = true;
      release(out);
    }
    store();
    events_.put(lifecycle_, out);
    return progress ? PollResult::kProgress : PollResult::kIdle;
  }

  bool on_timer_tick(Timestamp /*now*/, Outbox& out) override {
    poll(out);
    return true;
  }

  bool counts_for_watermark(std::size_t input) const noexcept override { return input == kRecords || event_time(); }

  void on_input_watermark(std::size_t input, Timestamp watermark) override {
    if (input != kModels || !event_time()) return;
    set_progress(watermark);
    // The operator's own watermark need not follow (records' may be ahead already): nothing else would let them go.
    if (release_due_) waker_();
  }

  bool on_watermark(Timestamp watermark, Outbox& out) override {
    if (!event_time()) return true;
    set_progress(
        watermark);  // ahead of the model stream's own only when that stream is idle: then nothing waits for it
    poll(out);
    const HeldOrder end = watermark == kMaxTimestamp ? kAfterHeld : HeldOrder{watermark + Duration{1}, 0};
    for (const Slot* slot : holding_)
      if (slot->first_held < end) return false;
    lifecycle_.set_horizon(watermark);
    return true;
  }

  bool on_end(Outbox& out) override {
    ending_ = lifecycle_.settled();
    release_due_ = held_count_ != 0;
    poll(out);
    return ending_ && held_count_ == 0 && events_.empty();
  }

  void snapshot(SnapshotBuilder& builder) override {
    put_model_progress(builder, progress_);
    events_.snapshot(builder);
  }

  Result<std::string> show_models(std::string_view text, std::int64_t version) override {
    WEIR_ASSIGN_OR_RETURN(const Slot* slot, known_slot(text));
    const KeyStatistics* found = statistics_->find(slot->key, slot->hash);
    return show_key(lifecycle_.view_of(*slot), found == nullptr ? KeyStatistics{} : *found, slot->swaps, slot->key_text,
                    slot->held, version);
  }

  Status add_served(std::string_view text, std::vector<ServedModel>& served) override {
    WEIR_ASSIGN_OR_RETURN(const Slot* slot, known_slot(text));
    lifecycle_.add_served(*slot, served);
    return {};
  }

  Result<std::string> audit(std::string_view text, const AuditQuestion& question) override {
    WEIR_ASSIGN_OR_RETURN(const Slot* slot, known_slot(text));
    return audit_json(slot->key_text, slot->swaps, question, {.by_event_time = event_time()});
  }

 private:
  [[nodiscard]] bool event_time() const noexcept { return options_.effect == ModelEffect::kEventTime; }

  Slot& slot_of(std::uint64_t hash, const K& key) {
    if (Slot* slot = slots_.find(hash, key)) [[likely]]
      return *slot;
    return slots_.add(hash, key);
  }

  Result<const Slot*> known_slot(std::string_view text) {
    WEIR_ASSIGN_OR_RETURN(const K key, parse_key<K>(text));
    const Slot* slot = slots_.find(hash_key(key), key);
    if (slot == nullptr) return unknown_key(text);
    return slot;
  }

  void take_models(Batch<ModelRecord>& batch) {
    for (; batch.cursor < batch.size() && lifecycle_.can_receive(); ++batch.cursor) {
      ModelRecord& record = batch.records[batch.cursor];
      const std::optional<Timestamp> time =
          batch.timestamps.empty() ? std::nullopt : std::optional(batch.timestamps[batch.cursor]);
      Slot& slot = slot_of(batch.hashes[batch.cursor], std::invoke(model_key_, std::as_const(record)));
      lifecycle_.receive(slot, std::move(record), time);
    }
    release_due_ = held_count_ != 0;
  }

  void take_records(Batch<T>& batch, Outbox& out) {
    if (!events_.empty()) events_.put(lifecycle_, out);  // records must not keep them from the archive for ever
    const std::size_t count = std::min(batch.remaining(), archive_.room(out));
    event_time() ? take_by_event_time(batch, count, out) : take_on_arrival(batch, count, out);
  }

  void take_on_arrival(Batch<T>& batch, std::size_t count, Outbox& out) {
    slots_of_.resize(count);
    versions_.resize(count);
    const std::size_t first = batch.cursor;
    const bool hold = options_.no_model == NoModelPolicy::kHold;
    std::size_t taken = 0;
    std::size_t unusable = 0;
    bool any_held = false;
    if (slots_.size() >= memory_.kManyKeys) memory_.warm(slots_, {&batch.hashes[first], count});
    for (; taken < count; ++taken) {
      Slot& slot =
          slot_of(batch.hashes[first + taken], std::invoke(record_key_, std::as_const(batch.records[first + taken])));
      if (!slot.usable()) [[unlikely]] {
        // Its model was unloaded, or is loaded again after a restart: others need not wait for it.
        lifecycle_.need(slot, *slot.current);
        if (!kCanHold || held_count_ + ++unusable > options_.max_held_records) break;
        any_held = true;
      }
      slots_of_[taken] = &slot;
      versions_[taken] = slot.current;
      any_held = any_held || (hold && slot.current == nullptr);
    }
    batch.cursor += taken;
    if (any_held) [[unlikely]]
      return hold_some(batch, first, taken, out);
    score(batch, first, taken, out);
  }

  // Records without a model wait; beyond the bound the oldest of the key is answered without one. Records whose model
  // is not loaded wait for it.
  void hold_some(Batch<T>& batch, std::size_t first, std::size_t count, Outbox& out) {
    side_.clear();
    std::size_t kept = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
      Slot& slot = static_cast<Slot&>(*slots_of_[i]);
      if (!slot.usable()) {
        hold(slot, batch, first + i, kMinTimestamp);
        continue;
      }
      if (slot.current == nullptr && options_.no_model == NoModelPolicy::kHold) {
        const bool is_full = held_count_ >= options_.max_held_records;
        if (!is_full || slot.held != 0) {
          if (is_full) {
            take_held(slot, kAfterHeld, 1);
            slots_of_[kept] = &slot;
            versions_[kept++] = nullptr;
          }
          hold(slot, batch, first + i, kMinTimestamp);
          continue;
        }
      }
      add_record(side_, std::move(batch.records[first + i]), time_of(batch, first + i), position_of(batch, first + i));
      slots_of_[kept] = &slot;
      versions_[kept++] = slot.current;
    }
    drop_unknown_columns(side_);
    score(side_, 0, kept, out);
  }

  void take_by_event_time(Batch<T>& batch, std::size_t count, Outbox& out) {
    slots_of_.resize(count);
    versions_.resize(count);
    selected_.clear();
    const std::size_t first = batch.cursor;
    std::size_t taken = 0;
    for (; taken < count; ++taken) {
      const std::size_t index = first + taken;
      Slot& slot = slot_of(batch.hashes[index], std::invoke(record_key_, std::as_const(batch.records[index])));
      const Timestamp time = time_of(batch, index);
      ModelVersion* version = nullptr;
      if (!decided(slot, time, version)) {
        if (held_count_ >= options_.max_held_records && !context_->aligning()) break;
        hold(slot, batch, index, time);
        continue;
      }
      slots_of_[selected_.size()] = &slot;
      versions_[selected_.size()] = version;
      selected_.push_back(static_cast<std::uint32_t>(index));
    }
    batch.cursor += taken;
    if (selected_.size() == taken) return score(batch, first, taken, out);
    side_.clear();
    batch.move_selected(selected_.data(), selected_.size(), side_);
    score(side_, 0, selected_.size(), out);
  }

  // Event time: is it settled which version (null: none) scores the key's records of this time?
  bool decided(Slot& slot, Timestamp time, ModelVersion*& version) {
    if (time > progress_ || time >= slot.blocked_from) return false;
    version = lifecycle_.version_at(slot, time);
    if (version == nullptr || version->scorer != nullptr) [[likely]]
      return true;
    lifecycle_.need(slot, *version);
    return false;
  }

  void score(Batch<T>& batch, std::size_t first, std::size_t count, Outbox& out) {
    if (count == 0) return;
    const auto groups = scorer_.score(batch, first, count, slots_of_.data(), versions_.data(), context_->clock(),
                                      out.batch<Scored<T>>(), archive_.target(out));
    if (scorer_.without_model() != 0) [[unlikely]]
      count_without_model(count);
    if (groups.empty()) return;
    const Timestamp now = context_->clock().now();
    if (slots_.size() < memory_.kManyKeys) return count_up(groups, now, batch, first);
    memory_.by_steps(groups, *statistics_, [&](const auto& some) { count_up(some, now, batch, first); });
  }

  void count_up(std::span<const ScoredGroup> groups, Timestamp now, const Batch<T>& batch, std::size_t first) {
    for (const ScoredGroup& group : groups) {
      Slot& slot = static_cast<Slot&>(*group.slot);
      ModelVersion& version = *group.version;
      statistics_->mutate(slot.key, slot.hash, slot.statistics_place)
          .of(version.id, version.statistics_hint, options_.keep_versions + 1)
          .add(group.rows, group.failed, group.elapsed_ns, now);
      version.records_metric->add(group.rows);
      if (group.failed != 0) [[unlikely]] {
        metrics_.errors->add(group.failed);
        version.errors_metric->add(group.failed);
      }
      if (version.awaits_first_record && slot.current == &version) [[unlikely]] {
        const std::size_t index = first + group.first_record;
        lifecycle_.note_first_record(slot, version, position_of(batch, index), time_of(batch, index));
      }
    }
  }

  void count_without_model(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      if (versions_[i] != nullptr) continue;
      const Slot& slot = static_cast<const Slot&>(*slots_of_[i]);
      ++statistics_->mutate(slot.key, slot.hash).no_model;
      metrics_.without_model->add(1);
    }
  }

  void hold(Slot& slot, Batch<T>& batch, std::size_t index, Timestamp order) {
    if constexpr (kCanHold) {
      const HeldOrder at{order, slot.next_held++};
      HeldRecord<T>& held = held_->mutate(slot.key, slot.hash, at);
      held.record = std::move(batch.records[index]);
      held.event_time = time_of(batch, index);
      held.position = position_of(batch, index);
      note_held(slot, at, 1);
    }
  }

  void note_held(Slot& slot, HeldOrder first, std::size_t count) {
    if (slot.held == 0) holding_.push_back(&slot);
    slot.held += count;
    slot.first_held = std::min(slot.first_held, first);
    held_count_ += count;
    metrics_.held->set(static_cast<std::int64_t>(held_count_));
  }

  // Moves up to `limit` of the key's held records before `end` to side_, in order. How many.
  std::size_t take_held(Slot& slot, HeldOrder end, std::size_t limit) {
    if constexpr (kCanHold) {
      orders_.clear();
      HeldOrder next = end;
      held_->for_range(slot.key, slot.hash, slot.first_held, end, [&](const HeldOrder& at, const HeldRecord<T>&) {
        if (orders_.size() < limit) {
          orders_.push_back(at);
          return true;
        }
        next = at;
        return false;
      });
      for (const HeldOrder& at : orders_) {
        HeldRecord<T>& held = held_->mutate(slot.key, slot.hash, at);
        add_record(side_, std::move(held.record), held.event_time, held.position);
        held_->remove(slot.key, slot.hash, at);
      }
      slot.held -= orders_.size();
      slot.first_held = slot.held == 0 ? kAfterHeld : next;
      held_count_ -= orders_.size();
      metrics_.held->set(static_cast<std::int64_t>(held_count_));
      if (slot.held == 0 && !orders_.empty()) std::erase(holding_, &slot);
      return orders_.size();
    } else {
      return 0;
    }
  }

  // Lets go of held records whose time has come. False when the outbox filled up before all had left.
  bool release(Outbox& out) {
    while (release_due_) {
      const std::size_t room = archive_.room(out);
      if (room == 0) return false;
      side_.clear();
      slots_of_.resize(room);
      versions_.resize(room);
      std::size_t count = 0;
      const std::vector<Slot*> holding = holding_;  // take_held changes the list
      for (Slot* slot : holding) count = release_key(*slot, count, room);
      if (count == 0) {
        release_due_ = false;
      } else {
        drop_unknown_columns(side_);
        score(side_, 0, count, out);
      }
    }
    return true;
  }

  // Adds what the key may release to side_, slots_of_ and versions_, up to `room` in all.
  std::size_t release_key(Slot& slot, std::size_t count, std::size_t room) {
    if (!event_time()) {
      if (!slot.usable()) return count;
      if (slot.current == nullptr && options_.no_model == NoModelPolicy::kHold && !ending_) return count;
      const std::size_t taken = take_held(slot, kAfterHeld, room - count);
      for (std::size_t i = 0; i < taken; ++i, ++count) {
        slots_of_[count] = &slot;
        versions_[count] = slot.current;
      }
      return count;
    }
    while (count < room && slot.held != 0) {
      ModelVersion* version = nullptr;
      if (!decided(slot, slot.first_held.first, version)) return count;
      // All records of the same version at once.
      HeldOrder end = std::min(HeldOrder{slot.cached_until, 0}, HeldOrder{slot.blocked_from, 0});
      if (progress_ != kMaxTimestamp) end = std::min(end, HeldOrder{progress_ + Duration{1}, 0});
      if (end.first == kMaxTimestamp) end = kAfterHeld;
      const std::size_t taken = take_held(slot, end, room - count);
      for (std::size_t i = 0; i < taken; ++i, ++count) {
        slots_of_[count] = &slot;
        versions_[count] = version;
      }
      if (taken == 0 && end == kAfterHeld) return count;  // the table lost them and its fault() says so
    }
    return count;
  }

  void set_progress(Timestamp watermark) {
    if (watermark <= progress_) return;
    progress_ = watermark;
    lifecycle_.set_progress(watermark);
    release_due_ = held_count_ != 0;
  }

  void store() {
    for (ModelSlot* changed : lifecycle_.take_changed()) {
      Slot& slot = static_cast<Slot&>(*changed);
      if (slot.models_changed) models_->mutate(slot.key, slot.hash) = lifecycle_.state_of(slot);
      if (slot.swaps_changed) swaps_->mutate(slot.key, slot.hash) = slot.swaps;
      slot.models_changed = slot.swaps_changed = false;
    }
    if (!release_due_) lifecycle_.keep_to_budget(scorer_.mark());
  }

  Status restore() {
    if (const auto progress = restored_model_progress(*context_); progress && event_time()) set_progress(*progress);
    std::vector<std::pair<K, KeyModels>> stored;
    WEIR_RETURN_IF_ERROR(
        models_->for_each([&](const K& key, const KeyModels& state) { stored.emplace_back(key, state); }));
    for (auto& [key, state] : stored) {
      const std::uint64_t hash = hash_key(key);
      const SwapLog* log = swaps_->find(key, hash);
      lifecycle_.restore(slot_of(hash, key), std::move(state), log == nullptr ? SwapLog{} : *log);
    }
    if constexpr (kCanHold) {
      WEIR_RETURN_IF_ERROR(held_->for_each_key([&](const K& key, const auto& records) {
        if (records.empty()) return;
        Slot& slot = slot_of(hash_key(key), key);
        for (const auto& [order, record] : records) slot.next_held = std::max(slot.next_held, order.second + 1);
        note_held(slot, records.begin()->first, records.size());
      }));
      release_due_ = held_count_ != 0;
    }
    store();
    if (release_due_) waker_();
    return {};
  }

  RecordKey record_key_;
  ModelKey model_key_;
  ModelLifecycle lifecycle_;
  const ServeOptions& options_;
  BatchScorer<T> scorer_;
  OperatorContext* context_ = nullptr;
  std::function<void()> waker_;
  KeySlots<Slot, K> slots_;
  KeyMemory<Slot, K> memory_;
  ValueTable<K, KeyModels>* models_ = nullptr;
  ValueTable<K, SwapLog>* swaps_ = nullptr;
  ValueTable<K, KeyStatistics>* statistics_ = nullptr;
  std::conditional_t<kCanHold, HeldTable<K, T>, void>* held_ = nullptr;
  ServingMetrics metrics_;
  ModelEventsOutput events_;
  ArchiveOutput archive_;

  Timestamp progress_ = kMinTimestamp;  // event time: how far the model stream has come
  std::vector<Slot*> holding_;          // slots with held records
  std::size_t held_count_ = 0;
  bool release_due_ = false;
  bool ending_ = false;

  // Working memory.
  std::vector<ModelSlot*> slots_of_;
  std::vector<ModelVersion*> versions_;
  std::vector<std::uint32_t> selected_;
  std::vector<HeldOrder> orders_;
  Batch<T> side_;
};

}  // namespace weir::serving
