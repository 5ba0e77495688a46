// Policies that make one answer of several votes.
//
// Each says the outcome as soon as it is settled. Of n votes still to come any number may fail to come, so a class
// leads for good when no other could overtake it with all n; a median is settled when n votes on either side cannot
// move it.

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <boost/container/small_vector.hpp>

#include <weir/decision_policy.hpp>

#include "operators/speculation/policy_definition.hpp"

namespace weir {
namespace {

/// A vote of this many outputs; nothing when it is missing or NaN.
std::optional<double> number_of(const MemberScore& score, std::size_t output) {
  if (output >= score.numbers.size() || std::isnan(score.numbers[output])) return std::nullopt;
  return score.numbers[output];
}

class Majority final : public DecisionPolicy {
 public:
  explicit Majority(MajorityOptions options) : DecisionPolicy(options.name), options_(std::move(options)) {}

  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    const Count count = counted(ballot);
    const int leader = leading(ballot, count);
    const bool is_open = count.may_come.members != 0;
    if (leader < 0) {
      if (is_open && can_win(count)) return Decision::wait();
      return Decision::none();
    }
    const Standing& first = count.classes[static_cast<std::size_t>(leader)];
    if (is_open && can_change(ballot, count, first)) return Decision::wait();
    if (!has_share(first.votes, count.all)) return Decision::none();
    return answer(ballot, first);
  }
  [[nodiscard]] std::string definition() const override {
    return define(PolicyKind::kMajority, [&](ByteWriter& writer) {
      writer.sized(options_.name);
      writer.varint(options_.output);
      writer.byte(options_.of_numbers ? 1 : 0);
      writer.byte(static_cast<std::uint8_t>(options_.tie));
      writer.byte(options_.weighted ? 1 : 0);
      writer.fixed64(std::bit_cast<std::uint64_t>(options_.share));
    });
  }

 private:
  /// Those who vote for one class, as a set of members. Members beyond 64 are refused by check().
  struct Standing {
    std::uint64_t members = 0;
    double votes = 0;
    double quality = 0;
  };
  struct Count {
    boost::container::small_vector<Standing, 8> classes;
    Standing may_come;
    double all = 0;  // votes cast
  };

  [[nodiscard]] double weight(const SpeculationMember& member) const { return options_.weighted ? member.weight : 1; }

  [[nodiscard]] bool votes(const Ballot& ballot, std::size_t member) const {
    if (!ballot.has_vote(member)) return false;
    const MemberScore& score = ballot.scores[member];
    return options_.of_numbers ? number_of(score, options_.output).has_value() : options_.output < score.texts.size();
  }
  [[nodiscard]] bool same_class(const MemberScore& left, const MemberScore& right) const {
    return options_.of_numbers ? left.numbers[options_.output] == right.numbers[options_.output]
                               : left.texts[options_.output] == right.texts[options_.output];
  }
  static std::size_t first_member(const Standing& standing) {
    return static_cast<std::size_t>(std::countr_zero(standing.members));
  }

  [[nodiscard]] Count counted(const Ballot& ballot) const {
    Count count;
    for (std::size_t member = 0; member < ballot.members.size(); ++member) {
      Standing* standing = nullptr;
      if (ballot.may_vote(member)) {
        standing = &count.may_come;
      } else if (votes(ballot, member)) {
        for (Standing& known : count.classes) {
          if (same_class(ballot.scores[first_member(known)], ballot.scores[member])) standing = &known;
        }
        if (standing == nullptr) standing = &count.classes.emplace_back();
        count.all += weight(ballot.members[member]);
      } else {
        continue;
      }
      add(*standing, ballot, member);
    }
    return count;
  }
  void add(Standing& standing, const Ballot& ballot, std::size_t member) const {
    standing.members |= std::uint64_t{1} << member;
    standing.votes += weight(ballot.members[member]);
    standing.quality += ballot.members[member].quality;
  }
  /// `left` with the votes of `right` as well, added up in the order of members as ever.
  [[nodiscard]] Standing joined(const Ballot& ballot, const Standing& left, const Standing& right) const {
    Standing both;
    for (std::size_t member = 0; member < ballot.members.size(); ++member)
      if (((left.members | right.members) >> member & 1) != 0) add(both, ballot, member);
    return both;
  }

  /// The member that speaks for a class: the one of the highest priority, then the first.
  static std::size_t speaker(const Ballot& ballot, const Standing& standing) {
    std::size_t best = first_member(standing);
    for (std::size_t member = best; member < ballot.members.size(); ++member) {
      if ((standing.members >> member & 1) == 0) continue;
      if (ballot.members[member].priority > ballot.members[best].priority) best = member;
    }
    return best;
  }
  /// 1: left wins, -1: right wins, 0: nobody.
  [[nodiscard]] int compare(const Ballot& ballot, const Standing& left, const Standing& right) const {
    if (left.votes != right.votes) return left.votes > right.votes ? 1 : -1;
    if (options_.tie == TieRule::kNone) return 0;
    if (options_.tie == TieRule::kQuality && left.quality != right.quality)
      return left.quality > right.quality ? 1 : -1;
    const std::size_t one = speaker(ballot, left);
    const std::size_t other = speaker(ballot, right);
    const int by_priority = ballot.members[one].priority - ballot.members[other].priority;
    return by_priority != 0 ? (by_priority > 0 ? 1 : -1) : (one < other ? 1 : -1);
  }

  /// The class that wins as things stand; -1: none.
  [[nodiscard]] int leading(const Ballot& ballot, const Count& count) const {
    int best = -1;
    bool is_tied = false;
    for (std::size_t index = 0; index < count.classes.size(); ++index) {
      const int result =
          best < 0 ? 1 : compare(ballot, count.classes[index], count.classes[static_cast<std::size_t>(best)]);
      if (result == 0) is_tied = true;
      if (result <= 0) continue;
      best = static_cast<int>(index);
      is_tied = false;
    }
    return is_tied ? -1 : best;
  }
  [[nodiscard]] bool has_share(double votes, double all) const { return votes >= options_.share * all; }

  /// Could a class that does not lead win, or the leader lose its share, when the others vote?
  [[nodiscard]] bool can_change(const Ballot& ballot, const Count& count, const Standing& leader) const {
    const double all = count.all + count.may_come.votes;
    const bool has = has_share(leader.votes, count.all);
    for (const Standing& other : count.classes) {
      if (&other == &leader) continue;
      const Standing best = joined(ballot, other, count.may_come);
      if (wins(ballot, best, leader, has, all)) return true;
    }
    if (wins(ballot, count.may_come, leader, has, all)) return true;
    if (options_.share <= 0) return false;
    return has ? !has_share(leader.votes, all) : has_share(leader.votes + count.may_come.votes, all);
  }
  /// Does `other` change the outcome: by winning itself, or by keeping the leader from it?
  [[nodiscard]] bool wins(const Ballot& ballot, const Standing& other, const Standing& leader, bool leader_has_share,
                          double all) const {
    const int result = compare(ballot, leader, other);
    return leader_has_share ? result <= 0 : result < 0 && has_share(other.votes, all);
  }
  /// Nobody leads: could anybody?
  [[nodiscard]] bool can_win(const Count& count) const {
    const double all = count.all + count.may_come.votes;
    double best = 0;
    for (const Standing& one : count.classes) best = std::max(best, one.votes);
    return has_share(best + count.may_come.votes, all);
  }

  [[nodiscard]] Decision answer(const Ballot& ballot, const Standing& winner) const {
    std::size_t best = first_member(winner);
    for (std::size_t member = best; member < ballot.members.size(); ++member) {
      if ((winner.members >> member & 1) == 0) continue;
      if (ballot.members[member].quality > ballot.members[best].quality) best = member;
    }
    Decision decision{Decision::Kind::kAnswer, static_cast<int>(best)};
    decision.output = options_.output;
    const MemberScore& score = ballot.scores[best];
    if (options_.of_numbers) {
      decision.numbers = ScoreNumbers(score.numbers.data() + options_.output, 1);
    } else {
      decision.texts = ScoreTexts(score.texts[options_.output]);
    }
    return decision;
  }

  [[nodiscard]] Status check(std::span<const SpeculationMember> members) const override {
    if (!(options_.share >= 0 && options_.share <= 1))
      return Status::invalid_argument("policy '" + name() + "' wants a share of " + std::to_string(options_.share) +
                                      ", not between 0 and 1");
    return members.size() <= 64 ? Status{} : Status::invalid_argument("policy 'majority' takes up to 64 members");
  }

  MajorityOptions options_;
};

class Median final : public DecisionPolicy {
 public:
  explicit Median(std::size_t output) : DecisionPolicy("median"), output_(output) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    std::vector<double> values;
    std::size_t may_come = 0;
    for (std::size_t member = 0; member < ballot.scores.size(); ++member) {
      if (ballot.may_vote(member)) ++may_come;
      if (!ballot.has_vote(member)) continue;
      if (const auto value = number_of(ballot.scores[member], output_)) values.push_back(*value);
    }
    if (values.empty()) return may_come == 0 ? Decision::none() : Decision::wait();
    std::sort(values.begin(), values.end());
    const double now = middle(values, 0, 0);
    for (std::size_t more = 1; more <= may_come; ++more) {
      if (middle(values, more, 0) != now || middle(values, 0, more) != now) return Decision::wait();
    }
    return {Decision::Kind::kAnswer, -1, ScoreNumbers(&now, 1), {}, output_};
  }
  [[nodiscard]] std::string definition() const override {
    return define(PolicyKind::kMedian, [&](ByteWriter& writer) { writer.varint(output_); });
  }

 private:
  /// The median of the values with so many more below and above all of them.
  static double middle(const std::vector<double>& values, std::size_t below, std::size_t above) {
    const auto at = [&](std::size_t index) {
      if (index < below) return -std::numeric_limits<double>::infinity();
      return index - below < values.size() ? values[index - below] : std::numeric_limits<double>::infinity();
    };
    const std::size_t all = values.size() + below + above;
    const double low = at((all - 1) / 2);
    const double high = at(all / 2);
    return low == high ? low : low / 2 + high / 2;
  }
  std::size_t output_;
};

class WeightedMean final : public DecisionPolicy {
 public:
  explicit WeightedMean(std::size_t output) : DecisionPolicy("weighted_mean"), output_(output) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    double sum = 0;
    double weights = 0;
    for (std::size_t member = 0; member < ballot.scores.size(); ++member) {
      const double weight = ballot.members[member].weight;
      if (!(weight > 0)) continue;
      if (ballot.may_vote(member)) return Decision::wait();
      if (!ballot.has_vote(member)) continue;
      const auto value = number_of(ballot.scores[member], output_);
      if (!value) continue;
      sum += weight * *value;
      weights += weight;
    }
    if (!(weights > 0)) return Decision::none();
    const double mean = sum / weights;
    return {Decision::Kind::kAnswer, -1, ScoreNumbers(&mean, 1), {}, output_};
  }
  [[nodiscard]] std::string definition() const override {
    return define(PolicyKind::kWeightedMean, [&](ByteWriter& writer) { writer.varint(output_); });
  }

 private:
  std::size_t output_;
};

}  // namespace

PolicyPtr majority(MajorityOptions options) { return std::make_shared<Majority>(std::move(options)); }
PolicyPtr median(std::size_t output) { return std::make_shared<Median>(output); }
PolicyPtr weighted_mean(std::size_t output) { return std::make_shared<WeightedMean>(output); }

}  // namespace weir
