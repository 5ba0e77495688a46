#include <weir/file_sink.hpp>

#include <gtest/gtest.h>

#include <set>

#include "support/operator_harness.hpp"
#include "support/temporary_directory.hpp"

namespace weir {
namespace {

using namespace testing_support;
using Names = std::vector<std::string>;

class FileSink : public ::testing::Test {
 protected:
  [[nodiscard]] std::string out() const { return directory_.file("out"); }
  [[nodiscard]] FileSinkOptions<int> options() const {
    return {.directory = out(), .prefix = "n", .suffix = ".txt", .format = [](const int& value, std::string& text) {
              text += std::to_string(value) + "\n";
            }};
  }
  static OperatorHarness::Options harness_of(const FileSinkOptions<int>& options, std::uint32_t task = 0,
                                             std::uint32_t parallelism = 1) {
    const Sink<int> sink = file_sink(options);
    EXPECT_TRUE(sink.faults.empty()) << sink.faults.front();
    OperatorHarness::Options harness{.make_operator = sink.make_operator, .inputs = 1, .outputs = {}};
    harness.committer = sink.committer;
    harness.context.task_index = task;
    harness.context.parallelism = parallelism;
    return harness;
  }
  static BatchPtr batch_of(int from, int end) {
    auto batch = std::make_unique<Batch<int>>();
    for (int value = from; value < end; ++value) batch->records.emplace(value);
    return batch;
  }
  static void push(OperatorHarness& harness, int from, int end) {
    BatchPtr batch = batch_of(from, end);
    ASSERT_TRUE(harness.push(0, batch));
  }
  static void open(OperatorHarness& harness, std::shared_ptr<const StoredOperator> from = nullptr) {
    const Status status = harness.open(std::move(from));
    ASSERT_TRUE(status.is_ok()) << status.to_string();
  }
  static std::shared_ptr<const StoredOperator> prepare(OperatorHarness& harness) {
    auto stored = harness.prepare();
    EXPECT_TRUE(stored.is_ok()) << stored.status().to_string();
    return *stored;
  }
  static std::shared_ptr<const StoredOperator> checkpoint(OperatorHarness& harness) {
    auto stored = harness.checkpoint();
    EXPECT_TRUE(stored.is_ok()) << stored.status().to_string();
    return *stored;
  }
  [[nodiscard]] Names files() const {
    Names names;
    for (const auto& entry : std::filesystem::directory_iterator(out()))
      names.push_back(entry.path().filename().string());
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::string content(const std::string& name) const { return directory_.read("out/" + name); }
  // Of all final files, in the order of their names.
  [[nodiscard]] std::string final_content() const {
    std::string text;
    for (const std::string& name : files())
      if (name.ends_with(".txt")) text += content(name);
    return text;
  }
  static std::string numbers(int from, int end) {
    std::string text;
    for (int value = from; value < end; ++value) text += std::to_string(value) + "\n";
    return text;
  }

  TemporaryDirectory directory_;
};

TEST_F(FileSink, WritesEachRecordOnceWhateverTheBatchesAndRestarts) {
  for (const int size : {1, 3, 256}) {
    for (const bool restarts : {false, true}) {
      for (const std::size_t buffer_bytes : {1, 20, 1 << 18}) {
        SCOPED_TRACE(std::to_string(size) + (restarts ? " with restarts " : " ") + std::to_string(buffer_bytes));
        std::filesystem::remove_all(out());
        FileSinkOptions<int> small = options();
        small.buffer_bytes = buffer_bytes;
        small.buffers = 1;
        OperatorHarness harness(harness_of(small));
        open(harness);
        for (int from = 0; from < 100; from += size) {
          push(harness, from, std::min(100, from + size));
          if (restarts) {
            ASSERT_TRUE(harness.restart().is_ok());
          }
        }
        harness.end();
        checkpoint(harness);
        EXPECT_EQ(final_content(), numbers(0, 100));
      }
    }
  }
}

TEST_F(FileSink, NamesBecomeFinalWhenTheCheckpointIsDurable) {
  OperatorHarness harness(harness_of(options()));
  open(harness);
  push(harness, 0, 3);
  const auto stored = prepare(harness);
  EXPECT_EQ(files(), Names{"n-00000-00000000.txt.pending"});
  EXPECT_EQ(content("n-00000-00000000.txt.pending"), numbers(0, 3)) << "written before the checkpoint counts";
  ASSERT_TRUE(harness.commit(*stored).is_ok());
  EXPECT_EQ(files(), Names{"n-00000-00000000.txt"});
  checkpoint(harness);
  EXPECT_EQ(files().size(), 1U) << "no part without records";
  push(harness, 3, 4);
  checkpoint(harness);
  EXPECT_EQ(files(), (Names{"n-00000-00000000.txt", "n-00000-00000001.txt"}));
}

TEST_F(FileSink, EachPartStartsWithTheHeader) {
  FileSinkOptions<int> with_header = options();
  with_header.header = "value\n";
  OperatorHarness harness(harness_of(with_header));
  open(harness);
  push(harness, 1, 2);
  checkpoint(harness);
  push(harness, 2, 3);
  checkpoint(harness);
  EXPECT_EQ(final_content(), "value\n1\nvalue\n2\n");
}

TEST_F(FileSink, ACrashBeforeTheRenameIsMadeUpForAtTheRestore) {
  std::shared_ptr<const StoredOperator> stored;
  {
    OperatorHarness harness(harness_of(options()));
    open(harness);
    push(harness, 0, 3);
    stored = prepare(harness);  // the manifest is durable, then the process dies
    push(harness, 3, 5);
    harness.context().manual_executor().run_all();
  }
  OperatorHarness::Options again = harness_of(options());
  // The engine may commit before or after the operators open.
  for (const bool commit_first : {true, false}) {
    if (commit_first) {
      ASSERT_TRUE(again.committer(stored->committables).is_ok());
    }
    OperatorHarness harness(again);
    open(harness, stored);
    if (!commit_first) {
      ASSERT_TRUE(again.committer(stored->committables).is_ok());
    }
    EXPECT_EQ(files(), Names{"n-00000-00000000.txt"});
    std::filesystem::rename(out() + "/n-00000-00000000.txt", out() + "/n-00000-00000000.txt.pending");
  }
  OperatorHarness harness(again);
  open(harness, stored);
  ASSERT_TRUE(again.committer(stored->committables).is_ok());
  push(harness, 3, 6);
  checkpoint(harness);
  EXPECT_EQ(final_content(), numbers(0, 6));
}

TEST_F(FileSink, CommittingAgainDoesNoHarmAlsoWhenAReaderTookTheFileAway) {
  OperatorHarness::Options options_of_harness = harness_of(options());
  OperatorHarness harness(options_of_harness);
  open(harness);
  push(harness, 0, 3);
  const auto stored = checkpoint(harness);
  EXPECT_TRUE(options_of_harness.committer(stored->committables).is_ok());
  EXPECT_EQ(final_content(), numbers(0, 3));
  std::filesystem::remove(out() + "/n-00000-00000000.txt");
  EXPECT_TRUE(options_of_harness.committer(stored->committables).is_ok());
  EXPECT_EQ(options_of_harness.committer(std::vector<std::string>{"../x"}).code(), StatusCode::kDataLoss);
}

TEST_F(FileSink, ACrashBeforeTheFirstCheckpointLeavesNothingBehind) {
  {
    OperatorHarness harness(harness_of(options()));
    open(harness);
    push(harness, 0, 3);
    prepare(harness);
  }
  EXPECT_EQ(files().size(), 1U);
  OperatorHarness harness(harness_of(options()));
  open(harness);
  EXPECT_EQ(files(), Names{});
  push(harness, 0, 4);
  checkpoint(harness);
  EXPECT_EQ(final_content(), numbers(0, 4));
}

TEST_F(FileSink, PartsOfADeclinedCheckpointComeWithTheNext) {
  OperatorHarness harness(harness_of(options()));
  open(harness);
  push(harness, 0, 3);
  SnapshotBuilder declined;  // its deferred work never runs
  harness.instance().snapshot(declined);
  EXPECT_EQ(declined.committables.size(), 1U);
  push(harness, 3, 5);
  const auto stored = checkpoint(harness);
  EXPECT_EQ(stored->committables, (Names{"n-00000-00000000.txt", "n-00000-00000001.txt"}));
  EXPECT_EQ(final_content(), numbers(0, 5));
  push(harness, 5, 6);
  EXPECT_EQ(checkpoint(harness)->committables, Names{"n-00000-00000002.txt"});
}

TEST_F(FileSink, SurvivesAChangeOfParallelism) {
  int next = 0;
  std::shared_ptr<const StoredOperator> stored;
  std::set<std::string> seen;
  for (const std::uint32_t parallelism : {3, 1, 4, 2}) {
    auto merged = std::make_shared<StoredOperator>();
    std::vector<std::unique_ptr<OperatorHarness>> tasks;
    for (std::uint32_t task = 0; task < parallelism; ++task) {
      tasks.push_back(std::make_unique<OperatorHarness>(harness_of(options(), task, parallelism)));
      open(*tasks.back(), stored);
    }
    for (auto& task : tasks) push(*task, next, next + 10), next += 10;
    for (auto& task : tasks) merged->merge(*checkpoint(*task));
    // What comes now is lost with the process, and its leftovers must go.
    for (auto& task : tasks) {
      push(*task, 1'000, 1'010);
      prepare(*task);
    }
    tasks.clear();
    stored = merged;
  }
  OperatorHarness last(harness_of(options()));
  open(last, stored);
  for (const std::string& name : files()) EXPECT_TRUE(name.ends_with(".txt")) << name;
  std::multiset<int> values;
  std::istringstream text(final_content());
  for (int value = 0; text >> value;) values.insert(value);
  EXPECT_EQ(values.size(), 100U);
  for (int value = 0; value < next; ++value) EXPECT_EQ(values.count(value), 1U) << value;
}

TEST_F(FileSink, SetsPartsAsideThatAreNewerThanTheCheckpoint) {
  OperatorHarness harness(harness_of(options()));
  open(harness);
  push(harness, 0, 3);
  const auto older = checkpoint(harness);
  push(harness, 3, 5);
  checkpoint(harness);
  open(harness, older);
  EXPECT_EQ(files(), (Names{"n-00000-00000000.txt", "n-00000-00000001.txt.superseded"}));
  push(harness, 3, 6);
  checkpoint(harness);
  EXPECT_EQ(final_content(), numbers(0, 6));
}

TEST_F(FileSink, LeavesFilesOfOthersAlone) {
  std::filesystem::create_directories(out());
  const Names others{"m-00000-00000000.txt.pending", "n-0-0.txt.pending",     "n-00000-00000000.csv.pending",
                     "n-00000-00000000.txt.other",   "n-00000-x.txt.pending", "notes"};
  for (const std::string& name : others) directory_.write("out/" + name, "x");
  OperatorHarness harness(harness_of(options()));
  open(harness);
  EXPECT_EQ(files(), others);
}

TEST_F(FileSink, RefusesTheFinalPartsOfAnEarlierRun) {
  {
    OperatorHarness harness(harness_of(options()));
    open(harness);
    push(harness, 0, 3);
    checkpoint(harness);
  }
  OperatorHarness harness(harness_of(options()));
  const Status status = harness.open();
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(status.message().find("n-00000-00000000.txt"), std::string::npos) << status.message();
}

TEST_F(FileSink, TakesNoMoreInputThanItsBuffersHold) {
  FileSinkOptions<int> small = options();
  small.buffer_bytes = 10;
  small.buffers = 2;
  OperatorHarness::Options harness_options = harness_of(small);
  OperatorHarness harness(harness_options);
  open(harness);
  BatchPtr batch = batch_of(0, 100);
  EXPECT_FALSE(harness.process_once(0, batch));
  const std::size_t taken = batch->cursor;
  EXPECT_LT(taken, 20U);
  EXPECT_FALSE(harness.process_once(0, batch));
  EXPECT_EQ(batch->cursor, taken) << "waits";
  EXPECT_EQ(harness.context().take_wakes(), 0U);
  harness_options.context.executor->run_all();
  EXPECT_EQ(harness.context().take_wakes(), 1U);
  EXPECT_FALSE(harness.process_once(0, batch));
  EXPECT_GT(batch->cursor, taken);
}

TEST_F(FileSink, WaitsWhenTheExecutorIsFull) {
  FileSinkOptions<int> small = options();
  small.buffer_bytes = 1;
  small.buffers = 1;
  OperatorHarness::Options harness_options = harness_of(small);
  harness_options.context.executor->capacity = 0;
  OperatorHarness harness(harness_options);
  open(harness);
  BatchPtr batch = batch_of(0, 10);
  EXPECT_FALSE(harness.process_once(0, batch));
  EXPECT_TRUE(harness.context().scheduled.has_value());
  harness_options.context.executor->capacity = 10;
  ASSERT_TRUE(harness.push(0, batch));
  checkpoint(harness);
  EXPECT_EQ(final_content(), numbers(0, 10));
}

TEST_F(FileSink, AWriteThatFailsFailsTheCheckpointAndTheTask) {
  FileSinkOptions<int> small = options();
  small.buffer_bytes = 10;
  OperatorHarness::Options harness_options = harness_of(small);
  OperatorHarness harness(harness_options);
  open(harness);
  std::filesystem::remove_all(out());
  BatchPtr batch = batch_of(0, 10);
  EXPECT_TRUE(harness.process_once(0, batch));
  harness_options.context.executor->run_all();
  BatchPtr next = batch_of(10, 11);
  EXPECT_THROW(harness.process_once(0, next), std::runtime_error);
  EXPECT_FALSE(harness.prepare().is_ok());
  EXPECT_FALSE(harness.prepare().is_ok()) << "the same answer when asked again";
}

TEST_F(FileSink, ARenameThatFailsFailsTheCommit) {
  OperatorHarness harness(harness_of(options()));
  open(harness);
  push(harness, 0, 3);
  const auto stored = prepare(harness);
  std::filesystem::create_directories(out() + "/n-00000-00000000.txt/full");
  EXPECT_FALSE(harness.commit(*stored).is_ok());
}

TEST_F(FileSink, WhatWasClosedWritesNoMore) {
  FileSinkOptions<int> small = options();
  small.buffer_bytes = 1;
  OperatorHarness::Options harness_options = harness_of(small);
  OperatorHarness harness(harness_options);
  open(harness);
  push(harness, 0, 2);
  EXPECT_NE(harness_options.context.executor->pending(), 0U);
  harness.destroy();  // runs the jobs left behind
  EXPECT_EQ(files(), Names{});
}

TEST_F(FileSink, SaysWhatIsWrongWithItsOptions) {
  EXPECT_EQ(file_sink<int>({}).faults.size(), 2U);
  FileSinkOptions<int> wrong = options();
  wrong.prefix = "a/b";
  wrong.suffix = ".pending";
  wrong.buffers = 0;
  wrong.buffer_bytes = 0;
  EXPECT_EQ(file_sink(wrong).faults.size(), 4U);
  FileSinkOptions<int> nowhere = options();
  nowhere.directory = directory_.write("file", "") + "/out";
  OperatorHarness harness(harness_of(nowhere));
  EXPECT_EQ(harness.open().code(), StatusCode::kIoError);
}

}  // namespace
}  // namespace weir
