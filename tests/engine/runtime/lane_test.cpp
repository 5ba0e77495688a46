// Lanes: work that hangs holds up nobody else, and ends safely after its lane.
#include "engine/runtime/lane.hpp"

#include <future>
#include <memory>

#include <gtest/gtest.h>

#include "engine/runtime/thread_pool.hpp"

namespace weir::runtime {
namespace {

TEST(Lane, RunsWhileAnotherLaneAndThePoolHang) {
  std::promise<void> open;
  const std::shared_future<void> gate = open.get_future().share();
  ThreadPool pool(1);
  const auto hanging = pool.lane("hanging", 1);
  const auto working = pool.lane("a name longer than the kernel allows", 1);
  ASSERT_TRUE(pool.submit("hang", [gate] { gate.wait(); }).is_ok());
  ASSERT_TRUE(hanging->submit("hang", [gate] { gate.wait(); }).is_ok());
  std::promise<int> answer;
  ASSERT_TRUE(working->submit("work", [&answer] { answer.set_value(7); }).is_ok());
  EXPECT_EQ(answer.get_future().get(), 7);
  open.set_value();
}

TEST(Lane, OutlivedByAJobThatHangs) {
  std::promise<void> open;
  const auto gate = std::make_shared<std::shared_future<void>>(open.get_future().share());
  const auto begun = std::make_shared<std::promise<void>>();
  const auto ended = std::make_shared<std::promise<void>>();
  const auto dropped = std::make_shared<int>(0);
  {
    Lane lane("hanging", 1);
    ASSERT_TRUE(lane.submit("hang",
                            [gate, begun, ended] {
                              begun->set_value();
                              gate->wait();
                              ended->set_value();
                            })
                    .is_ok());
    ASSERT_TRUE(lane.submit("never begun", [dropped] { ++*dropped; }).is_ok());
    begun->get_future().wait();
  }
  EXPECT_EQ(*dropped, 0);
  EXPECT_EQ(dropped.use_count(), 1) << "what waited is gone with the lane";
  open.set_value();
  ended->get_future().wait();
}

TEST(Lane, RefusesMoreThanItsQueueHolds) {
  std::promise<void> open;
  const std::shared_future<void> gate = open.get_future().share();
  Lane lane("full", 1);
  Status status;
  for (int job = 0; job < 2000 && status.is_ok(); ++job) status = lane.submit("wait", [gate] { gate.wait(); });
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status.to_string();
  open.set_value();
}

}  // namespace
}  // namespace weir::runtime
