// Background threads leave the cores to workers.
#include "engine/runtime/thread_pool.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <future>

#include <gtest/gtest.h>

namespace weir::runtime {
namespace {

int niceness_in(Executor& executor) {
  std::promise<int> niceness;
  const Status submitted = executor.submit(
      "look", [&niceness] { niceness.set_value(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()))); });
  EXPECT_TRUE(submitted.is_ok()) << submitted.to_string();
  return niceness.get_future().get();
}

TEST(ThreadPool, TakesWhatWorkersAndLanesLeave) {
  const int own = ::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()));
  ThreadPool pool(1);
  const auto lane = pool.lane("lane", 1);
  EXPECT_EQ(niceness_in(pool), kBackgroundNiceness);
  EXPECT_LT(niceness_in(*lane), kBackgroundNiceness);
  EXPECT_EQ(::getpriority(PRIO_PROCESS, static_cast<id_t>(::gettid())), own);
}

}  // namespace
}  // namespace weir::runtime
