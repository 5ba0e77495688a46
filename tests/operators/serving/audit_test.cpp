// Which version scored a record? What the swap log can tell, and what it cannot.

#include <gtest/gtest.h>

#include <weir/serving/audit.hpp>

#include "operators/serving/serving_rig.hpp"

namespace weir::test {
namespace {

using serving::audit_json;

bool says(const Result<std::string>& answer, const std::string& text) {
  return answer.is_ok() && answer->find(text) != std::string::npos;
}

TEST(Audit, EveryPositionIsAnsweredWithTheVersionThatScoredIt) {
  ServingRig rig;
  rig.open();
  rig.record("a");
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  for (int i = 0; i < 3; ++i) rig.record("a");
  rig.model(toy("a", "CONST 2"));
  rig.load_all();
  for (int i = 0; i < 3; ++i) rig.record("a");
  rig.model(order("a", ModelControl::kRollback));
  rig.record("a");
  ASSERT_EQ(rig.results.size(), 8U);
  for (const Scored<Event>& result : rig.results) {
    const auto answer = audit_json("a", rig.swaps("a"), {.position = result.position, .time = {}}, {});
    const std::string expected = result.model.has_value() ? "\"version\":" + std::to_string(result.model.version) +
                                                                ",\"digest\":\"" + to_hex(result.model.digest)
                                                          : std::string("\"model\":null");
    EXPECT_TRUE(says(answer, expected)) << result.position << ": " << *answer;
    EXPECT_TRUE(says(answer, "\"exact\":true")) << *answer;
  }
}

TEST(Audit, BehindARetirementTheLogSaysThatItGuesses) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a");
  rig.model(order("a", ModelControl::kRetire));
  rig.record("a");
  const auto answer = audit_json("a", rig.swaps("a"), {.position = 2, .time = {}}, {});
  EXPECT_TRUE(says(answer, "\"exact\":false")) << *answer;
  EXPECT_TRUE(says(answer, "retired")) << *answer;
}

TEST(Audit, OnArrivalATimeIsAGuessAndSeveralTasksAreToo) {
  ServingRig rig;
  rig.open();
  rig.model(toy("a", "CONST 1"));
  rig.load_all();
  rig.record("a", 0, 50);
  EXPECT_TRUE(says(audit_json("a", rig.swaps("a"), {.position = {}, .time = at(60)}, {}), "\"exact\":false"));
  EXPECT_TRUE(
      says(audit_json("a", rig.swaps("a"), {.position = 1, .time = {}}, {.one_order = false}), "\"exact\":false"));
}

TEST(Audit, ByEventTimeTheTimeDecidesAndAPositionIsRefused) {
  ServingRig rig({.effect = ModelEffect::kEventTime});
  rig.open();
  rig.model(toy("a", "CONST 1", 0, 10), 10);
  rig.model(toy("a", "CONST 2", 0, 20), 20);
  rig.load_all();
  rig.model_watermark(100);
  for (const std::int64_t time : {5, 10, 15, 19, 20, 90}) rig.record("a", 0, time);
  ASSERT_EQ(rig.results.size(), 6U);
  for (const Scored<Event>& result : rig.results) {
    const auto answer =
        audit_json("a", rig.swaps("a"), {.position = {}, .time = result.event_time}, {.by_event_time = true});
    const std::string expected = result.model.has_value() ? "\"version\":" + std::to_string(result.model.version)
                                                          : std::string("\"model\":null");
    EXPECT_TRUE(says(answer, expected)) << *answer;
    EXPECT_TRUE(says(answer, "\"exact\":true")) << *answer;
  }
  const auto refused = audit_json("a", rig.swaps("a"), {.position = 1, .time = {}}, {.by_event_time = true});
  EXPECT_EQ(refused.status().code(), StatusCode::kFailedPrecondition);
}

TEST(Audit, WhatIsOlderThanTheLogIsNotFound) {
  ServingRig rig({.max_logged_swaps = 2});
  rig.open();
  for (int version = 1; version <= 4; ++version) {
    rig.model(toy("a", "CONST " + std::to_string(version)));
    rig.load_all();
    rig.record("a");
  }
  EXPECT_EQ(audit_json("a", rig.swaps("a"), {.position = 1, .time = {}}, {}).status().code(), StatusCode::kNotFound);
  EXPECT_TRUE(says(audit_json("a", rig.swaps("a"), {.position = 4, .time = {}}, {}), "\"version\":4"));
}

}  // namespace
}  // namespace weir::test
