#pragma once
/// Ballots of an archive, voted again: each model's score, and the decision that follows from the votes.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weir/replay.hpp>

#include "operators/archive/archive_models.hpp"

namespace weir {

/// Members and policies as they were declared when an archive's records were answered.
class BallotRules {
 public:
  /// `policies` are those the caller knows, by name: they win over what the archive says, which knows no code.
  static Result<BallotRules> of(const ArchivedSchema& schema, const std::vector<PolicyPtr>& policies);

  [[nodiscard]] const std::vector<SpeculationMember>& members() const noexcept { return members_; }
  /// False for a record that was decided before a restart that changed the members, and sent after it.
  [[nodiscard]] bool fit(const ArchivedBallot& ballot) const noexcept { return ballot.votes.size() == members_.size(); }
  /// Null: it is code that nobody gave.
  [[nodiscard]] const DecisionPolicy* policy(const std::string& name) const;

 private:
  std::vector<SpeculationMember> members_;
  std::map<std::string, PolicyPtr> policies_;
};

/// Was the vote made by a model that the archive names, so that it can be made again?
bool is_checkable(const ArchivedVote& vote);
/// A vote that counts: not late, not absent, ...
bool is_in_time(const ArchivedVote& vote);
ReplayAnswer answer_of(const ArchivedVote& vote);
ReplayAnswer answer_of(const ArchivedBallot& ballot);
ReplayRow row_of(std::uint64_t offset, const ArchivedBallots& entry, std::size_t row);
/// The same of one vote.
ReplayRow row_of_vote(std::uint64_t offset, const ArchivedBallots& entry, std::size_t row, const BallotRules& rules,
                      std::size_t member);

/// What a model says of some rows of an entry, in their order; kNoModel: that it has no value.
Result<std::vector<ReplayAnswer>> score_rows(ArchiveModels& models, const ArchivedBallots& entry,
                                             const std::vector<std::size_t>& rows, const Scorer& scorer);
/// Every vote that can be made again: by row and member; nothing where it cannot.
using VotesAgain = std::vector<std::vector<std::optional<ReplayAnswer>>>;
Result<VotesAgain> vote_again(ArchiveModels& models, const ArchivedBallots& entry, const BallotRules& rules);

enum class DecisionMade : unsigned char {
  kMade,
  kOpen,     ///< the policy would have waited for a vote that was not needed then
  kUnknown,  ///< the policy is code
};
struct DecisionAgain {
  DecisionMade made = DecisionMade::kUnknown;
  ReplayAnswer answer;
  std::int32_t winner = -1;
};
/// What the policy makes of the votes; `others` take the place of votes that were in time, by member.
DecisionAgain decide_again(const ArchivedBallot& ballot, const BallotRules& rules,
                           const std::map<std::size_t, ReplayAnswer>& others = {});
/// Is it the recorded one, in every bit?
bool is_recorded(const ArchivedBallot& ballot, const DecisionAgain& again);

Status verify_ballots(ArchiveModels& models, const ReplayOptions& options, std::uint64_t offset,
                      const ArchivedBallots& entry, VerifyReport& report);
/// Everything the archive can tell of one ballot; `others` are the versions asked about, by name.
Result<ArchivedAnswer> audit_ballot(ArchiveModels& models, const ReplayOptions& options, std::uint64_t offset,
                                    const ArchivedBallots& entry, std::size_t row,
                                    const std::map<std::string, ArchivedModel>& others);

}  // namespace weir
