// The order in which open records become due, are sent, and let watermarks go on.

#include <gtest/gtest.h>

#include <weir/speculation/open_records.hpp>

namespace weir::speculation {
namespace {

Timestamp at(std::int64_t microseconds) { return Timestamp{Duration{microseconds}}; }
OpenRecords::Record with_deadline(std::int64_t deadline_ns) { return {.deadline_ns = deadline_ns}; }

TEST(OpenRecords, AreDueAtTheirDeadlineTheEarliestFirst) {
  OpenRecords records;
  records.add(records.take_id(), with_deadline(20));
  records.add(records.take_id(), with_deadline(10));
  EXPECT_EQ(records.next_deadline_ns(), 10);
  EXPECT_EQ(records.due(9), nullptr);
  ASSERT_NE(records.due(10), nullptr);
  EXPECT_EQ(records.due(25)->first, 2U);
  records.note_decided(*records.due(25));
  EXPECT_EQ(records.due(25)->first, 1U);
  EXPECT_EQ(records.next_deadline_ns(), 20);
}

TEST(OpenRecords, AreSentInTheOrderOfTheirDecisions) {
  OpenRecords records;
  for (int i = 0; i < 3; ++i) records.add(records.take_id(), with_deadline(10));
  records.note_decided(*records.find(3));
  records.note_decided(*records.find(1));
  EXPECT_EQ(records.find_undecided(3), nullptr);
  EXPECT_NE(records.find_undecided(2), nullptr);
  ASSERT_TRUE(records.any_decided());
  EXPECT_EQ(records.first_decided()->first, 3U);
  records.note_sent();
  EXPECT_EQ(records.find(3), nullptr);
  EXPECT_EQ(records.first_decided()->first, 1U);
  records.note_sent();
  EXPECT_EQ(records.first_decided(), nullptr);
  EXPECT_EQ(records.size(), 1U);
}

TEST(OpenRecords, ThatWereDecidedBeforeARestoreAreSentAndNeverDue) {
  OpenRecords records;
  records.add(7, {.deadline_ns = 10, .decided = true});
  records.ids_after(7);
  EXPECT_EQ(records.due(100), nullptr);
  EXPECT_EQ(records.next_deadline_ns(), std::nullopt);
  EXPECT_EQ(records.first_decided()->first, 7U);
  EXPECT_EQ(records.take_id(), 8U);
}

TEST(OpenRecords, HoldAWatermarkUntilAllThatStartedBeforeItAreSent) {
  OpenRecords records;
  records.add(records.take_id(), with_deadline(10));
  records.add_watermark(at(5));
  records.add(records.take_id(), with_deadline(10));
  records.add_watermark(at(6));
  records.add_watermark(at(7));  // nothing started in between: one is enough
  records.note_decided(*records.find(2));
  records.note_sent();
  EXPECT_EQ(records.take_watermark(), std::nullopt) << "the first is still open";
  records.note_decided(*records.find(1));
  records.note_sent();
  EXPECT_EQ(records.take_watermark(), at(5));
  EXPECT_EQ(records.take_watermark(), at(7));
  EXPECT_EQ(records.take_watermark(), std::nullopt);
  EXPECT_TRUE(records.empty());
}

}  // namespace
}  // namespace weir::speculation
