#pragma once
/// ArchivedBallots: what the input archive (weir/archive.hpp) keeps of records that speculate() answered: the inputs
/// all models saw, each model's vote, and the decision.
///
/// Thread: value types. Numbers are kept bit by bit. Bytes: archived_ballots.cpp.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <weir/archived_model.hpp>
#include <weir/batch.hpp>
#include <weir/decision_policy.hpp>
#include <weir/speculated.hpp>
#include <weir/time.hpp>

namespace weir {

class ByteReader;
class ByteWriter;

/// What one member said of one record.
struct ArchivedVote {
  static constexpr std::uint32_t kNobody = std::numeric_limits<std::uint32_t>::max();

  VoteStatus status = VoteStatus::kAbsent;
  /// In ArchivedBallots::models: who scored the record or was asked to; kNobody: nobody, or not on these inputs.
  std::uint32_t model = kNobody;
  std::uint32_t order = 0;      ///< of arrival among the votes, from 1; 0: no vote
  std::int64_t latency_ns = 0;  ///< of scoring
  std::vector<double> numbers;  ///< with kVoted
  std::vector<std::string> texts;
  std::string reason;  ///< with kFailed
};

/// One record. All rows of a matrix, votes and answer belong to it alone: records are decided at different times.
struct ArchivedBallot {
  Timestamp time = kMinTimestamp;                 ///< event time; kMinTimestamp: none
  std::uint64_t position = kNoPosition;           ///< in its source; kNoPosition: none
  std::vector<double> numbers;                    ///< numeric features; NaN: missing
  std::vector<std::optional<std::string>> texts;  ///< text features; nothing: missing
  std::string policy;                             ///< the name of the policy that decided
  std::int64_t deadline_ns = 0;                   ///< allowed to the record
  std::int64_t latency_ns = 0;                    ///< from its start to the decision
  bool at_deadline = false;                       ///< decided because the deadline had come
  AnswerStatus status = AnswerStatus::kNone;
  std::int32_t winner = -1;  ///< member; -1: none
  std::vector<double> answer_numbers;
  std::vector<std::string> answer_texts;
  std::vector<ArchivedVote> votes;  ///< by member
};

/// Records of one key, in the order in which they left.
struct ArchivedBallots {
  std::string key;
  ModelDigest features{};             ///< address of the ArchivedSchema, which names members and policies too
  std::vector<ArchivedModel> models;  ///< that the votes name
  std::vector<ArchivedBallot> ballots;
};

/// A member as it was declared, as far as policies look at it.
struct ArchivedMember {
  std::string name;
  int priority = 0;
  double quality = 1;
  double weight = 1;
  bool wait_for_model = false;
  std::vector<std::string> outputs;
};
struct ArchivedPolicy {
  std::string name;
  std::string definition;  ///< DecisionPolicy::definition(); empty: it is code
};

}  // namespace weir
