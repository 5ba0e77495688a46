// Topics read beside the process that writes to them, and beside none.

#include <weir/topic_view.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "state/support/temporary_directory.hpp"
#include "state/topic/churned_payload.hpp"
#include "support/child_process.hpp"

namespace weir {
namespace {

using testing::churned_payload;
using testing::TemporaryDirectory;
using testing_support::ChildProcess;

std::shared_ptr<const TopicView> view_of_topic(const std::string& directory, const std::string& name) {
  const auto views = view_topics(directory);
  EXPECT_TRUE(views.is_ok()) << views.status().to_string();
  if (!views.is_ok()) return nullptr;
  const auto found = std::find_if(views->begin(), views->end(), [&](const auto& view) { return view->name() == name; });
  return found == views->end() ? nullptr : *found;
}

// Reads the topic from end to end, but for what retention removes meanwhile.
void expect_churned(const TopicView& view) {
  const std::uint64_t end = view.end();
  for (std::uint64_t next = view.begin(); next < end;) {
    const auto records = view.read(next);
    if (!records.is_ok()) {
      EXPECT_LT(next, view.begin()) << records.status().to_string();
      if (next >= view.begin()) return;
      next = view.begin();
      continue;
    }
    EXPECT_FALSE(records->empty());
    for (const TopicRecord& record : *records) {
      EXPECT_EQ(record.offset, next);
      EXPECT_EQ(record.payload == churned_payload(record.offset), true) << record.offset;
      next = record.offset + 1;
    }
  }
}

// Names, sizes and times of all files.
std::map<std::string, std::string> files_of(const std::string& directory) {
  std::map<std::string, std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    const auto written = entry.last_write_time().time_since_epoch().count();
    files[entry.path().string()] =
        std::to_string(written) + ' ' + (entry.is_regular_file() ? std::to_string(entry.file_size()) : "");
  }
  return files;
}

class TopicViewTest : public ::testing::Test {
 protected:
  void SetUp() override { ::setenv("TMPDIR", scratch_.path().c_str(), 1); }
  void TearDown() override {
    ::unsetenv("TMPDIR");
    EXPECT_TRUE(std::filesystem::is_empty(scratch_.path())) << "temporary directories are removed";
  }
  const TemporaryDirectory directory_;
  const TemporaryDirectory scratch_;
};

TEST_F(TopicViewTest, ReadsWhatAnotherProcessWritesWhileItWritesAndRemoves) {
  ChildProcess child(WEIR_TOPIC_CHILD, {directory_.path(), "churn"});
  ASSERT_EQ(child.line(), "open");
  std::uint64_t end = 0;
  std::shared_ptr<const TopicView> old;  // of long ago: the files it shows are gone
  for (int round = 0; round < 12; ++round) {
    std::uint64_t said = 0;
    while (said < static_cast<std::uint64_t>(round + 1) * 1'000) said = std::stoull(child.line());
    const auto view = view_of_topic(directory_.path(), "churned");
    ASSERT_NE(view, nullptr);
    EXPECT_GE(view->end(), said) << "what was acknowledged is there";
    EXPECT_GE(view->end(), end);
    EXPECT_EQ(view->end() % 100, 0U) << "transactions are whole";
    end = view->end();
    expect_churned(*view);
    if (round == 1) old = view;
    if (::testing::Test::HasFailure()) return;
  }
  expect_churned(*old);  // it catches up when it has to
  const auto newest = view_of_topic(directory_.path(), "churned");
  ASSERT_NE(newest, nullptr);
  EXPECT_GT(newest->begin(), 0U) << "retention was at work";
  const auto gone = newest->read(0);
  ASSERT_FALSE(gone.is_ok());
  EXPECT_EQ(gone.status().code(), StatusCode::kDataLoss);
}

TEST_F(TopicViewTest, ChangesNothingAndHoldsNobodyUp) {
  {
    ChildProcess child(WEIR_TOPIC_CHILD, {directory_.path(), "churn"});
    while (child.line() != "500") {
    }
  }
  const auto before = files_of(directory_.path());
  const auto view = view_of_topic(directory_.path(), "churned");
  ASSERT_NE(view, nullptr);
  EXPECT_GE(view->end() - view->begin(), 500U);
  expect_churned(*view);
  EXPECT_EQ(files_of(directory_.path()), before);
  // A job starts meanwhile, and goes on.
  const std::uint64_t end = view->end();
  ChildProcess child(WEIR_TOPIC_CHILD, {directory_.path(), "churn"});
  ASSERT_EQ(child.line(), "open");
  ASSERT_GT(std::stoull(child.line()), end);
  EXPECT_EQ(view->end(), end);
  expect_churned(*view);
}

TEST_F(TopicViewTest, OfThisProcessIsReadAsItIs) {
  const auto store = TopicStore::open(directory_.path());
  ASSERT_TRUE(store.is_ok());
  const auto topic = (*store)->topic("t");
  ASSERT_TRUE(topic.is_ok());
  ASSERT_TRUE((*topic)->expect_schema("text").is_ok());
  ASSERT_TRUE((*topic)->append({.records = {{"one"}}}).is_ok());
  const auto view = view_of_topic(directory_.path(), "t");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->schema(), "text");
  ASSERT_TRUE((*topic)->append({.records = {{"two"}}}).is_ok());
  EXPECT_EQ(view->end(), 2U);
  EXPECT_EQ(view->read(1)->front().payload, "two");
}

TEST_F(TopicViewTest, SaysWhatIsNotThere) {
  const auto none = view_topics(directory_.path() + "/nothing");
  ASSERT_FALSE(none.is_ok());
  EXPECT_EQ(none.status().code(), StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/nothing")) << "it makes none";
}

}  // namespace
}  // namespace weir
