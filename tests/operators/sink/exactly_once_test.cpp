// Sources and sinks of the library in whole jobs that die again and again, under the seeded scheduler.

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include <weir/file_sink.hpp>
#include <weir/file_source.hpp>
#include <weir/memory_sink.hpp>
#include <weir/memory_source.hpp>
#include <weir/paced.hpp>
#include <weir/pipeline.hpp>
#include <weir/testing.hpp>

#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using testing_support::TemporaryDirectory;

struct Item {
  int id = 0;
  std::string text;
};
BOOST_DESCRIBE_STRUCT(Item, (), (id, text))

// Three files of items with embedded line ends and a bad line each.
void write_input(const TemporaryDirectory& directory, std::multiset<std::string>& good,
                 std::multiset<std::string>& bad) {
  int id = 0;
  for (int file = 0; file < 3; ++file) {
    std::string bytes = csv_header<Item>();
    for (int line = 0; line < 60 + 10 * file; ++line) {
      const Item item{id++, line % 7 == 0 ? "two\nlines" : "word"};
      if (line == 20) {
        bytes += "bad" + std::to_string(file) + ",x\n";
        bad.insert("bad" + std::to_string(file) + ",x");
      }
      CsvFormat<Item>{}(item, bytes);
      std::string copy;
      CsvFormat<Item>{}(item, copy);
      good.insert(copy);
    }
    directory.write("in-" + std::to_string(file) + ".csv", bytes);
  }
}

std::multiset<std::string> read_output(const std::string& directory) {
  std::multiset<std::string> records;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().extension() != ".csv") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    // A record is two lines when its field is quoted.
    for (std::size_t start = 0; start < bytes.size();) {
      std::size_t end = bytes.find('\n', start);
      if (std::count(bytes.begin() + static_cast<std::ptrdiff_t>(start),
                     bytes.begin() + static_cast<std::ptrdiff_t>(end), '"') == 1)
        end = bytes.find('\n', end + 1);
      records.insert(bytes.substr(start, end + 1 - start));
      start = end + 1;
    }
  }
  return records;
}

class ExactlyOnce : public ::testing::TestWithParam<std::uint32_t> {};

TEST_P(ExactlyOnce, FilesInAndOutThroughAnyNumberOfDeaths) {
  const std::uint32_t parallelism = GetParam();
  std::size_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const TemporaryDirectory directory;
    std::multiset<std::string> good;
    std::multiset<std::string> bad;
    write_input(directory, good, bad);

    FileSourceOptions<Item> options{.path = directory.file("in-*.csv"), .timestamp = [](const Item& item) {
                                      return Timestamp{std::chrono::seconds(item.id)};
                                    }};
    options.chunk_bytes = 100;
    Pipeline pipeline({.name = "files", .parallelism = parallelism});
    pipeline.enable_checkpointing({.directory = directory.file("job")});
    auto items = pipeline.from_source(paced(csv_file_source<Item>(options), {.speed = 100'000})).uid("items");
    auto letters = std::make_shared<Collected<DeadLetter>>();
    items.side_output(SideOutput<DeadLetter>{kDeadLetterOutput}).sink_to(collect_sink(letters)).uid("letters");
    items
        .sink_to(file_sink<Item>(
            {.directory = directory.file("out"), .suffix = ".csv", .format = CsvFormat<Item>{}, .buffer_bytes = 50}))
        .uid("out");

    testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                   {.seed = seed, .checkpoint_steps = 60, .crash_steps = 150});
    const Status status = simulation.run();
    ASSERT_TRUE(status.is_ok()) << status.to_string() << "\n" << simulation.describe();
    crashes += simulation.crashes();
    EXPECT_EQ(read_output(directory.file("out")), good) << simulation.describe();
    std::multiset<std::string> found;
    for (const DeadLetter& letter : letters->records()) found.insert(letter.bytes);
    EXPECT_EQ(found, bad) << simulation.describe();
    for (const auto& entry : std::filesystem::directory_iterator(directory.file("out")))
      EXPECT_EQ(entry.path().extension(), ".csv") << simulation.describe();
  }
  EXPECT_GT(crashes, 4U) << "the jobs were to die now and then";
}

TEST_P(ExactlyOnce, GeneratedRecordsIntoACollection) {
  const std::uint32_t parallelism = GetParam();
  std::size_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const TemporaryDirectory directory;
    auto collected = std::make_shared<Collected<std::uint64_t>>();
    Pipeline pipeline({.name = "numbers", .parallelism = parallelism});
    pipeline.enable_checkpointing({.directory = directory.file("job")});
    pipeline.from_source(generator_source([](std::uint64_t index) { return index; }, {.count = 2000}))
        .uid("numbers")
        .rebalance()
        .sink_to(collect_sink(collected))
        .uid("collected");
    testing::Simulation simulation(pipeline.graph(), pipeline.options(),
                                   {.seed = seed, .checkpoint_steps = 40, .crash_steps = 100});
    const Status status = simulation.run();
    ASSERT_TRUE(status.is_ok()) << status.to_string() << "\n" << simulation.describe();
    crashes += simulation.crashes();
    std::vector<std::uint64_t> records = collected->records();
    std::sort(records.begin(), records.end());
    std::vector<std::uint64_t> expected(2000);
    for (std::uint64_t i = 0; i < expected.size(); ++i) expected[i] = i;
    EXPECT_EQ(records, expected) << simulation.describe();
  }
  EXPECT_GT(crashes, 4U) << "the jobs were to die now and then";
}

INSTANTIATE_TEST_SUITE_P(Parallelism, ExactlyOnce, ::testing::Values(1U, 2U, 5U));

// The real job: threads, and no checkpoints at all.
TEST(FileSinkInAJob, WithoutCheckpointsFilesAreFinalAtTheEnd) {
  const TemporaryDirectory directory;
  std::multiset<std::string> good;
  std::multiset<std::string> bad;
  write_input(directory, good, bad);
  Pipeline pipeline({.name = "files", .parallelism = 2});
  auto letters = std::make_shared<Collected<DeadLetter>>();
  auto items = pipeline.from_source(csv_file_source<Item>({.path = directory.file("in-*.csv")})).uid("items");
  items.side_output(SideOutput<DeadLetter>{kDeadLetterOutput}).sink_to(collect_sink(letters)).uid("letters");
  items.sink_to(file_sink<Item>({.directory = directory.file("out"), .suffix = ".csv", .format = CsvFormat<Item>{}}))
      .uid("out");
  const Status status = pipeline.run();
  ASSERT_TRUE(status.is_ok()) << status.to_string();
  EXPECT_EQ(read_output(directory.file("out")), good);
  EXPECT_EQ(letters->size(), bad.size());
}

}  // namespace
}  // namespace weir
