#include <weir/hash.hpp>

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(KeyHash, IsPartOfTheCheckpointFormatAndNeverChanges) {
  EXPECT_EQ(hash_key(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(hash_key(std::string_view("")), 0x2d06800538d394c2ULL);
  EXPECT_EQ(hash_key(std::string("JFK")), hash_key(std::string_view("JFK")));
  EXPECT_EQ(hash_key(-0.0), hash_key(0.0));
}

TEST(KeyGroupRange, EveryGroupHasExactlyOneOwnerAtAnyParallelism) {
  for (const std::uint32_t max_parallelism : {1U, 7U, 128U, 1000U}) {
    for (std::uint32_t parallelism = 1; parallelism <= std::min(max_parallelism, 130U); ++parallelism) {
      std::uint16_t next = 0;
      for (std::uint32_t task = 0; task < parallelism; ++task) {
        const KeyGroupRange range = key_group_range(task, parallelism, max_parallelism);
        ASSERT_EQ(range.first, next);
        for (std::uint16_t group = range.first; group < range.end; ++group)
          ASSERT_EQ(owner_of_key_group(group, parallelism, max_parallelism), task);
        next = range.end;
      }
      ASSERT_EQ(next, max_parallelism);
    }
  }
}

}  // namespace
}  // namespace weir
