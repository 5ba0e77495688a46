// speculate() in whole jobs: simulated in any order with crashes, and on threads with models that hang.

#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include <gtest/gtest.h>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/pipeline.hpp>
#include <weir/speculation.hpp>
#include <weir/testing.hpp>

#include "operators/speculation/speculation_rig.hpp"
#include "state/support/temporary_directory.hpp"

namespace weir::test {
namespace {

constexpr const char* kKeys[] = {"JFK", "LGA", "EWR", "BOS"};

std::vector<Event> some_events(std::int64_t count) {
  std::vector<Event> events;
  for (std::int64_t id = 0; id < count; ++id) events.push_back({kKeys[id % 4], static_cast<double>(id % 7) - 1, id});
  return events;
}

/// Models of three names for three of the keys, versions that replace each other, bad ones and retirements among them.
std::vector<ModelRecord> some_models() {
  std::vector<ModelRecord> models;
  for (std::int64_t version = 1; version <= 4; ++version) {
    for (const char* key : {"JFK", "LGA", "EWR"}) {
      models.push_back(named_model(key, "a", "CONST " + std::to_string(version % 2), version));
      models.push_back(named_model(key, "b", version == 2 ? "rubbish" : "FAIL 1", version));
      models.push_back(named_model(key, "c", "CONST " + std::to_string(version), version));
    }
    models.push_back(order("LGA", ModelControl::kRetire));
    models.push_back(named_model("LGA", "nobody", "CONST 9", version));
  }
  return models;
}

std::vector<PolicyPtr> all_policies() {
  return {
      best_quality(),
      first_good(),
      majority({.of_numbers = true}),
      median(),
      weighted_mean(),
      named("or_default", otherwise(quorum(2, majority({.name = "inner", .of_numbers = true})), fixed_answer({42})))};
}

/// What a result says of itself must be what its policy makes of its scores, however they came.
void expect_consistent(const Speculated<Event>& result, const SpeculationOptions& options, const std::string& run) {
  const auto policy = std::find_if(options.policies.begin(), options.policies.end(),
                                   [&](const PolicyPtr& one) { return one->name() == result.policy; });
  ASSERT_NE(policy, options.policies.end()) << run;
  ASSERT_EQ(result.scores.size(), options.members.size());
  const Decision decision = (*policy)->decide({options.members, result.scores, true});
  SCOPED_TRACE(show_answer(result) + " by " + result.policy + "\n" + run);
  if (decision.kind == Decision::Kind::kNone || decision.kind == Decision::Kind::kWait) {
    EXPECT_EQ(result.status, AnswerStatus::kNone);
  } else {
    EXPECT_EQ(result.status,
              decision.kind == Decision::Kind::kDefault ? AnswerStatus::kDefault : AnswerStatus::kAnswered);
    ASSERT_EQ(result.numbers.size(), 1U);
    EXPECT_EQ(result.number(), decision.numbers[0]);
    EXPECT_EQ(result.winner, decision.winner);
  }
  bool any_late = false;
  for (const MemberScore& score : result.scores) {
    EXPECT_NE(score.status, VoteStatus::kWaiting);
    any_late = any_late || score.status == VoteStatus::kLate;
  }
  EXPECT_TRUE(!any_late || result.at_deadline);
}

TEST(SpeculateInAJob, EveryRecordIsAnsweredOnceAndByItsScoresWhateverTheOrderAndAfterCrashes) {
  std::map<std::string, int> seen;
  std::size_t late_scores = 0;
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    const weir::testing::TemporaryDirectory directory;
    SpeculationOptions options{
        .members = {{.name = "a", .quality = 0.5, .weight = 2, .slow = true, .max_queued = 1 + seed % 5},
                    {.name = "b", .quality = 0.7},
                    {.name = "c",
                     .quality = 0.9,
                     .slow = seed % 3 != 0,
                     .max_queued = 1 + seed % 4,
                     .when_full = seed % 2 == 0 ? QueueFull::kAbstain : QueueFull::kBackPressure,
                     .rows_per_call = 1 + seed % 2}},
        .policies = all_policies(),
        .deadline = Duration{200 + 300 * static_cast<std::int64_t>(seed % 5)},
        .late_scores = seed % 4 == 0 ? LateScores::kOfAll : LateScores::kOfCallsBegun,
        .max_undecided = 1 + (seed % 3) * 20};
    std::rotate(options.policies.begin(), options.policies.begin() + static_cast<std::ptrdiff_t>(seed % 6),
                options.policies.end());
    std::vector<SpeculationControl> controls;
    for (std::int64_t i = 1; i <= 6; ++i)
      controls.push_back(
          {100 * i, i % 2 == 0 ? "no such policy" : options.policies[static_cast<std::size_t>(i)]->name()});

    const auto collected = std::make_shared<Collected<Speculated<Event>>>();
    const auto late = std::make_shared<Collected<LateScore>>();
    Pipeline pipeline({.name = "speculation", .parallelism = 1 + static_cast<std::uint32_t>(seed % 3)});
    pipeline.enable_checkpointing({.directory = directory.path(), .interval = milliseconds(0)});
    const auto records =
        pipeline.from_source(vector_source(some_events(200), [](const Event& event) { return at(event.id); }))
            .uid("records");
    const auto models = pipeline.from_source(vector_source(some_models())).uid("models").parallelism(1);
    const auto control = pipeline.from_source(vector_source(controls)).uid("control").parallelism(1);
    auto answers = add_speculation(records, models, &control, {std::make_shared<const ToyRuntime>()}, options);
    answers.uid("speculate");
    answers.sink_to(collect_sink<Speculated<Event>>(collected)).uid("answers");
    answers.side_output(kLateScores).sink_to(collect_sink<LateScore>(late)).uid("late");

    weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                         {.seed = seed,
                                          .checkpoint_steps = 300,
                                          .crash_steps = seed % 2 == 0 ? std::size_t{900} : std::size_t{0},
                                          .max_crashes = 4});
    const Status outcome = simulation.run();
    ASSERT_TRUE(outcome.is_ok()) << outcome.to_string() << "\n" << simulation.describe();
    std::set<std::int64_t> ids;
    for (const Speculated<Event>& result : collected->records()) {
      EXPECT_TRUE(ids.insert(result.record.id).second) << result.record.id << " twice, " << simulation.describe();
      expect_consistent(result, options, simulation.describe());
      EXPECT_TRUE(!result.at_deadline || result.latency_ns >= 100'000);
      ++seen[std::string(to_string(result.status))];
      if (result.at_deadline) ++seen["at deadline"];
      for (const MemberScore& score : result.scores) ++seen[std::string(to_string(score.status))];
      if (::testing::Test::HasFailure()) return;
    }
    ASSERT_EQ(ids.size(), 200U) << simulation.describe();
    std::set<std::pair<std::string, std::uint64_t>> late_of;
    for (const LateScore& one : late->records()) {
      EXPECT_TRUE(late_of.emplace(std::string(one.score.model.name()), one.position).second) << simulation.describe();
      ++late_scores;
    }
  }
  // The runs did meet what they are to be tested with.
  for (const char* what :
       {"answered", "default", "none", "at deadline", "voted", "late", "failed", "absent", "abstained", "unneeded"})
    EXPECT_GT(seen[what], 0) << what;
  EXPECT_GT(late_scores, 0U);
}

/// Models of type HANG do not answer while the gate is shut.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;  // guarded by mutex_
};

class HangingScorer final : public Scorer {
 public:
  HangingScorer(std::shared_ptr<Gate> gate, std::shared_ptr<const Scorer> inner)
      : gate_(std::move(gate)), inner_(std::move(inner)) {}
  void score(const FeatureRows& in, const ScoreRows& out, ScoreErrors& errors,
             ScoreScratch& scratch) const noexcept override {
    gate_->pass();
    inner_->score(in, out, errors, scratch);
  }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return inner_->outputs(); }

 private:
  std::shared_ptr<Gate> gate_;
  std::shared_ptr<const Scorer> inner_;
};

class HangingModel final : public Model {
 public:
  HangingModel(std::shared_ptr<Gate> gate, std::shared_ptr<const Model> inner)
      : gate_(std::move(gate)), inner_(std::move(inner)) {}
  [[nodiscard]] std::span<const Field> inputs() const noexcept override { return inner_->inputs(); }
  [[nodiscard]] std::span<const Field> outputs() const noexcept override { return inner_->outputs(); }
  [[nodiscard]] std::string summary() const override { return inner_->summary(); }
  [[nodiscard]] std::size_t memory_bytes() const noexcept override { return inner_->memory_bytes(); }
  [[nodiscard]] Result<std::shared_ptr<const Scorer>> bind(const FeatureSchema& features,
                                                           std::span<const std::string> outputs) const override {
    WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const Scorer> bound, inner_->bind(features, outputs));
    return std::shared_ptr<const Scorer>(std::make_shared<HangingScorer>(gate_, std::move(bound)));
  }

 private:
  std::shared_ptr<Gate> gate_;
  std::shared_ptr<const Model> inner_;
};

class HangingRuntime final : public ModelRuntime {
 public:
  explicit HangingRuntime(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
  [[nodiscard]] std::string_view type() const noexcept override { return "HANG"; }
  [[nodiscard]] Result<std::shared_ptr<const Model>> load(std::string_view bytes,
                                                          const ModelLimits& limits) const override {
    WEIR_ASSIGN_OR_RETURN(std::shared_ptr<const Model> inner, ToyRuntime().load(bytes, limits));
    return std::shared_ptr<const Model>(std::make_shared<HangingModel>(gate_, std::move(inner)));
  }

 private:
  std::shared_ptr<Gate> gate_;
};

/// Records that wait until so many models have become current.
class AfterModels final : public Operator {
 public:
  AfterModels(std::vector<Event> events, std::shared_ptr<std::atomic<int>> current, int wanted)
      : events_(std::move(events)), current_(std::move(current)), wanted_(wanted) {}
  void process(std::size_t, BatchPtr&, Outbox&) override {}
  PollResult poll(Outbox& out) override {
    if (current_->load() < wanted_) return PollResult::kProgress;
    auto& batch = out.batch<Event>();
    for (std::size_t room = out.room(); room != 0 && next_ < events_.size(); --room) {
      const std::int64_t id = events_[next_].id;
      batch.append_at(at(id), static_cast<std::uint64_t>(id), events_[next_++]);
    }
    return next_ == events_.size() ? PollResult::kEnd : PollResult::kProgress;
  }

 private:
  std::vector<Event> events_;
  std::shared_ptr<std::atomic<int>> current_;
  const int wanted_;
  std::size_t next_ = 0;
};

std::vector<Speculated<Event>> run_on_threads(const ModelRuntimes& runtimes, SpeculationOptions options,
                                              std::vector<ModelRecord> records_of_models, std::int64_t count) {
  const auto current = std::make_shared<std::atomic<int>>(0);
  options.models.warm_up_rows = 0;
  options.models.on_event = [current](const ModelEvent& event) {
    if (event.state == ModelState::kCurrent) ++*current;
  };
  const int wanted = static_cast<int>(records_of_models.size());
  Source<Event> source;
  source.kind = "after-models";
  source.max_parallelism = 1;
  source.make_operator = [=] { return std::make_unique<AfterModels>(some_events(count), current, wanted); };
  const auto collected = std::make_shared<Collected<Speculated<Event>>>();
  Pipeline pipeline({.name = "threads", .parallelism = 2, .workers = 2});
  const auto records = pipeline.from_source(source).uid("records").parallelism(1);
  const auto models = pipeline.from_source(vector_source(std::move(records_of_models))).uid("models").parallelism(1);
  add_speculation(records, models, nullptr, runtimes, options)
      .uid("speculate")
      .sink_to(collect_sink<Speculated<Event>>(collected))
      .uid("answers");
  const Status status = pipeline.run();
  EXPECT_TRUE(status.is_ok()) << status.to_string();
  return collected->records();
}

TEST(SpeculateInAJob, SlowMembersOnThreadsOfTheirOwnGiveTheSameAnswersAsFastOnes) {
  const SpeculationOptions options{.members = {{.name = "a", .slow = true, .threads = 2},
                                               {.name = "b"},
                                               {.name = "c", .slow = true, .max_queued = 8, .rows_per_call = 4}},
                                   .policies = {median()},
                                   .deadline = std::chrono::hours(1)};
  std::vector<ModelRecord> models;
  for (const char* key : kKeys) {
    models.push_back(named_model(key, "a", "LINEAR 5 1"));
    models.push_back(named_model(key, "b", "LINEAR 3 1"));
    models.push_back(named_model(key, "c", "LINEAR 1 1"));
  }
  const auto results = run_on_threads({std::make_shared<const ToyRuntime>()}, options, models, 3000);
  ASSERT_EQ(results.size(), 3000U);
  std::set<std::int64_t> ids;
  for (const Speculated<Event>& result : results) {
    EXPECT_TRUE(ids.insert(result.record.id).second);
    EXPECT_EQ(result.number(), result.record.value + 3) << show_answer(result);
    expect_consistent(result, options, "on threads");
  }
}

TEST(SpeculateInAJob, ModelThatHangsHoldsUpNeitherOtherMembersNorTheJobsEnd) {
  const auto gate = std::make_shared<Gate>();
  const int alive_before = ToyModel::alive();
  const SpeculationOptions options{.members = {{.name = "hangs", .quality = 0.9, .slow = true, .max_queued = 4},
                                               {.name = "works", .quality = 0.5, .slow = true},
                                               {.name = "fast", .quality = 0.1}},
                                   .deadline = milliseconds(20)};
  std::vector<ModelRecord> models;
  for (const char* key : kKeys) {
    models.push_back(named_model(key, "hangs", "CONST 1"));
    models.back().type = "HANG";
    models.push_back(named_model(key, "works", "CONST 2"));
    models.push_back(named_model(key, "fast", "CONST 3"));
  }
  const auto results = run_on_threads(
      {std::make_shared<const ToyRuntime>(), std::make_shared<const HangingRuntime>(gate)}, options, models, 40);
  ASSERT_EQ(results.size(), 40U);
  std::size_t by_works = 0;
  for (const Speculated<Event>& result : results) {
    EXPECT_EQ(result.scores[0].status, VoteStatus::kLate) << show_answer(result);
    EXPECT_TRUE(result.at_deadline);
    EXPECT_TRUE(result.number() == 2 || result.number() == 3) << show_answer(result);
    by_works += result.number() == 2 ? 1 : 0;
  }
  EXPECT_GT(by_works, 0U);
  // The calls that hung end after the job, and touch nothing that is gone.
  gate->open();
  while (ToyModel::alive() != alive_before) std::this_thread::yield();
}

}  // namespace
}  // namespace weir::test
