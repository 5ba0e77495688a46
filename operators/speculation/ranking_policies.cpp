// Policies that answer with one member's score, and those that combine others.

#include <algorithm>
#include <utility>

#include <weir/decision_policy.hpp>
#include <weir/serde.hpp>

#include "operators/speculation/policy_definition.hpp"

namespace weir {
namespace {

class FirstGood final : public DecisionPolicy {
 public:
  explicit FirstGood(std::function<bool(const MemberScore&)> is_good)
      : DecisionPolicy("first_good"), is_good_(std::move(is_good)) {}

  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    const MemberScore* first = nullptr;
    bool may_come = false;
    for (std::size_t member = 0; member < ballot.scores.size(); ++member) {
      const MemberScore& score = ballot.scores[member];
      may_come = may_come || ballot.may_vote(member);
      if (!ballot.has_vote(member) || (is_good_ && !is_good_(score))) continue;
      if (first == nullptr || score.order < first->order) first = &score;
    }
    if (first != nullptr) return Decision::of_member(ballot, static_cast<std::size_t>(first - ballot.scores.data()));
    return may_come ? Decision::wait() : Decision::none();
  }
  [[nodiscard]] std::string definition() const override {
    return is_good_ ? std::string() : define(PolicyKind::kFirstGood);
  }

 private:
  std::function<bool(const MemberScore&)> is_good_;
};

/// By a number declared with each member.
template <class Standing>
class ByStanding final : public DecisionPolicy {
 public:
  ByStanding(std::string name, PolicyKind kind, Standing standing)
      : DecisionPolicy(std::move(name)), kind_(kind), standing_(standing) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    // The best of those that voted and of those that may: wait only for one that is better.
    int best = -1;
    for (std::size_t member = 0; member < ballot.members.size(); ++member) {
      if (!ballot.has_vote(member) && !ballot.may_vote(member)) continue;
      if (best < 0 || standing_(ballot.members[member]) > standing_(ballot.members[static_cast<std::size_t>(best)]))
        best = static_cast<int>(member);
    }
    if (best < 0) return Decision::none();
    const auto member = static_cast<std::size_t>(best);
    return ballot.has_vote(member) ? Decision::of_member(ballot, member) : Decision::wait();
  }
  [[nodiscard]] std::string definition() const override { return define(kind_); }

 private:
  PolicyKind kind_;
  Standing standing_;
};

class Ranked final : public DecisionPolicy {
 public:
  explicit Ranked(std::vector<std::string> names) : DecisionPolicy("ranked"), names_(std::move(names)) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    for (const std::string& name : names_) {
      for (std::size_t member = 0; member < ballot.members.size(); ++member) {
        if (ballot.members[member].name != name) continue;
        if (ballot.has_vote(member)) return Decision::of_member(ballot, member);
        if (ballot.may_vote(member)) return Decision::wait();
      }
    }
    return Decision::none();
  }
  [[nodiscard]] Status check(std::span<const SpeculationMember> members) const override {
    for (const std::string& name : names_) {
      if (std::none_of(members.begin(), members.end(), [&](const auto& member) { return member.name == name; }))
        return Status::invalid_argument("policy 'ranked' names '" + name + "', which is no member");
    }
    return {};
  }
  [[nodiscard]] std::string definition() const override {
    return define(PolicyKind::kRanked,
                  [&](ByteWriter& writer) { Serde<std::vector<std::string>>::write(writer, names_); });
  }

 private:
  std::vector<std::string> names_;
};

class Quorum final : public DecisionPolicy {
 public:
  Quorum(std::size_t votes, PolicyPtr policy) : DecisionPolicy("quorum"), votes_(votes), policy_(std::move(policy)) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    std::size_t votes = 0;
    std::size_t may_come = 0;
    for (std::size_t member = 0; member < ballot.scores.size(); ++member) {
      votes += ballot.has_vote(member) ? 1 : 0;
      may_come += ballot.may_vote(member) ? 1 : 0;
    }
    if (votes + may_come < votes_) return Decision::none();
    const Decision decision = policy_->decide(ballot);
    // That there is none does not depend on how many vote.
    return votes >= votes_ || decision.kind == Decision::Kind::kNone ? decision : Decision::wait();
  }
  [[nodiscard]] Status check(std::span<const SpeculationMember> members) const override {
    if (votes_ > members.size()) {
      return Status::invalid_argument("policy 'quorum' wants " + std::to_string(votes_) + " votes of " +
                                      std::to_string(members.size()) + " members");
    }
    return policy_->check(members);
  }
  [[nodiscard]] std::string definition() const override {
    const std::string inner = policy_->definition();
    if (inner.empty()) return {};
    return define(PolicyKind::kQuorum, [&](ByteWriter& writer) {
      writer.varint(votes_);
      writer.sized(inner);
    });
  }

 private:
  std::size_t votes_;
  PolicyPtr policy_;
};

class Otherwise final : public DecisionPolicy {
 public:
  Otherwise(PolicyPtr first, PolicyPtr second)
      : DecisionPolicy(first->name()), first_(std::move(first)), second_(std::move(second)) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override {
    Decision decision = first_->decide(ballot);
    const bool has_none =
        decision.kind == Decision::Kind::kNone || (decision.kind == Decision::Kind::kWait && ballot.is_closed);
    return has_none ? second_->decide(ballot) : decision;
  }
  [[nodiscard]] Status check(std::span<const SpeculationMember> members) const override {
    WEIR_RETURN_IF_ERROR(first_->check(members));
    return second_->check(members);
  }
  [[nodiscard]] std::string definition() const override {
    const std::string first = first_->definition();
    const std::string second = second_->definition();
    if (first.empty() || second.empty()) return {};
    return define(PolicyKind::kOtherwise, [&](ByteWriter& writer) {
      writer.sized(first);
      writer.sized(second);
    });
  }

 private:
  PolicyPtr first_;
  PolicyPtr second_;
};

class FixedAnswer final : public DecisionPolicy {
 public:
  FixedAnswer(const std::vector<double>& numbers, const std::vector<std::string>& texts)
      : DecisionPolicy("fixed_answer"),
        numbers_(numbers),
        texts_(texts),
        answer_{Decision::Kind::kDefault, -1, ScoreNumbers(numbers.data(), numbers.size()),
                ScoreTexts(texts.data(), texts.size())} {}
  [[nodiscard]] Decision decide(const Ballot& /*ballot*/) const override { return answer_; }
  [[nodiscard]] std::string definition() const override {
    return define(PolicyKind::kFixedAnswer, [&](ByteWriter& writer) {
      Serde<std::vector<double>>::write(writer, numbers_);
      Serde<std::vector<std::string>>::write(writer, texts_);
    });
  }

 private:
  const std::vector<double> numbers_;
  const std::vector<std::string> texts_;
  Decision answer_;
};

class Named final : public DecisionPolicy {
 public:
  Named(std::string name, PolicyPtr policy) : DecisionPolicy(std::move(name)), policy_(std::move(policy)) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override { return policy_->decide(ballot); }
  [[nodiscard]] Status check(std::span<const SpeculationMember> members) const override {
    return policy_->check(members);
  }
  [[nodiscard]] std::string definition() const override {
    const std::string inner = policy_->definition();
    if (inner.empty()) return {};
    return define(PolicyKind::kNamed, [&](ByteWriter& writer) {
      writer.sized(name());
      writer.sized(inner);
    });
  }

 private:
  PolicyPtr policy_;
};

class Custom final : public DecisionPolicy {
 public:
  Custom(std::string name, std::function<Decision(const Ballot&)> decide)
      : DecisionPolicy(std::move(name)), decide_(std::move(decide)) {}
  [[nodiscard]] Decision decide(const Ballot& ballot) const override { return decide_(ballot); }

 private:
  std::function<Decision(const Ballot&)> decide_;
};

}  // namespace

PolicyPtr first_good(std::function<bool(const MemberScore&)> is_good) {
  return std::make_shared<FirstGood>(std::move(is_good));
}
PolicyPtr best_quality() {
  const auto quality = [](const SpeculationMember& member) { return member.quality; };
  return std::make_shared<ByStanding<decltype(quality)>>("best_quality", PolicyKind::kBestQuality, quality);
}
PolicyPtr by_priority() {
  const auto priority = [](const SpeculationMember& member) { return member.priority; };
  return std::make_shared<ByStanding<decltype(priority)>>("by_priority", PolicyKind::kByPriority, priority);
}
PolicyPtr ranked(std::vector<std::string> names) { return std::make_shared<Ranked>(std::move(names)); }
PolicyPtr quorum(std::size_t votes, PolicyPtr policy) { return std::make_shared<Quorum>(votes, std::move(policy)); }
PolicyPtr otherwise(PolicyPtr first, PolicyPtr second) {
  return std::make_shared<Otherwise>(std::move(first), std::move(second));
}
PolicyPtr fixed_answer(std::vector<double> numbers, std::vector<std::string> texts) {
  return std::make_shared<FixedAnswer>(numbers, texts);
}
PolicyPtr named(std::string name, PolicyPtr policy) {
  return std::make_shared<Named>(std::move(name), std::move(policy));
}
PolicyPtr custom_policy(std::string name, std::function<Decision(const Ballot&)> decide) {
  return std::make_shared<Custom>(std::move(name), std::move(decide));
}

}  // namespace weir
