#include <weir/time.hpp>

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Timestamp, IsWrittenAsIso8601) {
  using namespace std::chrono_literals;
  const Timestamp noon = std::chrono::sys_days{std::chrono::year{2013} / 7 / 4} + 12h;
  EXPECT_EQ(format_timestamp(noon), "2013-07-04T12:00:00Z");
  EXPECT_EQ(format_timestamp(noon + 1us), "2013-07-04T12:00:00.000001Z");
  EXPECT_EQ(format_timestamp(kMinTimestamp), "min");
}

}  // namespace
}  // namespace weir
