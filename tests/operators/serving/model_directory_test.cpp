#include "operators/serving/model_directory.hpp"

#include <filesystem>
#include <fstream>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include <weir/detail/topic_codec.hpp>
#include <weir/memory_sink.hpp>
#include <weir/pipeline.hpp>

#include "state/support/temporary_directory.hpp"

namespace weir::serving {
namespace {

namespace fs = std::filesystem;
using weir::testing::TemporaryDirectory;

constexpr const char* kPmml = "<PMML>1</PMML>";

class ModelDirectoryTest : public ::testing::Test {
 protected:
  ModelDirectoryTest() : store_(*TopicStore::in_memory()), topic_(*store_->topic("models")) { restart(); }

  void restart() {
    ModelDirectoryOptions options;
    options.path = directory_.path();
    options.max_file_bytes = 1000;
    options.max_files = 10;
    options.on_problem = [this](const std::string& path, const std::string& reason) {
      problems_.push_back(path + ": " + reason);
    };
    models_ = std::make_unique<ModelDirectory>(options, topic_);
    const Status opened = models_->open();
    ASSERT_TRUE(opened.is_ok()) << opened.to_string();
  }
  // Written elsewhere and renamed in.
  void move_in(const std::string& path, const std::string& bytes) {
    std::ofstream(outside_ / "new") << bytes;
    fs::create_directories((directory_ / path).substr(0, (directory_ / path).rfind('/')));
    fs::rename(outside_ / "new", directory_ / path);
  }
  // As if it were `later`: what was just written has settled then.
  std::optional<Timestamp> scan(Duration later = std::chrono::minutes(1)) {
    return models_->scan(system_clock().now() + later);
  }
  std::vector<ModelRecord> published() const {
    std::vector<ModelRecord> records;
    const auto read = topic_->read(0);
    EXPECT_TRUE(read.is_ok());
    for (const TopicRecord& record : *read)
      records.push_back(*weir::detail::TopicCodec<ModelRecord>::decode(record.payload));
    return records;
  }
  std::vector<std::string> versions() const {
    std::vector<std::string> texts;
    for (const ModelRecord& record : published())
      texts.push_back(record.key + "/" + record.name + "/" + std::to_string(record.version));
    return texts;
  }
  void expect_problem(const std::string& says) {
    ASSERT_EQ(problems_.size(), 1U) << says;
    EXPECT_NE(problems_[0].find(says), std::string::npos) << problems_[0];
    problems_.clear();
  }

  const TemporaryDirectory directory_;
  const TemporaryDirectory outside_;
  std::shared_ptr<TopicStore> store_;
  std::shared_ptr<Topic> topic_;
  std::unique_ptr<ModelDirectory> models_;
  std::vector<std::string> problems_;
};

using Strings = std::vector<std::string>;

TEST_F(ModelDirectoryTest, ARenamedFileIsPublishedAtOnce) {
  move_in("JFK/delay-3.pmml", kPmml);
  models_->moved_in("JFK/delay-3.pmml");
  const std::vector<ModelRecord> records = published();
  ASSERT_EQ(records.size(), 1U);
  EXPECT_EQ(records[0].key, "JFK");
  EXPECT_EQ(records[0].name, "delay");
  EXPECT_EQ(records[0].version, 3);
  EXPECT_EQ(records[0].type, "PMML");
  EXPECT_EQ(records[0].data, kPmml);
  models_->moved_in("JFK/delay-3.pmml");
  scan();
  EXPECT_EQ(topic_->end(), 1U) << "once";
}

TEST_F(ModelDirectoryTest, NamesSayKeyNameAndVersion) {
  const auto read = [](const char* path) {
    const auto parameters = read_model_path(path);
    if (!parameters.is_ok()) return std::string("refused");
    std::string text;
    for (const auto& [name, value] : *parameters) text += name + "=" + value + " ";
    return text;
  };
  EXPECT_EQ(read("JFK/delay-3.pmml"), "key=JFK name=delay type=PMML version=3 ");
  EXPECT_EQ(read("a%2Fb/m.onnx"), "key=a/b name=m type=ONNX ");
  EXPECT_EQ(read("JFK/late-lr-20130515.pmml"), "key=JFK name=late-lr type=PMML version=20130515 ");
  EXPECT_EQ(read("JFK/v1.2-7.pb"), "key=JFK name=v1.2 version=7 ");
  EXPECT_EQ(read("JFK/plain"), "key=JFK name=plain ");
  EXPECT_EQ(read("top-1.pmml"), "name=top type=PMML version=1 ");
  for (const char* wrong : {"JFK/-3.pmml", "JFK/.pmml", "a%2/m.pmml", "a%zz/m.pmml", "JFK/%"})
    EXPECT_EQ(read(wrong), "refused") << wrong;
}

TEST_F(ModelDirectoryTest, AScanWaitsUntilAFileHasSettled) {
  move_in("JFK/delay.pmml", "<PMML>half");
  const auto settled = scan(Duration{0});
  ASSERT_TRUE(settled.has_value());
  EXPECT_EQ(topic_->end(), 0U);
  std::ofstream(directory_ / "JFK/delay.pmml", std::ios::app) << "</PMML>";
  EXPECT_FALSE(scan().has_value());
  ASSERT_EQ(published().size(), 1U);
  EXPECT_EQ(published()[0].data, "<PMML>half</PMML>");
}

TEST_F(ModelDirectoryTest, AScanPublishesVersionsInTheirOrder) {
  for (const char* version : {"10", "9", "100", "2"}) move_in("JFK/delay-" + std::string(version) + ".pmml", kPmml);
  move_in("EWR/delay-5.pmml", kPmml);
  scan();
  EXPECT_EQ(versions(), (Strings{"EWR/delay/5", "JFK/delay/2", "JFK/delay/9", "JFK/delay/10", "JFK/delay/100"}));
  EXPECT_EQ(models_->subdirectories(), (std::set<std::string>{"EWR", "JFK"}));
}

TEST_F(ModelDirectoryTest, NothingIsPublishedTwiceOverARestart) {
  move_in("JFK/delay-1.pmml", kPmml);
  scan();
  restart();
  scan();
  EXPECT_EQ(topic_->end(), 1U);
  // The same bytes in another file, or touched.
  move_in("JFK/delay-1.pmml", kPmml);
  models_->moved_in("JFK/delay-1.pmml");
  fs::last_write_time(directory_ / "JFK/delay-1.pmml", fs::file_time_type::clock::now() + std::chrono::hours(1));
  scan();
  restart();
  scan();
  EXPECT_EQ(topic_->end(), 1U);
  // Other bytes under the same name, and back again: what the folder says last counts.
  move_in("JFK/delay-1.pmml", "<PMML>2</PMML>");
  scan();
  move_in("JFK/delay-1.pmml", kPmml);
  scan();
  EXPECT_EQ(topic_->end(), 3U);
  // What came while nobody watched is found.
  models_.reset();
  move_in("JFK/delay-2.pmml", kPmml);
  restart();
  scan();
  EXPECT_EQ(versions().back(), "JFK/delay/2");
}

TEST_F(ModelDirectoryTest, AFileThatWasRemovedIsForgotten) {
  move_in("JFK/delay-1.pmml", kPmml);
  scan();
  fs::remove(directory_ / "JFK/delay-1.pmml");
  scan();
  EXPECT_TRUE(topic_->marks("")->empty());
  move_in("JFK/delay-1.pmml", kPmml);
  scan();
  EXPECT_EQ(topic_->end(), 2U);
}

TEST_F(ModelDirectoryTest, ADescriptorBesideTheFileWinsOverThePath) {
  std::ofstream(directory_ / "whatever.bin.json")
      << R"({"key": "J/K", "name": "n", "version": 7, "type": "OWN", "effective_at": "2013-07-04T10:00:00Z",)"
      << R"( "description": "d", "features": "a,b"})";
  move_in("whatever.bin", "bytes");
  models_->moved_in("whatever.bin");
  std::ofstream(directory_ / "JFK.json") << "unused";
  move_in("JFK/m-1.pmml", kPmml);
  std::ofstream(directory_ / "JFK/m-1.pmml.json") << R"({"version": 9})";
  scan();
  const std::vector<ModelRecord> records = published();
  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].key, "J/K");
  EXPECT_EQ(records[0].type, "OWN");
  EXPECT_EQ(records[0].version, 7);
  EXPECT_EQ(records[0].options.features, (Strings{"a", "b"}));
  EXPECT_EQ(records[1].key, "JFK");
  EXPECT_EQ(records[1].version, 9);
  // A changed descriptor is a new publication.
  std::ofstream(directory_ / "JFK/m-1.pmml.json") << R"({"version": 10})";
  scan();
  EXPECT_EQ(versions().back(), "JFK/m/10");
  EXPECT_TRUE(problems_.empty());
}

TEST_F(ModelDirectoryTest, BadFilesAreReportedOnceEach) {
  move_in("nowhere.pmml", kPmml);
  scan();
  expect_problem("nowhere.pmml: no key");
  scan();
  EXPECT_TRUE(problems_.empty()) << "once";
  move_in("JFK/-.pmml", kPmml);
  move_in("JFK/-1.pmml", kPmml);
  scan();
  expect_problem("should be called");
  move_in("JFK/text.bin", "hello");
  scan();
  expect_problem("looks neither like PMML");
  move_in("JFK/empty.pmml", "");
  scan();
  expect_problem("empty");
  move_in("JFK/large.pmml", std::string(1001, 'x'));
  scan();
  expect_problem("1001 bytes");
  move_in("JFK/deep/m.pmml", kPmml);
  scan();
  expect_problem("JFK/deep: directories of keys hold files only");
  fs::create_symlink("/etc/passwd", directory_ / "JFK/link.pmml");
  scan();
  expect_problem("not below");
  for (const char* descriptor : {"nonsense", R"({"unknown": 1})", R"({"key": []})", R"({"location": "x"})"}) {
    std::ofstream(directory_ / "JFK/d.pmml.json") << descriptor;
    move_in("JFK/d.pmml", kPmml);
    scan();
    expect_problem("descriptor");
  }
  scan();
  EXPECT_TRUE(problems_.empty());
  EXPECT_EQ(models_->problems(), 11U);
  EXPECT_EQ(versions(), Strings{"JFK/-/0"}) << "a name of one dash is a name";
  // Put right, it is published.
  move_in("JFK/text.bin", kPmml);
  scan();
  EXPECT_EQ(topic_->end(), 2U);
}

TEST_F(ModelDirectoryTest, HalfWrittenAndHiddenFilesAreIgnored) {
  for (const char* name :
       {"JFK/.hidden.pmml", "JFK/m.pmml~", "JFK/m.pmml.tmp", "JFK/m.pmml.part", "JFK/m.pmml.swp", ".git/m.pmml"}) {
    move_in(name, kPmml);
    models_->moved_in(name);
  }
  scan();
  EXPECT_EQ(topic_->end(), 0U);
  EXPECT_TRUE(problems_.empty());
}

TEST_F(ModelDirectoryTest, TheNumberOfFilesIsBounded) {
  for (int i = 0; i < 12; ++i) move_in("JFK/m-" + std::to_string(i + 1) + ".pmml", kPmml);
  scan();
  EXPECT_EQ(topic_->end(), 10U);
  EXPECT_EQ(problems_.size(), 2U);
  EXPECT_NE(problems_[0].find("the limit"), std::string::npos);
}

TEST_F(ModelDirectoryTest, WhatATopicRefusesIsTriedAgain) {
  store_->topic("models", TopicOptions{.retention = {}, .full_bytes = 1}).status().ignore("is there");
  move_in("JFK/m.pmml", kPmml);
  scan();
  EXPECT_EQ(topic_->end(), 0U);
  store_->topic("models", TopicOptions{}).status().ignore("is there");
  scan();
  EXPECT_EQ(topic_->end(), 1U);
  EXPECT_TRUE(problems_.empty());
}

// In a job: inotify, and a restart.
class WatchedDirectoryJob : public ::testing::Test {
 protected:
  Pipeline pipeline(std::chrono::milliseconds rescan) {
    Pipeline made({.name = "watched"});
    made.enable_checkpointing({.directory = job_.path(), .interval = std::chrono::milliseconds(0)});
    ModelDirectoryOptions options;
    options.path = models_.path();
    options.rescan = rescan;
    made.from_source(model_directory_source(options))
        .uid("models")
        .sink_to(for_each_sink<ModelRecord>([this](const ModelRecord& record) {
          const std::lock_guard lock(mutex_);
          seen_.push_back(record.name);
        }))
        .uid("seen");
    return made;
  }
  Strings seen() {
    const std::lock_guard lock(mutex_);
    return seen_;
  }
  void move_in(const std::string& path) {
    std::ofstream(outside_ / "new") << kPmml << path;
    fs::create_directories((models_ / path).substr(0, (models_ / path).rfind('/')));
    fs::rename(outside_ / "new", models_ / path);
  }
  void wait_for(const Job& job, std::size_t count) {
    while (seen().size() < count && job.status().state == JobStatus::State::kRunning) std::this_thread::yield();
    ASSERT_EQ(job.status().state, JobStatus::State::kRunning) << job.status().fault.to_string();
  }

  const TemporaryDirectory job_;
  const TemporaryDirectory models_;
  const TemporaryDirectory outside_;
  std::mutex mutex_;
  Strings seen_;  // guarded by mutex_
};

// Rescans once an hour only: what comes, comes by inotify (or, just made, by the scan of its new directory).
TEST_F(WatchedDirectoryJob, AMoveIsSeenAtOnceAndAfterARestartOnce) {
  const Pipeline made = pipeline(std::chrono::hours(1));
  {
    Result<Job> job = made.start();
    ASSERT_TRUE(job.is_ok()) << job.status().to_string();
    fs::create_directories(models_ / "JFK");
    move_in("JFK/one.pmml");
    wait_for(*job, 1);
    move_in("JFK/two.pmml");
    wait_for(*job, 2);
    ASSERT_TRUE(job->stop().is_ok());
  }
  EXPECT_EQ(seen(), (Strings{"one", "two"}));
  move_in("JFK/three.pmml");
  Result<Job> job = made.start();
  ASSERT_TRUE(job.is_ok()) << job.status().to_string();
  move_in("JFK/four.pmml");
  wait_for(*job, 4);
  Strings names = seen();
  std::sort(names.begin(), names.end());
  EXPECT_EQ(names, (Strings{"four", "one", "three", "two"}));
  EXPECT_NE(job->metrics().find("model_files_refused_total"), std::string::npos);
  ASSERT_TRUE(job->stop().is_ok());
}

TEST_F(WatchedDirectoryJob, AMissingDirectoryFailsTheStart) {
  fs::remove_all(models_.path());
  const Status failed = pipeline(std::chrono::seconds(1)).run();
  EXPECT_EQ(failed.code(), StatusCode::kNotFound) << failed.to_string();
  EXPECT_FALSE(model_directory_source({}).faults.empty()) << "no path";
}

}  // namespace
}  // namespace weir::serving
