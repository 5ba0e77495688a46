#pragma once
/// SpeculateOperator: the task side of speculate(). Input 0 is records, input 1 models, both keyed alike; input 2, if
/// there is one, is control.
///
/// A batch of records is scored by the fast members together, key by key; what is decided by then leaves at once and
/// touches no state. What is not becomes an UndecidedRecord in state, and an entry of `open_`: slow members are asked,
/// their scores come back through poll(), and the monotonic clock ends what they leave open. With an archive, a
/// record's ballot is put out together with its result.

#include <algorithm>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/features.hpp>
#include <weir/operator.hpp>
#include <weir/serving/serving_metrics.hpp>
#include <weir/serving/serving_view.hpp>
#include <weir/serving/side_batch.hpp>
#include <weir/speculation/ballot_archive.hpp>
#include <weir/speculation/batch_votes.hpp>
#include <weir/speculation/late_queue.hpp>
#include <weir/speculation/open_records.hpp>
#include <weir/speculation/speculation_tables.hpp>
#include <weir/speculation/speculator.hpp>

namespace weir::speculation {

template <class T, class K, class RecordKey, class ModelKey>
class SpeculateOperator final : public Operator, public serving::ServingView {
  static_assert(Serializable<T> && std::is_default_constructible_v<T>,
                "records that wait for a decision are state: they must be storable (weir/serde.hpp) and "
                "default-constructible");
  static constexpr std::size_t kRecords = 0;
  static constexpr std::size_t kModels = 1;

  using Slot = typename SpeculationTables<T, K>::Slot;
  using OpenRecord = OpenRecords::Entry;

 public:
  SpeculateOperator(const ModelRuntimes& runtimes, Features<T> features, SpeculationOptions options,
                    RecordKey record_key, ModelKey model_key)
      : record_key_(std::move(record_key)),
        model_key_(std::move(model_key)),
        features_(std::move(features)),
        speculator_(std::move(options), runtimes, features_.schema()),
        votes_(features_.schema(), speculator_) {}

  Status open(OperatorContext& context) override {
    context_ = &context;
    waker_ = context.waker();
    late_.open(context);
    WEIR_RETURN_IF_ERROR(speculator_.open(context));
    WEIR_RETURN_IF_ERROR(events_.open(context));
    for (std::size_t member = 0; member < speculator_.members(); ++member)
      events_.listen(speculator_.models_of(member));
    WEIR_RETURN_IF_ERROR(archive_.open(context, features_.schema(), speculator_.options()));
    tables_.open(context);
    return context.is_restored() ? restore() : Status{};
  }

  void process(std::size_t input, BatchPtr& batch, Outbox& out) override {
    if (input == kRecords) {
      const std::int64_t now_ns = context_->clock().monotonic_ns();
      hear_lanes(now_ns);
      end_those_due(now_ns);
      send(out);
      events_.put(out);  // records must not keep them from the archive for ever
      take_records(static_cast<Batch<T>&>(*batch), now_ns, out);
    } else if (input == kModels) {
      take_models(static_cast<Batch<ModelRecord>&>(*batch));
    } else {
      auto& controls = static_cast<Batch<SpeculationControl>&>(*batch);
      for (; controls.cursor < controls.size(); ++controls.cursor) speculator_.apply(controls.records[controls.cursor]);
    }
    finish_call(out);
  }

  PollResult poll(Outbox& out) override {
    const std::int64_t now_ns = context_->clock().monotonic_ns();
    bool progress = speculator_.poll_models() || put_off_due_;
    put_off_due_ = false;
    if (progress) ask_those_put_off(now_ns);
    progress = hear_lanes(now_ns) || progress;
    progress = end_those_due(now_ns) || progress;
    progress = send(out) || progress;
    finish_call(out);
    if (!progress && (open_.any_decided() || !late_.empty() || !events_.empty()))
      waker_();  // the outbox takes nothing now: again
    return progress ? PollResult::kProgress : PollResult::kIdle;
  }

  bool on_timer_tick(Timestamp /*now*/, Outbox& out) override {
    poll(out);
    return !open_.any_decided() && late_.empty();
  }

  [[nodiscard]] bool counts_for_watermark(std::size_t input) const noexcept override { return input == kRecords; }
  /// A watermark goes on when all records before it have been answered; meanwhile later records may start.
  [[nodiscard]] bool forwards_watermark() const noexcept override { return false; }
  [[nodiscard]] bool forwards_idle() const noexcept override { return true; }
  bool on_watermark(Timestamp watermark, Outbox& out) override {
    if (watermark == kMaxTimestamp) {
      poll(out);
      return open_.empty();
    }
    open_.add_watermark(watermark);
    send_watermarks(out);
    return true;
  }
  bool on_idle(bool idle, Outbox& out) override {
    if (!idle) return true;
    poll(out);
    return open_.empty();
  }
  /// Late scores are not waited for.
  bool on_end(Outbox& out) override {
    poll(out);
    return open_.empty() && late_.empty() && events_.empty();
  }

  void snapshot(SnapshotBuilder& builder) override {
    speculator_.snapshot(builder);
    events_.snapshot(builder);
  }
  void close() noexcept override { speculator_.close(); }

  Result<std::string> show_models(std::string_view text, std::int64_t version) override {
    WEIR_ASSIGN_OR_RETURN(const K key, parse_key<K>(text));
    const Slot* slot = tables_.find(key);
    if (slot == nullptr) return serving::unknown_key(text);
    return show_members(speculator_, *slot, tables_.shown_statistics(*slot), version);
  }
  Status add_served(std::string_view text, std::vector<serving::ServedModel>& served) override {
    WEIR_ASSIGN_OR_RETURN(const K key, parse_key<K>(text));
    const Slot* slot = tables_.find(key);
    if (slot == nullptr) return serving::unknown_key(text);
    for (std::size_t index = 0; index < speculator_.members(); ++index)
      speculator_.models_of(index).add_served(*slot->models[index], served);
    return {};
  }

 private:
  static Slot& slot_of(const OpenRecord& open) { return static_cast<Slot&>(*open.second.slot); }
  UndecidedRecord<T>& row_of(const OpenRecord& open) { return tables_.row(slot_of(open), open.first); }

  void take_models(Batch<ModelRecord>& batch) {
    for (; batch.cursor < batch.size() && speculator_.can_receive(); ++batch.cursor) {
      ModelRecord& record = batch.records[batch.cursor];
      const std::optional<Timestamp> time =
          batch.timestamps.empty() ? std::nullopt : std::optional(batch.timestamps[batch.cursor]);
      Slot& slot = tables_.slot_of(batch.hashes[batch.cursor], std::invoke(model_key_, std::as_const(record)));
      speculator_.receive(slot, std::move(record), time);
    }
    if (put_off_.empty()) return;
    put_off_due_ = true;  // a model that records wait for may have gone
    waker_();
  }

  // How many records may start now.
  std::size_t startable(const Batch<T>& batch, std::int64_t now_ns, const Outbox& out) {
    std::size_t count = std::min(batch.remaining(), archive_.room(out));
    const std::size_t most = speculator_.options().max_undecided;
    count = std::min(count, most - std::min(open_.size(), most));
    return std::min(count, speculator_.lane_room(now_ns, is_wanted_));
  }

  void take_records(Batch<T>& batch, std::int64_t now_ns, Outbox& out) {
    const std::size_t count = startable(batch, now_ns, out);
    if (count == 0) return;
    const std::size_t first = batch.cursor;
    votes_.begin(count);
    for (std::size_t i = 0; i < count; ++i) {
      const T& record = batch.records[first + i];
      votes_.add(tables_.slot_of(batch.hashes[first + i], std::invoke(record_key_, record)));
    }
    votes_.lay_out();
    features_.gather(batch.records.data() + first, votes_.rows(), count, votes_.numbers(), votes_.texts());
    const std::int64_t scored_ns = votes_.score(context_->clock());
    for (BatchVotes::Group& group : votes_.groups()) note_use(group, batch, first);
    Batch<Speculated<T>>& results = out.batch<Speculated<T>>();
    results.records.reserve(results.size() + count);
    archive_.begin();
    for (std::size_t i = 0; i < count; ++i) start(batch, first + i, i, now_ns, scored_ns, out);
    batch.cursor += count;
  }

  void note_use(BatchVotes::Group& group, const Batch<T>& batch, std::size_t first) {
    group.statistics = &tables_.statistics_of(static_cast<Slot&>(*group.slot));
    votes_.count_latency(group);
    const std::size_t index = first + group.first_record;
    for (std::size_t member = 0; member < speculator_.members(); ++member)
      note_first_record(*group.slot, member, serving::position_of(batch, index), serving::time_of(batch, index));
  }
  void note_first_record(KeySlot& slot, std::size_t member, std::uint64_t position, Timestamp time) {
    MemberSlot& models = *slot.models[member];
    if (models.current != nullptr && models.current->awaits_first_record) [[unlikely]]
      speculator_.models_of(member).note_first_record(models, *models.current, position, time);
  }

  // One record, with the votes of the fast members: it is decided and leaves, or it stays open.
  void start(Batch<T>& batch, std::size_t index, std::size_t of_call, std::int64_t now_ns, std::int64_t scored_ns,
             Outbox& out) {
    const BatchVotes::Group& group = votes_.group_of(of_call);
    Slot& slot = static_cast<Slot&>(*group.slot);
    Speculated<T> result;
    result.record = std::move(batch.records[index]);
    result.key = slot.key_text;
    result.event_time = serving::time_of(batch, index);
    result.position = serving::position_of(batch, index);
    const std::uint32_t votes = votes_.fill(of_call, result.scores);
    const std::size_t slow = speculator_.refuse_full_lanes(slot, result.scores, now_ns, is_wanted_);
    OpenBallot ballot;
    if (archive_.is_on()) ballot = ballot_of(slot, of_call, result.scores);
    const bool is_decided =
        speculator_.decide(result, speculator_.policy(), false, scored_ns - now_ns, *group.statistics);
    const bool ask_all = slow != 0 && speculator_.options().late_scores == LateScores::kOfAll;
    if (!is_decided || ask_all) {
      const SlowSubject subject{open_.take_id(), &slot, result.event_time, result.position, now_ns};
      for (std::size_t member = 0; member < speculator_.members(); ++member) {
        const VoteStatus status = result.scores[member].status;
        if (status == VoteStatus::kWaiting || (ask_all && status == VoteStatus::kUnneeded))
          ask(subject, member, votes_.numbers_of(of_call), votes_.texts_of(of_call));
      }
      if (!is_decided) return keep_open(subject, std::move(result), votes, std::move(ballot));
    }
    put_out(slot, std::move(result), allowed_ns(), std::move(ballot), out);
  }
  [[nodiscard]] std::int64_t allowed_ns() const { return std::chrono::nanoseconds(speculator_.deadline()).count(); }

  // What is archived of a record of this call: its inputs, and who scored them or would be asked.
  OpenBallot ballot_of(const Slot& slot, std::size_t of_call, const std::vector<MemberScore>& scores) {
    OpenBallot ballot = archive_.inputs(votes_.numbers_of(of_call), votes_.texts_of(of_call));
    for (std::size_t member = 0; member < scores.size(); ++member) {
      const serving::ModelVersion* version = slot.models[member]->current;
      if (version == nullptr || version->scorer == nullptr) continue;
      const bool is_asked = speculator_.lane(member) == nullptr || scores[member].status == VoteStatus::kWaiting;
      if (is_asked) BallotArchive::note(ballot, member, *version);
    }
    return ballot;
  }

  void put_out(Slot& slot, Speculated<T>&& result, std::int64_t deadline_ns, OpenBallot&& ballot, Outbox& out) {
    const Timestamp time = result.event_time;
    const std::uint64_t position = result.position;
    if (archive_.is_on()) archive_.put(out, slot, result, time, position, deadline_ns, std::move(ballot));
    serving::append(out.batch<Speculated<T>>(), std::move(result), time, position);
  }

  void keep_open(const SlowSubject& subject, Speculated<T>&& result, std::uint32_t votes, OpenBallot&& ballot) {
    Slot& slot = static_cast<Slot&>(*subject.slot);
    UndecidedRecord<T>& row = tables_.row(slot, subject.id);
    row.result = std::move(result);
    row.result.policy = speculator_.policy().name();
    row.started_ns = subject.started_ns;
    row.allowed_ns = allowed_ns();
    row.votes = votes;
    row.ballot = std::move(ballot);
    open_.add(subject.id, {&slot, row.started_ns, row.started_ns + row.allowed_ns, &speculator_.policy(), false});
  }

  // Asks a member for one record: a slow one in its lane; where the model is still to come, later.
  void ask(const SlowSubject& subject, std::size_t member, const double* numbers, const std::string_view* texts) {
    const serving::ModelVersion* version = subject.slot->models[member]->current;
    SlowLane* lane = speculator_.lane(member);
    if (lane == nullptr || version == nullptr || version->scorer == nullptr) {
      put_off_.emplace_back(subject.id, member);
      return;
    }
    note_first_record(*subject.slot, member, subject.position, subject.event_time);
    lane->ask(request_of(subject, *version, features_.schema(), numbers, texts));
  }

  // After a model has changed: records that it was still to come for.
  void ask_those_put_off(std::int64_t now_ns) {
    std::vector<std::pair<std::uint64_t, std::size_t>> waiting;
    waiting.swap(put_off_);
    for (const auto& [id, member] : waiting) {
      OpenRecord* const found = open_.find_undecided(id);
      if (found == nullptr) continue;
      MemberSlot& models = *found->second.slot->models[member];
      if (!models.usable() || (models.current == nullptr && speculator_.member(member).wait_for_model)) {
        put_off_.emplace_back(id, member);
      } else if (models.current == nullptr) {
        hear(*found, member, speculator_.absence_of(member), now_ns);
      } else {
        ask_again(*found, member, now_ns);
      }
    }
  }
  void ask_again(OpenRecord& open, std::size_t member, std::int64_t now_ns) {
    UndecidedRecord<T>& row = row_of(open);
    Slot& slot = slot_of(open);
    lay_out(slot, row);
    if (archive_.is_on()) BallotArchive::note(row.ballot, member, *slot.models[member]->current);
    const SlowSubject subject{open.first, &slot, row.result.event_time, row.result.position, open.second.started_ns};
    if (speculator_.lane(member) != nullptr) {
      row.result.scores[member].model = slot.models[member]->current->id;
      return ask(subject, member, votes_.numbers(), votes_.texts());
    }
    MemberScore score = votes_.score_one(member, context_->clock());
    tables_.statistics_of(slot).members[member].add_latency(score.latency_ns, 1);
    note_first_record(slot, member, row.result.position, row.result.event_time);
    hear(open, member, std::move(score), now_ns);
  }

  // Features of one record, as row 0: those that are archived, if any, so that all members see the same.
  void lay_out(Slot& slot, const UndecidedRecord<T>& row) {
    votes_.begin(1);
    votes_.add(slot);
    votes_.lay_out();
    if (!row.ballot.has_value())
      return features_.gather(&row.result.record, votes_.rows(), 1, votes_.numbers(), votes_.texts());
    std::copy(row.ballot.numbers.begin(), row.ballot.numbers.end(), votes_.numbers());
    for (std::size_t i = 0; i < row.ballot.texts.size(); ++i)
      votes_.texts()[i] = row.ballot.texts[i] ? std::string_view(*row.ballot.texts[i]) : std::string_view();
  }

  bool hear_lanes(std::int64_t now_ns) {
    bool heard = false;
    for (std::size_t member = 0; member < speculator_.members(); ++member) {
      SlowLane* lane = speculator_.lane(member);
      if (lane == nullptr) continue;
      for (SlowScore& slow : lane->take(now_ns)) {
        heard = true;
        OpenRecord* const found = open_.find_undecided(slow.subject.id);
        if (found == nullptr || slow.ended_ns > found->second.deadline_ns) {
          note_late(member, std::move(slow));
        } else {
          tables_.statistics_of(slot_of(*found)).members[member].add_latency(slow.score.latency_ns, 1);
          hear(*found, member, std::move(slow.score), now_ns);
        }
      }
    }
    return heard;
  }

  void hear(OpenRecord& open, std::size_t member, MemberScore score, std::int64_t now_ns) {
    UndecidedRecord<T>& row = row_of(open);
    if (score.status == VoteStatus::kVoted) score.order = ++row.votes;
    row.result.scores[member] = std::move(score);
    decide(open, row, false, now_ns);
  }

  void decide(OpenRecord& open, UndecidedRecord<T>& row, bool deadline_has_come, std::int64_t now_ns) {
    if (!speculator_.decide(row.result, *open.second.policy, deadline_has_come, now_ns - open.second.started_ns,
                            tables_.statistics_of(slot_of(open))))
      return;
    row.decided = true;
    open_.note_decided(open);
  }

  bool end_those_due(std::int64_t now_ns) {
    bool any = false;
    while (OpenRecord* const open = open_.due(now_ns)) {
      decide(*open, row_of(*open), true, now_ns);
      any = true;
    }
    return any;
  }

  void note_late(std::size_t member, SlowScore slow) {
    Slot& slot = static_cast<Slot&>(*slow.subject.slot);
    speculator_.count_late(member, slow.score, tables_.statistics_of(slot));
    late_.add(slot, std::move(slow));
  }

  // Sends what is decided, then the watermarks that waited for it, and late scores. True when anything went.
  bool send(Outbox& out) {
    bool any = false;
    archive_.begin();
    for (OpenRecord* open = open_.first_decided(); open != nullptr && archive_.room(out) != 0;
         open = open_.first_decided()) {
      UndecidedRecord<T>& row = row_of(*open);
      put_out(slot_of(*open), std::move(row.result), row.allowed_ns, std::move(row.ballot), out);
      tables_.remove(slot_of(*open), open->first);
      open_.note_sent();
      any = true;
    }
    send_watermarks(out);
    return late_.send(out) || any;
  }
  void send_watermarks(Outbox& out) {
    while (const std::optional<Timestamp> watermark = open_.take_watermark()) out.emit_watermark(*watermark);
  }

  // Stores what changed, hands requests on, and asks to be woken at the next deadline.
  void finish_call(Outbox& out) {
    for (std::size_t member = 0; member < speculator_.members(); ++member) events_.take(speculator_.models_of(member));
    events_.put(out);
    finish_call();
  }
  void finish_call() {
    tables_.store_changed();
    speculator_.pump_lanes(is_wanted_);
    if (const auto deadline_ns = open_.next_deadline_ns()) context_->wake_at(*deadline_ns);
    if (put_off_.size() > 2 * speculator_.members() * speculator_.options().max_undecided)
      std::erase_if(put_off_, [&](const auto& one) { return !is_wanted_(one.first); });
    speculator_.publish(open_.size());
  }

  Status restore() {
    WEIR_RETURN_IF_ERROR(tables_.restore_models());
    WEIR_ASSIGN_OR_RETURN(const auto stored, tables_.stored_records());
    if (!stored.empty()) open_.ids_after(stored.back().first);
    const std::int64_t now_ns = context_->clock().monotonic_ns();
    for (const auto& [id, slot] : stored) restore_record(id, *slot, now_ns);
    put_off_due_ = !put_off_.empty();
    if (!stored.empty()) waker_();
    finish_call();
    return {};
  }

  // The time that had gone by at the checkpoint has gone by; that since then has not.
  void restore_record(std::uint64_t id, Slot& slot, std::int64_t now_ns) {
    if (open_.find(id) != nullptr) {  // two tasks, now one, gave it to records of different keys
      UndecidedRecord<T> moved = std::move(tables_.row(slot, id));
      tables_.remove(slot, id);
      id = open_.take_id();
      tables_.row(slot, id) = std::move(moved);
    }
    UndecidedRecord<T>& row = tables_.row(slot, id);
    restore_ballot(slot, row);
    const std::int64_t gone_ns = std::max<std::int64_t>(0, speculator_.checkpoint_ns().value_or(0) - row.started_ns);
    row.started_ns = now_ns - gone_ns;
    open_.add(id, {&slot, row.started_ns, row.started_ns + row.allowed_ns, &speculator_.policy_named(row.result.policy),
                   row.decided});
    if (row.decided) return;
    row.result.scores = speculator_.matched(std::move(row.result.scores));
    for (std::size_t member = 0; member < speculator_.members(); ++member)
      if (row.result.scores[member].status == VoteStatus::kWaiting) put_off_.emplace_back(id, member);
  }

  // What was archived of a record before the restart fits what is declared now, or is made anew: then its earlier votes
  // are no votes on these inputs, as far as the archive knows.
  void restore_ballot(Slot& slot, UndecidedRecord<T>& row) {
    if (archive_.is_on() == row.ballot.has_value() && (!archive_.is_on() || archive_.fits(row.ballot))) return;
    row.ballot = {};
    if (!archive_.is_on()) return;
    lay_out(slot, row);
    row.ballot = archive_.inputs(votes_.numbers(), votes_.texts());
  }

  RecordKey record_key_;
  ModelKey model_key_;
  Features<T> features_;
  Speculator speculator_;
  BatchVotes votes_;
  OperatorContext* context_ = nullptr;
  std::function<void()> waker_;
  SpeculationTables<T, K> tables_{speculator_};
  serving::ModelEventsOutput events_;
  BallotArchive archive_;

  OpenRecords open_;
  std::vector<std::pair<std::uint64_t, std::size_t>> put_off_;  // ids and members whose model is still to come
  bool put_off_due_ = false;
  LateQueue late_;
  SlowLane::IsWanted is_wanted_ = [this](std::uint64_t id) {
    if (speculator_.options().late_scores == LateScores::kOfAll) return true;
    return open_.find_undecided(id) != nullptr;
  };
};

}  // namespace weir::speculation
