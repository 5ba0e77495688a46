#include <weir/replay.hpp>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>

#include <gtest/gtest.h>

#include <weir/blob_store.hpp>
#include <weir/detail/topic_codec.hpp>
#include <weir/json.hpp>
#include <weir/testing.hpp>

#include "operators/archive/archive_job.hpp"
#include "support/temporary_directory.hpp"

namespace weir::test {
namespace {

using testing_support::TemporaryDirectory;

/// An archive of the job above; one for all tests.
class Replay : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new TemporaryDirectory;
    const Pipeline pipeline = archive_pipeline(directory_->path(), ArchiveJob());
    weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = 7, .batch_size = 32});
    ASSERT_TRUE(simulation.run().is_ok());
  }
  static void TearDownTestSuite() { delete std::exchange(directory_, nullptr); }

  static Archive archive() {
    auto opened = Archive::open(directory_->path());
    EXPECT_TRUE(opened.is_ok()) << opened.status().to_string();
    return *opened;
  }
  static ArchiveQuestion about(std::uint64_t position, std::int64_t version = 0) {
    ArchiveQuestion question;
    question.key = kArchiveKeys[position % 3];
    question.position = position;
    question.version = version;
    return question;
  }

  static TemporaryDirectory* directory_;
};
TemporaryDirectory* Replay::directory_ = nullptr;

/// Copies an archive record by record through `change` into another topic of the same store.
void copy_archive(const Archive& from, const std::string& directory, const std::string& topic,
                  const std::function<void(ArchivedInputs&)>& change) {
  const auto store = *TopicStore::open(directory + "/topics");
  const auto to = *store->topic(topic);
  ASSERT_TRUE(to->expect_schema(schema_of<ArchiveRecord>()).is_ok());
  TopicAppend append;
  ASSERT_TRUE(from.for_each("",
                            [&](std::uint64_t, const ArchiveRecord& record) -> Result<bool> {
                              ArchiveRecord copy = record;
                              if (auto* inputs = std::get_if<ArchivedInputs>(&copy.what)) change(*inputs);
                              append.records.push_back({detail::TopicCodec<ArchiveRecord>::encode(copy)});
                              return true;
                            })
                  .is_ok());
  ASSERT_TRUE(to->append(std::move(append)).is_ok());
}

TEST_F(Replay, OneBitOfOneScoreIsFound) {
  const TemporaryDirectory directory;
  std::filesystem::copy(directory_->path(), directory.path(), std::filesystem::copy_options::recursive);
  {
    const auto original = Archive::open(directory.path());
    ASSERT_TRUE(original.is_ok()) << original.status().to_string();
    copy_archive(*original, directory.path(), "changed", [](ArchivedInputs& inputs) {
      for (std::size_t row = 0; row < inputs.rows(); ++row)
        if (inputs.positions[row] == 404)
          inputs.number_outputs[row] =
              std::bit_cast<double>(std::bit_cast<std::uint64_t>(inputs.number_outputs[row]) ^ 1);
    });
    copy_archive(*original, directory.path(), "inputs", [](ArchivedInputs& inputs) {
      for (std::size_t row = 0; row < inputs.rows(); ++row)
        if (inputs.positions[row] == 405) inputs.numbers[row] = 17;
    });
    copy_archive(*original, directory.path(), "status", [](ArchivedInputs& inputs) {
      for (std::size_t row = 0; row < inputs.rows(); ++row)
        if (inputs.positions[row] == 406) inputs.statuses[row] = ScoreStatus::kError;
    });
  }
  EXPECT_EQ(Archive::open(directory.path()).status().code(), StatusCode::kInvalidArgument) << "which of them?";
  EXPECT_EQ(Archive::topics(directory.path())->size(), 4U);
  for (const auto& [topic, position] :
       {std::pair("changed", 404U), std::pair("inputs", 405U), std::pair("status", 406U)}) {
    const auto archive = Archive::open(directory.path(), topic);
    ASSERT_TRUE(archive.is_ok());
    const auto report = verify_archive(*archive, toy_replay());
    ASSERT_TRUE(report.is_ok()) << report.status().to_string();
    EXPECT_EQ(report->different, 1U) << topic;
    ASSERT_TRUE(report->first.has_value());
    EXPECT_EQ(report->first->position, position);
    EXPECT_NE(to_json(*report).find("\"position\":" + std::to_string(position)), std::string::npos);
  }
}

TEST_F(Replay, AModelThatIsGoneOrDamagedIsAnErrorNotAnAnswer) {
  const TemporaryDirectory directory;
  std::filesystem::copy(directory_->path(), directory.path(), std::filesystem::copy_options::recursive);
  const std::string digest = sha256_hex("LINEAR 4 0.1");
  const std::string file = directory.path() + "/models/sha256/" + digest.substr(0, 2) + "/" + digest;
  ASSERT_TRUE(std::filesystem::exists(file));
  std::ofstream(file, std::ios::trunc) << "LINEAR 4 0.2";
  const auto archive = Archive::open(directory.path());
  ASSERT_TRUE(archive.is_ok());
  EXPECT_EQ(verify_archive(*archive, toy_replay()).status().code(), StatusCode::kDataLoss);
  std::filesystem::remove(file);
  const Status gone = verify_archive(*archive, toy_replay()).status();
  EXPECT_EQ(gone.code(), StatusCode::kNotFound);
  EXPECT_NE(gone.message().find("version 4"), std::string::npos) << gone.to_string();
  EXPECT_EQ(verify_archive(*archive, {}).status().code(), StatusCode::kUnimplemented) << "no runtime";
}

TEST_F(Replay, AnotherVersionIsReported) {
  const auto report = compare_archive(archive(), {.version = 4}, toy_replay());
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_EQ(report->records, 600U);
  EXPECT_EQ(report->skipped, 0U);
  EXPECT_EQ(report->only_after, 100U + report->neither) << "those before the first model, and those version 5 refuses";
  EXPECT_EQ(report->compared + report->only_after, 600U);
  EXPECT_EQ(report->max_absolute, std::numeric_limits<double>::infinity()) << "version 5 says 5 of infinity, too";
  EXPECT_GT(report->identical, 90U) << "those version 4 scored";
  EXPECT_EQ(report->worst.size(), 10U);
  for (std::size_t i = 1; i < report->worst.size(); ++i) {
    const auto distance = [](const ReplayRow& row) { return std::abs(row.after.numbers[0] - row.before.numbers[0]); };
    EXPECT_GE(distance(report->worst[i - 1]), distance(report->worst[i]));
  }
  const auto none = compare_archive(archive(), {.version = 9}, toy_replay());
  EXPECT_EQ(none.status().code(), StatusCode::kNotFound);
  auto one_key = toy_replay();
  one_key.key = "JFK";
  EXPECT_EQ(compare_archive(archive(), {.version = 3}, one_key).status().code(), StatusCode::kNotFound)
      << "JFK's third was refused before it was ready";
  const auto third = compare_archive(archive(), {.version = 3}, toy_replay());
  ASSERT_TRUE(third.is_ok());
  EXPECT_EQ(third->skipped, 200U) << "all of JFK";
  EXPECT_EQ(audit_archive(archive(), about(303, 3), toy_replay()).status().code(), StatusCode::kNotFound);
}

TEST_F(Replay, AModelFromAFileIsReported) {
  const auto same = compare_archive(archive(), {.bytes = "CONST 2.5", .type = "TOY"}, toy_replay());
  ASSERT_TRUE(same.is_ok()) << same.status().to_string();
  EXPECT_EQ(same->after.mean, 2.5);
  EXPECT_EQ(same->after.quantiles.front(), 2.5);
  EXPECT_EQ(same->after.quantiles.back(), 2.5);
  EXPECT_EQ(same->only_before, 0U);
  const auto labels = compare_archive(archive(), {.bytes = "LABEL yes", .type = "TOY"}, toy_replay());
  ASSERT_TRUE(labels.is_ok());
  EXPECT_EQ(labels->numbers, 0U);
  EXPECT_EQ(labels->labels, 0U) << "there were no labels before";
  EXPECT_FALSE(compare_archive(archive(), {.bytes = "rubbish", .type = "TOY"}, toy_replay()).is_ok());
  EXPECT_FALSE(compare_archive(archive(), {.bytes = "CONST 1", .type = "PMML"}, toy_replay()).is_ok());
}

TEST_F(Replay, LabelsThatDisagreeAreCounted) {
  const TemporaryDirectory directory;
  ArchiveJob job;
  job.models.clear();
  for (const char* key : kArchiveKeys) job.models.push_back(toy(key, "LABEL yes", 1, 0));
  {
    const Pipeline pipeline = archive_pipeline(directory.path(), job);
    weir::testing::Simulation simulation(pipeline.graph(), pipeline.options(), {.seed = 7});
    ASSERT_TRUE(simulation.run().is_ok());
  }
  const auto labels = Archive::open(directory.path());
  ASSERT_TRUE(labels.is_ok());
  EXPECT_EQ(verify_archive(*labels, toy_replay())->different, 0U);
  const auto no = compare_archive(*labels, {.bytes = "LABEL no", .type = "TOY"}, toy_replay());
  ASSERT_TRUE(no.is_ok()) << no.status().to_string();
  EXPECT_EQ(no->labels, 600U);
  EXPECT_EQ(no->labels_different, 600U);
  EXPECT_EQ(no->worst.size(), 10U);
}

TEST_F(Replay, AnAuditAnswersByPositionAndByTime) {
  for (const std::uint64_t position : {5U, 104U, 303U, 304U, 599U}) {
    const auto found = audit_archive(archive(), about(position), toy_replay());
    ASSERT_TRUE(found.is_ok()) << found.status().to_string();
    ASSERT_EQ(found->answers.size(), 1U);
    const ArchivedAnswer& answer = found->answers[0];
    EXPECT_EQ(answer.row.model.version, archive_version_of(static_cast<std::int64_t>(position)));
    EXPECT_EQ(answer.row.position, position);
    EXPECT_EQ(answer.is_reproduced, answer.row.model.version != 0);
    ArchiveQuestion by_time = about(position);
    by_time.position.reset();
    by_time.time = at(static_cast<std::int64_t>(position));
    const auto same = audit_archive(archive(), by_time, toy_replay());
    ASSERT_TRUE(same.is_ok());
    ASSERT_EQ(same->answers.size(), 1U);
    EXPECT_EQ(to_json(*same), to_json(*found));
  }
  ArchiveQuestion wrong_key = about(5);
  wrong_key.key = "JFK";
  EXPECT_TRUE(audit_archive(archive(), wrong_key, toy_replay())->answers.empty()) << "position 5 is EWR's";
  EXPECT_TRUE(audit_archive(archive(), about(10'000), toy_replay())->answers.empty());
  EXPECT_FALSE(audit_archive(archive(), {.key = "JFK"}, toy_replay()).is_ok()) << "neither position nor time";
}

TEST_F(Replay, AnAuditSaysWhatAnotherVersionWouldHaveSaid) {
  const auto found = audit_archive(archive(), about(104, 4), toy_replay());
  ASSERT_TRUE(found.is_ok()) << found.status().to_string();
  ASSERT_EQ(found->answers.size(), 1U);
  ASSERT_TRUE(found->answers[0].other.has_value());
  EXPECT_EQ(found->answers[0].other->version, 4);
  EXPECT_DOUBLE_EQ(found->answers[0].of_other.numbers.at(0), 4 + 0.1 * odd_number(104));
  const std::string json = to_json(*found);
  EXPECT_NE(json.find(R"("inputs":{"value":)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("other":{"model":{"name":"toy","version":4)"), std::string::npos) << json;
  EXPECT_NE(json.find(R"("answer":{"status":"ok","outputs":{"score":)"), std::string::npos) << json;
  // One that met no model: only the other version has a say.
  const auto first = audit_archive(archive(), about(5, 1), toy_replay());
  ASSERT_TRUE(first.is_ok());
  EXPECT_EQ(first->answers[0].row.before.status, ScoreStatus::kNoModel);
  EXPECT_EQ(first->answers[0].of_other.status, ScoreStatus::kOk);
  EXPECT_EQ(audit_archive(archive(), about(104, 99), toy_replay()).status().code(), StatusCode::kNotFound);
  // A version that the job knows and the archive does not.
  ArchiveQuestion known = about(104, 99);
  known.known = {{"toy", 99, found->answers[0].row.model.digest, "TOY", {}}};
  EXPECT_TRUE(audit_archive(archive(), known, toy_replay()).is_ok());
}

TEST_F(Replay, AnAuditKeepsToItsBound) {
  ArchiveQuestion old = about(5);
  old.max_bytes = 100;
  const auto found = audit_archive(archive(), old, toy_replay());
  ASSERT_TRUE(found.is_ok());
  EXPECT_TRUE(found->answers.empty());
  EXPECT_FALSE(found->is_complete) << "and says that it did not look at all of it";
}

TEST_F(Replay, WhileAnotherProcessHasTheJobItIsReadAllTheSame) {
  const TemporaryDirectory directory;
  std::filesystem::copy(directory_->path(), directory.path(), std::filesystem::copy_options::recursive);
  const int held = ::open((directory.path() + "/topics/LOCK").c_str(), O_RDWR | O_CLOEXEC);
  ASSERT_GE(held, 0);
  ASSERT_EQ(::flock(held, LOCK_EX | LOCK_NB), 0);
  const auto opened = Archive::open(directory.path());
  ASSERT_TRUE(opened.is_ok()) << opened.status().to_string();
  const auto report = verify_archive(*opened, toy_replay());
  ASSERT_TRUE(report.is_ok()) << report.status().to_string();
  EXPECT_EQ(report->records, static_cast<std::uint64_t>(kArchiveRecords));
  EXPECT_EQ(report->different, 0U);
  ::close(held);
}

TEST_F(Replay, WhatIsNoJobIsNotFoundAndNotMade) {
  const TemporaryDirectory directory;
  EXPECT_EQ(Archive::open(directory.path()).status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(directory.path() + "/topics"));
  EXPECT_EQ(Archive::open(directory_->path(), "nothing").status().code(), StatusCode::kNotFound);
  EXPECT_EQ(*Archive::topics(directory_->path()), std::vector<std::string>{"model-inputs"});
}

}  // namespace
}  // namespace weir::test
