// Undecided records over a restart: nothing is lost, nothing is answered twice, and the deadline goes on.

#include "operators/speculation/speculation_rig.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

class SpeculateRestart : public ::testing::Test {
 protected:
  void load_both(SpeculationRig& rig, const std::string& key = "k") {
    rig.load(key, "smart", "CONST 1");
    rig.load(key, "fast", "CONST 2");
  }
  const weir::testing::TemporaryDirectory directory_;
};

TEST_F(SpeculateRestart, UndecidedRecordIsDecidedWithTheTimeItHadLeft) {
  SpeculationRig rig(smart_and_fast(), directory_.path());
  rig.open();
  load_both(rig);
  rig.record(1, "k");
  rig.advance(milliseconds(60));
  const auto stored = *rig.harness().checkpoint();
  rig.advance(milliseconds(39));  // lost with the crash
  EXPECT_EQ(rig.answers(), Lines{});
  rig.open(stored);
  EXPECT_EQ(rig.until_wake(), milliseconds(40));
  rig.advance(milliseconds(39));
  EXPECT_EQ(rig.answers(), Lines{});
  rig.advance(milliseconds(1));
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 2 fast [smart=late fast=voted] !"})) << "its vote was kept";
}

TEST_F(SpeculateRestart, TimeGoesOnOverSeveralRestarts) {
  SpeculationRig rig(smart_and_fast(), directory_.path());
  rig.open();
  load_both(rig);
  rig.record(1, "k");
  for (int i = 0; i < 9; ++i) {
    rig.advance(milliseconds(10));
    rig.restart();
    EXPECT_EQ(rig.until_wake(), milliseconds(90 - 10 * i));
  }
  EXPECT_EQ(rig.answers(), Lines{});
  rig.advance(milliseconds(10));
  EXPECT_EQ(rig.answers().size(), 1U);
}

TEST_F(SpeculateRestart, MembersThatHadNotVotedAreAskedAgain) {
  SpeculationRig rig(smart_and_fast(), directory_.path());
  rig.open();
  load_both(rig);
  rig.record(1, "k");
  rig.restart();
  EXPECT_EQ(rig.answers(), Lines{});
  rig.run_all();
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 1 smart [smart=voted fast=voted]"}));
  rig.restart();
  rig.run_all();
  EXPECT_EQ(rig.answers().size(), 1U) << "once";
}

TEST_F(SpeculateRestart, RecordThatMeetsModelsBeingLoadedAgainWaitsForThem) {
  SpeculationRig rig(smart_and_fast(), directory_.path());
  rig.open();
  load_both(rig);
  rig.restart();
  rig.record(1, "k");
  EXPECT_EQ(rig.answers(), Lines{});
  rig.run_all();
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 1 smart [smart=voted fast=voted]"}));
  // But not for longer than its deadline.
  rig.restart();
  rig.record(2, "k");
  rig.advance(milliseconds(100));
  EXPECT_EQ(rig.answers().back(), "2 none [smart=late fast=late] !");
}

TEST_F(SpeculateRestart, ModelThatIsGoneAfterTheRestartAbstains) {
  SpeculationRig rig(smart_and_fast(), directory_.path());
  rig.open();
  load_both(rig);
  rig.record(1, "k");
  rig.restart();
  rig.model(order("k", ModelControl::kRetire));
  rig.settle();
  EXPECT_EQ(rig.answers(), (Lines{"1 answered 2 fast [smart=absent fast=voted]"}));
}

TEST_F(SpeculateRestart, WhatWasDecidedAndNotYetSentIsSentOnce) {
  OperatorHarness::Options options = harness_options(smart_and_fast(), directory_.path());
  options.batch_size = 0;  // takes nothing
  SpeculationRig first(harness_options(smart_and_fast(), directory_.path()));
  first.open();
  load_both(first);
  first.record(1, "k");
  first.record(2, "k");
  const auto undecided = *first.harness().checkpoint();
  SpeculationRig full(options);
  full.open(undecided);
  full.harness().context().manual_clock().advance(milliseconds(200));
  full.harness().poll_once();
  const auto decided = *full.harness().checkpoint();
  EXPECT_EQ(full.answers(), Lines{});
  SpeculationRig last(harness_options(smart_and_fast(), directory_.path()));
  last.open(decided);
  last.settle();
  EXPECT_EQ(last.answers(),
            (Lines{"1 answered 2 fast [smart=late fast=voted] !", "2 answered 2 fast [smart=late fast=voted] !"}));
  last.restart();
  last.run_all();
  EXPECT_EQ(last.answers().size(), 2U);
}

TEST_F(SpeculateRestart, TwoTasksBecomeOne) {
  auto merged = std::make_shared<StoredOperator>();
  std::size_t expected = 0;
  for (std::uint32_t task = 0; task < 2; ++task) {
    OperatorHarness::Options options = harness_options(smart_and_fast(), directory_.path());
    options.context.parallelism = 2;
    options.context.task_index = task;
    SpeculationRig rig(options);
    rig.open();
    Lines keys;
    for (int key = 0; key < 8; ++key) {
      const std::string name = "key-" + std::to_string(key);
      if (owner_of_key_group(key_group_of(hash_key(name), 128), 2, 128) == task) keys.push_back(name);
    }
    for (const std::string& key : keys) load_both(rig, key);
    for (const std::string& key : keys)
      for (int i = 0; i < 3; ++i) rig.record(static_cast<std::int64_t>(++expected), key);
    EXPECT_EQ(rig.answers(), Lines{});
    merged->merge(**rig.harness().checkpoint());
  }
  SpeculationRig rig(smart_and_fast(), directory_.path());
  rig.open(merged);
  rig.run_all();
  EXPECT_EQ(rig.answers().size(), expected);
  Lines answers = rig.answers();
  std::sort(answers.begin(), answers.end());
  EXPECT_EQ(std::unique(answers.begin(), answers.end()), answers.end());
  rig.restart();
  rig.run_all();
  EXPECT_EQ(rig.answers().size(), expected) << "none is left in state";
}

TEST_F(SpeculateRestart, MembersMayComeAndGo) {
  SpeculationRig rig(smart_and_fast(), directory_.path());
  rig.open();
  load_both(rig);
  rig.record(1, "k");
  const auto stored = *rig.harness().checkpoint();
  SpeculationOptions options = smart_and_fast();
  options.members = {{.name = "new", .quality = 0.2}, options.members[1]};
  SpeculationRig other(options, directory_.path());
  other.open(stored);
  other.settle();
  EXPECT_EQ(other.answers(), (Lines{"1 answered 2 fast [new=absent fast=voted]"}));
  EXPECT_NE(other.state("speculation-statistics", "k").find(R"("name":"new")"), std::string::npos);
}

/// Loads models before the next record comes: what a model on its way is to a record depends on timing.
class LoadsAtOnce final : public Operator {
 public:
  explicit LoadsAtOnce(std::unique_ptr<Operator> inner) : inner_(std::move(inner)) {}
  Status open(OperatorContext& context) override {
    context_ = &dynamic_cast<testing_support::TestContext&>(context);
    return inner_->open(context);
  }
  void process(std::size_t input, BatchPtr& batch, Outbox& out) override {
    inner_->process(input, batch, out);
    if (input != 1) return;
    while (context_->manual_executor().run_one()) inner_->poll(out);
  }
  PollResult poll(Outbox& out) override { return inner_->poll(out); }
  [[nodiscard]] bool counts_for_watermark(std::size_t input) const noexcept override {
    return inner_->counts_for_watermark(input);
  }
  [[nodiscard]] bool forwards_watermark() const noexcept override { return inner_->forwards_watermark(); }
  bool on_watermark(Timestamp watermark, Outbox& out) override { return inner_->on_watermark(watermark, out); }
  bool on_timer_tick(Timestamp now, Outbox& out) override { return inner_->on_timer_tick(now, out); }
  bool on_end(Outbox& out) override { return inner_->on_end(out); }
  void snapshot(SnapshotBuilder& builder) override { inner_->snapshot(builder); }
  void close() noexcept override { inner_->close(); }

 private:
  std::unique_ptr<Operator> inner_;
  testing_support::TestContext* context_ = nullptr;
};

// A policy that does not depend on who is faster, with time enough: the same in all of the harness's modes.
TEST_F(SpeculateRestart, SameAnswersInAllModes) {
  SpeculationOptions options{.members = {{.name = "a", .slow = true}, {.name = "b"}, {.name = "c", .slow = true}},
                             .policies = {median()},
                             .deadline = std::chrono::hours(20)};
  options.members[0].max_queued = 2;
  options.members[2].rows_per_call = 3;
  testing_support::Script script;
  for (const char* key : {"k", "l"}) {
    for (const char* name : {"a", "b", "c"}) {
      const std::string bytes = std::string("LINEAR ") + std::to_string(name[0] - 'a') + (*key == 'k' ? " 1" : " 2");
      script.keyed(1, std::string(key), named_model(key, name, bytes), at(0));
    }
  }
  std::vector<std::string> expected;
  for (std::int64_t id = 1; id <= 40; ++id) {
    const std::string key(1, "kl"[id % 2]);
    script.keyed(0, key, Event{key, static_cast<double>(id), id}, at(id));
    if (id % 9 == 0) script.watermark(0, at(id));
    // The median of 0, 1 and 2 and once or twice the value.
    expected.push_back(std::to_string(id) + " answered " + std::to_string(1 + (key == "k" ? 1 : 2) * id) + " @" +
                       format_timestamp(at(id)));
  }
  OperatorHarness::Options harness = harness_options(options, directory_.path());
  harness.outputs[0] = testing_support::output_of<Speculated<Event>>([](const Speculated<Event>& result) {
    return std::to_string(result.record.id) + ' ' + std::string(to_string(result.status)) + ' ' +
           short_number(result.number());
  });
  harness.make_operator = [make = harness.make_operator] { return std::make_unique<LoadsAtOnce>(make()); };
  testing_support::expect_same_in_all_modes(harness, script, expected,
                                            {.unordered = true, .compare_watermarks = false});
}

}  // namespace
}  // namespace weir::test
