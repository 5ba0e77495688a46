// The archive of whole jobs that die again and again, under the seeded scheduler: every input once, whatever the
// parallelism, and with the bits that the model saw.

#include <chrono>
#include <cstring>

#include <gtest/gtest.h>

#include <weir/memory_sink.hpp>
#include <weir/testing.hpp>

#include "operators/archive/archive_job.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

using testing_support::TemporaryDirectory;

std::uint64_t bits(double value) { return std::bit_cast<std::uint64_t>(value); }

/// What is archived of each record, by position; the test fails for one that is there twice.
std::map<std::uint64_t, ReplayRow> rows_of(const Archive& archive, std::map<std::string, int>* events = nullptr) {
  std::map<std::uint64_t, ReplayRow> rows;
  const Status read = archive.for_each("", [&](std::uint64_t offset, const ArchiveRecord& record) -> Result<bool> {
    if (const ArchivedEvent* event = record.event()) {
      if (events != nullptr) ++(*events)[event->key + " " + std::string(to_string(event->state))];
      return true;
    }
    const ArchivedInputs& inputs = *record.inputs();
    for (std::size_t row = 0; row < inputs.rows(); ++row) {
      const std::uint64_t position = inputs.positions.at(row);
      const auto id = static_cast<std::int64_t>(position);
      EXPECT_EQ(inputs.key, kArchiveKeys[id % 3]);
      EXPECT_EQ(inputs.times.at(row), at(id));
      EXPECT_EQ(bits(inputs.numbers.at(row)), bits(odd_number(id))) << "record " << id;
      const std::optional<std::string>& text = inputs.texts.at(row);
      EXPECT_EQ(text.has_value(), id % 3 != 0) << "record " << id;
      EXPECT_EQ(text.value_or(""), id % 3 == 2 ? inputs.key : "");
      ReplayRow found;
      found.offset = offset;
      found.model = inputs.model;
      found.path = inputs.path;
      found.before.status = inputs.statuses[row];
      if (inputs.numbers_out() == 1) found.before.numbers = {inputs.number_outputs[row]};
      EXPECT_TRUE(rows.emplace(position, found).second) << "record " << id << " is there twice";
    }
    return true;
  });
  EXPECT_TRUE(read.is_ok()) << read.to_string();
  return rows;
}

void expect_whole(const Archive& archive) {
  std::map<std::string, int> events;
  const auto rows = rows_of(archive, &events);
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(kArchiveRecords));
  for (const auto& [position, row] : rows) {
    const auto id = static_cast<std::int64_t>(position);
    const std::int64_t version = archive_version_of(id);
    ASSERT_EQ(row.model.version, version) << "record " << id;
    if (version == 0) {
      ASSERT_EQ(row.before.status, ScoreStatus::kNoModel);
      continue;
    }
    const bool fails = version == 5 && odd_number(id) < 0;
    ASSERT_EQ(row.before.status, fails ? ScoreStatus::kError : ScoreStatus::kOk) << "record " << id;
    ASSERT_EQ(row.path, ScorePath::kCurrent);
    ASSERT_EQ(row.model.type, "TOY");
    if (version < 5) {
      ASSERT_EQ(bits(row.before.numbers.at(0)), bits(static_cast<double>(version) + 0.1 * odd_number(id)))
          << "record " << id;
    }
  }
  EXPECT_EQ(events["JFK current"], 4) << "versions 1, 2, 4 and 5";
  EXPECT_EQ(events["LGA current"], 5);
  EXPECT_EQ(events["JFK refused"], 1);
  EXPECT_EQ(events["JFK loading"], 0) << "steps that change nothing are left out";
}

class ArchiveOfAJob : public ::testing::TestWithParam<std::pair<std::uint32_t, bool>> {};

TEST_P(ArchiveOfAJob, HoldsEveryInputOnceOverAnyNumberOfDeathsAndGivesTheSameScores) {
  std::size_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    const TemporaryDirectory directory;
    ArchiveJob job;
    job.parallelism = GetParam().first;
    job.broadcast = GetParam().second;
    {
      const Pipeline pipeline = archive_pipeline(directory.path(), job);
      weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                           {.seed = seed,
                                            .checkpoint_steps = 150,
                                            .crash_steps = seed == 1 ? std::size_t{0} : std::size_t{200},
                                            .max_crashes = 5});
      const Status outcome = simulation.run();
      ASSERT_TRUE(outcome.is_ok()) << outcome.to_string() << "\n" << simulation.describe();
      crashes += simulation.crashes();
    }
    SCOPED_TRACE("seed " + std::to_string(seed));
    const auto archive = Archive::open(directory.path());
    ASSERT_TRUE(archive.is_ok()) << archive.status().to_string();
    expect_whole(*archive);
    const auto report = verify_archive(*archive, toy_replay());
    ASSERT_TRUE(report.is_ok()) << report.status().to_string();
    EXPECT_EQ(report->records, static_cast<std::uint64_t>(kArchiveRecords));
    EXPECT_EQ(report->scored, 500U);
    EXPECT_EQ(report->without_model, 100U);
    EXPECT_EQ(report->different, 0U) << (report->first ? to_json(*report->first) : "");
    EXPECT_EQ(report->versions, 14U);
    EXPECT_EQ(report->swaps, 14U);
  }
  EXPECT_GT(crashes, 3U) << "the jobs were to die now and then";
}
INSTANTIATE_TEST_SUITE_P(KeyedAndBroadcast, ArchiveOfAJob,
                         ::testing::Values(std::pair(1U, false), std::pair(3U, false), std::pair(1U, true),
                                           std::pair(3U, true)));

TEST(ArchiveOfAJob, KeepsToItsRetention) {
  const TemporaryDirectory directory;
  ArchiveJob job;
  job.archive.topic = "few";
  job.archive.retain_bytes = 4000;
  const Pipeline pipeline = archive_pipeline(directory.path(), job);
  weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                       {.seed = 3, .batch_size = 8, .checkpoint_steps = 50});
  ASSERT_TRUE(simulation.run().is_ok());
  // It is applied beside the appends: here, to its end.
  const auto store = TopicStore::open(directory.file("topics"));
  ASSERT_TRUE(store.is_ok()) << store.status().to_string();
  ASSERT_TRUE((*(*store)->topic("few"))->apply_retention().is_ok());
  const auto archive = Archive::open(directory.path(), "few");
  ASSERT_TRUE(archive.is_ok()) << archive.status().to_string();
  const auto rows = rows_of(*archive);
  ASSERT_FALSE(rows.empty());
  EXPECT_LT(rows.size(), 300U);
  EXPECT_EQ(rows.rbegin()->first, static_cast<std::uint64_t>(kArchiveRecords) - 1) << "the newest stay";
  const auto report = verify_archive(*archive, toy_replay());
  ASSERT_TRUE(report.is_ok()) << "what is kept can be scored again without what is gone: "
                              << report.status().to_string();
  EXPECT_EQ(report->different, 0U);
  EXPECT_EQ(report->records, rows.size());
}

TEST(ArchiveOfAJob, WithoutADirectoryItIsRefusedAndSaysWhy) {
  Pipeline pipeline({.name = "nowhere"});
  auto records = pipeline.from_source(vector_source(archive_events(), [](const Event& event) { return at(event.id); }))
                     .uid("records")
                     .key_by([](const Event& event) { return event.key; });
  auto models =
      pipeline.from_source(vector_source(archive_models())).uid("models").key_by([](const ModelRecord& model) {
        return model.key;
      });
  auto scores = records.connect(models)
                    .co_process(ServeModel<Event>({std::make_shared<const ToyRuntime>()}, odd_features()))
                    .uid("score");
  scores.sink_to(for_each_sink<Scored<Event>>([](const Scored<Event>&) {})).uid("answers");
  archive(scores).uid("archive");
  const Status outcome = pipeline.run();
  ASSERT_FALSE(outcome.is_ok());
  EXPECT_NE(outcome.to_string().find("directory"), std::string::npos) << outcome.to_string();
}

}  // namespace
}  // namespace weir::test
