// The archive of speculate(): every answered record once, with the inputs that all models saw, each vote and the
// decision; replay makes the votes again and derives the decisions from them.

#include <map>

#include <gtest/gtest.h>

#include <weir/archive.hpp>
#include <weir/blob_store.hpp>
#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/model_inbox.hpp>
#include <weir/pipeline.hpp>
#include <weir/replay.hpp>
#include <weir/testing.hpp>

#include "operators/speculation/speculation_rig.hpp"
#include "state/support/temporary_directory.hpp"
#include "support/http_client.hpp"

namespace weir::test {
namespace {

using testing::TemporaryDirectory;

constexpr std::int64_t kRecords = 200;
constexpr const char* kKeys[] = {"JFK", "LGA", "EWR", "BOS"};

ReplayOptions toy_replay(std::vector<PolicyPtr> policies = {}) {
  return {.runtimes = {std::make_shared<const ToyRuntime>()}, .policies = std::move(policies)};
}

/// Code: the archive knows its name alone.
PolicyPtr highest() {
  return custom_policy("highest", [](const Ballot& ballot) {
    int best = -1;
    for (std::size_t member = 0; member < ballot.members.size(); ++member) {
      if (ballot.may_vote(member)) return Decision::wait();
      if (!ballot.has_vote(member)) continue;
      if (best < 0 || ballot.scores[member].numbers[0] > ballot.scores[static_cast<std::size_t>(best)].numbers[0])
        best = static_cast<int>(member);
    }
    return best < 0 ? Decision::none() : Decision::of_member(ballot, static_cast<std::size_t>(best));
  });
}

SpeculationOptions options_of(std::uint64_t seed) {
  SpeculationOptions options{
      .members = {{.name = "a", .quality = 0.5, .weight = 2, .slow = true, .max_queued = 1 + seed % 5},
                  {.name = "b", .quality = 0.7, .wait_for_model = seed % 2 == 0},
                  {.name = "c",
                   .quality = 0.9,
                   .slow = seed % 3 != 0,
                   .max_queued = 1 + seed % 4,
                   .when_full = seed % 2 == 0 ? QueueFull::kAbstain : QueueFull::kBackPressure,
                   .rows_per_call = 1 + seed % 2}},
      .policies = {best_quality(), first_good(), majority({.of_numbers = true}), median(), weighted_mean(),
                   named("or_default",
                         otherwise(quorum(2, majority({.name = "inner", .of_numbers = true})), fixed_answer({42}))),
                   ranked({"c", "a"}), highest()},
      .deadline = Duration{200 + 300 * static_cast<std::int64_t>(seed % 5)},
      .late_scores = seed % 4 == 0 ? LateScores::kOfAll : LateScores::kOfCallsBegun,
      .max_undecided = 1 + (seed % 3) * 20};
  std::rotate(options.policies.begin(), options.policies.begin() + static_cast<std::ptrdiff_t>(seed % 8),
              options.policies.end());
  return options;
}

std::vector<ModelRecord> models_of_job() {
  std::vector<ModelRecord> models;
  for (std::int64_t version = 1; version <= 4; ++version) {
    for (const char* key : {"JFK", "LGA", "EWR"}) {
      models.push_back(named_model(key, "a", "LINEAR " + std::to_string(version % 2) + " 0.1", version));
      models.push_back(named_model(key, "b", version == 2 ? "rubbish" : "FAIL 1", version));
      models.push_back(named_model(key, "c", "LINEAR 0.3 " + std::to_string(version), version));
    }
    models.push_back(order("LGA", ModelControl::kRetire));
  }
  return models;
}

Status run_job(const std::string& directory, std::uint64_t seed, const SpeculationOptions& options, bool crashes,
               const std::shared_ptr<Collected<Speculated<Event>>>& collected) {
  std::vector<Event> events;
  for (std::int64_t id = 0; id < kRecords; ++id)
    events.push_back({kKeys[id % 4], static_cast<double>(id % 7) - 1.3, id});
  std::vector<SpeculationControl> controls;
  for (std::int64_t i = 1; i <= 6; ++i)
    controls.push_back({100 * i, options.policies[static_cast<std::size_t>(i) % options.policies.size()]->name()});
  Pipeline pipeline({.name = "speculation", .parallelism = 1 + static_cast<std::uint32_t>(seed % 3)});
  pipeline.enable_checkpointing({.directory = directory, .interval = milliseconds(0)});
  const auto records =
      pipeline.from_source(vector_source(events, [](const Event& event) { return at(event.id); })).uid("records");
  const auto models = pipeline.from_source(vector_source(models_of_job())).uid("models").parallelism(1);
  const auto control = pipeline.from_source(vector_source(controls)).uid("control").parallelism(1);
  auto answers = add_speculation(records, models, &control, {std::make_shared<const ToyRuntime>()}, options);
  answers.uid("speculate");
  answers.sink_to(collect_sink<Speculated<Event>>(collected)).uid("answers");
  archive(answers, {.topic = "ballots"}).uid("archive");
  weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                       {.seed = seed,
                                        .checkpoint_steps = 300,
                                        .crash_steps = crashes ? std::size_t{900} : std::size_t{0},
                                        .max_crashes = 4});
  return simulation.run();
}

void expect_of_result(const ArchivedBallots& entry, const ArchivedBallot& ballot, const Speculated<Event>& result) {
  SCOPED_TRACE(show_answer(result));
  EXPECT_EQ(entry.key, result.key);
  EXPECT_EQ(ballot.time, result.event_time);
  EXPECT_EQ(ballot.numbers, std::vector<double>{result.record.value});
  EXPECT_EQ(ballot.policy, result.policy);
  EXPECT_EQ(ballot.status, result.status);
  EXPECT_EQ(ballot.winner, result.winner);
  EXPECT_EQ(ballot.at_deadline, result.at_deadline);
  EXPECT_EQ(ballot.latency_ns, result.latency_ns);
  ASSERT_EQ(ballot.answer_numbers.size(), result.numbers.size());
  for (std::size_t i = 0; i < ballot.answer_numbers.size(); ++i) EXPECT_EQ(ballot.answer_numbers[i], result.numbers[i]);
  ASSERT_EQ(ballot.votes.size(), result.scores.size());
  for (std::size_t member = 0; member < ballot.votes.size(); ++member) {
    const ArchivedVote& vote = ballot.votes[member];
    const MemberScore& score = result.scores[member];
    EXPECT_EQ(vote.status, score.status);
    EXPECT_EQ(vote.order, score.order);
    ASSERT_EQ(vote.numbers.size(), score.numbers.size());
    if (!vote.numbers.empty()) {
      EXPECT_EQ(vote.numbers[0], score.numbers[0]);
    }
    if (vote.status != VoteStatus::kVoted && vote.status != VoteStatus::kFailed) continue;
    ASSERT_NE(vote.model, ArchivedVote::kNobody);
    EXPECT_EQ(entry.models[vote.model].digest, score.model.digest);
    EXPECT_EQ(entry.models[vote.model].version, score.model.version);
    EXPECT_EQ(entry.models[vote.model].type, "TOY");
  }
}

TEST(ArchiveOfBallots, HoldsEveryAnswerOnceAndGivesTheSameAgainWhateverTheOrderAndAfterCrashes) {
  std::map<std::string, std::uint64_t> seen;
  for (std::uint64_t seed = 1; seed <= 16; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const TemporaryDirectory directory;
    const SpeculationOptions options = options_of(seed);
    const auto collected = std::make_shared<Collected<Speculated<Event>>>();
    const Status outcome = run_job(directory.path(), seed, options, seed % 2 == 0, collected);
    ASSERT_TRUE(outcome.is_ok()) << outcome.to_string();
    std::map<std::uint64_t, Speculated<Event>> results;
    for (const Speculated<Event>& result : collected->records())
      results.emplace(static_cast<std::uint64_t>(result.record.id), result);
    ASSERT_EQ(results.size(), static_cast<std::size_t>(kRecords));

    const auto archive = Archive::open(directory.path());
    ASSERT_TRUE(archive.is_ok()) << archive.status().to_string();
    std::map<std::uint64_t, int> found;
    const Status read = archive->for_each("", [&](std::uint64_t, const ArchiveRecord& record) -> Result<bool> {
      if (record.event() != nullptr) ++seen["events " + std::string(to_string(record.event()->state))];
      if (record.ballots() == nullptr) return true;
      for (const ArchivedBallot& ballot : record.ballots()->ballots) {
        // Ids are what identifies a record here: the source's tasks number on their own.
        const auto id = static_cast<std::uint64_t>(ballot.time.time_since_epoch().count());
        ++found[id];
        expect_of_result(*record.ballots(), ballot, results.at(id));
        for (const ArchivedVote& vote : ballot.votes) ++seen[std::string(to_string(vote.status))];
      }
      return !::testing::Test::HasFailure();
    });
    ASSERT_TRUE(read.is_ok()) << read.to_string();
    if (::testing::Test::HasFailure()) return;
    EXPECT_EQ(found.size(), static_cast<std::size_t>(kRecords));
    for (const auto& [id, times] : found) EXPECT_EQ(times, 1) << id;

    const auto known = verify_archive(*archive, toy_replay({highest()}));
    ASSERT_TRUE(known.is_ok()) << known.status().to_string();
    EXPECT_TRUE(known->is_same()) << to_json(*known);
    EXPECT_EQ(known->ballots, static_cast<std::uint64_t>(kRecords));
    EXPECT_EQ(known->decisions, static_cast<std::uint64_t>(kRecords));
    EXPECT_EQ(known->decisions_unknown, 0U);
    const auto alone = verify_archive(*archive, toy_replay());
    ASSERT_TRUE(alone.is_ok()) << alone.status().to_string();
    EXPECT_TRUE(alone->is_same()) << to_json(*alone);
    EXPECT_EQ(alone->decisions + alone->decisions_unknown, static_cast<std::uint64_t>(kRecords));
    seen["votes"] += alone->votes;
    seen["unknown"] += alone->decisions_unknown;
  }
  for (const char* what : {"voted", "late", "failed", "absent", "unneeded", "abstained", "votes", "unknown",
                           "events current", "events refused"})
    EXPECT_GT(seen[what], 0U) << what;
}

/// An operator whose archive is the third output.
OperatorHarness::Options archiving(const SpeculationOptions& options, const std::string& directory) {
  OperatorHarness::Options harness = harness_options(options, directory);
  harness.outputs.push_back(
      testing_support::output_of<ArchiveRecord>([](const ArchiveRecord& record) { return serialize(record); }));
  harness.context.side_outputs.push_back(kModelInputs.name);
  return harness;
}
std::vector<ArchivedBallots> ballots_of(SpeculationRig& rig) {
  std::vector<ArchivedBallots> found;
  for (const std::string& text : rig.harness().texts(2)) {
    const auto record = deserialize<ArchiveRecord>(text);
    EXPECT_TRUE(record.is_ok());
    if (record.is_ok() && record->ballots() != nullptr) found.push_back(*record->ballots());
  }
  return found;
}

TEST(ArchiveOfBallots, IsWrittenWithTheAnswerAndKeepsVotesOverARestart) {
  const TemporaryDirectory directory;
  SpeculationRig rig(archiving(smart_and_fast(), directory.path()));
  rig.open();
  rig.load("k", "smart", "LINEAR 1 1");
  rig.load("k", "fast", "CONST 2");
  rig.record(1, "k", -0.0);
  EXPECT_TRUE(ballots_of(rig).empty()) << "it is not answered yet";
  rig.restart();
  rig.load("k", "fast", "CONST 3");  // replaces the version that has voted
  rig.run_all();
  ASSERT_EQ(rig.answers(), (Lines{"1 answered 1 smart [smart=voted fast=voted]"}));
  const auto ballots = ballots_of(rig);
  ASSERT_EQ(ballots.size(), 1U);
  ASSERT_EQ(ballots[0].ballots.size(), 1U);
  const ArchivedBallot& ballot = ballots[0].ballots[0];
  EXPECT_TRUE(std::signbit(ballot.numbers.at(0)));
  EXPECT_EQ(ballot.policy, "best_quality");
  EXPECT_EQ(ballot.deadline_ns, 100'000'000);
  EXPECT_EQ(ballots[0].models.at(ballot.votes.at(1).model).version, 1) << "by the version that voted then";
  EXPECT_EQ(ballot.votes[1].numbers, std::vector<double>{2});
  EXPECT_EQ(ballot.votes[0].order, 2U);
}

TEST(ArchiveOfBallots, TellsWhoWasLateAndWhoWasNotAsked) {
  const TemporaryDirectory directory;
  SpeculationOptions options = smart_and_fast();
  options.members.push_back({.name = "third"});
  SpeculationRig rig(archiving(options, directory.path()));
  rig.open();
  rig.load("k", "smart", "CONST 1");
  rig.load("k", "fast", "FAIL 2");
  rig.record(7, "k", -3);
  rig.advance(milliseconds(100));
  const auto ballots = ballots_of(rig);
  ASSERT_EQ(ballots.size(), 1U);
  const ArchivedBallot& ballot = ballots[0].ballots.at(0);
  EXPECT_TRUE(ballot.at_deadline);
  EXPECT_EQ(ballot.status, AnswerStatus::kNone);
  EXPECT_EQ(ballot.votes.at(0).status, VoteStatus::kLate);
  EXPECT_EQ(ballots[0].models.at(ballot.votes[0].model).name, "smart");
  EXPECT_EQ(ballot.votes.at(1).status, VoteStatus::kFailed);
  EXPECT_EQ(ballot.votes[1].reason, "the first feature is negative");
  EXPECT_EQ(ballot.votes.at(2).status, VoteStatus::kAbsent);
  EXPECT_EQ(ballot.votes[2].model, ArchivedVote::kNobody);
}

/// Two fast members; the first has a version 2 that scored nothing.
class ReplayOfBallots : public ::testing::Test {
 protected:
  void SetUp() override {
    SpeculationOptions options{
        .members = {{.name = "a", .wait_for_model = true}, {.name = "b", .wait_for_model = true}},
        .policies = {median()},
        .deadline = std::chrono::hours(1)};
    const auto collected = std::make_shared<Collected<Speculated<Event>>>();
    Pipeline pipeline({.name = "speculation"});
    pipeline.enable_checkpointing({.directory = directory_.path(), .interval = milliseconds(0)});
    std::vector<ModelRecord> versions{named_model("k", "a", "LINEAR 0 1", 1), named_model("k", "b", "LINEAR 2 1", 1)};
    std::vector<Event> events;
    for (std::int64_t id = 0; id < 300; ++id) events.push_back({"k", 0.5 * static_cast<double>(id), id});
    auto answers = add_speculation(
        pipeline.from_source(vector_source(events, [](const Event& event) { return at(event.id); })).uid("records"),
        pipeline.from_source(vector_source(versions)).uid("models"), nullptr, {std::make_shared<const ToyRuntime>()},
        options);
    answers.uid("speculate");
    answers.sink_to(collect_sink<Speculated<Event>>(collected)).uid("answers");
    archive(answers).uid("archive");
    weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = 5, .batch_size = 4});
    ASSERT_TRUE(simulation.run().is_ok());
    add_version_two();
    const auto opened = Archive::open(directory_.path());
    ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
    archive_ = *opened;
  }
  // As if it had come after the last record.
  void add_version_two() {
    const std::string bytes = "CONST 8";
    ASSERT_TRUE((*BlobStore::open(directory_.path() + "/models"))->put(bytes).is_ok());
    const ArchivedEvent current{"k", {"a", 2, sha256(bytes), "TOY", {}}, ModelState::kCurrent, "", {}, {}};
    const auto store = TopicStore::open(directory_.path() + "/topics");
    ASSERT_TRUE(store.is_ok()) << store.status().to_string();
    const auto topic = (*store)->topic("model-inputs");
    ASSERT_TRUE(topic.is_ok());
    ASSERT_TRUE((*topic)->append({.records = {{serialize(ArchiveRecord{current})}}}).is_ok());
  }
  const TemporaryDirectory directory_;
  std::optional<Archive> archive_;
};

TEST_F(ReplayOfBallots, ComparesVotesAndDecisionsWithAnotherVersion) {
  const auto report = compare_archive(*archive_, {.version = 2}, toy_replay());
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_EQ(report->records, 300U);
  EXPECT_EQ(report->compared, 300U);
  EXPECT_EQ(report->decisions, 300U);
  EXPECT_EQ(report->decisions_changed, 299U) << "all but the one for which version 1 says 8, too";
  EXPECT_EQ(report->decisions_unknown, 0U);
  ASSERT_FALSE(report->worst.empty());
  EXPECT_EQ(report->worst[0].member, "a") << "only it has a version 2";

  EXPECT_FALSE(compare_archive(*archive_, {.bytes = "CONST 1", .type = "TOY"}, toy_replay()).is_ok())
      << "whose place does it take?";
  const auto same = compare_archive(*archive_, {.name = "b", .bytes = "LINEAR 2 1", .type = "TOY"}, toy_replay());
  ASSERT_TRUE(same.is_ok()) << same.status().to_string();
  EXPECT_EQ(same->identical, same->numbers);
  EXPECT_GT(same->numbers, 0U);
  EXPECT_EQ(same->decisions_changed, 0U);
}

TEST_F(ReplayOfBallots, AuditsARecordByPositionWithAnotherVersion) {
  ArchiveQuestion question{.key = "k"};
  question.position = 100;
  question.version = 2;
  const auto found = audit_archive(*archive_, question, toy_replay());
  ASSERT_TRUE(found.is_ok()) << found.status().to_string();
  ASSERT_EQ(found->answers.size(), 1U);
  const ArchivedAnswer& answer = found->answers[0];
  EXPECT_TRUE(answer.is_reproduced);
  ASSERT_TRUE(answer.decision);
  const ArchivedDecision& decision = *answer.decision;
  EXPECT_EQ(decision.policy, "median");
  EXPECT_EQ(decision.is_derived, true);
  ASSERT_EQ(decision.votes.size(), 2U);
  EXPECT_EQ(decision.votes[0].is_reproduced, true);
  ASSERT_TRUE(decision.votes[0].other);
  EXPECT_EQ(decision.votes[0].of_other.numbers, std::vector<double>{8});
  EXPECT_FALSE(decision.votes[1].other) << "there is none of that name";
  ASSERT_TRUE(decision.of_other);
  EXPECT_EQ(decision.of_other->numbers.at(0), (8 + decision.votes[1].answer.numbers.at(0)) / 2);
  const std::string json = to_json(*found);
  for (const char* part : {R"("policy":"median")", R"("derived":true)", R"("member":"a","status":"voted")"})
    EXPECT_NE(json.find(part), std::string::npos) << part << " in " << json;
}

TEST(ArchiveOfBallots, IsAuditedOverHttp) {
  const TemporaryDirectory directory;
  SpeculationOptions options{.members = {{.name = "a", .wait_for_model = true}, {.name = "b", .wait_for_model = true}},
                             .policies = {median()},
                             .deadline = std::chrono::hours(1)};
  Pipeline pipeline({.name = "audited"});
  pipeline.enable_checkpointing({.directory = directory.path(), .interval = milliseconds(0)});
  pipeline.serve_http({});
  const std::vector<Event> events{{"k", 1, 7}, {"k", 2, 8}, {"k", 3, 9}};
  auto answers = add_speculation(
      pipeline.from_source(vector_source(events, [](const Event& event) { return at(event.id); })).uid("records"),
      pipeline.from_source(model_inbox_source()).uid("models"), nullptr, {std::make_shared<const ToyRuntime>()},
      options);
  answers.uid("speculate");
  answers.sink_to(for_each_sink<Speculated<Event>>([](const Speculated<Event>&) {})).uid("answers");
  archive(answers, {.topic = "ballots"}).uid("archive");
  auto job = pipeline.start();
  ASSERT_TRUE(job.is_ok()) << job.status().to_string();
  HttpClient client(job->http_port());
  for (const char* name : {"a", "b"}) {
    const std::string path = std::string("/v1/models?key=k&type=TOY&name=") + name;
    ASSERT_EQ(client.post(path, name[0] == 'a' ? "LINEAR 0 1" : "LINEAR 2 1", "text/plain")->status, 202);
  }
  ASSERT_EQ(client.wait_for("/v1/models/k", R"("answered":3)"), "found");
  ASSERT_TRUE(job->checkpoint().is_ok());
  const std::string body = client.get("/v1/audit/k?position=1&version=1")->body;
  for (const char* part : {R"("archives":[{"topic":"ballots")", R"("inputs":{"value":2})", R"("policy":"median")",
                           R"("derived":true)", R"("member":"b","status":"voted")", R"("reproduced":true)"})
    EXPECT_NE(body.find(part), std::string::npos) << part << " in " << body;
  EXPECT_NE(client.get("/v1/audit/k?position=17")->status, 200) << "there is none";
}

TEST(PolicyDefinition, MakesEveryPolicyThatIsNotCodeAgain) {
  const std::vector<PolicyPtr> policies{
      first_good(),
      best_quality(),
      by_priority(),
      ranked({"x", "y"}),
      majority({.name = "m", .output = 3, .of_numbers = true, .tie = TieRule::kNone, .weighted = true, .share = 0.6}),
      median(2),
      weighted_mean(1),
      quorum(2, median()),
      fixed_answer({1, -0.0}, {"no"}),
      named("all", otherwise(quorum(2, majority()), fixed_answer({0.5})))};
  for (const PolicyPtr& policy : policies) {
    const std::string definition = policy->definition();
    ASSERT_FALSE(definition.empty()) << policy->name();
    const auto again = policy_of(definition);
    ASSERT_TRUE(again.is_ok()) << policy->name();
    EXPECT_EQ((*again)->name(), policy->name());
    EXPECT_EQ((*again)->definition(), definition);
    for (std::size_t size = 0; size < definition.size(); ++size)
      EXPECT_FALSE(policy_of(definition.substr(0, size)).is_ok()) << policy->name() << " cut off at " << size;
    EXPECT_FALSE(policy_of(definition + "x").is_ok());
  }
  EXPECT_TRUE(highest()->definition().empty());
  EXPECT_TRUE(otherwise(highest(), median())->definition().empty()) << "part of it is code";
  EXPECT_TRUE(first_good([](const MemberScore&) { return true; })->definition().empty());
  std::string deep = median()->definition();
  for (int i = 0; i < 100; ++i)
    deep = std::string("\x08\x01", 2) + std::string(1, static_cast<char>(deep.size() % 128)) + deep;
  EXPECT_FALSE(policy_of(deep).is_ok());
}

}  // namespace
}  // namespace weir::test
