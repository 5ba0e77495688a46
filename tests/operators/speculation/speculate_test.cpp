// What is answered, when, and that it is answered once.

#include "operators/speculation/speculation_rig.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

SpeculationOptions two_fast() {
  return {.members = {{.name = "good", .quality = 0.9}, {.name = "poor", .quality = 0.1}}};
}
SpeculationOptions three_fast(PolicyPtr policy) {
  return {.members = {{.name = "a"}, {.name = "b"}, {.name = "c"}}, .policies = {std::move(policy)}};
}

TEST(Speculate, FastMembersAreAnsweredInTheCallThatTookTheRecord) {
  SpeculationRig rig(two_fast());
  rig.open({{"good", "LINEAR 1 2"}, {"poor", "CONST 7"}});
  rig.record(1, "k", 10);
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 21 good [good=voted poor=voted]"}));
  EXPECT_EQ(rig.until_wake(), Duration::max()) << "nothing is left to wait for";
}

TEST(Speculate, ModelsThatAreAbsentOrFailAbstain) {
  SpeculationRig rig(two_fast());
  rig.open();
  rig.record(1, "k", -1);
  rig.load("k", "poor", "CONST 7");
  rig.record(2, "k", -1);
  rig.load("k", "good", "FAIL 3");
  rig.record(3, "k", -1);
  rig.record(4, "k", 1);
  rig.model(named_model("k", "stranger", "CONST 1"));
  EXPECT_EQ(rig.answers(),
            (Lines{"1 none [good=absent poor=absent]", "2 answered 7 poor [good=absent poor=voted]",
                   "3 answered 7 poor [good=failed poor=voted]", "4 answered 3 good [good=voted poor=voted]"}));
  EXPECT_EQ(rig.metric("models_ignored_total"), 1);
}

TEST(Speculate, ModelThatGivesNoValueAbstains) {
  SpeculationRig rig(two_fast());
  rig.open({{"good", "LINEAR 0 1"}, {"poor", "CONST 7"}});
  rig.record(1, "k", std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 7 poor [good=abstained poor=voted]"}));
}

TEST(Speculate, SlowMemberIsWaitedForWhileItCouldStillWin) {
  SpeculationRig rig(smart_and_fast());
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  rig.record(1, "k");
  rig.advance(milliseconds(99));
  EXPECT_EQ(rig.answers(), Lines{});
  rig.run_one();
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 1 smart [smart=voted fast=voted]"}));
  rig.advance(milliseconds(1000));
  EXPECT_EQ(rig.answers().size(), 1U);
}

TEST(Speculate, FastOneAnswersWhenTheSmartOneIsLateAndTheLateScoreIsOnlyRecorded) {
  SpeculationRig rig(smart_and_fast());
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  rig.record(1, "k");
  rig.advance(milliseconds(100));
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 2 fast [smart=late fast=voted] !"}));
  EXPECT_EQ(rig.late(), Lines{});
  rig.run_one();
  EXPECT_EQ(rig.late(), (Lines{"1 smart voted 1"}));
  EXPECT_EQ(rig.answers().size(), 1U) << "never answered again";
}

TEST(Speculate, SlowMemberThatCannotWinAnyMoreIsNotAsked) {
  SpeculationOptions options = smart_and_fast();
  options.policies = {first_good()};
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  rig.record(1, "k");
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 2 fast [smart=unneeded fast=voted]"}));
  EXPECT_EQ(rig.jobs(), 0U);
}

TEST(Speculate, AllMembersScoreEveryRecordWhenLateScoresAreWanted) {
  SpeculationOptions options = smart_and_fast();
  options.policies = {first_good()};
  options.late_scores = LateScores::kOfAll;
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  for (int id = 1; id <= 5; ++id) rig.record(id, "k");
  EXPECT_EQ(rig.answers().size(), 5U);
  rig.run_all();
  EXPECT_EQ(rig.late(),
            (Lines{"1 smart voted 1", "2 smart voted 1", "3 smart voted 1", "4 smart voted 1", "5 smart voted 1"}));
  EXPECT_EQ(rig.metric("scores_late_total", "smart"), 5);
}

TEST(Speculate, ConsensusAnswersAtOnceWhenTheOutcomeCannotChange) {
  SpeculationOptions options = three_fast(otherwise(quorum(2, majority()), fixed_answer({}, {"unsure"})));
  options.members[2].slow = true;
  SpeculationRig rig(options);
  rig.open({{"a", "LABEL yes"}, {"b", "LABEL yes"}, {"c", "LABEL no"}});
  rig.load("l", "a", "LABEL yes");
  rig.load("l", "b", "LABEL no");
  rig.load("l", "c", "LABEL no");
  rig.load("m", "c", "LABEL no");
  rig.record(1, "k");
  EXPECT_EQ(rig.answers(), (Lines{"1 answered yes a [a=voted b=voted c=unneeded]"}));
  rig.record(2, "l");
  EXPECT_EQ(rig.answers().size(), 1U);
  rig.run_one();
  EXPECT_EQ(rig.answers().back(), "2 answered no b [a=voted b=voted c=voted]");
  rig.record(3, "m");
  EXPECT_EQ(rig.answers().back(), "3 default unsure [a=absent b=absent c=unneeded]") << "two votes cannot be had";
}

TEST(Speculate, AtTheExactTickOfTheDeadlineNothingStaysUndecided) {
  SpeculationRig rig(smart_and_fast());
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  for (int id = 1; id <= 20; ++id) rig.record(id, "k");
  EXPECT_EQ(rig.until_wake(), milliseconds(100)) << "woken at the deadline itself, not later";
  rig.advance(milliseconds(100) - Duration{1});
  EXPECT_EQ(rig.answers().size(), 0U);
  rig.advance(Duration{1});
  EXPECT_EQ(rig.answers().size(), 20U);
}

TEST(Speculate, ScoreThatCameAfterTheDeadlineIsLateThoughTheTaskHearsOfBothAtOnce) {
  SpeculationRig rig(smart_and_fast());
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  rig.record(1, "k");
  rig.record(2, "k");
  rig.advance_silently(milliseconds(100));
  rig.harness().context().manual_executor().run_one();  // ended at the deadline: in time
  rig.advance_silently(Duration{1});
  rig.harness().context().manual_executor().run_one();  // too late by a microsecond
  rig.settle();
  EXPECT_EQ(rig.answers(),
            (Lines{"1 answered 1 smart [smart=voted fast=voted]", "2 answered 2 fast [smart=late fast=voted] !"}));
  EXPECT_EQ(rig.late(), (Lines{"2 smart voted 1"}));
}

TEST(Speculate, DeadlineOfOneKeyDecidesNoOther) {
  SpeculationRig rig(smart_and_fast());
  rig.open();
  for (const char* key : {"k", "l"}) {
    rig.load(key, "smart", "CONST 1");
    rig.load(key, "fast", "CONST 2");
  }
  rig.record(1, "k");
  rig.advance(milliseconds(50));
  rig.record(2, "l");
  rig.advance(milliseconds(50));
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 2 fast [smart=late fast=voted] !"}));
  rig.advance(milliseconds(49));
  EXPECT_EQ(rig.answers().size(), 1U);
  rig.advance(milliseconds(1));
  EXPECT_EQ(rig.answers().size(), 2U);
}

TEST(Speculate, SlowMemberIsSwappedLiveAndItsResultsSayWhichVersionScored) {
  SpeculationRig rig(smart_and_fast());
  rig.open({{"fast", "CONST 2"}, {"smart", "CONST 1"}});
  rig.record(1, "k");
  rig.model(named_model("k", "smart", "CONST 10"));
  rig.run_all();
  rig.record(2, "k");
  rig.run_all();
  EXPECT_EQ(rig.answers(),
            (Lines{"1 answered 1 smart [smart=voted fast=voted]", "2 answered 10 smart [smart=voted fast=voted]"}));
  EXPECT_NE(rig.state("swap-log", "k").find(R"("first_position":2)"), std::string::npos) << rig.state("swap-log", "k");
  // An order without a name is for all members.
  rig.model(order("k", ModelControl::kRetire));
  rig.record(3, "k");
  EXPECT_EQ(rig.answers().back(), "3 none [smart=absent fast=absent]");
}

TEST(Speculate, FullQueueIsBackPressure) {
  SpeculationOptions options = smart_and_fast();
  options.members[0].max_queued = 2;
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  for (int id = 1; id <= 10; ++id) rig.record(id, "k");
  // Two calls are handed on, two requests wait.
  EXPECT_EQ(rig.not_taken(), 6U);
  EXPECT_EQ(rig.jobs(), 2U);
  rig.run_all();
  EXPECT_EQ(rig.not_taken(), 0U);
  ASSERT_EQ(rig.answers().size(), 10U);
  for (const std::string& answer : rig.answers()) EXPECT_NE(answer.find("smart [smart=voted"), std::string::npos);
}

TEST(Speculate, FullQueueOfAHangingModelEmptiesAtDeadlines) {
  SpeculationOptions options = smart_and_fast();
  options.members[0].max_queued = 2;
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  for (int id = 1; id <= 8; ++id) rig.record(id, "k");
  EXPECT_EQ(rig.not_taken(), 4U);
  rig.advance(milliseconds(100));
  EXPECT_EQ(rig.answers().size(), 4U);
  EXPECT_EQ(rig.not_taken(), 2U) << "the requests of decided records were withdrawn";
  rig.advance(milliseconds(100));
  rig.advance(milliseconds(100));
  EXPECT_EQ(rig.answers().size(), 8U);
  EXPECT_EQ(rig.jobs(), 2U) << "the model hangs on its own two calls";
}

TEST(Speculate, FullQueueIsAnAbstentionWhereChosen) {
  SpeculationOptions options = smart_and_fast();
  options.members[0].max_queued = 1;
  options.members[0].when_full = QueueFull::kAbstain;
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  for (int id = 1; id <= 5; ++id) rig.record(id, "k");
  EXPECT_EQ(rig.not_taken(), 0U);
  EXPECT_EQ(rig.answers(), (Lines{"4 answered 2 fast [smart=abstained fast=voted]",
                                  "5 answered 2 fast [smart=abstained fast=voted]"}));
  rig.run_all();
  EXPECT_EQ(rig.answers().size(), 5U);
}

TEST(Speculate, UndecidedRecordsAreBounded) {
  SpeculationOptions options = smart_and_fast();
  options.max_undecided = 3;
  SpeculationRig rig(options);
  rig.open();
  rig.load("k", "smart", "CONST 1");
  for (int id = 1; id <= 7; ++id) rig.record(id, "k");
  EXPECT_EQ(rig.not_taken(), 4U);
  rig.run_all();
  EXPECT_EQ(rig.not_taken(), 0U);
  EXPECT_EQ(rig.answers().size(), 7U);
}

TEST(Speculate, MemberThatDoesNotRespondIsNotAskedUntilItDoes) {
  SpeculationOptions options = smart_and_fast();
  options.members[0].unresponsive_after = milliseconds(500);
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  rig.record(1, "k");
  rig.advance(milliseconds(499));
  rig.record(2, "k");
  EXPECT_EQ(rig.answers().size(), 1U) << "it is waited for";
  rig.advance(milliseconds(1));
  rig.record(3, "k");
  EXPECT_EQ(rig.answers().back(), "3 answered 2 fast [smart=abstained fast=voted]") << "it costs no time any more";
  rig.run_all();
  rig.record(4, "k");
  rig.run_all();
  EXPECT_EQ(rig.answers().back(), "4 answered 1 smart [smart=voted fast=voted]");
}

TEST(Speculate, MemberThatHangsHoldsBackNoRecordsForEverThoughAllAreToScore) {
  SpeculationOptions options = smart_and_fast();
  options.members[0].unresponsive_after = milliseconds(500);
  options.members[0].max_queued = 1;
  options.late_scores = LateScores::kOfAll;
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  for (int id = 1; id <= 6; ++id) rig.record(id, "k");
  rig.advance(milliseconds(100));
  EXPECT_EQ(rig.not_taken(), 3U) << "back-pressure: nothing is withdrawn";
  rig.advance(milliseconds(400));
  EXPECT_EQ(rig.not_taken(), 0U);
  EXPECT_EQ(rig.answers().size(), 6U);
}

TEST(Speculate, ControlChangesDeadlineAndPolicyForRecordsThatStartLater) {
  SpeculationOptions options = smart_and_fast();
  options.policies = {best_quality(), named("hasty", first_good())};
  const weir::testing::TemporaryDirectory directory;
  SpeculationRig rig(options, directory.path());
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  rig.record(1, "k");
  rig.control({.deadline_us = 20'000, .policy = ""});
  rig.record(2, "k");
  rig.control({.deadline_us = 0, .policy = "hasty"});
  rig.record(3, "k");
  EXPECT_EQ(rig.answers(), (Lines{"3 answered 2 fast [smart=unneeded fast=voted]"}));
  rig.control({.deadline_us = 5, .policy = "nobody knows it"});
  rig.control({.deadline_us = -5, .policy = "best_quality"});
  EXPECT_EQ(rig.metric("controls_refused_total"), 2);
  EXPECT_EQ(rig.metric("deadline_microseconds"), 20'000) << "refused as a whole";
  rig.advance(milliseconds(20));
  EXPECT_EQ(rig.answers().back(), "2 answered 2 fast [smart=late fast=voted] !");
  rig.advance(milliseconds(79));
  EXPECT_EQ(rig.answers().size(), 2U) << "record 1 keeps the deadline it started with";
  rig.advance(milliseconds(1));
  EXPECT_EQ(rig.answers().size(), 3U);
  // Both outlive a restart.
  rig.restart();
  rig.run_all();
  EXPECT_EQ(rig.metric("deadline_microseconds"), 20'000);
  rig.record(4, "k");
  EXPECT_EQ(rig.answers().back(), "4 answered 2 fast [smart=unneeded fast=voted]");
}

TEST(Speculate, WatermarkWaitsForTheRecordsBeforeItAndForNoOthers) {
  SpeculationRig rig(smart_and_fast());
  rig.open({{"smart", "CONST 1"}, {"fast", "CONST 2"}});
  rig.record(1, "k");
  Operator& instance = rig.harness().instance();
  Outbox out(2, 256);
  out.slot(0).make_batch = [] { return std::make_unique<Batch<Speculated<Event>>>(); };
  out.slot(1).make_batch = [] { return std::make_unique<Batch<LateScore>>(); };
  EXPECT_FALSE(instance.forwards_watermark());
  EXPECT_TRUE(instance.on_watermark(at(1), out));
  EXPECT_FALSE(out.take_watermark());
  EXPECT_FALSE(instance.on_idle(true, out)) << "nor does the stream count as idle";
  rig.record(2, "k");
  EXPECT_TRUE(instance.on_watermark(at(2), out));
  rig.harness().context().manual_executor().run_one();
  instance.poll(out);
  EXPECT_EQ(out.take_watermark(), at(1)) << "record 2 is still open";
  EXPECT_FALSE(instance.on_watermark(kMaxTimestamp, out)) << "the end waits for all";
  rig.harness().context().manual_executor().run_one();
  EXPECT_TRUE(instance.on_watermark(kMaxTimestamp, out));
  EXPECT_EQ(out.take_watermark(), at(2));
  EXPECT_TRUE(instance.on_idle(true, out));
}

TEST(Speculate, StatisticsSayHowEachMemberDid) {
  SpeculationOptions options = smart_and_fast();
  options.members.push_back({.name = "third", .quality = 0.1});
  SpeculationRig rig(options);
  rig.open({{"smart", "CONST 1"}, {"fast", "FAIL 1"}});
  rig.record(1, "k", 5);
  rig.run_all();
  rig.record(2, "k", 5);
  rig.advance(milliseconds(100));
  rig.run_all();
  rig.record(3, "k", -5);
  rig.advance(milliseconds(100));
  const std::string statistics = rig.state("speculation-statistics", "k");
  const auto has = [&](const std::string& text) { return statistics.find(text) != std::string::npos; };
  EXPECT_TRUE(has(R"("records":3,"answered":2,"default":0,"none":1,"at_deadline":2)")) << statistics;
  EXPECT_TRUE(has(R"({"name":"smart","voted":1,"late":2,"failed":0,"absent":0,"abstained":0,"unneeded":0,"won":1,)"
                  R"("agreed":1,"agreement":1,"scored_late":1)"))
      << statistics;
  EXPECT_TRUE(has(R"({"name":"fast","voted":2,"late":0,"failed":1,"absent":0,"abstained":0,"unneeded":0,"won":1,)"
                  R"("agreed":2)"))
      << statistics;
  EXPECT_TRUE(has(R"({"name":"third","voted":0,"late":0,"failed":0,"absent":3)")) << statistics;
  EXPECT_EQ(rig.metric("votes_total", "fast"), 2);
  EXPECT_EQ(rig.metric("votes_failed_total", "fast"), 1);
  EXPECT_EQ(rig.metric("votes_absent_total", "third"), 3);
  EXPECT_EQ(rig.metric("answers_total{status=answered"), 2);
  EXPECT_EQ(rig.metric("answers_at_deadline_total"), 2);
}

TEST(Speculate, WrongOptionsAreRefusedInPlainWords) {
  const auto first_fault = [](SpeculationOptions options) {
    const auto faults = faults_of(options);
    OperatorHarness harness(harness_options(options));
    EXPECT_EQ(harness.open().is_ok(), faults.empty());
    return faults.empty() ? "" : faults.front();
  };
  EXPECT_EQ(first_fault(smart_and_fast()), "");
  EXPECT_EQ(first_fault({}), "0 members, not 1 to 64");
  EXPECT_EQ(first_fault({.members = {{.name = "a"}, {.name = "a"}}}), "two members are called 'a'");
  EXPECT_EQ(first_fault({.members = {{.name = "a", .weight = -1}}}),
            "member 'a': its weight is -1.000000, not 0 or more");
  EXPECT_EQ(first_fault({.members = {{.name = "a"}}, .policies = {}}), "there is no policy");
  EXPECT_EQ(first_fault({.members = {{.name = "a"}}, .policies = {ranked({"b"})}}),
            "policy 'ranked' names 'b', which is no member");
  EXPECT_EQ(first_fault({.members = {{.name = "a"}}, .policies = {majority(), majority()}}),
            "two policies are called 'majority': give one another name");
  EXPECT_EQ(first_fault({.members = {{.name = "a"}}, .deadline = Duration{0}}),
            "a deadline of 0 us, not 1 us to 1 day");
  EXPECT_EQ(first_fault({.members = {{.name = "a"}}, .models = {.effect = ModelEffect::kEventTime}}),
            "options of ServeModel that are about records have no meaning in SpeculationOptions::models");
}

TEST(Speculate, RecordWaitsForAModelStillToComeWhereChosen) {
  SpeculationOptions options = smart_and_fast();
  options.members[0].wait_for_model = options.members[1].wait_for_model = true;
  SpeculationRig rig(options);
  rig.open();
  rig.record(1, "k");
  rig.record(2, "l");
  EXPECT_EQ(rig.answers(), Lines{});
  rig.load("k", "fast", "CONST 2");
  rig.load("k", "smart", "CONST 1");
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 1 smart [smart=voted fast=voted]"}));
  rig.advance(milliseconds(100));
  EXPECT_EQ(rig.answers().back(), "2 none [smart=absent fast=absent] !") << "not for longer than its deadline";
}

TEST(Speculate, PolicyThatNeverDecidesGivesNoAnswerAtTheDeadline) {
  SpeculationOptions options = smart_and_fast();
  options.policies = {custom_policy("never", [](const Ballot&) { return Decision::wait(); })};
  SpeculationRig rig(options);
  rig.open({{"fast", "CONST 1"}, {"smart", "CONST 1"}});
  rig.record(1, "k");
  rig.advance(milliseconds(100));
  EXPECT_EQ(rig.answers(), (Lines{"1 none [smart=late fast=voted] !"}));
}

}  // namespace
}  // namespace weir::test
