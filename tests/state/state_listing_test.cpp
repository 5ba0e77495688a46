// Pages of a live table, whatever happens to it between the steps.
#include <weir/state_listing.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "state/support/table_queries.hpp"
#include "state/support/value_table_fixture.hpp"

namespace weir {
namespace {

using testing::list_now;
using testing::MemoryStore;

template <class K, class V>
using Fixture = testing::ValueTableFixture<K, V>;

TEST(StateListing, ListsPagesInOrderOfTheKeysText) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture<std::uint64_t, int> state(store);
    for (std::uint64_t key = 0; key < 25; ++key) state.mutate(key) = static_cast<int>(key);
    state.checkpoint();
  }
  Fixture<std::uint64_t, int> state(store);
  state.mutate(10) = 100;
  state.clear(11);
  PageQuery query{.prefix = "1", .limit = 4};
  std::vector<std::string> pages;
  do {
    const Result<StatePage> page = list_now(state.table, query);
    ASSERT_TRUE(page.is_ok());
    pages.push_back(page->entries);
    query.cursor = page->next_cursor;
  } while (!query.cursor.empty());
  EXPECT_EQ(pages,
            (std::vector<std::string>{
                R"([{"key":"1","value":1},{"key":"10","value":100},{"key":"12","value":12}])",
                R"([{"key":"13","value":13},{"key":"14","value":14},{"key":"15","value":15},{"key":"16","value":16}])",
                R"([{"key":"17","value":17},{"key":"18","value":18},{"key":"19","value":19}])"}))
      << "a key that is gone but still stored leaves its place on the page empty";
}

TEST(StateListing, ListsInSmallStepsAndReadsNothingOnTheTask) {
  const auto store = std::make_shared<MemoryStore>();
  {
    Fixture<std::uint64_t, int> state(store);
    for (std::uint64_t key = 0; key < 5000; ++key) state.mutate(key) = 1;
    state.checkpoint();
  }
  Fixture<std::uint64_t, int> state(store);
  for (std::uint64_t key = 0; key < 2500; ++key) state.mutate(key) = 2;
  std::size_t task_steps = 0;
  std::size_t other_steps = 0;
  std::size_t reads = 0;
  bool was_on_task = false;
  const auto count_reads = [&] {
    const std::size_t now = store->gets + store->scans;
    if (was_on_task) {
      EXPECT_EQ(now, reads) << "after " << task_steps << " steps on the task";
    }
    reads = now;
  };
  const Result<StatePage> page = list_now(state.table, {.limit = 5000}, [&](StateListing::Place place) {
    count_reads();
    was_on_task = place == StateListing::Place::kTask;
    ++(was_on_task ? task_steps : other_steps);
  });
  count_reads();
  ASSERT_TRUE(page.is_ok());
  EXPECT_EQ(std::count(page->entries.begin(), page->entries.end(), '{'), 5000);
  EXPECT_EQ(other_steps, 2U) << "the keys, and the values";
  EXPECT_GT(task_steps, 2500U / 1024 + 5000U / 64);
  EXPECT_EQ(state.table.resident(), 2500U) << "a listing changes nothing";
}

TEST(StateListing, APageWhoseKeysHaveAllGoneMakesRoomForTheNext) {
  Fixture<std::uint64_t, int> state;
  for (std::uint64_t key = 0; key < 10; ++key) state.mutate(key) = 1;
  state.checkpoint();
  std::size_t steps = 0;
  const Result<StatePage> page = list_now(state.table, {.limit = 4}, [&](StateListing::Place) {
    if (++steps == 2)  // the keys of the page are known now
      for (std::uint64_t key = 0; key < 4; ++key) state.clear(key);
  });
  ASSERT_TRUE(page.is_ok());
  EXPECT_EQ(page->entries,
            R"([{"key":"4","value":1},{"key":"5","value":1},{"key":"6","value":1},{"key":"7","value":1}])");
  EXPECT_EQ(page->next_cursor, "7");
}

// Between the steps of a listing anything happens to the table; what is listed must have been so at some moment since
// the listing began, and a key that was there all the while must be listed.
TEST(StateListing, AListingIsTrueWhateverHappensMeanwhile) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    const auto below = [&](unsigned bound) { return static_cast<int>(random() % bound); };
    Fixture<std::int32_t, std::int32_t> state;
    std::map<std::int32_t, std::int32_t> live;
    const auto change = [&] {
      const std::int32_t key = 1000 + below(3000);
      if (below(3) == 0) {
        state.clear(key);
        live.erase(key);
      } else {
        live[key] = state.mutate(key) = below(1000);
      }
      return key;
    };
    for (int i = 0; i < 4000; ++i) change();
    state.checkpoint();
    if (below(2) == 0) state.table.evict(0);
    if (below(2) == 0) state.table.evict(0);
    for (int i = below(200); i > 0; --i) change();

    std::map<std::int32_t, std::set<std::optional<std::int32_t>>> seen;  // the values a key had since the listing began
    const auto value_of = [&](std::int32_t key) {
      const auto found = live.find(key);
      return found == live.end() ? std::nullopt : std::optional(found->second);
    };
    for (std::int32_t key = 1000; key < 4000; ++key) seen[key].insert(value_of(key));
    const Result<StatePage> page =
        list_now(state.table, {.prefix = "2", .limit = 300, .cursor = "2222"}, [&](StateListing::Place) {
          for (int i = below(100); i > 0; --i) {
            const std::int32_t key = change();
            seen[key].insert(value_of(key));
          }
          if (below(3) == 0) state.checkpoint();
          if (below(3) == 0) state.table.evict(0);
        });
    ASSERT_TRUE(page.is_ok());
    const std::int32_t last = page->next_cursor.empty() ? 2999 : std::stoi(page->next_cursor);
    std::map<std::int32_t, std::int32_t> listed;
    for (std::size_t at = page->entries.find('{'); at != std::string::npos; at = page->entries.find('{', at + 1)) {
      int key = 0;
      int value = 0;
      ASSERT_EQ(std::sscanf(page->entries.c_str() + at, R"({"key":"%d","value":%d})", &key, &value), 2);
      EXPECT_TRUE(listed.emplace(key, value).second) << "twice: " << key;
    }
    for (const auto& [key, value] : listed) {
      EXPECT_TRUE(key > 2222 && key <= last) << key;
      EXPECT_TRUE(seen[key].contains(value)) << key << " never was " << value;
    }
    for (std::int32_t key = 2223; key <= last; ++key) {
      if (!seen[key].contains(std::nullopt)) {
        EXPECT_TRUE(listed.contains(key)) << key;
      }
    }
    EXPECT_TRUE(state.table.fault().is_ok());
  }
}

}  // namespace
}  // namespace weir
