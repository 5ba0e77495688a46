// Death and damage: what was acknowledged is there, what is damaged is refused.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include <weir/topic.hpp>

#include "state/support/temporary_directory.hpp"
#include "support/child_process.hpp"

namespace weir {
namespace {

using testing::TemporaryDirectory;
using testing_support::ChildProcess;

std::shared_ptr<Topic> open_topic(const std::string& directory) {
  const auto store = TopicStore::open(directory);
  EXPECT_TRUE(store.is_ok()) << store.status().to_string();
  if (!store.is_ok()) return nullptr;
  const auto topic = (*store)->topic("t");
  EXPECT_TRUE(topic.is_ok()) << topic.status().to_string();
  return topic.is_ok() ? *topic : nullptr;
}

std::vector<std::string> all(const Topic& topic) {
  std::vector<std::string> payloads;
  while (topic.begin() + payloads.size() < topic.end()) {
    const auto read = topic.read(topic.begin() + payloads.size());
    EXPECT_TRUE(read.is_ok()) << read.status().to_string();
    if (!read.is_ok()) break;
    for (const TopicRecord& record : *read) payloads.push_back(record.payload);
  }
  return payloads;
}

TEST(TopicCrash, KillLosesNothingAcknowledged) {
  const TemporaryDirectory directory;
  std::size_t before = 0;
  for (const int lines : {1, 57, 200, 3, 400}) {
    ChildProcess child(WEIR_TOPIC_CHILD, {directory.path(), "append"});
    ASSERT_EQ(child.line(), "open");
    std::map<std::string, int> acknowledged;  // by thread: how many
    for (int i = 0; i < lines; ++i) {
      const std::string line = child.line();
      ASSERT_FALSE(line.empty());
      ++acknowledged[line.substr(0, 1)];
    }
    child.kill();
    for (std::string line = child.line(); !line.empty(); line = child.line()) ++acknowledged[line.substr(0, 1)];

    const auto topic = open_topic(directory.path());
    ASSERT_NE(topic, nullptr);
    std::vector<std::string> payloads = all(*topic);
    payloads.erase(payloads.begin(), payloads.begin() + static_cast<std::ptrdiff_t>(before));
    before += payloads.size();
    std::map<std::string, int> found;
    for (const std::string& payload : payloads) {
      const std::string thread = payload.substr(0, 1);
      const int number = found[thread]++;
      ASSERT_EQ(payload, thread + " " + std::to_string(number) + std::string(number % 700, '.'));
    }
    for (const auto& [thread, count] : acknowledged) EXPECT_GE(found[thread], count);
  }
}

TEST(TopicCrash, TransactionsPreparedBeforeAKillAreCommittedOnce) {
  const TemporaryDirectory directory;
  std::uint64_t prepared = 0;
  for (const int lines : {1, 2, 25, 60, 4, 31}) {
    ChildProcess child(WEIR_TOPIC_CHILD, {directory.path(), "commit"});
    ASSERT_EQ(child.line(), "open");
    const auto hear = [&](const std::string& line) {
      if (line.starts_with("prepared ")) prepared = std::stoull(line.substr(9));
    };
    for (int i = 0; i < lines; ++i) hear(child.line());
    child.kill();
    for (std::string line = child.line(); !line.empty(); line = child.line()) hear(line);

    const auto topic = open_topic(directory.path());
    ASSERT_NE(topic, nullptr);
    // As a restore does: the newest checkpoint's transaction once more, and away with what is in none.
    for (int repeat = 0; repeat < 2; ++repeat) {
      const Status status = topic->commit({"p", prepared}, 10);
      ASSERT_TRUE(status.is_ok()) << status.to_string();
    }
    ASSERT_TRUE(topic->discard("p").is_ok());
    std::map<std::string, int> seen;
    for (const std::string& payload : all(*topic)) {
      EXPECT_EQ(++seen[payload], 1) << payload;
      EXPECT_LE(std::stoull(payload), prepared);
    }
    for (int i = 0; i < 10; ++i) EXPECT_EQ(seen.count(std::to_string(prepared) + "/" + std::to_string(i)), 1U);
    EXPECT_EQ(seen.size() % 10, 0U) << "transactions are there as a whole";
  }
}

TEST(TopicCrash, AnotherProcessIsToldWhoHasTheStore) {
  const TemporaryDirectory directory;
  ChildProcess child(WEIR_TOPIC_CHILD, {directory.path(), "hold"});
  ASSERT_EQ(child.line(), "open");
  const auto refused = TopicStore::open(directory.path());
  ASSERT_FALSE(refused.is_ok());
  EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition);
  EXPECT_NE(refused.status().message().find("in use by process"), std::string::npos) << refused.status().message();
  child.kill();
  EXPECT_TRUE(TopicStore::open(directory.path()).is_ok());
}

// A store with records 0 to 19 in its newest write-ahead log.
class TopicDamage : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto topic = open_topic(directory_.path());
    for (int i = 0; i < 20; ++i) {
      TopicAppend append;
      append.records.push_back({"record " + std::to_string(i)});
      ASSERT_TRUE(topic->append(std::move(append)).is_ok());
    }
  }
  std::string newest(const std::string& suffix) const {
    std::string found;
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "db")) {
      const std::string path = entry.path().string();
      if (path.ends_with(suffix) && std::filesystem::file_size(path) != 0 && path > found) found = path;
    }
    return found;
  }
  static void flip(const std::string& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const int byte = file.get();
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 0x55));
  }
  void expect_refused(const std::string& says) {
    const auto store = TopicStore::open(directory_.path());
    ASSERT_FALSE(store.is_ok());
    EXPECT_EQ(store.status().code(), StatusCode::kDataLoss) << store.status().to_string();
    EXPECT_NE(store.status().message().find(directory_.path()), std::string::npos) << store.status().message();
    EXPECT_NE(store.status().message().find(says), std::string::npos) << store.status().message();
  }

  const TemporaryDirectory directory_;
};

TEST_F(TopicDamage, ATornTailIsCutOff) {
  const std::string log = newest(".log");
  const auto size = std::filesystem::file_size(log);
  std::size_t least = 20;
  for (std::uint64_t cut = 1; cut < 200; cut += 13) {
    std::filesystem::resize_file(log, size - cut);
    const TemporaryDirectory copy;
    std::filesystem::copy(directory_.path(), copy.path(),
                          std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
    const auto topic = open_topic(copy.path());
    ASSERT_NE(topic, nullptr);
    const std::vector<std::string> payloads = all(*topic);
    EXPECT_LT(payloads.size(), 20U);
    EXPECT_LE(payloads.size(), least);
    least = payloads.size();
    for (std::size_t i = 0; i < payloads.size(); ++i) EXPECT_EQ(payloads[i], "record " + std::to_string(i));
    TopicAppend more;
    more.records.push_back({"more"});
    EXPECT_EQ(*topic->append(std::move(more)), payloads.size());
  }
  EXPECT_LT(least, 19U) << "cuts of more than one record were tried";
}

TEST_F(TopicDamage, InTheMiddleOfTheLogIsRefused) {
  const std::string log = newest(".log");
  flip(log, std::filesystem::file_size(log) / 2);
  expect_refused("orruption");
}

TEST_F(TopicDamage, ALostLogIsRefused) {
  std::filesystem::remove(newest(".log"));
  expect_refused("write-ahead log");
}

TEST_F(TopicDamage, ALostDatabaseIsNotMadeAnew) {
  std::filesystem::remove(directory_ / "db/CURRENT");
  expect_refused("CURRENT");
  std::filesystem::remove_all(directory_ / "db");
  expect_refused("CURRENT");
}

TEST_F(TopicDamage, AnUnknownFormatIsRefused) {
  std::ofstream(directory_ / "FORMAT") << "weir topics 9\n";
  expect_refused("weir topics 9");
}

TEST(TopicMaking, ADeathWhileTheStoreIsMadeLeavesNothingBehind) {
  const TemporaryDirectory directory;
  { ASSERT_NE(open_topic(directory.path()), nullptr); }
  std::filesystem::remove(directory / "FORMAT");  // written last
  std::filesystem::remove(directory / "db/CURRENT");
  EXPECT_NE(open_topic(directory.path()), nullptr);
}

}  // namespace
}  // namespace weir
