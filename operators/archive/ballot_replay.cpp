#include "operators/archive/ballot_replay.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

namespace weir {
namespace {

/// As of a model's own answer: kOk, kError, or kNoModel where it gives no value.
ReplayAnswer vote_of(ReplayAnswer answer) {
  if (answer.status != ScoreStatus::kOk) {
    answer.numbers.clear();
    answer.texts.clear();
    return answer;
  }
  const auto is_nan = [](double number) { return std::isnan(number); };
  const auto is_empty = [](const std::string& text) { return text.empty(); };
  if (std::all_of(answer.numbers.begin(), answer.numbers.end(), is_nan) &&
      std::all_of(answer.texts.begin(), answer.texts.end(), is_empty))
    return {};
  return answer;
}

// The score as the policy saw it when it decided. Those that had not answered were waited for.
MemberScore score_of(const ArchivedVote& vote, const SpeculationMember& member) {
  MemberScore score;
  score.model.name_text = intern_model_name(member.name);
  score.latency_ns = vote.latency_ns;
  score.order = vote.order;
  score.status = vote.status;
  if (vote.status == VoteStatus::kVoted) {
    score.numbers = ScoreNumbers(vote.numbers.data(), vote.numbers.size());
    if (!vote.texts.empty()) score.texts = ScoreTexts(vote.texts.data(), vote.texts.size());
  } else if (vote.status == VoteStatus::kFailed) {
    score.texts = ScoreTexts(vote.reason);
  } else if (vote.status == VoteStatus::kLate || vote.status == VoteStatus::kUnneeded ||
             (vote.status == VoteStatus::kAbsent && member.wait_for_model)) {
    score.status = VoteStatus::kWaiting;
  }
  return score;
}

void replace(MemberScore& score, const ReplayAnswer& by, std::uint32_t next_order) {
  score.numbers = {};
  score.texts = {};
  score.status = by.status == ScoreStatus::kOk      ? VoteStatus::kVoted
                 : by.status == ScoreStatus::kError ? VoteStatus::kFailed
                                                    : VoteStatus::kAbstained;
  if (score.status == VoteStatus::kFailed) score.texts = ScoreTexts(by.reason);
  if (score.status != VoteStatus::kVoted) return;
  score.numbers = ScoreNumbers(by.numbers.data(), by.numbers.size());
  if (!by.texts.empty()) score.texts = ScoreTexts(by.texts.data(), by.texts.size());
  if (score.order == 0) score.order = next_order;
}

ReplayAnswer answer_of(const Decision& decision) {
  ReplayAnswer answer;
  answer.status = decision.kind == Decision::Kind::kAnswer    ? ScoreStatus::kOk
                  : decision.kind == Decision::Kind::kDefault ? ScoreStatus::kFallback
                                                              : ScoreStatus::kNoModel;
  if (answer.status == ScoreStatus::kNoModel) return answer;
  answer.numbers.assign(decision.numbers.values().begin(), decision.numbers.values().end());
  for (std::size_t i = 0; i < decision.texts.size(); ++i) answer.texts.emplace_back(decision.texts[i]);
  return answer;
}

}  // namespace

Result<BallotRules> BallotRules::of(const ArchivedSchema& schema, const std::vector<PolicyPtr>& policies) {
  BallotRules rules;
  for (const ArchivedMember& archived : schema.members) {
    SpeculationMember& member = rules.members_.emplace_back();
    member.name = archived.name;
    member.priority = archived.priority;
    member.quality = archived.quality;
    member.weight = archived.weight;
    member.outputs = archived.outputs;
    member.wait_for_model = archived.wait_for_model;
  }
  for (const ArchivedPolicy& policy : schema.policies) {
    if (policy.definition.empty()) continue;
    WEIR_ASSIGN_OR_RETURN(rules.policies_[policy.name], policy_of(policy.definition));
  }
  for (const PolicyPtr& policy : policies)
    if (policy) rules.policies_[policy->name()] = policy;
  return rules;
}

const DecisionPolicy* BallotRules::policy(const std::string& name) const {
  const auto found = policies_.find(name);
  return found == policies_.end() ? nullptr : found->second.get();
}

bool is_in_time(const ArchivedVote& vote) {
  return vote.status == VoteStatus::kVoted || vote.status == VoteStatus::kFailed ||
         vote.status == VoteStatus::kAbstained;
}
bool is_checkable(const ArchivedVote& vote) { return is_in_time(vote) && vote.model != ArchivedVote::kNobody; }

ReplayAnswer answer_of(const ArchivedVote& vote) {
  ReplayAnswer answer;
  answer.status = vote.status == VoteStatus::kVoted    ? ScoreStatus::kOk
                  : vote.status == VoteStatus::kFailed ? ScoreStatus::kError
                  : vote.status == VoteStatus::kLate   ? ScoreStatus::kLate
                                                       : ScoreStatus::kNoModel;
  answer.numbers = vote.numbers;
  answer.texts = vote.texts;
  answer.reason = vote.reason;
  return answer;
}

ReplayAnswer answer_of(const ArchivedBallot& ballot) {
  ReplayAnswer answer;
  answer.status = ballot.status == AnswerStatus::kAnswered  ? ScoreStatus::kOk
                  : ballot.status == AnswerStatus::kDefault ? ScoreStatus::kFallback
                                                            : ScoreStatus::kNoModel;
  answer.numbers = ballot.answer_numbers;
  answer.texts = ballot.answer_texts;
  return answer;
}

ReplayRow row_of(std::uint64_t offset, const ArchivedBallots& entry, std::size_t row) {
  const ArchivedBallot& ballot = entry.ballots[row];
  ReplayRow found;
  found.offset = offset;
  found.row = row;
  found.key = entry.key;
  if (ballot.position != kNoPosition) found.position = ballot.position;
  if (ballot.time != kMinTimestamp) found.time = ballot.time;
  found.path = ballot.status == AnswerStatus::kDefault ? ScorePath::kFallback
               : ballot.status == AnswerStatus::kNone  ? ScorePath::kNone
                                                       : ScorePath::kCurrent;
  if (ballot.winner >= 0) {
    const ArchivedVote& vote = ballot.votes[static_cast<std::size_t>(ballot.winner)];
    if (vote.model != ArchivedVote::kNobody) found.model = entry.models[vote.model];
  }
  found.before = answer_of(ballot);
  return found;
}

ReplayRow row_of_vote(std::uint64_t offset, const ArchivedBallots& entry, std::size_t row, const BallotRules& rules,
                      std::size_t member) {
  ReplayRow found = row_of(offset, entry, row);
  const ArchivedVote& vote = entry.ballots[row].votes[member];
  found.member = rules.members()[member].name;
  found.model = vote.model == ArchivedVote::kNobody ? ArchivedModel{} : entry.models[vote.model];
  found.path = vote.model == ArchivedVote::kNobody ? ScorePath::kNone : ScorePath::kCurrent;
  found.before = answer_of(vote);
  return found;
}

Result<std::vector<ReplayAnswer>> score_rows(ArchiveModels& models, const ArchivedBallots& entry,
                                             const std::vector<std::size_t>& rows, const Scorer& scorer) {
  ArchivedInputs inputs;
  inputs.key = entry.key;
  inputs.features = entry.features;
  inputs.statuses.assign(rows.size(), ScoreStatus::kOk);
  for (const std::size_t row : rows) {
    const ArchivedBallot& ballot = entry.ballots[row];
    inputs.numbers.insert(inputs.numbers.end(), ballot.numbers.begin(), ballot.numbers.end());
    inputs.texts.insert(inputs.texts.end(), ballot.texts.begin(), ballot.texts.end());
  }
  WEIR_ASSIGN_OR_RETURN(const AnsweredRows* const answers, models.score(inputs, scorer));
  std::vector<ReplayAnswer> found;
  for (std::size_t row = 0; row < rows.size(); ++row) found.push_back(vote_of(answer_of(*answers, row)));
  return found;
}

Result<VotesAgain> vote_again(ArchiveModels& models, const ArchivedBallots& entry, const BallotRules& rules) {
  const std::size_t members = rules.members().size();
  VotesAgain again(entry.ballots.size());
  std::map<std::pair<std::size_t, std::uint32_t>, std::vector<std::size_t>> rows;  // by member and model
  for (std::size_t row = 0; row < entry.ballots.size(); ++row) {
    const ArchivedBallot& ballot = entry.ballots[row];
    if (!rules.fit(ballot)) continue;
    again[row].resize(members);
    for (std::size_t member = 0; member < members; ++member)
      if (is_checkable(ballot.votes[member])) rows[{member, ballot.votes[member].model}].push_back(row);
  }
  for (const auto& [who, of_model] : rows) {
    const auto& [member, model] = who;
    WEIR_ASSIGN_OR_RETURN(const auto scorer,
                          models.scorer(entry.models[model], entry.features, &rules.members()[member].outputs));
    WEIR_ASSIGN_OR_RETURN(std::vector<ReplayAnswer> answers, score_rows(models, entry, of_model, *scorer));
    for (std::size_t i = 0; i < of_model.size(); ++i) again[of_model[i]][member] = std::move(answers[i]);
  }
  return again;
}

DecisionAgain decide_again(const ArchivedBallot& ballot, const BallotRules& rules,
                           const std::map<std::size_t, ReplayAnswer>& others) {
  DecisionAgain again;
  const DecisionPolicy* const policy = rules.policy(ballot.policy);
  if (policy == nullptr || !rules.fit(ballot)) return again;
  std::vector<MemberScore> scores;
  std::uint32_t next_order = 1;
  for (const ArchivedVote& vote : ballot.votes) next_order = std::max(next_order, vote.order + 1);
  bool is_waiting = false;
  for (std::size_t member = 0; member < ballot.votes.size(); ++member) {
    scores.push_back(score_of(ballot.votes[member], rules.members()[member]));
    const auto other = others.find(member);
    if (other != others.end() && is_in_time(ballot.votes[member])) replace(scores.back(), other->second, next_order++);
    is_waiting = is_waiting || scores.back().status == VoteStatus::kWaiting;
  }
  const bool is_closed = ballot.at_deadline || !is_waiting;
  Decision decision = policy->decide({rules.members(), scores, is_closed});
  if (decision.kind == Decision::Kind::kWait && !is_closed) {
    again.made = DecisionMade::kOpen;
    return again;
  }
  again.made = DecisionMade::kMade;
  again.answer = answer_of(decision);
  const bool is_member = decision.winner >= 0 && static_cast<std::size_t>(decision.winner) < scores.size();
  again.winner = again.answer.status != ScoreStatus::kNoModel && is_member ? decision.winner : -1;
  return again;
}

bool is_recorded(const ArchivedBallot& ballot, const DecisionAgain& again) {
  return again.made == DecisionMade::kMade && again.winner == ballot.winner && is_same(again.answer, answer_of(ballot));
}

Status verify_ballots(ArchiveModels& models, const ReplayOptions& options, std::uint64_t offset,
                      const ArchivedBallots& entry, VerifyReport& report) {
  WEIR_ASSIGN_OR_RETURN(const auto schema, models.schema(entry.features));
  WEIR_ASSIGN_OR_RETURN(const BallotRules rules, BallotRules::of(*schema, options.policies));
  WEIR_ASSIGN_OR_RETURN(VotesAgain votes, vote_again(models, entry, rules));
  report.records += entry.ballots.size();
  report.ballots += entry.ballots.size();
  for (std::size_t row = 0; row < entry.ballots.size(); ++row) {
    const ArchivedBallot& ballot = entry.ballots[row];
    bool is_scored = false;
    for (std::size_t member = 0; member < votes[row].size(); ++member) {
      if (!votes[row][member]) continue;
      is_scored = true;
      ++report.votes;
      if (is_same(answer_of(ballot.votes[member]), *votes[row][member])) continue;
      ++report.different;
      if (report.first) continue;
      report.first = row_of_vote(offset, entry, row, rules, member);
      report.first->after = std::move(*votes[row][member]);
    }
    ++(is_scored ? report.scored : report.without_model);
    DecisionAgain again = decide_again(ballot, rules);
    if (again.made == DecisionMade::kUnknown) {
      ++report.decisions_unknown;
      continue;
    }
    ++report.decisions;
    if (is_recorded(ballot, again)) continue;
    ++report.decisions_different;
    if (report.first) continue;
    report.first = row_of(offset, entry, row);
    report.first->after = std::move(again.answer);
  }
  return {};
}

Result<ArchivedAnswer> audit_ballot(ArchiveModels& models, const ReplayOptions& options, std::uint64_t offset,
                                    const ArchivedBallots& entry, std::size_t row,
                                    const std::map<std::string, ArchivedModel>& others) {
  WEIR_ASSIGN_OR_RETURN(const auto schema, models.schema(entry.features));
  WEIR_ASSIGN_OR_RETURN(const BallotRules rules, BallotRules::of(*schema, options.policies));
  const ArchivedBallot& ballot = entry.ballots[row];
  if (!rules.fit(ballot))
    return Status::data_loss("the archived record was answered by other members than its list of features names");
  ArchivedBallots alone{entry.key, entry.features, entry.models, {ballot}};
  WEIR_ASSIGN_OR_RETURN(VotesAgain votes, vote_again(models, alone, rules));
  ArchivedAnswer told;
  told.row = row_of(offset, entry, row);
  WEIR_RETURN_IF_ERROR(tell_inputs(*schema, ballot.numbers, ballot.texts, told));
  ArchivedDecision& decision = told.decision.emplace();
  decision.policy = ballot.policy;
  decision.deadline_ns = ballot.deadline_ns;
  decision.latency_ns = ballot.latency_ns;
  decision.at_deadline = ballot.at_deadline;
  decision.status = ballot.status;
  if (ballot.winner >= 0) decision.winner = rules.members()[static_cast<std::size_t>(ballot.winner)].name;
  told.is_reproduced = true;
  std::map<std::size_t, ReplayAnswer> instead;
  for (std::size_t member = 0; member < ballot.votes.size(); ++member) {
    const ArchivedVote& vote = ballot.votes[member];
    AuditedVote& audited = decision.votes.emplace_back();
    audited.member = rules.members()[member].name;
    audited.status = vote.status;
    audited.order = vote.order;
    audited.latency_ns = vote.latency_ns;
    audited.answer = answer_of(vote);
    if (vote.model != ArchivedVote::kNobody) audited.model = entry.models[vote.model];
    if (votes[0][member]) {
      audited.is_reproduced = is_same(audited.answer, *votes[0][member]);
      told.is_reproduced = told.is_reproduced && *audited.is_reproduced;
    } else if (audited.model.has_value() && !is_in_time(vote)) {
      // What it would have said, had it been in time.
      WEIR_ASSIGN_OR_RETURN(const auto scorer,
                            models.scorer(audited.model, entry.features, &rules.members()[member].outputs));
      WEIR_ASSIGN_OR_RETURN(auto late, score_rows(models, alone, {0}, *scorer));
      audited.would_be = std::move(late.front());
    }
    if (const auto other = others.find(audited.member); other != others.end()) {
      WEIR_ASSIGN_OR_RETURN(const auto scorer,
                            models.scorer(other->second, entry.features, &rules.members()[member].outputs));
      WEIR_ASSIGN_OR_RETURN(auto answers, score_rows(models, alone, {0}, *scorer));
      audited.other = other->second;
      audited.of_other = answers.front();
      if (is_in_time(vote)) instead[member] = std::move(answers.front());
    }
  }
  const DecisionAgain again = decide_again(ballot, rules);
  if (again.made != DecisionMade::kUnknown) {
    decision.is_derived = is_recorded(ballot, again);
    told.is_reproduced = told.is_reproduced && *decision.is_derived;
  }
  if (!instead.empty()) {
    DecisionAgain other = decide_again(ballot, rules, instead);
    if (other.made == DecisionMade::kMade) decision.of_other = std::move(other.answer);
  }
  return told;
}

}  // namespace weir
