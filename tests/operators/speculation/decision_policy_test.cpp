// Policies: what they answer, and that they answer neither too early nor too late: a decision is the outcome of every
// way the rest may vote, and while a policy waits there are two ways that end differently.

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/decision_policy.hpp>

namespace weir {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

/// A ballot from a text: a digit votes that class (number and text), `-` abstains, `?` may vote.
struct Votes {
  explicit Votes(const std::string& text, std::vector<SpeculationMember> declared = {}) : members(std::move(declared)) {
    while (members.size() < text.size()) {
      SpeculationMember member;
      member.name = std::string(1, static_cast<char>('a' + members.size()));
      member.quality = static_cast<double>(1 + members.size() % 2);
      members.push_back(member);
    }
    members.resize(text.size());
    std::uint32_t order = 0;
    for (const char vote : text) {
      MemberScore& score = scores.emplace_back();
      if (vote == '?') continue;
      score.status = vote == '-' ? VoteStatus::kAbstained : VoteStatus::kVoted;
      if (vote == '-') continue;
      const double number = vote - '0';
      const std::string label(1, vote);
      score.numbers = ScoreNumbers(&number, 1);
      score.texts = ScoreTexts(&label, 1);
      score.order = ++order;
    }
  }
  [[nodiscard]] Ballot ballot(bool is_closed = false) const { return {members, scores, is_closed}; }
  std::vector<SpeculationMember> members;
  std::vector<MemberScore> scores;
};

std::string show(const Decision& decision) {
  switch (decision.kind) {
    case Decision::Kind::kWait: return "wait";
    case Decision::Kind::kNone: return "none";
    case Decision::Kind::kDefault:
    case Decision::Kind::kAnswer: break;
  }
  std::string text = decision.kind == Decision::Kind::kDefault ? "default" : "";
  if (decision.texts.size() != 0) return text + std::string(decision.texts[0]);
  std::string number = std::to_string(decision.numbers[0]);
  number.erase(number.find_last_not_of('0') + 1);
  if (number.back() == '.') number.pop_back();
  return text + number;
}

std::string decide(const PolicyPtr& policy, const std::string& votes, bool is_closed = false) {
  return show(policy->decide(Votes(votes).ballot(is_closed)));
}

/// Every text of this length over the letters.
void for_each_text(const std::string& letters, std::size_t length,
                   const std::function<void(const std::string&)>& visit) {
  std::string text(length, letters[0]);
  std::vector<std::size_t> digits(length, 0);
  while (true) {
    visit(text);
    std::size_t place = 0;
    while (place < length && ++digits[place] == letters.size()) {
      digits[place] = 0;
      text[place] = letters[0];
      ++place;
    }
    if (place == length) return;
    text[place] = letters[digits[place]];
  }
}

/// Checks the contract of weir/decision_policy.hpp for every ballot of up to `most` members.
void expect_exact(const PolicyPtr& policy, const std::vector<SpeculationMember>& members, std::size_t most,
                  bool may_wait_longer = false) {
  for (std::size_t length = 1; length <= most; ++length) {
    for_each_text("23-?", length, [&](const std::string& votes) {
      if (::testing::Test::HasFailure()) return;
      const std::string early = show(policy->decide(Votes(votes, members).ballot()));
      std::vector<std::string> outcomes;
      const auto open = static_cast<std::size_t>(std::count(votes.begin(), votes.end(), '?'));
      // 1 and 4 are below and above all votes, and classes of their own.
      for_each_text("1234-", std::max<std::size_t>(open, 1), [&](const std::string& rest) {
        std::string complete = votes;
        std::size_t next = 0;
        for (char& vote : complete)
          if (vote == '?') vote = rest[next++];
        outcomes.push_back(show(policy->decide(Votes(complete, members).ballot(true))));
      });
      std::sort(outcomes.begin(), outcomes.end());
      outcomes.erase(std::unique(outcomes.begin(), outcomes.end()), outcomes.end());
      if (early == "wait") {
        if (may_wait_longer) return;
        EXPECT_GT(outcomes.size(), 1U) << policy->name() << " waits at " << votes
                                       << " for what is settled: " << outcomes[0];
      } else {
        EXPECT_EQ(outcomes, std::vector<std::string>{early}) << policy->name() << " is too early at " << votes;
      }
    });
  }
}

std::vector<SpeculationMember> five_members() {
  return {{.name = "a", .priority = 1, .quality = 0.5, .weight = 1},
          {.name = "b", .priority = 3, .quality = 0.9, .weight = 3},
          {.name = "c", .priority = 2, .quality = 0.7, .weight = 2},
          {.name = "d", .priority = 2, .quality = 0.7, .weight = 0.5},
          {.name = "e", .priority = 0, .quality = 0.2, .weight = 0}};
}

TEST(DecisionPolicy, DecidesWhenTheOutcomeCannotChangeAndNotBefore) {
  const auto members = five_members();
  expect_exact(best_quality(), members, 5);
  expect_exact(by_priority(), members, 5);
  expect_exact(median(), members, 5);
  expect_exact(weighted_mean(), members, 4);
  for (const TieRule tie : {TieRule::kQuality, TieRule::kPriority, TieRule::kNone}) {
    for (const bool of_numbers : {false, true}) {
      expect_exact(majority({.of_numbers = of_numbers, .tie = tie}), members, 5);
    }
    expect_exact(majority({.tie = tie, .weighted = true}), members, 4);
    expect_exact(majority({.tie = tie, .share = 0.5}), members, 5);
    expect_exact(majority({.tie = tie, .share = 0.6}), members, 5);
    expect_exact(majority({.tie = tie, .share = 1}), members, 5);
    expect_exact(otherwise(majority({.tie = tie}), fixed_answer({9})), members, 5);
  }
  expect_exact(quorum(2, best_quality()), members, 4);
  expect_exact(quorum(3, median()), members, 5);
  // That both parts would say the same is not looked for.
  expect_exact(otherwise(quorum(3, majority()), best_quality()), members, 4, true);
}

TEST(DecisionPolicy, RankedHearsOnlyThoseItNames) {
  const PolicyPtr policy = ranked({"c", "a"});
  EXPECT_EQ(decide(policy, "1?3"), "3");
  EXPECT_EQ(decide(policy, "12?"), "wait") << "the smart one may yet come";
  EXPECT_EQ(decide(policy, "12?", true), "1") << "it was late";
  EXPECT_EQ(decide(policy, "12-"), "1") << "it abstained: no need to wait";
  EXPECT_EQ(decide(policy, "-2-"), "none");
  EXPECT_FALSE(ranked({"nobody"})->check(five_members()).is_ok());
  EXPECT_TRUE(ranked({"e", "a"})->check(five_members()).is_ok());
}

TEST(DecisionPolicy, FirstGoodTakesTheOneThatCameFirst) {
  const PolicyPtr good = first_good([](const MemberScore& score) { return score.numbers[0] >= 2; });
  EXPECT_EQ(decide(good, "1??"), "wait");
  EXPECT_EQ(decide(good, "1?3"), "3");
  EXPECT_EQ(decide(good, "111"), "none");
  EXPECT_EQ(decide(good, "11?", true), "none");
  Votes votes("123");
  votes.scores[2].order = 1;
  votes.scores[0].order = 3;
  EXPECT_EQ(show(first_good()->decide(votes.ballot())), "3");
}

TEST(DecisionPolicy, MajorityBreaksTiesByItsRule) {
  const auto with = [](TieRule tie, const std::string& votes) {
    return show(majority({.tie = tie})->decide(Votes(votes, five_members()).ballot(true)));
  };
  EXPECT_EQ(with(TieRule::kQuality, "1221-"), "2") << "0.9 + 0.7 against 0.5 + 0.7";
  EXPECT_EQ(with(TieRule::kPriority, "1212-"), "2") << "b has the highest priority";
  EXPECT_EQ(with(TieRule::kPriority, "--12-"), "1") << "equal priority: the first";
  EXPECT_EQ(with(TieRule::kNone, "1221-"), "none");
  EXPECT_EQ(with(TieRule::kNone, "12233"), "none");
  EXPECT_EQ(with(TieRule::kNone, "12223"), "2");
}

TEST(DecisionPolicy, MajorityAnswersTheClassAloneAndItsBestVoter) {
  const auto members = five_members();
  const Votes votes("21121", members);
  const Decision decision = majority()->decide(votes.ballot());
  EXPECT_EQ(decision.texts.size(), 1U);
  EXPECT_EQ(decision.numbers.size(), 0U);
  EXPECT_EQ(decision.winner, 1) << "b has the highest quality of b, c and e";
}

TEST(DecisionPolicy, MedianAndMean) {
  EXPECT_EQ(decide(median(), "139"), "3");
  EXPECT_EQ(decide(median(), "13-"), "2");
  EXPECT_EQ(decide(median(), "33?"), "3") << "settled, whatever the third says";
  EXPECT_EQ(decide(median(), "34?"), "wait");
  EXPECT_EQ(show(weighted_mean()->decide(Votes("24---", five_members()).ballot())), "3.5");
  EXPECT_EQ(show(weighted_mean()->decide(Votes("24--?", five_members()).ballot())), "3.5") << "a weight of 0";
  EXPECT_EQ(decide(weighted_mean(), "---"), "none");
}

TEST(DecisionPolicy, ValuesThatAreMissingAreAbstentions) {
  Votes votes("33?");
  votes.scores[0].numbers = ScoreNumbers(&kMissing, 1);
  EXPECT_EQ(show(median()->decide(votes.ballot())), "wait");
  EXPECT_EQ(show(median()->decide(votes.ballot(true))), "3");
  EXPECT_EQ(show(weighted_mean()->decide(votes.ballot(true))), "3");
  EXPECT_EQ(show(majority({.of_numbers = true})->decide(votes.ballot(true))), "3");
  EXPECT_EQ(show(majority({.output = 7})->decide(votes.ballot(true))), "none");
}

TEST(DecisionPolicy, CombinationsAnswerInTurn) {
  const PolicyPtr policy = otherwise(quorum(2, majority()), otherwise(ranked({"c"}), fixed_answer({0.5}, {"x"})));
  EXPECT_EQ(decide(policy, "11?"), "1");
  EXPECT_EQ(decide(policy, "1??", true), "defaultx") << "one vote is no consensus, and c is late";
  EXPECT_EQ(decide(policy, "--3"), "3");
  EXPECT_EQ(policy->name(), "quorum");
  EXPECT_EQ(named("mine", policy)->name(), "mine");
  EXPECT_EQ(decide(named("mine", policy), "--3"), "3");
}

TEST(DecisionPolicy, ChecksItsMembers) {
  const auto members = five_members();
  EXPECT_FALSE(quorum(6, majority())->check(members).is_ok());
  EXPECT_FALSE(majority({.share = 1.5})->check(members).is_ok());
  EXPECT_FALSE(otherwise(majority(), ranked({"nobody"}))->check(members).is_ok());
  EXPECT_FALSE(named("n", ranked({"nobody"}))->check(members).is_ok());
  EXPECT_TRUE(otherwise(majority(), ranked({"a"}))->check(members).is_ok());
}

TEST(DecisionPolicy, OfYourOwn) {
  const PolicyPtr highest = custom_policy("highest", [](const Ballot& ballot) {
    int best = -1;
    for (std::size_t member = 0; member < ballot.members.size(); ++member) {
      if (ballot.may_vote(member)) return Decision::wait();
      if (!ballot.has_vote(member)) continue;
      if (best < 0 || ballot.scores[member].numbers[0] > ballot.scores[static_cast<std::size_t>(best)].numbers[0])
        best = static_cast<int>(member);
    }
    return best < 0 ? Decision::none() : Decision::of_member(ballot, static_cast<std::size_t>(best));
  });
  EXPECT_EQ(decide(highest, "132"), "3");
  EXPECT_EQ(decide(highest, "13?"), "wait");
  EXPECT_EQ(decide(highest, "13?", true), "3");
}

}  // namespace
}  // namespace weir
