// Topics at both ends of whole jobs that die again and again, under the seeded scheduler, and of real ones.

#include <algorithm>
#include <thread>

#include <gtest/gtest.h>

#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/paced.hpp>
#include <weir/pipeline.hpp>
#include <weir/testing.hpp>
#include <weir/topic_sink.hpp>
#include <weir/topic_source.hpp>

#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using testing_support::TemporaryDirectory;

std::vector<std::uint64_t> all(Topic& topic) {
  std::vector<std::uint64_t> found;
  while (found.size() < topic.end()) {
    const auto read = topic.read(found.size());
    EXPECT_TRUE(read.is_ok()) << read.status().to_string();
    if (!read.is_ok()) break;
    for (const TopicRecord& record : *read) found.push_back(*detail::TopicCodec<std::uint64_t>::decode(record.payload));
  }
  return found;
}

class ThroughTopics : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(ThroughTopics, ExactlyOnceOverAnyNumberOfDeaths) {
  constexpr std::uint64_t kCount = 1500;
  std::size_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const TemporaryDirectory directory;
    const auto store = *TopicStore::in_memory();
    const auto in = *store->topic("in");
    TopicAppend append;
    for (std::uint64_t i = 0; i < kCount; ++i)
      append.records.push_back({detail::TopicCodec<std::uint64_t>::encode(i),
                                Timestamp{std::chrono::milliseconds(static_cast<std::int64_t>(i))}});
    ASSERT_TRUE(in->append(std::move(append)).is_ok());

    TopicSourceOptions<std::uint64_t> source;
    source.store = store;
    source.until_end = true;
    Pipeline pipeline({.name = "topics", .parallelism = GetParam()});
    pipeline.enable_checkpointing({.directory = directory.file("job")});
    auto numbers = seed % 2 == 0
                       ? pipeline.from_source(paced(topic_source<std::uint64_t>("in", source), {.speed = 1000}))
                       : pipeline.from_source(topic_source<std::uint64_t>("in", source));
    numbers.uid("in")
        .parallelism(1)
        .rebalance()
        .map([](const std::uint64_t& number) { return number * 2; })
        .sink_to(topic_sink<std::uint64_t>("out", {.store = store, .buffer_bytes = 500}))
        .uid("out");
    testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                   {.seed = seed, .checkpoint_steps = 60, .crash_steps = 150});
    const Status status = simulation.run();
    ASSERT_TRUE(status.is_ok()) << status.to_string() << "\n" << simulation.describe();
    crashes += simulation.crashes();
    const auto out = *store->topic("out");
    std::vector<std::uint64_t> numbers_out = all(*out);
    if (GetParam() == 1) {
      EXPECT_TRUE(std::is_sorted(numbers_out.begin(), numbers_out.end())) << simulation.describe();
    }
    std::sort(numbers_out.begin(), numbers_out.end());
    ASSERT_EQ(numbers_out.size(), kCount) << simulation.describe();
    for (std::uint64_t i = 0; i < kCount; ++i) ASSERT_EQ(numbers_out[i], 2 * i) << simulation.describe();
    EXPECT_TRUE(out->staging("")->empty());
  }
  EXPECT_GT(crashes, 4U) << "the jobs were to die now and then";
}

INSTANTIATE_TEST_SUITE_P(Parallelism, ThroughTopics, ::testing::Values(1U, 2U, 5U));

// Real threads: one job writes a topic in its directory while another reads it from there.
TEST(TopicJobs, OneJobFollowsWhatAnotherWrites) {
  const TemporaryDirectory directory;
  Pipeline writer({.name = "writer"});
  writer.enable_checkpointing({.directory = directory.file("writer"), .interval = std::chrono::milliseconds(20)});
  writer.from_source(generator_source([](std::uint64_t index) { return index; }, {.count = 5000}))
      .uid("numbers")
      .sink_to(topic_sink<std::uint64_t>("numbers"))
      .uid("topic");

  auto collected = std::make_shared<Collected<std::uint64_t>>();
  Pipeline reader({.name = "reader"});
  reader.enable_checkpointing({.directory = directory.file("reader"), .interval = std::chrono::milliseconds(20)});
  TopicSourceOptions<std::uint64_t> options;
  options.directory = directory.file("writer/topics");
  reader.from_source(topic_source<std::uint64_t>("numbers", options))
      .uid("numbers")
      .sink_to(collect_sink(collected))
      .uid("collected");
  Result<Job> written = writer.start();
  ASSERT_TRUE(written.is_ok()) << written.status().to_string();
  Result<Job> read = reader.start();
  ASSERT_TRUE(read.is_ok()) << read.status().to_string();
  ASSERT_TRUE(written->wait().is_ok());
  while (collected->size() < 5000 && read->status().state == JobStatus::State::kRunning) std::this_thread::yield();
  ASSERT_TRUE(read->stop().is_ok());
  const std::vector<std::uint64_t> records = collected->records();
  ASSERT_EQ(records.size(), 5000U);
  for (std::uint64_t i = 0; i < records.size(); ++i) ASSERT_EQ(records[i], i);
}

TEST(TopicJobs, WithoutCheckpointsRecordsAppearAtTheEnd) {
  const TemporaryDirectory directory;
  Pipeline pipeline({.name = "plain", .parallelism = 2});
  pipeline.from_source(generator_source([](std::uint64_t index) { return index; }, {.count = 1000}))
      .uid("numbers")
      .sink_to(topic_sink<std::uint64_t>("numbers", {.directory = directory.file("topics")}))
      .uid("topic");
  const Status status = pipeline.run();
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  const auto store = *TopicStore::open(directory.file("topics"));
  EXPECT_EQ((*store->topic("numbers"))->end(), 1000U);
}

TEST(TopicJobs, WithoutAnyDirectoryASinkIsRefused) {
  Pipeline pipeline({.name = "nowhere"});
  pipeline.from_source(vector_source<int>({1})).uid("numbers").sink_to(topic_sink<int>("numbers")).uid("topic");
  const Status status = pipeline.run();
  ASSERT_FALSE(status.is_ok());
  EXPECT_NE(status.message().find("directory"), std::string::npos) << status.to_string();
}

}  // namespace
}  // namespace weir
