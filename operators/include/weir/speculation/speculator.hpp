#pragma once
/// Speculator: what speculation does that does not depend on the types of record and key. The models of each member,
/// the policy and deadline in force, the decision of one record with its statistics.

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weir/operator.hpp>
#include <weir/serving/model_lifecycle.hpp>
#include <weir/speculated.hpp>
#include <weir/speculation/slow_lane.hpp>
#include <weir/speculation/speculation_statistics.hpp>
#include <weir/speculation_options.hpp>

namespace weir::speculation {

/// The models of one member for one key.
struct MemberSlot : serving::ModelSlot {
  MemberSlot(std::string key, KeySlot& of, std::size_t index) : ModelSlot(std::move(key)), owner(of), member(index) {}
  KeySlot& owner;
  const std::size_t member;
};

/// One key of a task.
struct KeySlot {
  KeySlot(std::string text, std::size_t members);
  KeySlot(const KeySlot&) = delete;
  KeySlot& operator=(const KeySlot&) = delete;

  std::string key_text;
  std::vector<std::unique_ptr<MemberSlot>> models;  ///< by member
  bool statistics_match = false;                    ///< its statistics are those of the members as declared now

  // Working memory of whoever takes a batch.
  std::uint64_t batch_mark = 0;
  std::uint32_t group = 0;
  // And of whoever archives: where the key's ArchiveRecord is.
  std::uint64_t archive_mark = 0;
  std::size_t archive_entry = 0;
};

/// Thread: the task's.
class Speculator {
 public:
  Speculator(SpeculationOptions options, const ModelRuntimes& runtimes, const FeatureSchema& features);
  ~Speculator();

  Status open(OperatorContext& context);
  /// Ends the lanes: what waits is dropped, what hangs is left to itself.
  void close() noexcept {
    for (auto& lane : lanes_) lane.reset();
  }

  // Models.
  /// Precondition: can_receive().
  void receive(KeySlot& slot, ModelRecord record, std::optional<Timestamp> time);
  [[nodiscard]] bool can_receive() const noexcept;
  /// Takes finished loads. True when a model changed.
  bool poll_models();
  /// Slots whose state is to be stored, see ModelLifecycle.
  std::vector<MemberSlot*> take_changed();
  [[nodiscard]] serving::ModelLifecycle& models_of(std::size_t member) noexcept { return *lifecycles_[member]; }

  // Control.
  void apply(const SpeculationControl& control);
  [[nodiscard]] const DecisionPolicy& policy() const noexcept { return *policy_; }
  [[nodiscard]] Duration deadline() const noexcept { return deadline_; }
  /// The policy of this name, or, when it is gone, the one in force.
  [[nodiscard]] const DecisionPolicy& policy_named(std::string_view name) const noexcept;
  void snapshot(SnapshotBuilder& builder) const;
  /// The monotonic time at which the checkpoint restored from was taken; nothing when there is none.
  [[nodiscard]] std::optional<std::int64_t> checkpoint_ns() const noexcept { return checkpoint_ns_; }

  // Records.
  [[nodiscard]] const SpeculationOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t members() const noexcept { return options_.members.size(); }
  [[nodiscard]] const SpeculationMember& member(std::size_t index) const noexcept { return options_.members[index]; }
  /// Its name, and no version: who was not asked.
  [[nodiscard]] const ModelId& nobody(std::size_t member) const noexcept { return nobodies_[member]; }
  /// The vote of a member whose model is not there.
  [[nodiscard]] MemberScore absence_of(std::size_t member) const {
    MemberScore score;
    score.model = nobody(member);
    score.status = VoteStatus::kAbsent;
    return score;
  }
  /// The lane of a slow member; null for others.
  [[nodiscard]] SlowLane* lane(std::size_t member) noexcept { return lanes_[member].get(); }
  /// Records that may start before the queue of a slow member is full.
  [[nodiscard]] std::size_t lane_room(std::int64_t now_ns, const SlowLane::IsWanted& is_wanted);
  /// Slow members that cannot be asked now abstain. How many are left to ask.
  std::size_t refuse_full_lanes(const KeySlot& slot, std::vector<MemberScore>& scores, std::int64_t now_ns,
                                const SlowLane::IsWanted& is_wanted);
  /// Hands on what waits for slow members, and asks to be called again for what cannot be handed on now.
  void pump_lanes(const SlowLane::IsWanted& is_wanted);
  /// Makes the statistics those of the members as declared now.
  void match(KeySlot& slot, SpeculationStatistics& statistics) const;
  /// Scores read back from a checkpoint, as those of the members as declared now; who was no member then is to be
  /// asked.
  [[nodiscard]] std::vector<MemberScore> matched(std::vector<MemberScore> stored) const;
  /// Asks the policy. True when the record is decided: the answer is complete then, and counted.
  bool decide(SpeculationAnswer& answer, const DecisionPolicy& policy, bool deadline_has_come, std::int64_t latency_ns,
              SpeculationStatistics& statistics);
  void count_late(std::size_t member, const MemberScore& score, SpeculationStatistics& statistics);
  /// Shows counters in /metrics.
  void publish(std::size_t undecided);

 private:
  enum Counter : std::size_t {
    kVoted,
    kLate,
    kFailed,
    kAbsent,
    kAbstained,
    kUnneeded,
    kWon,
    kAgreed,
    kScoredLate,
    kCounters
  };
  struct Tally {
    std::array<std::int64_t, kCounters> counts{};
    std::array<Metric*, kCounters> metrics{};
    Metric* waiting = nullptr;
  };

  void count(SpeculationAnswer& answer, const Decision& decision, SpeculationStatistics& statistics);
  Status restore();

  SpeculationOptions options_;
  std::vector<std::unique_ptr<serving::ModelLifecycle>> lifecycles_;  // by member
  std::vector<std::unique_ptr<SlowLane>> lanes_;                      // by member; null: not slow
  std::vector<ModelId> nobodies_;
  OperatorContext* context_ = nullptr;
  const DecisionPolicy* policy_;
  Duration deadline_;
  std::optional<std::int64_t> checkpoint_ns_;
  std::vector<Tally> tallies_;
  std::array<std::int64_t, 3> answers_{};  // by AnswerStatus
  std::array<Metric*, 3> answers_metrics_{};
  std::int64_t at_deadline_ = 0;
  Metric* at_deadline_metric_ = nullptr;
  Metric* undecided_metric_ = nullptr;
  Metric* deadline_metric_ = nullptr;
  Metric* ignored_models_ = nullptr;
  Metric* refused_controls_ = nullptr;
};

/// The text of ServingView::show_models: each member's models, and the key's statistics.
Result<std::string> show_members(Speculator& speculator, const KeySlot& slot, const SpeculationStatistics& statistics,
                                 std::int64_t version);

}  // namespace weir::speculation
