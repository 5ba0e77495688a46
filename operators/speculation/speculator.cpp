#include <weir/speculation/speculator.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include <weir/serde.hpp>

namespace weir {
namespace {

constexpr Duration kLongestDeadline = std::chrono::hours(24);
constexpr std::size_t kMostMembers = 64;
constexpr std::uint32_t kMostThreads = 64;

void check_member(const SpeculationMember& member, std::vector<std::string>& faults) {
  const std::string name = "member '" + member.name + "'";
  if (member.name.empty()) faults.emplace_back("a member has no name");
  if (!(std::isfinite(member.weight) && member.weight >= 0))
    faults.push_back(name + ": its weight is " + std::to_string(member.weight) + ", not 0 or more");
  if (!(std::isfinite(member.quality) && member.quality >= 0))
    faults.push_back(name + ": its quality is " + std::to_string(member.quality) + ", not 0 or more");
  if (member.threads == 0 || member.threads > kMostThreads)
    faults.push_back(name + ": " + std::to_string(member.threads) + " threads, not 1 to " +
                     std::to_string(kMostThreads));
  if (member.max_queued == 0) faults.push_back(name + ": a queue of 0 records lets none through");
  if (member.rows_per_call == 0) faults.push_back(name + ": a call of 0 records scores none");
  if (member.unresponsive_after <= Duration{0}) faults.push_back(name + ": unresponsive_after must be positive");
}

bool is_untouched(const ServeOptions& models) {
  const ServeOptions plain;
  return models.effect == plain.effect && models.no_model == plain.no_model && models.fallback.empty() &&
         models.fallback_texts.empty() && models.outputs.empty() && models.model_name.empty() &&
         models.path == plain.path && models.max_held_records == plain.max_held_records;
}

}  // namespace

std::vector<std::string> faults_of(const SpeculationOptions& options) {
  std::vector<std::string> faults;
  const auto& members = options.members;
  if (members.empty() || members.size() > kMostMembers)
    faults.push_back(std::to_string(members.size()) + " members, not 1 to " + std::to_string(kMostMembers));
  for (std::size_t i = 0; i < members.size(); ++i) {
    check_member(members[i], faults);
    for (std::size_t j = 0; j < i; ++j)
      if (members[i].name == members[j].name) faults.push_back("two members are called '" + members[i].name + "'");
  }
  if (options.deadline < Duration{1} || options.deadline > kLongestDeadline)
    faults.push_back("a deadline of " + std::to_string(options.deadline.count()) + " us, not 1 us to 1 day");
  if (options.max_undecided == 0) faults.emplace_back("max_undecided = 0 lets no record through");
  if (options.policies.empty()) faults.emplace_back("there is no policy");
  for (std::size_t i = 0; i < options.policies.size(); ++i) {
    if (!options.policies[i]) {
      faults.emplace_back("a policy is null");
      return faults;
    }
    if (const Status status = options.policies[i]->check(members); !status.is_ok()) faults.push_back(status.message());
    for (std::size_t j = 0; j < i; ++j)
      if (options.policies[i]->name() == options.policies[j]->name())
        faults.push_back("two policies are called '" + options.policies[i]->name() + "': give one another name");
  }
  if (!is_untouched(options.models))
    faults.emplace_back("options of ServeModel that are about records have no meaning in SpeculationOptions::models");
  return faults;
}

}  // namespace weir

namespace weir::speculation {

KeySlot::KeySlot(std::string text, std::size_t members) : key_text(std::move(text)) {
  for (std::size_t member = 0; member < members; ++member)
    models.push_back(std::make_unique<MemberSlot>(key_text, *this, member));
}

Speculator::Speculator(SpeculationOptions options, const ModelRuntimes& runtimes, const FeatureSchema& features)
    : options_(std::move(options)), policy_(nullptr), deadline_(options_.deadline) {
  for (const SpeculationMember& member : options_.members) {
    ServeOptions serving = options_.models;
    serving.model_memory_bytes = 0;  // members share their models with slow lanes: none is unloaded
    serving.model_name = member.name;
    serving.outputs = member.outputs;
    lifecycles_.push_back(std::make_unique<serving::ModelLifecycle>(std::move(serving), runtimes, features));
  }
}

Speculator::~Speculator() = default;

Status Speculator::open(OperatorContext& context) {
  if (const auto faults = faults_of(options_); !faults.empty())
    return Status::invalid_argument("speculate: " + faults.front());
  context_ = &context;
  policy_ = options_.policies.front().get();
  static constexpr std::array<const char*, kCounters> kNames{
      "votes_total",          "votes_late_total", "votes_failed_total", "votes_absent_total", "votes_abstained_total",
      "votes_unneeded_total", "votes_won_total",  "votes_agreed_total", "scores_late_total"};
  for (std::size_t index = 0; index < members(); ++index) {
    WEIR_RETURN_IF_ERROR(lifecycles_[index]->open(context));
    const SpeculationMember& declared = member(index);
    const std::string* name = intern_model_name(declared.name);
    if (name == nullptr) return Status::resource_exhausted("speculate: the name '" + declared.name + "' is too long");
    nobodies_.push_back({name, 0, {}});
    lanes_.push_back(declared.slow ? std::make_unique<SlowLane>(declared, context) : nullptr);
    Tally& tally = tallies_.emplace_back();
    for (std::size_t counter = 0; counter < kCounters; ++counter)
      tally.metrics[counter] = &context.metric(kNames[counter], "member", declared.name);
    if (declared.slow) tally.waiting = &context.metric("requests_waiting", "member", declared.name);
  }
  for (std::size_t status = 0; status < answers_metrics_.size(); ++status)
    answers_metrics_[status] = &context.metric("answers_total", "status", to_string(static_cast<AnswerStatus>(status)));
  at_deadline_metric_ = &context.metric("answers_at_deadline_total");
  undecided_metric_ = &context.metric("records_undecided");
  deadline_metric_ = &context.metric("deadline_microseconds");
  ignored_models_ = &context.metric("models_ignored_total");
  refused_controls_ = &context.metric("controls_refused_total");
  WEIR_RETURN_IF_ERROR(restore());
  deadline_metric_->set(deadline_.count());
  return {};
}

void Speculator::receive(KeySlot& slot, ModelRecord record, std::optional<Timestamp> time) {
  // An order without a name is for all models of the key.
  if (record.control != ModelControl::kNone && record.name.empty()) {
    for (std::size_t index = 0; index < members(); ++index)
      lifecycles_[index]->receive(*slot.models[index], record, time);
    return;
  }
  for (std::size_t index = 0; index < members(); ++index) {
    if (member(index).name == record.name)
      return lifecycles_[index]->receive(*slot.models[index], std::move(record), time);
  }
  ignored_models_->add(1);
}

bool Speculator::can_receive() const noexcept {
  return std::all_of(lifecycles_.begin(), lifecycles_.end(), [](const auto& one) { return one->can_receive(); });
}

bool Speculator::poll_models() {
  bool changed = false;
  for (const auto& lifecycle : lifecycles_) changed = lifecycle->poll() || changed;
  return changed;
}

std::vector<MemberSlot*> Speculator::take_changed() {
  std::vector<MemberSlot*> all;
  for (const auto& lifecycle : lifecycles_)
    for (serving::ModelSlot* slot : lifecycle->take_changed()) all.push_back(static_cast<MemberSlot*>(slot));
  return all;
}

void Speculator::apply(const SpeculationControl& control) {
  const DecisionPolicy* policy = policy_;
  if (!control.policy.empty()) {
    const auto found = std::find_if(options_.policies.begin(), options_.policies.end(),
                                    [&](const PolicyPtr& one) { return one->name() == control.policy; });
    policy = found == options_.policies.end() ? nullptr : found->get();
  }
  // As a whole or not at all.
  if (policy == nullptr || control.deadline_us < 0 || Duration{control.deadline_us} > kLongestDeadline)
    return refused_controls_->add(1);
  policy_ = policy;
  if (control.deadline_us != 0) deadline_ = Duration{control.deadline_us};
  deadline_metric_->set(deadline_.count());
}

const DecisionPolicy& Speculator::policy_named(std::string_view name) const noexcept {
  for (const PolicyPtr& policy : options_.policies)
    if (policy->name() == name) return *policy;
  return *policy_;
}

void Speculator::snapshot(SnapshotBuilder& builder) const {
  builder.put("speculation-clock", serialize(context_->clock().monotonic_ns()));
  builder.put("speculation-control", serialize(SpeculationControl{deadline_.count(), policy_->name()}));
}

Status Speculator::restore() {
  for (const auto& [name, bytes] : context_->restored_entries()) {
    if (name == "speculation-clock") {
      WEIR_ASSIGN_OR_RETURN(const std::int64_t at, deserialize<std::int64_t>(bytes));
      checkpoint_ns_ = std::max(checkpoint_ns_.value_or(at), at);
    } else if (name == "speculation-control") {
      // The same of all tasks: a control record reaches all of them before a barrier.
      WEIR_ASSIGN_OR_RETURN(const SpeculationControl control, deserialize<SpeculationControl>(bytes));
      deadline_ = Duration{control.deadline_us};
      policy_ = &policy_named(control.policy);
    }
  }
  return {};
}

void Speculator::match(KeySlot& slot, SpeculationStatistics& statistics) const {
  slot.statistics_match = true;
  auto& known = statistics.members;
  bool matches = known.size() == members();
  for (std::size_t index = 0; matches && index < known.size(); ++index)
    matches = known[index].name == member(index).name;
  if (matches) return;
  std::vector<MemberStatistics> all(members());
  for (std::size_t index = 0; index < members(); ++index) {
    for (MemberStatistics& one : known)
      if (one.name == member(index).name) all[index] = std::move(one);
    all[index].name = member(index).name;
  }
  known = std::move(all);
}

std::vector<MemberScore> Speculator::matched(std::vector<MemberScore> stored) const {
  std::vector<MemberScore> scores(members());
  for (std::size_t index = 0; index < members(); ++index) {
    scores[index].model = nobodies_[index];
    for (MemberScore& score : stored)
      if (score.model.name() == member(index).name) scores[index] = std::move(score);
  }
  return scores;
}

bool Speculator::decide(SpeculationAnswer& answer, const DecisionPolicy& policy, bool deadline_has_come,
                        std::int64_t latency_ns, SpeculationStatistics& statistics) {
  bool is_waiting = false;
  for (const MemberScore& score : answer.scores) is_waiting = is_waiting || score.status == VoteStatus::kWaiting;
  const bool is_closed = deadline_has_come || !is_waiting;
  Decision decision = policy.decide({options_.members, answer.scores, is_closed});
  if (decision.kind == Decision::Kind::kWait) {
    if (!is_closed) return false;
    decision = Decision::none();
  }
  answer.policy = policy.name();
  answer.latency_ns = latency_ns;
  answer.at_deadline = is_waiting && deadline_has_come;
  for (MemberScore& score : answer.scores) {
    if (score.status != VoteStatus::kWaiting) continue;
    score.status = score.model.version == 0 ? VoteStatus::kAbsent  // no model came to be asked
                   : deadline_has_come      ? VoteStatus::kLate
                                            : VoteStatus::kUnneeded;
  }
  const bool has_answer = decision.kind != Decision::Kind::kNone;
  answer.status = decision.kind == Decision::Kind::kAnswer    ? AnswerStatus::kAnswered
                  : decision.kind == Decision::Kind::kDefault ? AnswerStatus::kDefault
                                                              : AnswerStatus::kNone;
  if (has_answer) {
    const bool is_member = decision.winner >= 0 && static_cast<std::size_t>(decision.winner) < members();
    answer.winner = is_member ? decision.winner : -1;
    answer.numbers = std::move(decision.numbers);
    answer.texts = std::move(decision.texts);
  }
  count(answer, decision, statistics);
  return true;
}

void Speculator::count(SpeculationAnswer& answer, const Decision& decision, SpeculationStatistics& statistics) {
  ++statistics.records;
  ++answers_[static_cast<std::size_t>(answer.status)];
  ++(answer.status == AnswerStatus::kAnswered  ? statistics.answered
     : answer.status == AnswerStatus::kDefault ? statistics.defaults
                                               : statistics.none);
  if (answer.at_deadline) {
    ++statistics.at_deadline;
    ++at_deadline_;
  }
  const bool has_answer = answer.status != AnswerStatus::kNone;
  std::uint32_t voted = 0;
  std::uint32_t agreed = 0;
  for (std::size_t index = 0; index < answer.scores.size(); ++index) {
    const MemberScore& score = answer.scores[index];
    MemberStatistics& of_member = statistics.members[index];
    auto& counts = tallies_[index].counts;
    switch (score.status) {
      case VoteStatus::kVoted: ++of_member.voted, ++counts[kVoted]; break;
      case VoteStatus::kLate: ++of_member.late, ++counts[kLate]; break;
      case VoteStatus::kFailed: ++of_member.failed, ++counts[kFailed]; break;
      case VoteStatus::kAbsent: ++of_member.absent, ++counts[kAbsent]; break;
      case VoteStatus::kAbstained: ++of_member.abstained, ++counts[kAbstained]; break;
      case VoteStatus::kWaiting:
      case VoteStatus::kUnneeded: ++of_member.unneeded, ++counts[kUnneeded]; break;
    }
    if (answer.winner == static_cast<std::int32_t>(index)) ++of_member.won, ++counts[kWon];
    if (score.status != VoteStatus::kVoted) continue;
    ++voted;
    const std::size_t output = decision.output;
    const bool agrees = !has_answer ? false
                        : answer.texts.size() != 0
                            ? output < score.texts.size() && score.texts[output] == answer.texts[0]
                            : output < score.numbers.size() && answer.numbers.size() != 0 &&
                                  std::abs(score.numbers[output] - answer.numbers[0]) <= options_.agreement_tolerance;
    if (agrees) ++agreed, ++of_member.agreed, ++counts[kAgreed];
  }
  answer.agreement = voted == 0 ? 0 : static_cast<double>(agreed) / voted;
}

void Speculator::count_late(std::size_t member, const MemberScore& score, SpeculationStatistics& statistics) {
  ++statistics.members[member].scored_late;
  statistics.members[member].add_latency(score.latency_ns, 1);
  ++tallies_[member].counts[kScoredLate];
}

void Speculator::publish(std::size_t undecided) {
  for (std::size_t index = 0; index < tallies_.size(); ++index) {
    Tally& tally = tallies_[index];
    for (std::size_t counter = 0; counter < kCounters; ++counter)
      if (tally.counts[counter] != 0) tally.metrics[counter]->add(std::exchange(tally.counts[counter], 0));
    if (tally.waiting != nullptr) tally.waiting->set(static_cast<std::int64_t>(lanes_[index]->waiting()));
  }
  for (std::size_t status = 0; status < answers_.size(); ++status)
    if (answers_[status] != 0) answers_metrics_[status]->add(std::exchange(answers_[status], 0));
  if (at_deadline_ != 0) at_deadline_metric_->add(std::exchange(at_deadline_, 0));
  undecided_metric_->set(static_cast<std::int64_t>(undecided));
}

}  // namespace weir::speculation
