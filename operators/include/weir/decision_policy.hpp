#pragma once
/// Decision policies: how the scores of several models become one answer (weir/speculation.hpp).
///
/// A policy is a pure function of a Ballot: the members as declared, their scores so far, and whether more may come. It
/// is asked when a record starts, after each score, and a last time at the deadline. It says kWait while the outcome
/// may still change and the outcome as soon as it cannot; what it has said once is final. So it must not look at
/// anything but the ballot: the same votes then give the same answer, whenever they come.
///
///   weir::best_quality()                                      the best model that answers in time
///   weir::ranked({"smart", "fast"})                           the fast one when the smart one is late
///   weir::otherwise(weir::majority(), weir::fixed_answer({0.5}))     consensus of what is there, else a default
///   weir::custom_policy("highest", [](const weir::Ballot& ballot) { ... })
///
/// Thread: a policy is shared by all tasks, so decide() must be safe to call from several threads.

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weir/model_id.hpp>
#include <weir/result.hpp>
#include <weir/score_values.hpp>
#include <weir/status.hpp>
#include <weir/time.hpp>

namespace weir {

/// How one model stands to one record. All but kVoted is an abstention.
enum class VoteStatus : unsigned char {
  kWaiting,    ///< may still vote; only while the record is undecided
  kVoted,      ///< scored the record in time
  kLate,       ///< had not answered at the deadline; its score may follow in the late output
  kFailed,     ///< could not score the record; the first text is the reason
  kAbsent,     ///< the key has no model of that name
  kAbstained,  ///< gave no value (NaN, no text), or was not asked: its queue was full, or it does not respond
  kUnneeded,   ///< had not answered when the outcome could not change any more
};
/// `waiting`, `voted`, ...
std::string_view to_string(VoteStatus status) noexcept;

/// What one member said of one record.
struct MemberScore {
  ModelId model;                ///< the member's name; version 0 when no model was asked
  ScoreNumbers numbers;         ///< outputs, in the order of SpeculationMember::outputs; empty unless kVoted
  ScoreTexts texts;             ///< likewise; with kFailed the reason
  std::int64_t latency_ns = 0;  ///< of scoring: the time of the call divided by its records
  std::uint32_t order = 0;      ///< of arrival among the record's votes, from 1; 0: no vote
  VoteStatus status = VoteStatus::kWaiting;

  // Serde and JSON.
  void weir_write(ByteWriter& writer) const;
  void weir_read(ByteReader& reader);
  static void weir_schema(std::string& out);
  void weir_json(JsonWriter& writer) const;
};

/// What happens when a slow member's queue is full?
enum class QueueFull : unsigned char {
  kBackPressure,  ///< records wait before they start; their deadline does not run yet
  kAbstain,       ///< the record goes on without the member (VoteStatus::kAbstained)
};

/// A model that takes part, as declared. Models are matched by name, so each key may have its own.
struct SpeculationMember {
  std::string name;    ///< of the models on the model stream
  int priority = 0;    ///< higher goes first, for those policies that look at it
  double quality = 1;  ///< higher is better
  double weight = 1;   ///< of its vote, where votes are weighted; at least 0
  /// Outputs wanted, by name; empty: the model's primary output. A model that lacks one is refused.
  std::vector<std::string> outputs{};
  /// A record that finds no model of this name waits for one, up to its deadline; else the member is absent at once.
  bool wait_for_model = false;
  /// False: scores in the task, a batch at a time; for models of microseconds. True: scores beside the workers, on
  /// threads of its own; the rest of this struct is for those.
  bool slow = false;
  std::uint32_t threads = 1;  ///< of each task
  /// Records of one task that may wait for the member.
  std::size_t max_queued = 256;
  QueueFull when_full = QueueFull::kBackPressure;
  /// Records handed to the model together; their scores come together.
  std::size_t rows_per_call = 1;
  /// A member that has been asked and has not said anything for so long is not asked (kAbstained) until it does: a
  /// model that hangs costs its own threads, and no record's time.
  Duration unresponsive_after = std::chrono::seconds(10);
};

/// What a policy sees of one record. Borrowed for the call.
struct Ballot {
  std::span<const SpeculationMember> members;
  std::span<const MemberScore> scores;  ///< of member i at index i
  bool is_closed = false;               ///< no more votes come: all have been heard, or the deadline is there

  [[nodiscard]] bool has_vote(std::size_t member) const noexcept { return scores[member].status == VoteStatus::kVoted; }
  [[nodiscard]] bool may_vote(std::size_t member) const noexcept {
    return !is_closed && scores[member].status == VoteStatus::kWaiting;
  }
};

struct Decision {
  enum class Kind : unsigned char {
    kWait,     ///< the outcome may still change; means kNone when the ballot is closed
    kAnswer,   ///< `numbers` and `texts` are the answer
    kDefault,  ///< likewise, but no model's
    kNone,     ///< there is no answer
  };
  Kind kind = Kind::kWait;
  int winner = -1;  ///< the member that is answered, or answered by the one of best standing; -1: none
  ScoreNumbers numbers{};
  ScoreTexts texts{};
  std::size_t output = 0;  ///< the voters' output that the answer's first value is about (SpeculationAnswer::agreement)

  static Decision wait() { return {}; }
  static Decision none() { return {Kind::kNone}; }
  /// What one member voted. Precondition: it has.
  static Decision of_member(const Ballot& ballot, std::size_t member) {
    return {Kind::kAnswer, static_cast<int>(member), ballot.scores[member].numbers, ballot.scores[member].texts};
  }
};

class DecisionPolicy {
 public:
  explicit DecisionPolicy(std::string name) : name_(std::move(name)) {}
  virtual ~DecisionPolicy() = default;
  /// In results, and what a SpeculationControl asks for it by.
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  /// See above.
  [[nodiscard]] virtual Decision decide(const Ballot& ballot) const = 0;
  /// Does the policy fit these members? Asked once, before the job starts to work.
  [[nodiscard]] virtual Status check(std::span<const SpeculationMember> /*members*/) const { return {}; }
  /// Bytes from which policy_of() makes it again; empty when it is code (your own policy, first_good() with a
  /// function).
  [[nodiscard]] virtual std::string definition() const { return {}; }

 private:
  std::string name_;
};
using PolicyPtr = std::shared_ptr<const DecisionPolicy>;

/// The first score that is good; in the order of members where several come at once. The one policy here whose answer
/// depends on who is faster. Default: every score is good.
PolicyPtr first_good(std::function<bool(const MemberScore&)> is_good = {});
/// The score of the member with the highest quality that votes; equal ones in the order of members.
PolicyPtr best_quality();
/// The score of the member with the highest priority that votes; equal ones in the order of members.
PolicyPtr by_priority();
/// The score of the first of these members that votes; others are not heard.
PolicyPtr ranked(std::vector<std::string> names);

/// Who wins when two classes have equally many votes.
enum class TieRule : unsigned char {
  kQuality,   ///< the class whose voters' qualities add up to more; then as kPriority
  kPriority,  ///< the class of the voter with the highest priority; equal ones in the order of members
  kNone,      ///< nobody
};
struct MajorityOptions {
  std::string name = "majority";
  /// The class is text output `output`, or numeric output `output`.
  std::size_t output = 0;
  bool of_numbers = false;
  TieRule tie = TieRule::kQuality;
  /// Each vote counts the member's weight instead of 1.
  bool weighted = false;
  /// The share of all votes that the class must have, 0 to 1; 0: more than any other is enough.
  double share = 0;
};
/// The class with the most votes. The answer is the class alone: the rest depends on who voted for it.
PolicyPtr majority(MajorityOptions options = {});
/// The median of numeric output `output`; of an even number of votes the mean of the two in the middle.
PolicyPtr median(std::size_t output = 0);
/// The mean of numeric output `output`, weighted by SpeculationMember::weight.
PolicyPtr weighted_mean(std::size_t output = 0);

/// No answer unless at least `votes` members vote; then what `policy` says.
PolicyPtr quorum(std::size_t votes, PolicyPtr policy);
/// What `first` says; where it has no answer, what `second` says. Waits as long as `first` does.
PolicyPtr otherwise(PolicyPtr first, PolicyPtr second);
/// Always this answer (Decision::Kind::kDefault). For otherwise().
PolicyPtr fixed_answer(std::vector<double> numbers, std::vector<std::string> texts = {});
/// The same policy by another name.
PolicyPtr named(std::string name, PolicyPtr policy);
/// What DecisionPolicy::definition() gave. kDataLoss when it is none.
Result<PolicyPtr> policy_of(std::string_view definition);
/// A policy of your own.
PolicyPtr custom_policy(std::string name, std::function<Decision(const Ballot&)> decide);

}  // namespace weir
